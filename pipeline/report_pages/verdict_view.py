"""The verdict, the sentence that says why, the findings by rule, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.deciding import first_finding
from pipeline.report_pages.subject import Subject
from pipeline.report_pages.tone import OF_SEVERITY, SEVERITY_WORDS, Tone, standing_word, tone_of
from pipeline.report_pages.trail_view import times_of
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import counted, day_of, seconds
from pipeline.reports.standing import denied_by_tier_alone, finding_in_words, verdict_in_words
from pipeline.runs.failing_cases import case_of
from pipeline.supply.platforms import holds_for
from policies.explaining import Explanation, Ground
from policies.policy import BUILT_IN
from policies.rule_pages import mending
from policies.rules import Rule
from policies.verdict import Finding
from runners.evidence import DeviceEvidence, Missing, PropertiesEvidence
from sandbox.printable import printable

FINDINGS: Final = 300  # told one by one; verdict.json has all of them
MESSAGE_COLUMNS: Final = 600
_HEADINGS: Final = {"candidate": "A file that trips it", "kernel": "Lines that trip it", "words": "When it comes"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts; `is_code` sets it as a program would print it."""

    name: str
    value: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A line to copy into a shell, and what it does."""

    what: str
    line: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding."""

    tone: Tone
    word: str
    message: str
    line: int | None
    case: str | None


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule that fired, with its findings, and what a reader has to know of it.

    Attributes:
        ground: What decided; None where nothing more is known than the message.
        more: Findings that are not shown.
    """

    id: str
    anchor: str
    title: str
    remedy: str
    why: str
    example_heading: str
    example: str
    is_code: bool
    mended: tuple[DiffLine, ...]
    ground: Ground | None
    findings: tuple[FindingView, ...]
    more: int


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a difference: `kind` is added, removed, place or same."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The first screen of a candidate's page.

    Attributes:
        why: One sentence. `rule`, `anchor` and `line` say where it stands on the page; None where nothing was found.
    """

    tone: Tone
    word: str
    standing: str
    path: str
    why: str
    rule: str | None
    anchor: str | None
    line: int | None
    remedy: str | None
    facts: tuple[Fact, ...]
    commands: tuple[Command, ...]
    rules: tuple[RuleView, ...]


def verdict_view(subject: Subject, explanation: Explanation) -> VerdictView:
    """Returns what is said first."""
    judged = subject.judged
    first = first_finding(judged)
    return VerdictView(
        tone=tone_of(judged),
        word=verdict_in_words(judged),
        standing=standing_word(judged),
        path=printable(judged.evidence.candidate.path),
        why=_why(subject, first),
        rule=None if first is None else first.rule,
        anchor=None if first is None else anchor_of(first.rule),
        line=None if first is None else first.line,
        remedy=None if first is None else first.about.remedy,
        facts=tuple(_facts(subject)),
        commands=tuple(_commands(subject, first)),
        rules=_rules(judged.verdict.findings, (*explanation.decided, *explanation.besides)),
    )


def anchor_of(rule: str) -> str:
    """Returns where a rule stands on the page: ids of rules have no other characters than these."""
    return f"rule-{rule.replace('/', '-')}"


def diff_lines(text: str) -> tuple[DiffLine, ...]:
    """Splits a unified difference into its lines."""
    return tuple(DiffLine(_kind(line), line) for line in text.splitlines())


def _kind(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")


def _why(subject: Subject, first: Finding | None) -> str:
    judged = subject.judged
    if first is not None:
        return f"{first.about.title}: {cut(finding_in_words(first), MESSAGE_COLUMNS)}"
    if not judged.verdict.allowed:
        return f"Nothing was found against it, but {denied_by_tier_alone(judged)}."
    return f"Nothing stands against it: {_what_was_run(subject)}."


def _what_was_run(subject: Subject) -> str:
    evidence = subject.judged.evidence
    properties, device = evidence.properties, evidence.device
    parts: list[str] = []
    if isinstance(properties, PropertiesEvidence):
        fired = sum(control.fired for control in properties.controls)
        parts.append(f"{counted(properties.cases, 'case')} right in {', '.join(properties.dtypes)}")
        if properties.compared is not None:
            parts.append(f"{counted(sum(properties.compared.values()), 'element')} compared")
        parts.append(f"{fired} of {len(properties.controls)} planted faults reported")
    if isinstance(device, DeviceEvidence):
        parts.append(f"{counted(device.replayed, 'case')} replayed from machine code on {device.device}")
    return "; ".join(parts) or "the policy asks for nothing that is run"


def _facts(subject: Subject) -> Iterator[Fact]:
    judged = subject.judged
    evidence, verdict = judged.evidence, judged.verdict
    yield Fact("operator", evidence.candidate.operator or "not known", is_code=True)
    if evidence.candidate.entry not in (None, evidence.candidate.operator):
        yield Fact("entry", str(evidence.candidate.entry), is_code=True)
    allows = " and ".join(tier.value for tier in subject.policy.allows)
    yield Fact("policy", f"{verdict.policy}, which lets {allows} through")
    yield Fact("holds for", holds_for(evidence, verdict.tier) or "no platform: nothing was run")
    if isinstance(evidence.properties, PropertiesEvidence):
        yield Fact("cases", _cases(evidence.properties))
    yield Fact("checks took", seconds(sum(took for _, took in times_of(evidence))))
    day = day_of(subject.run)
    yield Fact("run", f"{subject.run}, {day}" if day is not None else subject.run)
    yield Fact("SHA-256", evidence.candidate.digest, is_code=True)


def _cases(properties: PropertiesEvidence) -> str:
    if properties.failed_at is None:
        return str(properties.cases)
    return "failed while loading" if properties.failed_at == 0 else f"number {properties.failed_at} failed"


def _commands(subject: Subject, first: Finding | None) -> Iterator[Command]:
    judged = subject.judged
    case = case_of(judged)
    if case is not None:
        yield Command("Run the failing case again:", f"kernelgate replay {subject.run} {subject.folder}/{case.id}")
    if first is not None:
        yield Command("Read about the rule:", f"kernelgate rules {first.rule}")
        if not isinstance(judged.evidence.properties, Missing) or judged.evidence.source:
            yield Command("Verify again, once it is mended:", verify_line(subject))
    else:
        yield Command("Ask how each check was satisfied:", f"kernelgate policy explain {subject.run}/{subject.folder}")


def verify_line(subject: Subject) -> str:
    """The command that verifies the candidate again."""
    name = subject.judged.verdict.policy
    policy = name if name in BUILT_IN else "POLICY.yaml"
    return f"kernelgate verify {shlex.quote(printable(subject.judged.evidence.candidate.path))} --policy {policy}"


def _rules(findings: Sequence[Finding], grounds: Sequence[Ground]) -> tuple[RuleView, ...]:
    told: dict[str, list[Finding]] = {}
    counts: dict[str, int] = {}
    for number, finding in enumerate(findings):
        kept = told.setdefault(finding.rule, [])
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
        if number < FINDINGS or not kept:
            kept.append(finding)
    by_rule = {ground.finding.rule: ground for ground in reversed(grounds)}
    return tuple(_rule(kept[0].about, kept, counts[rule] - len(kept), by_rule.get(rule)) for rule, kept in told.items())


def _rule(rule: Rule, findings: Sequence[Finding], more: int, ground: Ground | None) -> RuleView:
    example = rule.example
    return RuleView(
        id=rule.id,
        anchor=anchor_of(rule.id),
        title=rule.title,
        remedy=rule.remedy,
        why=rule.why,
        example_heading="" if example is None else _HEADINGS[example.kind],
        example="" if example is None else example.trips.rstrip(),
        is_code=example is not None and example.kind != "words",
        mended=() if example is None else diff_lines(mending(example)),
        ground=ground,
        findings=tuple(map(_finding, findings)),
        more=more,
    )


def _finding(finding: Finding) -> FindingView:
    return FindingView(
        tone=OF_SEVERITY[finding.severity],
        word=SEVERITY_WORDS[finding.severity],
        message=cut(finding_in_words(finding), MESSAGE_COLUMNS),
        line=finding.line,
        case=None if finding.case is None else finding.case.id,
    )
