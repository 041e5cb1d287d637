"""How far a copy of a registry is, on stderr, once it takes longer than somebody wants to wait without a word."""

from __future__ import annotations

import sys
import time
from typing import Final

SILENT_S: Final = 2.0


class Progress:
    """Tells at most every `SILENT_S` seconds, and nothing before the first of them are over."""

    def __init__(self, *, quiet: bool) -> None:
        """`quiet` tells nothing at all."""
        self._quiet = quiet
        self._told = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tells it, if it is time."""
        now = time.monotonic()
        if not self._quiet and now - self._told >= SILENT_S:
            self._told = now
            sys.stderr.write(f"registry: {text}\n")
