"""The replayer on a CPU: its own code, with memory of the host between pattern bytes and a kernel written in Python.

CUDA's driver is left out, and with it unmapped pages and machine code; what is put into buffers, kept, looked at and
given back is the real program's.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import torch

try:
    import cuda.bindings.driver  # noqa: F401  # a machine with a GPU has it
except ImportError:
    bindings = types.ModuleType("cuda.bindings")
    bindings.driver = types.ModuleType("cuda.bindings.driver")  # type: ignore[attr-defined]  # a stand-in
    sys.modules |= {
        "cuda": types.ModuleType("cuda"),
        "cuda.bindings": bindings,
        "cuda.bindings.driver": bindings.driver,
    }

from runners.inside.gpu.device import DeviceError

BESIDE: Final = 64  # bytes on either side
Kernel = Callable[[torch.Tensor, torch.Tensor], None]


class Memory:
    """`nbytes` of host memory with a pattern on both sides. `made` and `freed` count; `room` is what there may be."""

    made = freed = in_use = 0
    room = 1 << 40

    def __init__(self, nbytes: int, side: Literal["end", "start", "within"], *, apart: bool = False) -> None:
        if Memory.in_use + nbytes > Memory.room:
            raise DeviceError("CUDA_ERROR_OUT_OF_MEMORY")
        Memory.made, Memory.in_use = Memory.made + 1, Memory.in_use + nbytes
        self.nbytes = nbytes
        self.pages = torch.empty(nbytes + 2 * BESIDE, dtype=torch.uint8)

    @property
    def pointer(self) -> int:
        return self.pages.data_ptr() + BESIDE

    @property
    def payload(self) -> torch.Tensor:
        return self.pages[BESIDE : BESIDE + self.nbytes]

    def fill(self, byte: int) -> None:
        self.pages.fill_(byte)

    def surroundings_hold(self, byte: int) -> bool:
        around = (self.pages[:BESIDE], self.pages[BESIDE + self.nbytes :])
        return all(bool((part == byte).all()) for part in around)

    def free(self) -> None:
        Memory.freed, Memory.in_use = Memory.freed + 1, Memory.in_use - self.nbytes


class Function:
    """A kernel of (source, target, bytes of each): `kernel` gets both as uint8, of the target some bytes more."""

    registers = local_bytes = static_shared_bytes = 0
    kernel: Kernel = staticmethod(lambda source, target: None)

    def __init__(self, *given: Any) -> None:
        pass

    def prepare(self, grid: Any, arguments: Sequence[bytes], *, alone: bool = False) -> Callable[[], None]:
        source, target, count = (struct.unpack("<Q", one)[0] for one in arguments[:3])

        def launch() -> None:
            Function.kernel(_bytes_at(source, count), _bytes_at(target, count + BESIDE // 2))

        return launch


def _bytes_at(address: int, count: int) -> torch.Tensor:
    return torch.frombuffer((ctypes.c_uint8 * count).from_address(address), dtype=torch.uint8)
