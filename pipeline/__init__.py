"""Everything with I/O around the gate, in layers; each package says in its docstring what belongs there.

    reference_pages                             writes what is generated from all the others
    cli, commands                               the command line
    rendering                                   what a terminal shows
    scheduled                                   flows that run at their time
    experiments, export, measuring, retention,
    rollout, schemas, status                    what people ask for beside verdicts
    generating, verification                    one run: of models that write, of candidates that are given
    fleet, orchestration                        a run as a Prefect flow, on one machine or on several
    audit, generation, observing, registry      reads what was tried, asks models, watches runs, holds what serves
    telemetry                                   what a collector is told
    attestation, report_pages, reports, runs    the folder of a run, and what is made of it
    gate                                        one candidate in, evidence and verdict out
    supply                                      where runners come from, and how many at once
    machine                                     the container engine, and images
    corpus, statistics                          labels of kernels; intervals and ratios

Who is above may import who is below, never the other way round, and those of one line not each other, except `fleet`
and `orchestration`, and the four around the folder of a run. import-linter checks it (pyproject.toml, with the few
exceptions and their reasons). The modules that lie here directly are below all packages, `cli` excepted: errors, exit
codes, settings, how logs look.
"""
