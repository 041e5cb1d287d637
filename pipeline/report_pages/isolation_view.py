"""In what the candidate was run: every limit, and what was seen of it from inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.report_pages.tone import Tone
from pipeline.report_pages.verdict_view import Fact
from policies.policy import Policy
from runners.evidence import DeviceEvidence, Evidence, IsolationEvidence


@dataclass(frozen=True, slots=True)
class LimitRow:
    """One limit or layer."""

    name: str
    tone: Tone
    word: str
    required: str
    observed: str


@dataclass(frozen=True, slots=True)
class SandboxView:
    """One sandbox, with what was seen to hold in it."""

    title: str
    facts: tuple[Fact, ...]
    limits: tuple[LimitRow, ...]
    layers: tuple[LimitRow, ...]
    held: int


@dataclass(frozen=True, slots=True)
class IsolationView:
    """Those that were used; `lacks` says why there is none."""

    sandboxes: tuple[SandboxView, ...]
    lacks: str


def isolation_view(evidence: Evidence, policy: Policy) -> IsolationView:
    """Returns what the candidate was run in."""
    found: list[SandboxView] = []
    if evidence.isolation is not None:
        found.append(_sandbox("On the CPU", evidence.isolation, policy))
    if isinstance(evidence.device, DeviceEvidence) and evidence.device.isolation is not None:
        found.append(_sandbox("On the GPU", evidence.device.isolation, policy))
    return IsolationView(tuple(found), "" if found else "The candidate was not run, so it was run in nothing.")


def _sandbox(title: str, isolation: IsolationEvidence, policy: Policy) -> SandboxView:
    rules = policy.isolation
    facts = (
        Fact("kind", isolation.isolation),
        Fact("engine", isolation.engine),
        Fact("runtime", isolation.runtime, is_code=True),
        Fact("image", isolation.image, is_code=True),
    )
    limits = tuple(_limits(isolation, rules.required_limits))
    layers = tuple(
        LimitRow(
            one.name,
            "good" if one.holds else "bad" if one.name in rules.required_layers else "none",
            "present" if one.holds else "absent",
            "required" if one.name in rules.required_layers else "",
            one.observed,
        )
        for one in isolation.layers
    )
    return SandboxView(title, facts, limits, layers, sum(one.holds for one in isolation.limits))


def _limits(isolation: IsolationEvidence, required: tuple[str, ...]) -> Iterator[LimitRow]:
    for one in isolation.limits:
        tone: Tone = "good" if one.holds else "bad" if one.name in required else "warn"
        due = "required" if one.name in required else ""
        yield LimitRow(one.name, tone, "holds" if one.holds else "does not hold", due, one.observed)
    for name in required:
        if name not in {one.name for one in isolation.limits}:
            yield LimitRow(name, "bad", "not looked at", "required", "")
