"""`kernelgate status`: what is happening on this machine, and what is left. `doctor` says what it can do.

Nothing is started or changed. Locks are tried for a moment to see whether somebody holds them; whoever wants one then
looks again a tenth of a second later. What is not answered within `WAIT_S` is said to be silent.
"""
