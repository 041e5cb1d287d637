"""Where runners come from, and how many are lent at once.

`runners` is a sandbox with the proof that its limits hold and a pool of warm workers, `gpu` the same with one GPU,
`gpu_opening` whether a run has one; `slots`, `machine_slots` and `left_behind` share what there is among threads, runs
and those that were killed; `platforms` names what evidence was measured on. Opening asks the engine (`machine`);
nothing here knows of a verdict.
"""
