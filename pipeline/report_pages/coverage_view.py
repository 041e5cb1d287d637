"""What was tried: cases by the plan that drew them, dtypes, lengths, planted faults, architectures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipeline.report_pages.tone import Tone
from pipeline.report_pages.wording import counted, seconds
from policies.policy import Policy
from runners.evidence import CompileEvidence, DeviceEvidence, Evidence, Missing, PropertiesEvidence

_PLANS: Final = (
    ("pairwise", "every pair of sizes, layouts, values and dtypes", "at least"),
    ("special", "many NaN, infinities and denormals in one tensor", "at most"),
    ("block", "sizes around the candidate's own block sizes", "at most"),
    ("huge", "offsets beyond 32 bits", "at most"),
    ("random", "drawn at random by Hypothesis", "at least"),
    ("targeted", "a search for larger errors", "at least"),
    ("long", "one dim after the other, made long", ""),
)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Cases of one plan; `share` is that of what the policy asks for, in permille, and None where it asks for none."""

    name: str
    meaning: str
    ran: int
    asked: str
    share: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """Something that was tried or asked for, and what came of it."""

    name: str
    tone: Tone
    word: str
    detail: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """What was compiled for one architecture, and the most that a program of it uses."""

    target: str
    compiled: int
    registers: int
    spilled: int
    shared: int
    tone: Tone
    word: str


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Everything that was tried; `lacks` says why there are no cases, where there are none."""

    plans: tuple[PlanRow, ...]
    notes: tuple[str, ...]
    lacks: str
    dtypes: tuple[Tried, ...]
    longest: tuple[Tried, ...]
    controls: tuple[Tried, ...]
    targets: tuple[TargetRow, ...]
    compiled: str
    failures: tuple[Tried, ...]
    gpu: tuple[Tried, ...]


def coverage_view(evidence: Evidence, policy: Policy) -> CoverageView:
    """Returns what was tried, beside what the policy asks for."""
    properties, compiled, device = evidence.properties, evidence.compile, evidence.device
    ran = None if isinstance(properties, Missing) else properties
    return CoverageView(
        plans=() if ran is None else tuple(_plans(ran, policy)),
        notes=() if ran is None else tuple(_notes(ran)),
        lacks=f"No case was run: {properties.reason}." if isinstance(properties, Missing) else "",
        dtypes=() if ran is None else tuple(_dtypes(ran, policy)),
        longest=() if ran is None else tuple(Tried(n, "none", f"about {size}", "") for n, size in ran.longest.items()),
        controls=() if ran is None else tuple(_controls(ran)),
        targets=() if isinstance(compiled, Missing) else tuple(_targets(compiled)),
        compiled=_compiled(compiled),
        failures=() if isinstance(compiled, Missing) else tuple(_failures(compiled)),
        gpu=() if isinstance(device, Missing) else tuple(_gpu(device)),
    )


def _plans(ran: PropertiesEvidence, policy: Policy) -> Iterator[PlanRow]:
    asked = policy.properties
    counts = {
        "pairwise": (ran.pairwise_cases, asked.pairwise_cases), "special": (ran.special_cases, asked.special_cases),
        "block": (ran.block_cases, asked.block_cases), "huge": (ran.huge_cases, asked.huge_cases),
        "random": (ran.random_cases, asked.random_cases), "targeted": (ran.targeted_cases, asked.targeted_cases),
        "long": (ran.long_cases, None),
    }  # fmt: skip
    for name, meaning, bound in _PLANS:
        count, wanted = counts[name]
        share = min(1000, round(1000 * count / wanted)) if wanted else None
        yield PlanRow(name, meaning, count, "" if wanted is None else f"{bound} {wanted}", share)


def _notes(ran: PropertiesEvidence) -> Iterator[str]:
    yield f"The judge drew all of them from the seed {ran.seed}, after the candidate was delivered."
    if ran.failure is not None:
        yield "The first failing case ends the check: nothing after it was tried."
    if ran.refused_cases:
        yield f"The candidate refused {counted(ran.refused_cases, 'case')} beyond the operator's own sizes."
    if ran.unsupported_cases:
        yield f"The interpreter could not run {counted(ran.unsupported_cases, 'case')}."
    if ran.slow_cases:
        yield f"{counted(ran.slow_cases, 'case')} missed the deadline once and kept it when run again."
    if ran.lost_runners:
        yield f"{counted(ran.lost_runners, 'runner')} ended through no doing of the candidate."
    if ran.deadline_spent:
        yield "The total deadline ended the check before its last case."
    if ran.slowest_s:
        yield f"The slowest answer took {seconds(ran.slowest_s)}; {counted(ran.runners, 'runner')} used."


def _dtypes(ran: PropertiesEvidence, policy: Policy) -> Iterator[Tried]:
    for dtype in dict.fromkeys((*ran.offered, *ran.dtypes)):
        if dtype in ran.dtypes:
            yield _in_dtype(dtype, ran)
        elif dtype in policy.properties.dtypes:
            yield Tried(dtype, "warn", "not tried", "")
        else:
            yield Tried(dtype, "none", "not in properties.dtypes of the policy", "")


def _in_dtype(dtype: str, ran: PropertiesEvidence) -> Tried:
    if ran.compared is None:
        return Tried(dtype, "good", "tried", "")
    elements = ran.compared.get(dtype, 0)
    return Tried(dtype, "good" if elements else "warn", f"{counted(elements, 'element')} compared", "")


def _controls(ran: PropertiesEvidence) -> Iterator[Tried]:
    for control in ran.controls:
        yield Tried(control.name, "good" if control.fired else "bad", "reported" if control.fired else "missed", "")


def _compiled(compiled: CompileEvidence | Missing) -> str:
    if isinstance(compiled, Missing):
        return f"Nothing was compiled ahead of time: {compiled.reason}."
    seen = f"{counted(compiled.seen, 'specialisation')} seen in the cases"
    not_on = f" The operator does not exist on {', '.join(compiled.not_on)}." if compiled.not_on else ""
    return f"{seen}; {compiled.front_end} went through Triton's front end, {compiled.chosen} to machine code.{not_on}"


def _targets(compiled: CompileEvidence) -> Iterator[TargetRow]:
    for one in compiled.targets:
        failed = any(failure.target == one.target and not failure.passed_over for failure in compiled.failures)
        tone: Tone = ("bad" if one.required else "warn") if failed else "good"
        required = "required" if one.required else "informative"
        word = f"{required}, {'fails' if failed else 'compiles'}"
        yield TargetRow(one.target, one.compiled, one.registers, one.spill_bytes, one.shared_bytes, tone, word)


def _failures(compiled: CompileEvidence) -> Iterator[Tried]:
    for failure in compiled.failures[:50]:
        tone: Tone = "none" if failure.passed_over else "bad" if failure.required else "warn"
        line = "" if failure.line is None else f", line {failure.line}"
        where = f" for {failure.target}" if failure.target else ""
        word = failure.cause.replace("_", " ") + (", passed over by the autotuner" if failure.passed_over else "")
        yield Tried(f"{failure.kernel}{where}{line}", tone, word, f"{failure.error}: {failure.message}"[:600])


def _gpu(device: DeviceEvidence) -> Iterator[Tried]:
    yield Tried("cases", "none", str(device.cases), f"{device.replayed} replayed from a plan on later inputs")
    yield Tried("plans", "none", str(device.plans), f"{device.perturbed} replays under other scheduling")
    fired = device.guard_fired
    yield Tried("guard pages", "good" if fired else "warn", "fired" if fired else "did not fire", "a planted write")
    for tool in device.sanitizers:
        yield _tool(tool.tool, tool.plans, len(tool.findings), tool.control_fired, tool.problem)
    for axis in device.long_axes or ():
        word = "refused" if axis.refused is not None else "tried"
        yield Tried(f"{axis.dim} = {axis.length}", "none", word, axis.refused or axis.case)
    for case in device.large:
        tone: Tone = "good" if case.outcome == "agreed" else "none"
        yield Tried(f"beyond 2³¹ elements: {case.way}", tone, case.outcome, case.reason or case.case or "")
    for kernel in device.kernels:
        used = f"{kernel.registers} registers, {kernel.spilled_bytes} bytes spilled, {kernel.shared_bytes} bytes shared"
        yield Tried(f"machine code of {kernel.name}", "none", "certified", f"{used}; SHA-256 {kernel.digest}")


def _tool(name: str, plans: int, findings: int, control_fired: bool, problem: str | None) -> Tried:
    if problem is not None:
        return Tried(name, "warn", "no evidence", problem)
    tone: Tone = "bad" if findings else "good" if control_fired else "warn"
    control = "its planted fault was reported" if control_fired else "its planted fault was missed"
    return Tried(name, tone, counted(findings, "finding"), f"{counted(plans, 'plan')}; {control}")
