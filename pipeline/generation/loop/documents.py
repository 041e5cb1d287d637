"""What a run leaves for those who come later: `generation.json` of a run folder, written and read here alone.

It holds all attempts, those without a candidate too: what they cost was paid. Texts of candidates and evidence stand in
the run folder's own files; where a candidate is from stands beside it, in `provenance.json`, as it stands here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from pipeline.errors import StoredRunError
from pipeline.generation.exchange import Stored
from pipeline.generation.loop.records import AttemptFacts, AttemptRecord, PlansRecord
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.store import Terms

NAME: Final = "generation.json"
VERSION: Final = 1


class Sums(Stored):
    """What may be, or was, used; None limits nothing, or nobody knows.

    Attributes:
        usd: A decimal, as text: a float would round it.
    """

    rounds: int | None
    tokens: int | None
    usd: Decimal | None
    wall_s: float | None


class PricesFacts(Stored):
    """By which table money was counted."""

    date: str
    source: str


class StoppedFacts(Stored):
    """Why there are no more attempts."""

    reason: str
    detail: str


class OperatorDocument(Stored):
    """What a run came to for one operator.

    Attributes:
        best: The number of the attempt to take; None where none stands.
    """

    terms: Terms
    exit_code: int
    stopped: StoppedFacts
    best: int | None
    plans: PlansRecord | None
    attempts: tuple[AttemptFacts, ...]


class RunDocument(Stored):
    """The whole run."""

    schema_version: Literal[1] = VERSION
    run: str
    folder: str
    exit_code: int
    budget: Sums
    used: Sums
    prices: PricesFacts | None
    operators: tuple[OperatorDocument, ...]


def document_of(finished: Finished, folder: Path) -> RunDocument:
    """Returns what is written of a run.

    Args:
        folder: Its run folder.
    """
    budget, used, prices = finished.budget, finished.used, finished.prices
    return RunDocument(
        run=finished.id,
        folder=str(folder),
        exit_code=finished.exit_code,
        budget=Sums(rounds=budget.rounds, tokens=budget.tokens, usd=budget.usd, wall_s=budget.wall_s),
        used=Sums(rounds=used.rounds, tokens=used.tokens, usd=used.usd, wall_s=finished.used_s),
        prices=None if prices is None else PricesFacts(date=str(prices.date), source=prices.source),
        operators=tuple(_of_operator(one) for one in finished.operators),
    )


def as_text(document: RunDocument | AttemptFacts) -> str:
    """Returns a document as it is written."""
    return document.model_dump_json(indent=2) + "\n"


def provenance_text(record: AttemptRecord) -> str:
    """Returns where a candidate is from, as it is written beside it."""
    return as_text(record.facts)


def read_document(path: Path) -> RunDocument:
    """Reads a document back.

    Raises:
        StoredRunError: it can't be read, is damaged, or is of another version.
    """
    try:
        return RunDocument.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoredRunError(f"{path} can't be read: {error.strerror or error}") from None
    except ValidationError as error:
        raise StoredRunError(f"{path} is damaged, or of another version: {_first(error)}") from None


def documents_in(runs: Path) -> Iterator[Path]:
    """Yields the documents of all finished runs of generation, the earliest first."""
    yield from sorted(runs.glob(f"*/{NAME}"))


def _of_operator(finished: FinishedOperator) -> OperatorDocument:
    stopped, best = finished.stopped, finished.best
    return OperatorDocument(
        terms=finished.terms,
        exit_code=finished.exit_code,
        stopped=StoppedFacts(reason=stopped.reason.value, detail=stopped.detail),
        best=None if best is None else best.number,
        plans=finished.plans,
        attempts=tuple(one.facts for one in finished.attempts),
    )


def _first(error: ValidationError) -> str:
    first: Any = error.errors(include_url=False, include_input=False)[0]
    return json.dumps(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
