"""An attempt as it is learnt from: its record, where its text is, and how far it came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from pipeline.errors import StoredRunError
from pipeline.generation.lessons.mistakes import Mistake
from pipeline.generation.loop.records import AttemptFacts, MeasuredFacts
from policies.verdict import Finding
from runners.candidate import source_digest


class Reach(IntEnum):
    """Which check an attempt came to; a later one says that it passed those before."""

    ANSWER = 0  # it held no candidate
    SOURCE = 1
    SCREENING = 2
    FULL = 3
    REVIEW = 4  # the gate lets it through


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt of a finished run.

    Attributes:
        file: Its text; None where the answer held none.
        finding: What its author was told of the gate's findings; None where that was none.
        mistake: None where nothing stands against it that an author can mend.
    """

    run: str
    record: AttemptFacts
    file: Path | None
    finding: Finding | None
    mistake: Mistake | None

    @property
    def reach(self) -> Reach:
        """How far it came."""
        outcome = self.record.outcome
        if not isinstance(outcome, MeasuredFacts):
            return Reach.ANSWER
        if outcome.allowed:
            return Reach.REVIEW
        if self.finding is not None and self.finding.rule.startswith("source/"):
            return Reach.SOURCE
        return Reach.SCREENING if outcome.screened else Reach.FULL


@dataclass(frozen=True, slots=True)
class OperatorRun:
    """What one run tried for one operator, in order."""

    operator: str
    attempts: tuple[Tried, ...]


def text_of(tried: Tried) -> str:
    """Returns the candidate's text; empty where there is none.

    Raises:
        StoredRunError: its file can't be read, or is not what the record says.
    """
    outcome = tried.record.outcome
    if tried.file is None or not isinstance(outcome, MeasuredFacts):
        return ""
    try:
        source = tried.file.read_bytes()
    except OSError as error:
        raise StoredRunError(f"{tried.file} can't be read: {error.strerror or error}") from None
    if source_digest(source) != outcome.digest:
        raise StoredRunError(f"{tried.file} is not the file that was measured")
    return source.decode("utf-8", "replace")
