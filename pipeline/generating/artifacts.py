"""What a run of generation shows on Prefect's pages: our own words, numbers, and names of the team's own files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.generation.loop.records import AttemptRecord, Measured
from pipeline.generation.loop.report import Finished, FinishedOperator


def rows_of(finished: Finished) -> Iterator[dict[str, Any]]:
    """Yields a row of the table for each attempt."""
    for operator in finished.operators:
        for one in operator.attempts:
            yield {
                "operator": one.operator,
                "attempt": one.number,
                "after": one.parent or "–",
                "strategy": one.strategy + 1,
                "purpose": one.purpose,
                "model": f"{one.call.provider}, {one.call.model}",
                "verdict": one.outcome.tier if isinstance(one.outcome, Measured) else "no candidate",
                "what it says": one.line,
                "tokens": one.amount.tokens,
                "cost": _dollars(one),
                "seconds": round(one.wall_s, 1),
            }


def tree_of(finished: Finished) -> str:
    """Returns the attempts as nested lists: each below the one whose code it replaces."""
    lines: list[str] = []
    for operator in finished.operators:
        best = operator.best
        came = "no candidate stands" if best is None else f"attempt {best.number} stands"
        lines.append(f"- **{operator.terms.operator}**: {came} ({operator.stopped.reason.value})")
        lines += _below(None, operator, depth=1)
    used = finished.used
    cost = "cost unknown" if used.usd is None else f"{used.usd:.4f} US dollars"
    lines += ["", f"{used.rounds} attempts, {used.tokens} tokens, {cost}, {finished.used_s / 60:.1f} minutes"]
    return "\n".join(lines)


def _below(parent: int | None, operator: FinishedOperator, depth: int) -> Iterator[str]:
    for one in operator.attempts:
        if one.parent == parent:
            yield f"{'  ' * depth}- attempt {one.number} ({one.purpose}): {one.line}"
            yield from _below(one.number, operator, depth + 1)


def _dollars(record: AttemptRecord) -> str:
    usd = record.amount.usd
    return "unknown" if usd is None else f"{usd:.4f}"
