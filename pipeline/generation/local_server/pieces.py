"""How a text is cut for a stream: small pieces, but never more than some hundred events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

SMALLEST: Final = 16
MOST: Final = 128


def pieces(text: str) -> Iterator[str]:
    """Yields `text` in pieces."""
    size = max(SMALLEST, -(-len(text) // MOST))
    for start in range(0, len(text), size):
        yield text[start : start + size]
