"""The names of the positive controls (`runners.controls`), which policies ask for.

They stand apart from what plants the faults, so that whoever reads a policy does not wait for torch.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

ControlName = Literal[
    "out-of-bounds load",
    "store into a gap",
    "foreign argument",
    "uninitialised read",
    "write to input",
    "aliased output",
    "double store",
    "unsynchronised sharing",
    "unsynchronised lanes",
    "undefined lane",
    "program order",
    "fresh memory",
]
CONTROL_NAMES: Final[tuple[ControlName, ...]] = get_args(ControlName)
