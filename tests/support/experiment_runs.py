"""Documents of finished runs of an experiment, as a run writes them, without a provider or a gate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from generation_runs import attempt

from pipeline.generation.assignment import Definition, VariantDefinition
from pipeline.generation.budgets import Amount, Budget, Limit
from pipeline.generation.exchange import Reason
from pipeline.generation.loop.course import End
from pipeline.generation.loop.documents import NAME, as_text, document_of
from pipeline.generation.loop.records import AttemptRecord
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.setting import Stopped
from pipeline.generation.loop.store import Terms

RIGHT, WRONG = attempt(1), attempt(1, fails="a")
MENDED = (WRONG, attempt(2))


def defined(planned: int, *names: str, **about: Any) -> Definition:
    """An experiment over variants of these names."""
    variants = tuple(VariantDefinition(name=name, prompts=f"templates of {name}") for name in names or ("old", "new"))
    return Definition(**({"name": "tone", "runs_per_variant": planned, "variants": variants} | about))


def terms(definition: Definition, variant: str, run: str, operator: str = "relu", **changes: Any) -> Terms:
    """The terms of a run for which `variant` was drawn, whatever the hash says."""
    assignment = definition.assigned(run, operator).model_copy(update={"variant": variant})
    given = {
        "operator": operator, "operator_digest": operator, "policy": "dev", "policy_digest": "d", "card": "h100",
        "roles": (), "strategies": 1, "prompts": variant, "knowledge": "d", "experiment": assignment,
    }  # fmt: skip
    return Terms.model_validate(given | changes)


def write_run(
    runs: Path, run: str, *those: Terms, attempts: Sequence[AttemptRecord] = (RIGHT,),
    reason: End | Limit | Reason = End.STANDS, usd: str | None = "1.5", seconds: float = 60.0, rounds: int = 5,
) -> Path:  # fmt: skip
    """Writes the document of a run for the operators of these terms, and returns its path."""
    finished = Finished(
        id=run,
        budget=Budget(rounds=rounds),
        used=Amount(len(attempts), 1000, None if usd is None else Decimal(usd)),
        used_s=seconds,
        prices=None,
        operators=tuple(FinishedOperator(one, Stopped(reason, ""), None, tuple(attempts)) for one in those),
    )
    path = runs / run / NAME
    path.parent.mkdir(parents=True)
    path.write_text(as_text(document_of(finished, path.parent)))
    return path
