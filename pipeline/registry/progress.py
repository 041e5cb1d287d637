"""What a registry is waited for, or how far a copy of it is: on stderr, once that takes longer than somebody wants to
wait without a word.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Final

from pipeline.log_format import LOG, json_handler

SILENT_S: Final = 2.0


class Progress:
    """Tells at most every `SILENT_S` seconds, and nothing before the first of them are over."""

    def __init__(self, *, quiet: bool) -> None:
        """`quiet` tells nothing at all."""
        self._quiet = quiet
        if not quiet and json_handler() is not None:
            LOG.setLevel(logging.INFO)
        self._told = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tells it, if it is time."""
        now = time.monotonic()
        if not self._quiet and now - self._told >= SILENT_S:
            self._told = now
            if json_handler() is not None:
                LOG.info("%s", text, extra={"event": "note"})
            else:
                sys.stderr.write(f"registry: {text}\n")
