"""What `kernelgate lessons` says, as it is printed in JSON: these types are its schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from pipeline.generation.exchange import Count, Stored

VERSION: Final = 1
Share = Annotated[float, Field(ge=0, le=1)]


class Mending(Stored):
    """What mended a failed attempt.

    Attributes:
        attempt: Its number in the same run.
        tries: Attempts until then; 1 is the next.
        stands: Whether it stands; else it failed in another way.
        change: What is different in its code, cut to a length; a model's text. Empty where there is nothing to compare.
    """

    attempt: int
    tries: int
    stands: bool
    change: str


class Failure(Stored):
    """The record of one failed attempt.

    Attributes:
        strategy: Counted from 0 within the operator's run.
        fingerprint: The loop's, of this very failure; `lesson` is the key of what it has in common with others.
        line: What stood against it, in our own words.
        mended: None where nothing is known to have mended it.
    """

    run: str
    operator: str
    attempt: int
    strategy: Count
    rule: str
    fingerprint: str
    lesson: str
    line: str
    mended: Mending | None


class Lesson(Stored):
    """One mistake, over all failed attempts that show it.

    Attributes:
        key: The same in every run and on every machine.
        where: The kind of case that shows it; empty where an ordinary one does, or none was run.
        symbol: The name that does not exist, as a model wrote it; empty elsewhere.
        remedy: What to do about it; empty where an author can do nothing.
        mended_next: Attempts after which the next was free of it; `mended` where any later one of the chain was.
        median_tries: Attempts until it was mended, over those that were; None where none was.
        tokens: Of the attempts that show it, reviews included; `usd` likewise, None where nobody knows a price.
        tokens_share: Of what all attempts used, those that failed otherwise or stand included; `usd_share` likewise.
            None where that is nothing, or nobody knows.
        example: One that was mended, where there is one, and the newest of its kind.
    """

    key: str
    rule: str
    where: tuple[str, ...]
    symbol: str
    title: str
    remedy: str
    attempts: Count
    runs: Count
    operators: tuple[str, ...]
    mended_next: Count
    mended: Count
    median_tries: float | None
    tokens: Count
    tokens_share: Share | None
    usd: Decimal | None
    usd_share: Share | None
    example: Failure


class LessonsDocument(Stored):
    """All of it.

    Attributes:
        operator: None where it is about all operators.
        runs: Read; `damaged` has a line for each that was left out.
        attempts: Of the runs that were read, for this operator or all; `failures` are those of them that failed.
        lessons: The most frequent first.
    """

    schema_version: Literal[1] = VERSION
    operator: str | None
    runs: Count
    damaged: tuple[str, ...]
    attempts: Count
    lessons: tuple[Lesson, ...]
    failures: tuple[Failure, ...]
