"""The gate: one candidate in, evidence and verdict out. The same core serves the command line, flows and fleets.

`judging` is the gate, `gpu_part` and `mutants_part` are parts of it, `turns` says whose turn it is, `steps` and
`stopwatch` what is heard and timed meanwhile; `kept` and `content_key` say which evidence is kept and under which key,
`strength_records` how strong an operator's own test is, `run_deadline` when a whole run ends. Takes runners from a
`supply`; knows neither run folders nor Prefect, and imports nothing above it.
"""
