"""How an audit looks: a row for each candidate, with what it used and what was denied first.

Paths, names and messages are the candidates' text: shown in printable characters, a line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.audit.events import Fact, Kind
from pipeline.audit.facts import observed_in
from pipeline.audit.reading import Audit, Audited
from pipeline.rendering.verdict_table import STYLES
from runners.observed_evidence import ObservedEvidence
from sandbox.printable import printable

MIB: Final = 1 << 20
UNKNOWN: Final = "-"
DETAIL_COLUMNS: Final = 160
SHOWN: Final = 3
CAPTION: Final = (
    "memory: the most at one moment, MiB; tasks: processes and threads; out: bytes sent and written; all with the "
    "harness, '-' where nobody could look. docs/explanation/audit.md says what each fact is worth."
)


def print_audit(audit: Audit, console: Console) -> None:
    """Prints the table, and how many runs and candidates it is about."""
    table = Table(box=None, pad_edge=False, header_style="bold", caption=CAPTION, caption_justify="left")
    for title in ("candidate", "verdict"):
        table.add_column(title, overflow="fold")
    for title in ("memory", "tasks", "out"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("tried, or left", overflow="fold")
    shown = 0
    for one in audit.candidates():
        if one.facts or not audit.selection.only:
            shown += 1
            table.add_row(*_row(one))
    if shown:
        console.print(table)
        console.print()
    console.print(Text(_counted(audit, shown)))


def _counted(audit: Audit, shown: int) -> str:
    damaged = f"; {audit.damaged} damaged and left out" if audit.damaged else ""
    of = f", {shown} of them shown" if shown != audit.audited else ""
    candidates = "1 candidate" if audit.audited == 1 else f"{audit.audited} candidates"
    runs = "1 run" if audit.runs == 1 else f"{audit.runs} runs"
    return f"{candidates} in {runs}{of}{damaged}"


def _row(one: Audited) -> tuple[Text, ...]:
    facts, verdict = one.stored.evidence.candidate, one.stored.verdict
    seen = observed_in(one.stored.evidence)
    waived = " (waived)" if verdict.is_waived else ""
    return (
        Text(f"{printable(facts.path)}\n{printable(one.run)} {facts.digest[:12]}"),
        Text(verdict.tier.value + waived, STYLES[verdict.tier]),
        Text(_most(seen, lambda one: one.memory_peak_bytes, MIB)),
        Text(_most(seen, lambda one: one.tasks_peak)),
        Text(str(sum(one.stdout_bytes + one.stderr_bytes for one in seen)) if seen else UNKNOWN),
        _tried(one.facts),
    )


def _most(seen: Iterable[ObservedEvidence], what: Callable[[ObservedEvidence], int | None], unit: int = 1) -> str:
    known = [value for one in seen if (value := what(one)) is not None]
    return str(max(known) // unit) if known else UNKNOWN


def _tried(facts: Sequence[Fact]) -> Text:
    refused = [fact for fact in facts if fact.refused]
    left = [fact for fact in facts if not fact.refused and fact.unit is None]
    text = Text()
    for fact in (*refused[:1], *left[: SHOWN - 1]):
        text.append("\n" if text else "")
        text.append(fact.rule or fact.kind.value, "bold")
        text.append(f"{_at(fact)}: {_shortened(printable(fact.detail))}{_times(fact)}")
    more = _more(refused[1:]) + _more(left[SHOWN - 1 :])
    if more:
        text.append(f"\n+ {', '.join(more)}", "dim")
    return text or Text(UNKNOWN)


def _more(facts: Sequence[Fact]) -> list[str]:
    counts = {kind: sum(fact.kind is kind for fact in facts) for kind in Kind}
    return [f"{count} {kind.value}" for kind, count in counts.items() if count]


def _at(fact: Fact) -> str:
    return f" (line {fact.line})" if fact.line is not None else ""


def _times(fact: Fact) -> str:
    return f" ({fact.amount} times)" if fact.unit == "times" else ""


def _shortened(text: str) -> str:
    return text if len(text) <= DETAIL_COLUMNS else f"{text[:DETAIL_COLUMNS]}…"
