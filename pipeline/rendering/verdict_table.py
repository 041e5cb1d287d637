"""The table of verdicts, the line below it, and the colours of tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text

from pipeline.gate.judged import Judged
from pipeline.rendering.fitted_table import FittedTable
from policies.policy import Tier
from runners.evidence import PropertiesEvidence

STYLES: Final = {
    Tier.REJECTED: "bold red",
    Tier.INCONCLUSIVE: "yellow",
    Tier.FUNCTIONAL: "green",
    Tier.PRODUCTION_SAFE: "bold green",
}


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
