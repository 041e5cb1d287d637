"""The trail of checks: what each said, what it measured, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from pipeline.report_pages.subject import Subject
from pipeline.report_pages.tone import OF_SEVERITY, SEVERITY_WORDS, Tone
from pipeline.report_pages.wording import counted, percent, seconds
from policies.explaining import Explanation
from policies.grounds import Check, grounds_of
from policies.verdict import Severity
from runners.evidence import Evidence, Missing

_WORST: Final[tuple[Severity, ...]] = ("error", "incomplete", "capped", "waived")
_NAMES: Final[Mapping[Check, str]] = {
    "source": "Static contract",
    "properties": "Cases on the interpreter",
    "controls": "Planted faults",
    "interpreter": "The interpreter itself",
    "compile": "Compiled ahead of time",
    "mutants": "Mutants of the candidate",
    "operator": "The operator's own test",
    "isolation": "Isolation",
    "origin": "Copies and licences",
    "gpu": "On a GPU",
    "waivers": "Waivers",
    "organisation": "Rules of the organisation",
}
_SECTIONS: Final[Mapping[Check, str]] = {
    "source": "source", "properties": "coverage", "controls": "coverage", "compile": "coverage", "mutants": "mutants",
    "isolation": "isolation", "gpu": "benchmark",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One check.

    Attributes:
        time: How long it took; empty where nobody measured that. `share` is that of the longest, in permille.
        section: Where the page says more; empty where it does not.
    """

    name: str
    tone: Tone
    word: str
    what: str
    time: str
    share: int
    section: str


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the checks on a GPU and how long it took."""

    name: str
    time: str
    share: int


@dataclass(frozen=True, slots=True)
class TrailView:
    """All checks in the order in which they are made; `waited` says what passed besides, where that was recorded."""

    steps: tuple[Step, ...]
    phases: tuple[Phase, ...]
    total: str
    waited: str


def trail_view(subject: Subject, explanation: Explanation) -> TrailView:
    """Returns the trail."""
    evidence = subject.judged.evidence
    times = dict(times_of(evidence))
    longest = max(times.values(), default=0.0)
    worst = _worst(explanation)
    satisfied = {entry.check: entry.what for entry in explanation.satisfied}
    steps = [
        _step(check, worst.get(check), satisfied.get(check), evidence, times.get(check), longest)
        for check in get_args(Check)
        if check in worst or check in satisfied or check not in ("waivers", "organisation", "interpreter")
    ]
    phases = {} if isinstance(evidence.device, Missing) else evidence.device.phases_s
    most = max(phases.values(), default=0.0)
    shown = tuple(Phase(name, seconds(time), _permille(time, most)) for name, time in phases.items())
    return TrailView(tuple(steps), shown, seconds(sum(times.values())), _waited(evidence))


def _step(
    check: Check, worst: Severity | None, satisfied: str | None, evidence: Evidence, time: float | None, longest: float
) -> Step:
    tone, word = _state(worst, satisfied, _missing(check, evidence))
    return Step(
        name=_NAMES[check],
        tone=tone,
        word=word,
        what=satisfied if satisfied is not None and worst is None else _measured(check, evidence),
        time="" if time is None else seconds(time),
        share=0 if time is None else _permille(time, longest),
        section=_SECTIONS.get(check, ""),
    )


def _state(worst: Severity | None, satisfied: str | None, missing: str | None) -> tuple[Tone, str]:
    if worst is not None:
        return OF_SEVERITY[worst], SEVERITY_WORDS[worst]
    if satisfied is not None:
        return "good", "holds"
    return ("none", "not made") if missing is not None else ("none", "recorded")


def _worst(explanation: Explanation) -> dict[Check, Severity]:
    """By check, the worst severity of a finding that is decided by it."""
    found: dict[Check, Severity] = {}
    for severity in reversed(_WORST):
        for ground in (*explanation.decided, *explanation.besides):
            if ground.finding.severity == severity:
                found[grounds_of(ground.finding.rule).check] = severity
    return found


def _missing(check: Check, evidence: Evidence) -> str | None:
    """Why there is nothing of a check; None where there is something."""
    part = {
        "properties": evidence.properties, "controls": evidence.properties, "compile": evidence.compile,
        "mutants": evidence.mutants, "operator": evidence.strength, "gpu": evidence.device, "origin": evidence.origin,
    }.get(check)  # fmt: skip
    if isinstance(part, Missing):
        return part.reason
    return "nothing was run" if check == "isolation" and evidence.isolation is None else None


def _measured(check: Check, evidence: Evidence) -> str:
    missing = _missing(check, evidence)
    return missing if missing is not None else " ".join(_words(check, evidence))


def _words(check: Check, evidence: Evidence) -> Iterator[str]:
    properties, compiled, mutants = evidence.properties, evidence.compile, evidence.mutants
    strength, device, isolation = evidence.strength, evidence.device, evidence.isolation
    if check == "source":
        yield f"{counted(len(evidence.source), 'finding')} in the source"
    elif check == "properties" and not isinstance(properties, Missing):
        yield counted(properties.cases, "case") + (
            f", number {properties.failed_at} failed" if properties.failed_at else ""
        )
        yield f"and made smaller in {counted(properties.reductions, 'step')}" if properties.reductions else ""
    elif check == "controls" and not isinstance(properties, Missing):
        fired = sum(control.fired for control in properties.controls)
        yield (
            f"{fired} of {len(properties.controls)} reported" if properties.controls else "none is run after a failure"
        )
    elif check == "compile" and not isinstance(compiled, Missing):
        yield f"{counted(compiled.seen, 'specialisation')} seen, {compiled.chosen} to machine code,"
        yield counted(len(compiled.failures), "failure")
    elif check == "mutants" and not isinstance(mutants, Missing):
        yield f"{mutants.killed} of {mutants.judged} killed"
    elif check == "operator" and not isinstance(strength, Missing):
        yield f"kills {percent(strength.kill_rate)} of the mutants of {counted(strength.kernels, 'right kernel')},"
        yield f"as of {strength.checked}"
    elif check == "gpu" and not isinstance(device, Missing):
        yield f"{counted(device.cases, 'case')}, {device.replayed} replayed, on {device.device}"
    elif check == "isolation" and isolation is not None:
        held = sum(limit.holds for limit in isolation.limits)
        yield f"{isolation.isolation}, {held} of {len(isolation.limits)} limits seen to hold"
    elif check == "origin":
        yield "compared, as far as the policy asks"


def times_of(evidence: Evidence) -> Iterator[tuple[Check, float]]:
    """Yields how long each check took, in seconds, where that was measured."""
    checks: tuple[Check, ...] = ("properties", "compile", "mutants", "gpu")
    parts = (evidence.properties, evidence.compile, evidence.mutants, evidence.device)
    for check, part in zip(checks, parts, strict=True):
        if not isinstance(part, Missing):
            yield check, part.wall_s
    if evidence.times is not None:
        yield "source", evidence.times.source_s
        if not isinstance(evidence.origin, Missing):
            yield "origin", evidence.times.origin_s


def _permille(part: float, whole: float) -> int:
    return round(1000 * part / whole) if whole > 0 else 0


def _waited(evidence: Evidence) -> str:
    times = evidence.times
    if times is None:
        return "How long it waited for its turn was not recorded."
    return f"It waited {seconds(times.waited_s)} for its turn; all in all {seconds(times.total_s)} passed."
