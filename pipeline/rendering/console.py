"""What a person sees: the table of verdicts on stdout, colour only on a terminal (NO_COLOR and FORCE_COLOR are heard).

Both consoles print what they colour themselves and no other control character, whatever a text holds: rich passes
escape sequences in a text on to the terminal. Where a foreign text must also stay in its line, it goes through
`sandbox.printable`. A runner of GitHub Actions obeys any line that begins with '::', and '##[' anywhere; a wrapped text
could put them there, so both are broken up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pipeline.gate.judging import Judged
from pipeline.rendering.fitted_table import FittedTable
from policies.policy import Tier
from runners.evidence import PropertiesEvidence

PLAIN_WIDTH: Final = 140  # where no terminal says how wide it is: a log, a pipe
STYLES: Final = {
    Tier.REJECTED: "bold red",
    Tier.INCONCLUSIVE: "yellow",
    Tier.FUNCTIONAL: "green",
    Tier.PRODUCTION_SAFE: "bold green",
}


class GuardedConsole(Console):
    """A console on which no text acts: what a terminal would obey is shown as U+FFFD."""

    def on_broken_pipe(self) -> None:
        """Leaves it to the commands: rich would end with exit code 1, which means that something was denied."""
        raise

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
    return console_on(sys.stdout)


def console_on(stream: TextIO) -> Console:
    """The console on `stream`: as wide as its terminal, or as COLUMNS says, or `PLAIN_WIDTH`."""
    known = stream.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return GuardedConsole(file=stream, width=None if known else PLAIN_WIDTH, highlight=False)


def verdict_table(judged: Sequence[Judged], labels: Sequence[str] | None = None) -> FittedTable:
    """Returns the table of verdicts, with a column of labels where there are any."""
    table = FittedTable()
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
        row += [Text(tier.value + waived_mark(entry), STYLES[tier]), Text(_cases(entry)), _first_finding(entry)]
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


def waived_mark(entry: Judged) -> str:
    """Says behind a tier that only waivers let the candidate through."""
    return " (waived)" if entry.verdict.is_waived else ""
