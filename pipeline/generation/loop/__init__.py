"""The repair loop: what is asked next, what the gate says of the answer, and what the author is told about it.

`records` has what is kept of every attempt; `course` decides from records alone what is next; `feedback` makes words
of evidence; `examining` is the gate as the loop uses it; `run` does what `course` says and `store` keeps what came of
it, so that a run that was killed goes on. Nothing in here judges: what stands is what the policy lets through.
"""
