"""How often the gate is wrong, and how strong an operator's own test is: `measure`, `demo` and `operators check`.

`measurement` counts and is pure; the others run. May import `verification`, `corpus`, `statistics` and what is below;
nothing that decides about a candidate imports from here.
"""
