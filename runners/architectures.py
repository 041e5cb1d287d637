"""The architectures that kernels are compiled for, and what one program may use on each.

Shared memory: the most that a block can opt in to (CUDA C++ Programming Guide, table of technical specifications by
compute capability; AMD: the local data share of a workgroup). Tensor memory: 512 columns since sm_100. Threads: 1024 a
block everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

KIB: Final = 1024
THREADS: Final = 1024


@dataclass(frozen=True, slots=True)
class Architecture:
    """One GPU architecture, by the name that policies use, with the limits of one program."""

    name: str
    shared_bytes: int
    tensor_memory_columns: int = 0
    threads: int = THREADS


_ALL: Final = (
    Architecture("sm_80", 163 * KIB),
    Architecture("sm_86", 99 * KIB),
    Architecture("sm_89", 99 * KIB),
    Architecture("sm_90", 227 * KIB),
    Architecture("sm_100", 227 * KIB, tensor_memory_columns=512),
    Architecture("sm_120", 99 * KIB),
    Architecture("gfx90a", 64 * KIB),
    Architecture("gfx942", 64 * KIB),
)
ARCHITECTURES: Final[Mapping[str, Architecture]] = MappingProxyType({a.name: a for a in _ALL})
