"""What a run is told of earlier ones: chosen when it begins, kept with it, and never chosen again.

A run that goes on must ask what it asked before, or the journal could not answer; so the words that went into the
prompt are kept, not the way to find them.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from pipeline.generation.exchange import Count, Stored


class TaughtLesson(Stored):
    """One mistake, as an author is told of it.

    Attributes:
        where: The kind of case that shows it, in our own words.
        symbol: The name that does not exist, as a model wrote it; empty elsewhere.
        attempts: How many showed it: at this operator where `is_own`, else at all others.
        change: What mended one of them, a model's text; empty where nothing is to be shown.
    """

    title: str
    remedy: str
    where: tuple[str, ...]
    symbol: str
    attempts: Count
    runs: Count
    is_own: bool
    change: str

    @property
    def chars(self) -> int:
        """About how much of a prompt it takes."""
        return len(self.title) + len(self.remedy) + sum(map(len, self.where)) + len(self.symbol) + len(self.change)


class Taught(Stored):
    """All that an author is told, the most frequent first."""

    version: Literal[1] = 1
    lessons: tuple[TaughtLesson, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of it; empty where it is nothing."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest() if self.lessons else ""


NOTHING: Final = Taught()
