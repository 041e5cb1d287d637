"""Candidates in, verdicts and a run folder out: `kernelgate verify`, in threads here or as a flow, and what follows it.

`replay` runs one failed case again, `waive` writes waivers for what was denied. Prefect is imported when a flow is
asked for, never before; nobody below imports from here.
"""
