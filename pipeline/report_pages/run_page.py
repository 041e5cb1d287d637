"""A run's page: all its candidates, the denied ones first, and which rules denied them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.report_pages.deciding import first_finding
from pipeline.report_pages.provenance_view import dollars
from pipeline.report_pages.subject import RunSubject, Subject, Unusable
from pipeline.report_pages.tone import Tone, tone_of
from pipeline.report_pages.verdict_view import Command, Fact
from pipeline.report_pages.visible import cut
from pipeline.report_pages.wording import day_of, seconds
from pipeline.reports.standing import (
    Standing,
    denied_by_tier_alone,
    finding_in_words,
    standing_of,
    stopping,
    verdict_in_words,
)
from pipeline.runs.failing_cases import case_of
from pipeline.supply.platforms import holds_for
from policies.rules import rule_of
from runners.evidence import Missing
from sandbox.printable import printable

PAGE: Final = "report.html"
ROWS: Final = 2500
FEW: Final = 12  # candidates: a reader sees by himself what stopped them
MESSAGE_COLUMNS: Final = 200
_STANDINGS: Final[tuple[tuple[Standing, str, Tone], ...]] = (
    (Standing.DENIED, "denied", "bad"), (Standing.INCOMPLETE, "incomplete", "warn"),
    (Standing.WAIVED, "waived", "info"), (Standing.ALLOWED, "allowed", "good"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate; `link` leads to its page and is empty where there is none."""

    tone: Tone
    verdict: str
    path: str
    link: str
    operator: str
    rule: str
    message: str
    more: int
    cases: str
    time: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many candidates stand so; `share` is that of all, in permille, and `start` where a bar of them begins."""

    name: str
    tone: Tone
    count: int
    share: int
    start: int


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule, and how many candidates were stopped by it first."""

    rule: str
    title: str
    count: int
    share: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """All that stands on the page."""

    run: str
    tone: Tone
    headline: str
    facts: tuple[Fact, ...]
    counts: tuple[Count, ...]
    rows: tuple[Row, ...]
    more: int
    rules: tuple[RuleCount, ...]
    generation: tuple[Fact, ...]
    commands: tuple[Command, ...]


def run_page(subject: RunSubject) -> RunPage:
    """Returns what stands on the page of a run."""
    entries = [one for one in subject.candidates if isinstance(one, Subject)]
    damaged = [one for one in subject.candidates if isinstance(one, Unusable)]
    ordered = sorted(entries, key=lambda one: standing_of(one.judged))
    rows = [*map(_damaged, damaged), *(_row(one, subject.unpaged) for one in ordered)]
    counts = tuple(_counts(entries, len(damaged)))
    return RunPage(
        run=subject.run,
        tone=counts[0].tone if counts else "none",
        headline=", ".join(f"{one.count} {one.name}" for one in counts) or "nothing to verify",
        facts=tuple(_facts(subject, entries)),
        counts=counts,
        rows=tuple(rows[:ROWS]),
        more=max(0, len(rows) - ROWS),
        rules=_rules(entries) if len(entries) > FEW else (),
        generation=_generation(subject.generation),
        commands=tuple(_commands(subject, ordered)),
    )


def _row(subject: Subject, unpaged: frozenset[str]) -> Row:
    judged = subject.judged
    evidence, verdict = judged.evidence, judged.verdict
    first = first_finding(judged)
    message = "" if first is None else cut(finding_in_words(first), MESSAGE_COLUMNS)
    if first is None and not verdict.allowed:
        message = denied_by_tier_alone(judged)
    return Row(
        tone=tone_of(judged),
        verdict=verdict_in_words(judged),
        path=cut(printable(evidence.candidate.path), 300),
        link="" if subject.folder in unpaged else _link(subject.folder),
        operator=cut(evidence.candidate.operator or "", 60),
        rule="" if first is None else first.rule + ("" if first.line is None else f", line {first.line}"),
        message=message,
        more=max(0, len(verdict.findings) - 1),
        cases="" if isinstance(evidence.properties, Missing) else str(evidence.properties.cases),
        time=seconds(judged.wall_s) if judged.wall_s else "",
    )


def _damaged(one: Unusable) -> Row:
    return Row("warn", "damaged", one.folder, "", "", "", cut(one.problem, MESSAGE_COLUMNS), 0, "", "")


def _link(folder: str) -> str:
    """A relative address; the folder is one part of it whatever it is called, so it can't be a scheme or a way up."""
    return f"./{quote(folder, safe='', errors='surrogateescape')}/{PAGE}"


def _counts(entries: Sequence[Subject], damaged: int) -> Iterator[Count]:
    standings = [standing_of(one.judged) for one in entries]
    total = len(standings) + damaged
    found = [(name, tone, standings.count(standing)) for standing, name, tone in _STANDINGS]
    start = 0
    for name, tone, count in [*found[:2], ("damaged", "warn", damaged), *found[2:]]:
        if count:
            share = round(1000 * count / total)
            yield Count(name, tone, count, share, start)
            start += share


def _facts(subject: RunSubject, entries: Sequence[Subject]) -> Iterator[Fact]:
    day = day_of(subject.run)
    if day is not None:
        yield Fact("ended", day)
    allows = " and ".join(tier.value for tier in subject.policy.allows)
    yield Fact("policy", f"{subject.policy.name}, which lets {allows} through")
    platforms = sorted({text for one in entries if (text := _platform(one)) is not None})
    yield Fact("holds for", "; ".join(platforms[:4]) or "no platform: nothing was run")
    yield Fact("checks took", seconds(sum(one.judged.wall_s for one in entries)))
    yield Fact("policy (SHA-256)", subject.policy.digest, is_code=True)


def _platform(one: Subject) -> str | None:
    return holds_for(one.judged.evidence, one.judged.verdict.tier)


def _rules(entries: Sequence[Subject]) -> tuple[RuleCount, ...]:
    stopped = [first_finding(one.judged) for one in entries if stopping(one.judged)]
    firsts = [first.rule for first in stopped if first is not None]
    ordered = sorted(set(firsts), key=lambda rule: (-firsts.count(rule), rule))
    most = max(map(firsts.count, ordered), default=0)
    return tuple(_rule(rule, firsts.count(rule), most) for rule in ordered)


def _rule(rule: str, count: int, most: int) -> RuleCount:
    about = rule_of(rule)
    return RuleCount(rule, "" if about is None else about.title, count, round(1000 * count / most))


def _commands(subject: RunSubject, ordered: Sequence[Subject]) -> Iterator[Command]:
    first = next(((one, case) for one in ordered if (case := case_of(one.judged)) is not None), None)
    if first is not None:
        one, case = first
        yield Command("Run the first failing case again:", f"kernelgate replay {subject.run} {one.folder}/{case.id}")
    if not subject.candidates:
        return
    yield Command("All verdicts again, from stored evidence:", f"kernelgate judge {subject.run}")
    if any(not one.judged.verdict.allowed for one in ordered):
        yield Command("What each denial was decided by:", f"kernelgate policy explain {subject.run}")


class _Sums(BaseModel):
    model_config = ConfigDict(frozen=True)

    rounds: int | None
    tokens: int | None
    usd: Decimal | None
    wall_s: float | None


class _Generation(BaseModel):
    """What is shown of generation.json, which holds more."""

    model_config = ConfigDict(frozen=True)

    budget: _Sums
    used: _Sums


def _generation(text: str | None) -> tuple[Fact, ...]:
    if text is None:
        return ()
    try:
        document = _Generation.model_validate_json(text)
    except (ValidationError, RecursionError):
        return (Fact("generation.json", "is not what this version of kernelgate writes, so nothing is shown of it"),)
    return tuple(_spent(document.used, document.budget))


def _spent(used: _Sums, budget: _Sums) -> Iterator[Fact]:
    for name, spent, limit in (("attempts", used.rounds, budget.rounds), ("tokens", used.tokens, budget.tokens)):
        if spent is not None:
            yield Fact(name, f"{spent}{'' if limit is None else f' of at most {limit}'}")
    limit_usd = "" if budget.usd is None else f" of at most {budget.usd:f}"
    yield Fact("cost", f"{dollars(used.usd)}{limit_usd}")
    if used.wall_s is not None:
        yield Fact("time", seconds(used.wall_s))
