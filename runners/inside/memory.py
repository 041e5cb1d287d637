"""Buffers that end, or begin, flush against memory that nobody may touch.

A kernel that leaves its argument by one element dies of SIGSEGV, which the host sees as a signal: no bookkeeping in
this process can be talked out of it. The pages on both sides of a buffer are PROT_NONE; the payload is pushed to the
end (default) or to the start of its own pages, so one side is exact to the byte and the other to the page. A payload
whose length is a multiple of the itemsize is aligned to the itemsize and to nothing more, less than a GPU allocator
gives: code that asks for 16-byte alignment of a base must not be held to it here.

The mapping lives as long as any tensor on it (tensor → array → mapping) and is unmapped when the last one goes.

Deliberately not here: strides and offsets (whoever makes the tensors knows them), and gaps inside one buffer.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch

Side = Literal["end", "start"]

PAGE: Final = mmap.PAGESIZE
_PROT_NONE: Final = 0
_MAP_NORESERVE: Final = 0x4000  # Linux; the mmap module has no name for it on every Python
_FLAGS: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
_libc.memset.restype = ctypes.c_void_p


@dataclass(frozen=True, slots=True)
class Guarded:
    """Bytes between two guard pages.

    Attributes:
        buffer: uint8 of shape (nbytes,) on the CPU, writable, zero when new; views of it keep the mapping alive.
    """

    buffer: torch.Tensor

    def fill(self, byte: int) -> None:
        """Sets every byte to `byte`."""
        _libc.memset(self.buffer.data_ptr(), byte, self.buffer.numel())

    def view(self, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> torch.Tensor:
        """Returns a tensor of `dtype` on the buffer, at offset 0; strides count elements."""
        if self.buffer.numel() == 0:
            return torch.empty_strided(shape, strides, dtype=dtype)
        return self.buffer.view(dtype).as_strided(shape, strides)


def guarded(nbytes: int, side: Side = "end") -> Guarded:
    """Returns `nbytes` fresh zero bytes that touch a PROT_NONE page at `side`; another page guards the far side.

    Raises:
        OSError: the kernel refused the mapping.
    """
    if nbytes == 0:
        return Guarded(torch.empty(0, dtype=torch.uint8))
    span = -(-nbytes // PAGE) * PAGE
    pages = np.frombuffer(mmap.mmap(-1, span + 2 * PAGE, flags=_FLAGS), dtype=np.uint8)
    base = pages.__array_interface__["data"][0]
    _forbid(base)
    _forbid(base + PAGE + span)
    first = PAGE + (span - nbytes if side == "end" else 0)
    return Guarded(torch.from_numpy(pages[first : first + nbytes]))


def _forbid(page: int) -> None:
    if _libc.mprotect(page, PAGE, _PROT_NONE) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"mprotect: {os.strerror(error)}")
