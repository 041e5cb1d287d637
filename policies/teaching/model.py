"""A teaching: why a rule is there, and an example that trips it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Example:
    """Something that trips a rule.

    Attributes:
        kind: 'candidate' is a whole file that the static contract reads; 'kernel' the lines of a candidate that
            matter; 'words' where no source can show it.
        trips: The text; `mended` the same without the mistake, where that is code, too.
    """

    kind: Literal["candidate", "kernel", "words"]
    trips: str
    mended: str | None = None


@dataclass(frozen=True, slots=True)
class Teaching:
    """What a rule's reader learns: `why` it is there, and an example."""

    why: str
    example: Example


def words(why: str, example: str) -> Teaching:
    """A teaching whose example is told."""
    return Teaching(why, Example("words", example))


def kernel(why: str, trips: str, mended: str | None = None) -> Teaching:
    """A teaching whose example is the lines that matter."""
    return Teaching(why, Example("kernel", trips, mended))
