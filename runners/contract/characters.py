"""Characters that a reader does not see, or that make him see another text than the one that runs.

Marks of direction turn a line around on a screen and nowhere else; what has no width hides in names, comments and
strings; control characters move a terminal's cursor. Python reads all of them, most of them in comments and strings
only, which is where a reviewer is told what code does. Letters of every script are as good as any; variation selectors,
which choose how a letter or an emoji looks, stay.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from runners.contract.rules import HIDDEN_CHARACTER, Report

_CATEGORIES: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
_PLAIN: Final = frozenset("\t\n\f")
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters and marks by category, and blank
_LINE_END: Final = re.compile(r"\r\n")


def check_characters(text: str, report: Report) -> None:
    """Reports each line with such a character, by the first of them; a carriage return belongs to a line's end only."""
    for number, line in enumerate(_LINE_END.sub("\n", text).split("\n"), start=1):
        if line.isascii() and line.isprintable():
            continue
        place = next((place for place, one in enumerate(line, start=1) if _is_hidden(one)), None)
        if place is not None:
            one = line[place - 1]
            name = unicodedata.name(one, "a control character")
            detail = f"U+{ord(one):04X} ({name}) stands in column {place}, where no reader sees it"
            report.add(HIDDEN_CHARACTER, number, detail)


def _is_hidden(one: str) -> bool:
    return one not in _PLAIN and (unicodedata.category(one) in _CATEGORIES or one in _FILLERS)
