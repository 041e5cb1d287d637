"""What runs beside, or instead of, a candidate on a GPU.

| module       | program, or part of one                                                           |
|--------------|-----------------------------------------------------------------------------------|
| `worker`     | the program that calls a candidate and records what it does on the device          |
| `calling`    | one call, recorded                                                                 |
| `recording`  | notes allocations, fills, copies and launches, in the candidate's process          |
| `replayer`   | the program that carries recorded plans out; it never loads candidate code         |
| `replaying`  | one plan on memory of its own                                                      |
| `device`     | CUDA's driver: guarded and exact memory, modules, launches                          |
| `crowd`      | other work beside a plan                                                           |
| `planted`    | faults of device code that guards and sanitizers must report                       |
| `timing`     | how long a plan takes, beside its `baselines`                                      |
| `card`       | what the card can do at most; `clocks` is how it was doing meanwhile               |
| `identity`   | what the card is, in a text                                                        |
| `arguments`  | arguments of a call on the device                                                  |
| `bases`      | what an argument's base holds in a replay, given or generated                      |
| `kept`       | results that stay on the device until rows of them are asked for                   |
"""
