"""How a run of generation looks: a table of attempts, what it used, and why it ended."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.console import STYLES
from pipeline.generating import Generated
from pipeline.generation.loop.records import AttemptRecord, Measured
from pipeline.generation.loop.report import Finished
from policies.policy import Tier


def print_generated(generated: Generated, console: Console) -> None:
    """Prints the attempts, the best one, what was used of the budget, and where the run folder is."""
    finished = generated.finished
    console.print(_table(finished))
    console.print()
    best = finished.best
    if best is None:
        console.print(Text("no candidate stands", "bold red"))
    else:
        console.print(Text(f"attempt {best.number} stands", "bold green"))
    console.print(Text(f"ended ({finished.stopped.reason}): {finished.stopped.detail}"))
    console.print(Text(_used(finished)))
    console.print(Text(f"policy {finished.terms.policy}; {generated.folder}"))


def _table(finished: Finished) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("attempt", justify="right", no_wrap=True)
    for title in ("strategy", "of", "purpose", "verdict"):
        table.add_column(title, no_wrap=True)
    table.add_column("what stands against it", overflow="fold")
    for title in ("tokens", "cost", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in finished.attempts:
        table.add_row(
            str(one.number),
            str(one.strategy + 1),
            "-" if one.parent is None else str(one.parent),
            one.purpose,
            _verdict(one),
            Text(one.complaint.line if one.complaint is not None else "-"),
            str(one.amount.tokens),
            _dollars(one.amount.usd),
            f"{one.wall_s:.1f} s",
        )
    return table


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
