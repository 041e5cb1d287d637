"""ELF files with sections of given sizes, as far as `runners.cubins` reads them."""

from __future__ import annotations

import struct
from collections.abc import Mapping


def elf(sections: Mapping[str, int]) -> bytes:
    """Returns an ELF file of 64 bits whose sections have these names and sizes, and no contents."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    header_bytes, entry_bytes = 64, 64
    table = header_bytes + len(names)
    count = len(sections) + 2
    header = struct.pack(
        "<4sBB10xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 2, 190, 1, 0, 0, table, 0, header_bytes, 0, 0, entry_bytes, count,
        count - 1,
    )  # fmt: skip
    entries = [bytes(entry_bytes)]
    for name, size in sections.items():
        entries.append(struct.pack("<IIQQQQIIQQ", names.index(name.encode()), 8, 0, 0, 0, size, 0, 0, 1, 0))
    place = names.index(b".shstrtab")
    entries.append(struct.pack("<IIQQQQIIQQ", place, 3, 0, 0, header_bytes, len(names), 0, 0, 1, 0))
    return header + names + b"".join(entries)
