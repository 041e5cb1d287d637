"""Who hears of a run beside its user: the list of runs under way on this machine, and telemetry where it was asked for.

Nothing that decides about a candidate may depend on who hears. May import runs, telemetry and what is below them.
"""
