"""The change from one candidate to the next, small enough for a prompt and a table.

Both texts are a model's. Comparing costs time with the square of the number of lines where lines repeat (0.2 s for
1,500), so files beyond any kernel's length are not compared.
"""

from __future__ import annotations

import difflib
from typing import Final

LINES: Final = 24  # of a change
COLUMNS: Final = 120
COMPARED: Final = 1000  # lines of a file


def change_between(before: str, after: str) -> str:
    """Returns what was taken out (-) and put in (+), cut to a length; empty where nothing is to be shown."""
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > COMPARED:
        return ""
    lines = list(difflib.unified_diff(old, new, n=1, lineterm=""))[2:]  # without the names of the files
    shown = [line[:COLUMNS].rstrip() for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append(f"... and {len(lines) - LINES} more lines")
    return "\n".join(shown)
