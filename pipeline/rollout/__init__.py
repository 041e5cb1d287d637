"""Approved kernels in an application: verified before they are loaded, watched while they serve, withdrawn when wrong.

| module           | decision                                                                            |
|------------------|-------------------------------------------------------------------------------------|
| `settings`       | what `load` was told, by arguments or by the environment                             |
| `here`           | what this process runs kernels on                                                    |
| `channels`       | canary or stable: by a stable hash of a key, or by a feature flag                     |
| `trusting`       | whether an approved kernel may run here: signature, digest, policy, environment      |
| `source_unsafe`  | runs the verified bytes                                                              |
| `reference`      | what is called instead: the operator's reference in PyTorch                          |
| `calls`          | what a call was given: which of the operator's forms, as a case and as recorded data |
| `samples`        | copies of a call's arguments and results, in order with the GPU's stream             |
| `judging`        | a sampled call against the operator's own oracle                                     |
| `shadow`         | the thread that judges samples, and its bounded queue                                |
| `breaker`        | one a digest and process: once open, nothing of the kernel is returned               |
| `incidents`      | what follows: roll back, log the event with its case                                 |
| `watching`       | rollbacks and revocations by others                                                  |
| `serving`        | the callable that an application gets                                                |
| `loading`        | all of it in order                                                                   |

No Prefect, no container engine, no command line is imported here: an application has its own. docs/design/rollout.md
says what holds and what does not.
"""
