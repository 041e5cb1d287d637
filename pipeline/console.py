"""What a person sees: progress on stderr, the table of verdicts on stdout, colour only on a terminal.

Both consoles print what they colour themselves and no other control character, whatever a text holds: rich passes
escape sequences in a text on to the terminal. Where a foreign text must also stay in its line, it goes through
`sandbox.printable`. A runner of GitHub Actions obeys any line that begins with '::', and '##[' anywhere; a wrapped text
could put them there, so both are broken up.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from pipeline.gate import Judged
from policies.policy import Tier
from runners.evidence import PropertiesEvidence

SHOWN_AT_ONCE: Final = 4
PLAIN_WIDTH: Final = 140  # where no terminal says how wide it is: a log, a pipe
STYLES: Final = {
    Tier.REJECTED: "bold red",
    Tier.INCONCLUSIVE: "yellow",
    Tier.FUNCTIONAL: "green",
    Tier.PRODUCTION_SAFE: "bold green",
}


class GuardedConsole(Console):
    """A console on which no text acts: what a terminal would obey is shown as U+FFFD."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Renders like every console, without control characters in what is text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(_guarded(segment.text), segment.style)


def _guarded(text: str) -> str:
    if text.lstrip().startswith("::") or "##[" in text:
        text = text.replace("::", ": :").replace("##[", "## [")
    if text.isprintable() or text == "\n":
        return text
    return "".join(char if char == "\n" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def output() -> Console:
    """The console for data: stdout."""
    return GuardedConsole(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False)


class StderrListener:
    """Prints how a run goes: one live line on a terminal, one line a verdict elsewhere."""

    def __init__(self, candidates: int | None) -> None:
        self._console = GuardedConsole(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PLAIN_WIDTH)
        self._lock = threading.Lock()
        self._total = candidates
        self._finished = 0
        self._cases: dict[str, tuple[int, int]] = {}
        self._status = self._console.status("starting") if self._console.is_terminal else None
        if self._status is not None:
            self._status.start()

    def close(self) -> None:
        """Takes the live line away."""
        if self._status is not None:
            self._status.stop()

    def note(self, text: str) -> None:
        """Prints a line."""
        with self._lock:
            self._console.print(Text(text))

    def case(self, path: str, done: int, planned: int) -> None:
        """Moves the live line."""
        if self._status is None:
            return
        with self._lock:
            self._cases.pop(path, None)  # the latest is the last
            self._cases[path] = (done, planned)
            self._status.update(Text(self._line()))

    def judged(self, path: str, judged: Judged) -> None:
        """Prints a candidate's verdict."""
        with self._lock:
            self._finished += 1
            self._cases.pop(path, None)
            tier = judged.verdict.tier
            of = "" if self._total is None else f"/{self._total}"
            self._console.print(
                Text.assemble(
                    f"[{self._finished}{of}] {path}: ", (tier.value, STYLES[tier]), _by(judged), _time(judged)
                )
            )

    def _line(self) -> str:
        latest = list(self._cases.items())[-SHOWN_AT_ONCE:]
        running = ", ".join(f"{path} {done}/{planned}" for path, (done, planned) in sorted(latest))
        more = f" and {len(self._cases) - len(latest)} that wait" if len(self._cases) > len(latest) else ""
        return f"{self._finished} verdicts; cases done: {running}{more}"


def verdict_table(judged: Sequence[Judged], labels: Sequence[str] | None = None) -> Table:
    """Returns the table of verdicts, with a column of labels where there are any."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("candidate", overflow="fold")
    table.add_column("operator", no_wrap=True)
    if labels is not None:
        table.add_column("label", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("cases", justify="right", no_wrap=True)
    table.add_column("first finding", overflow="fold")
    for number, entry in enumerate(judged):
        facts = entry.evidence.candidate
        row = [Text(facts.path), Text(facts.operator or "-")]
        if labels is not None:
            row.append(Text(labels[number]))
        tier = entry.verdict.tier
        row += [Text(tier.value + _by(entry), STYLES[tier]), Text(_cases(entry)), _first_finding(entry)]
        table.add_row(*row)
    return table


def summary_line(judged: Sequence[Judged]) -> str:
    """Counts the verdicts in words."""
    tiers = [entry.verdict.tier for entry in judged]
    counts = [f"{tiers.count(tier)} {tier.value}" for tier in Tier if tier in tiers]
    waived = sum(entry.verdict.is_waived for entry in judged)
    counts += [f"{waived} of them let through by waivers"] if waived else []
    return f"{len(judged)} candidate{'s' if len(judged) != 1 else ''}: {', '.join(counts) or 'nothing to verify'}"


def _cases(entry: Judged) -> str:
    properties = entry.evidence.properties
    if not isinstance(properties, PropertiesEvidence):
        return "-"
    return str(properties.cases)


def _first_finding(entry: Judged) -> Text:
    if not entry.verdict.findings:
        return Text("-")
    finding = entry.verdict.findings[0]
    line = f" (line {finding.line})" if finding.line is not None else ""
    more = len(entry.verdict.findings) - 1
    waiver = finding.waiver
    until = f" (waived until {waiver.expires}: {waiver.reason})" if waiver is not None else ""
    return Text.assemble(
        (finding.rule, "bold"), f"{line}: {finding.message}{until}{f' (+{more} more)' if more else ''}"
    )


def _by(entry: Judged) -> str:
    return " (waived)" if entry.verdict.is_waived else ""


def _time(entry: Judged) -> str:
    if entry.reused:
        return " (measured by an earlier run)"
    properties = entry.evidence.properties
    return f" ({properties.wall_s:.1f} s)" if isinstance(properties, PropertiesEvidence) else ""
