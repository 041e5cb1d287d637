"""`kernelgate generate`: operators in, candidates, verdicts and what they cost out.

`wanted` is what was asked for, and looks at all that a user can have got wrong before anything is paid for or started.
`run` puts the machine, the providers and the loop (`pipeline.generation`) together; `conduct` says who makes the steps:
threads of this process, or tasks of a Prefect flow (`flow`, the one module here that imports Prefect). `result` writes
the run folder.

A run has an id from its first moment, and a folder `generation/<id>` among the run folders, where answers and records
are as they come: killed or interrupted, it goes on with `--resume <id>`. The run folder of the same id is written at
the end, like that of a verification; a run that goes on after that has its next one under an id of its own.
"""
