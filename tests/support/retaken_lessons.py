"""Puts what comes out today into the pages of the tutorial; `make lessons` runs it.

Look at the difference before it is committed: a page shows what is printed, also where that is wrong. Blocks with a
line of '…' are left as they are, but for their ids.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from lessons import LESSONS, PATTERNS, Reader, follow, new_reader
from markdown_pages import Block

IDS = (PATTERNS["run"], r"(?<![\w-])[0-9a-f]{12}(?!\w)")


def learn(reader: Reader, shown: str, printed: str) -> None:
    """Remembers what each id that is shown is here, by their order."""
    for pattern in IDS:
        here = dict.fromkeys(re.findall(pattern, printed))
        new = (one for one in dict.fromkeys(re.findall(pattern, shown)) if one not in reader.ids)
        known = set(reader.ids.values())
        reader.ids.update(zip(new, [one for one in here if one not in known], strict=False))


def retake(reader: Reader, page: Path) -> str:
    """Follows a page and returns it with what was printed."""
    lines = page.read_text(encoding="utf-8").splitlines()
    taken: list[tuple[Block, list[str]]] = []

    def see(block: Block, printed: str) -> None:
        learn(reader, block.text, printed)
        if "\n…\n" not in block.text:
            taken.append((block, [line.rstrip() for line in printed.strip().splitlines()]))

    follow(reader, page, see)
    for block, printed in reversed(taken):
        lines[block.line : block.line + block.text.count("\n")] = printed
    return "\n".join([*lines, ""])


def main() -> None:
    """Retakes every lesson in one folder, then writes the pages."""
    with tempfile.TemporaryDirectory() as folder:
        reader = new_reader(Path(folder))
        texts = {page: retake(reader, page) for page in LESSONS}
    for page, text in texts.items():
        for shown, here in reader.ids.items():
            text = text.replace(shown, here)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
