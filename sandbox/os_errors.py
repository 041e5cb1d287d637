"""What the operating system refused, in words for people."""

from __future__ import annotations


def reason_of(error: Exception) -> str:
    """Returns why something could not be read or written, without the number that Python puts before it.

    The path is left out: whoever says this names it.
    """
    return (isinstance(error, OSError) and error.strerror) or str(error)
