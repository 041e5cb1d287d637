"""Foreign text, made so that a reader sees what is there.

A mark of direction turns a line of code around, a character of no width tells two equal names apart, a control moves a
cursor. None of them is printed: its code point stands there instead, in brackets that no program uses. Line ends and
tabs stay: whoever sets a text decides what they do.
"""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

# Unicode calls these printable, and nobody sees them: fillers, joiners, selectors of variants, an empty Braille cell.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_KEPT: Final = "\n\t"


def visible(text: str) -> str:
    """Returns `text` with the code point in place of whatever has no shape of its own."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() or char in _KEPT else _named(char) for char in text)
    return _UNSEEN.sub(lambda match: _named(match.group()), text)


def shown(value: object) -> str:
    """What templates put out, before it is escaped: text, or a whole number; anything else is a mistake of ours.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Markup):  # what a macro of ours has set already
        return value
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"a page sets text and whole numbers, not {type(value).__name__}")


def cut(text: str, columns: int) -> str:
    """Returns the beginning of a text, with how much of it is not shown."""
    if len(text) <= columns:
        return text
    return f"{text[:columns]}… (and {len(text) - columns} more characters)"


def _named(char: str) -> str:
    return f"⟦U+{ord(char):04X}⟧"
