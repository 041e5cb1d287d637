"""Text that somebody else chose, made fit for a terminal and a log.

Escape sequences move cursors, rename windows and hide lines; line ends forge whole lines; marks of direction turn a
text around. What is not printable is shown as its escape instead, so that a reader sees that it was there.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Returns `text` in one line that a terminal prints and does not obey."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """Like `printable`, for a message of our own that has several lines."""
    return "\n".join(printable(line) for line in text.split("\n"))
