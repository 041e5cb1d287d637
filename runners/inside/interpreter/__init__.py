"""Triton's CPU interpreter, made to compute what a GPU computes, and observed while it does.

The stock interpreter is wrong in ways that fail correct kernels and pass wrong ones. `install` repairs it in place (no
fork of Triton), behind a guard on version and signatures; each repair's module says what stock did. `observe` runs a
block under the conditions of a case. `classify` says whose error an exception is: what this interpreter cannot run is
never the candidate's fault.

| module        | decision                                                             |
|---------------|----------------------------------------------------------------------|
| `formats`     | bfloat16, float8, tf32, saturating casts: bit patterns ↔ values       |
| `arithmetic`  | element-wise operations: exact values, one rounding                   |
| `dot`         | matrix products: tf32, float16 accumulators                           |
| `product`     | a product's bits do not depend on the place in a block                |
| `reductions`  | reductions and scans as trees of the combine function                 |
| `reordering`  | blocks whose elements may be reordered                                |
| `undefined`   | integer operations without a result                                   |
| `libdevice`   | the math library, by symbol                                           |
| `accesses`    | undefined lanes, atomics, tensor descriptors                          |
| `hints`       | what a kernel claims about values                                     |
| `language`    | when `triton.language` is bound to the interpreter                    |
| `rewriting`   | kernel source → function, line numbers kept                           |
| `launch`      | arguments, grid, order of the program instances                       |
| `interleaving`| which program goes on where programs meet                             |
| `shapes`      | one object for equal shapes                                           |
| `tuning`      | autotune without timing; the driver that host code asks               |
| `devices`     | what host code asks of a device, answered as on a GPU                |
| `fresh`       | memory that the candidate allocates                                   |
| `monitor`     | which accesses no right kernel makes                                  |
| `storage`     | what of an allocation is valid, written, and whose                     |
| `ordering`    | which accesses of different programs are ordered                      |
| `conditions`  | what varies between runs                                              |
| `blame`       | whose error it is                                                     |
| `repairs`     | installs all of it, once, on a version that it knows                  |

What stays different from a GPU: one program runs at a time, and gives way only at atomic operations; a store is seen at
once by every later load; block sizes and types that the compiler refuses may run: compile ahead of time beside this.
Results are deterministic. Trusted by nobody: this runs in the process that runs the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType

import torch

from runners.inside.interpreter.blame import InterpreterCannot, candidate_line, classify
from runners.inside.interpreter.conditions import CURRENT, Observation, Run
from runners.inside.interpreter.devices import ASKING, answer
from runners.inside.interpreter.devices import asking as _asking
from runners.inside.interpreter.fresh import FreshMemory
from runners.inside.interpreter.monitor import Monitor
from runners.inside.interpreter.repairs import install, installed
from runners.inside.memory import Side
from runners.wire import Conditions

__all__ = [
    "ASKING",
    "InterpreterCannot",
    "Observation",
    "answer",
    "asking",
    "candidate_line",
    "classify",
    "install",
    "observe",
]


def asking(source: bytes | memoryview, file: str) -> CodeType | None:
    """Returns the code of a file with its questions about the device turned to `answer`.

    None where it asks none, or where this process does not stand in for a GPU but has one.
    """
    return _asking(bytes(source), file) if installed() else None


@contextmanager
def observe(
    conditions: Conditions, side: Side = "end", given: Sequence[object] = (), source: str | None = None
) -> Iterator[Observation]:
    """Runs the block under `conditions`; the observation fills while it runs.

    Args:
        conditions: What is perturbed.
        side: See `memory.guarded`.
        given: The arguments of the call: of a tensor, only its elements may be used.
        source: The file whose lines the monitor reports.

    Raises:
        InterpreterCannot: this version of Triton is not one that the repairs know.
    """
    if not installed():
        raise InterpreterCannot("the repairs are not installed: this version of Triton is unknown to them")
    before = CURRENT.run
    monitor = Monitor(source)
    for number, value in enumerate(given):
        if isinstance(value, torch.Tensor):
            monitor.add_argument(value, number)
    CURRENT.run = Run(conditions, Observation(faults=monitor.faults), monitor)
    try:
        with FreshMemory(conditions.fresh_byte, side, monitor):
            yield CURRENT.run.observation
    finally:
        CURRENT.run = before
