"""What a platform team lets run on a schedule: three Prefect flows, and the deployments that start them.

`nightly` has kernels generated and verified, `reverify` looks again at what is approved, `corpus_watch` measures the
gate itself. Each is one flow whose parameters are the models of `parameters`, so that Prefect's server refuses what
does not fit before anything runs, and ends in a state whose message is for a person. What must be looked at is an
alert (`alerts`): the run fails, with one message, and an event that an automation can wait for. What a kernel did is
no failure of a run. `due` and `falling` decide, and know nothing of Prefect; `renewing` signs what was verified again.

`deployments` puts them under a schedule in one process (`kernelgate serve`); `prefect.yaml` does it for work pools.
"""
