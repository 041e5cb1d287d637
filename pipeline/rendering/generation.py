"""How a run of generation looks: a table of attempts, why it ended for each operator, and what it used."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.text import Text

from pipeline.generating.result import Generated
from pipeline.generation.loop.records import AttemptRecord, Measured
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.rendering.fitted_table import FittedTable
from pipeline.rendering.verdict_table import STYLES
from policies.policy import Tier


def print_generated(generated: Generated, console: Console) -> None:
    """Prints the attempts, the best ones, what was used of the budget, and where the run folder is."""
    finished = generated.finished
    console.print(_table(finished))
    console.print()
    for one in finished.operators:
        console.print(_ending(one))
    for one in finished.operators:
        drawn = one.terms.experiment
        if drawn is not None:
            console.print(Text(f"{one.terms.operator}: variant {drawn.variant} of the experiment {drawn.experiment}"))
    console.print(Text(_used(finished)))
    (policy,) = {one.terms.policy for one in finished.operators}
    console.print(Text(f"policy {policy}; {generated.folder}"))


def _ending(finished: FinishedOperator) -> Text:
    best, name = finished.best, finished.terms.operator
    line = Text(f"{name}: ")
    if best is None:
        line.append("no candidate stands", "bold red")
    else:
        line.append(f"attempt {best.number} stands", "bold green")
    return line.append(f"; ended ({finished.stopped.reason}): {finished.stopped.detail}")


def _table(finished: Finished) -> FittedTable:
    table = FittedTable()
    table.add_column("operator", no_wrap=True)
    table.add_column("attempt", justify="right", no_wrap=True)
    for title in ("strategy", "of", "purpose", "verdict"):
        table.add_column(title, no_wrap=True)
    table.add_column("what stands against it", overflow="fold")
    for title in ("tokens", "cost", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for operator in finished.operators:
        for one in operator.attempts:
            table.add_row(operator.terms.operator, *_cells(one))
    return table


def _cells(record: AttemptRecord) -> Iterator[str | Text]:
    yield str(record.number)
    yield str(record.strategy + 1)
    yield "-" if record.parent is None else str(record.parent)
    yield record.purpose
    yield _verdict(record)
    yield Text(record.complaint.line if record.complaint is not None else "-")
    yield str(record.amount.tokens)
    yield _dollars(record.amount.usd)
    yield f"{record.wall_s:.1f} s"


def _verdict(record: AttemptRecord) -> Text:
    if not isinstance(record.outcome, Measured):
        return Text("no candidate", "yellow")
    tier = Tier(record.outcome.tier)
    vetoed = " (vetoed)" if record.outcome.allowed and not record.allowed else ""
    return Text(f"{tier.value}{vetoed}", STYLES[tier] if not vetoed else "bold red")


def _used(finished: Finished) -> str:
    used, budget = finished.used, finished.budget
    rounds = f"{used.rounds}{_of(budget.rounds)} rounds"
    tokens = f"{used.tokens}{_of(budget.tokens)} tokens"
    money = f"{_dollars(used.usd)}{_of(None if budget.usd is None else _dollars(budget.usd))}"
    minutes = f"{finished.used_s / 60:.1f}{_of(None if budget.wall_s is None else f'{budget.wall_s / 60:g}')} minutes"
    prices = "" if finished.prices is None else f" (prices of {finished.prices.date}, {finished.prices.source})"
    return f"used: {rounds}, {tokens}, {money}{prices}, {minutes}"


def _of(limit: object) -> str:
    return "" if limit is None else f" of {limit}"


def _dollars(usd: Decimal | None) -> str:
    return "cost unknown" if usd is None else f"${usd:.4f}"
