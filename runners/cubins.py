"""What machine code can keep by itself: the memory of its module, which lives as long as the module is loaded.

A cubin is an ELF file (64 bits, little endian; NVIDIA documents the sections that matter here in its binary utilities):
`.nv.global` is module memory that begins as zeros, `.nv.global.init` such that begins with a value, as the tables of
libdevice do. Machine code with megabytes of it could remember the results of a benchmark. Triton's own needs none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MODULE_MEMORY_CAP_BYTES: Final = 4096  # room for a table of libdevice, and for no result that is timed
GLOBALS: Final = (".nv.global", ".nv.global.init")
_HEADER = struct.Struct("<4sBB10xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
ELF64, LITTLE_ENDIAN = 2, 1


class _Section(NamedTuple):
    name: int
    offset: int
    size: int


def problem_in_code(cubin: bytes) -> str | None:
    """Says why this machine code can't be certified; None where it can."""
    try:
        kept = module_memory_bytes(cubin)
    except ValueError as error:
        return f"its machine code is not what a GPU loads: {error}"
    if kept > MODULE_MEMORY_CAP_BYTES:
        return f"its module keeps {kept} bytes between launches"
    return None


def module_memory_bytes(cubin: bytes) -> int:
    """Returns how many bytes of global memory the module has.

    Raises:
        ValueError: it is no ELF file of the form that GPUs load.
    """
    sections = list(_sections(cubin))
    names = _names(cubin)
    return sum(section.size for section in sections if _name_at(names, section.name) in GLOBALS)


def _sections(cubin: bytes) -> Iterator[_Section]:
    start, size, count, _ = _table(cubin)
    for number in range(count):
        place = start + number * size
        if place + _SECTION.size > len(cubin):
            raise ValueError("its table of sections is cut off")
        name, _, _, _, offset, length, *_ = _SECTION.unpack_from(cubin, place)
        yield _Section(name, offset, length)


def _table(cubin: bytes) -> tuple[int, int, int, int]:
    """Returns where the table of sections is, the size of an entry, their number, and which holds the names."""
    if len(cubin) < _HEADER.size:
        raise ValueError("it is too short")
    magic, bits, order, _, _, _, _, _, start, _, _, _, _, size, count, names = _HEADER.unpack_from(cubin)
    if magic != b"\x7fELF" or bits != ELF64 or order != LITTLE_ENDIAN:
        raise ValueError("it is no ELF file of 64 bits")
    if size < _SECTION.size or names >= count:
        raise ValueError("it has no table of sections")
    return start, size, count, names


def _names(cubin: bytes) -> bytes:
    *_, number = _table(cubin)
    section = list(_sections(cubin))[number]
    if section.offset + section.size > len(cubin):
        raise ValueError("the names of its sections are cut off")
    return cubin[section.offset : section.offset + section.size]


def _name_at(names: bytes, place: int) -> str:
    end = names.find(b"\0", place)
    if place >= len(names) or end < 0:
        raise ValueError("a section has no name")
    return names[place:end].decode("ascii", "replace")
