"""compute-sanitizer over recorded plans: each tool watches a replayer, in which no Python of the candidate runs.

The tools see machine code alone: memcheck accesses outside of an allocation (to the byte, because here the replayer
allocates to the byte), initcheck reads of memory that nothing wrote, racecheck hazards in shared memory, synccheck
barriers that are used wrongly. A tool that reports nothing says something only where it would have: after the last plan
each must report a planted fault of its kind, in the same process.

Text is what the tools write for people: this module reads their first lines, the kernel and the line of the source.
Whatever else they write is kept as a finding rather than passed over.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from runners import wire
from runners.conversation import RunnerFault
from runners.device_evidence import SanitizerEvidence, SanitizerFinding
from runners.device_runners import DeviceRunners, ReplayedPlan, Replayer, Tool, Way
from runners.device_session import LATER, SEEDS, Plan
from runners.materialise import materialise
from runners.operators.model import Operator
from runners.session import OUTPUT_ROOM_BYTES
from sandbox.contract import SandboxUnavailable

TOOLS: Final[tuple[Tool, ...]] = ("memcheck", "initcheck", "racecheck", "synccheck")
WATCHED: Final = Way("under a sanitizer", 0, "start", exact=True)
FINDINGS_CAP: Final = 8
TEXT_CAP_CHARS: Final = 300
_PREFIX: Final = "========= "
_PLACE = re.compile(r"\bat (?P<kernel>[^\s+]+)\+0x[0-9a-f]+(?: in (?P<file>\S+):(?P<line>\d+))?")
_BOILERPLATE = re.compile(r"COMPUTE-SANITIZER|ERROR SUMMARY|RACECHECK SUMMARY|Saved host backtrace|Target application")


@dataclass(frozen=True, slots=True)
class Control:
    """The planted fault that a tool must report, and how its report begins."""

    fault: wire.DeviceFaultName
    kernel: str
    begins: str


CONTROLS: Final[dict[Tool, Control]] = {
    "memcheck": Control("write past an allocation", "planted_write", "Invalid __global__ write"),
    "initcheck": Control("uninitialised read", "planted_read", "Uninitialized __global__ memory read"),
    "racecheck": Control("race in shared memory", "planted_race", "Error: Race reported"),
    "synccheck": Control("invalid barrier", "planted_barrier", "Barrier error"),
}


def sanitize(
    operator: Operator, plans: Sequence[Plan], runners: DeviceRunners, deadline_s: float
) -> tuple[SanitizerEvidence, ...]:
    """Replays the plans under every tool, all tools at once.

    Args:
        deadline_s: For one plan under one tool.
    """
    with ThreadPoolExecutor(len(TOOLS)) as pool:
        return tuple(pool.map(lambda tool: _under(tool, operator, plans, runners, deadline_s), TOOLS))


def read_report(text: str) -> Iterator[SanitizerFinding]:
    """Yields what a tool reported, in its order."""
    what: str | None = None
    kernel: str | None = None
    line: int | None = None
    for row in text.splitlines():
        if not row.startswith(_PREFIX):
            continue
        said = row.removeprefix(_PREFIX)
        begins = bool(said.strip()) and not said.startswith(" ")
        if begins:
            if what is not None:
                yield SanitizerFinding(what=what, kernel=kernel, line=line)
            what = None if _BOILERPLATE.match(said) else said.strip()[:TEXT_CAP_CHARS]
            kernel = line = None
        elif what is not None and re.match(r" +and \w+ access at ", said):  # what it races with
            what = f"{what} {said.strip()}"[:TEXT_CAP_CHARS]
        place = _PLACE.search(said)
        if place is not None and kernel is None:
            kernel = place["kernel"][:TEXT_CAP_CHARS]
            line = int(place["line"]) if place["line"] else None
    if what is not None:
        yield SanitizerFinding(what=what, kernel=kernel, line=line)


def _under(
    tool: Tool, operator: Operator, plans: Sequence[Plan], runners: DeviceRunners, deadline_s: float
) -> SanitizerEvidence:
    try:
        replayer = runners.take_sanitizer(tool)
    except SandboxUnavailable as error:
        return _nothing(tool, 0, str(error), ours=True)
    try:
        return _watched(tool, operator, plans, replayer, deadline_s)
    except RunnerFault as error:
        return _nothing(tool, 0, str(error), ours=True)
    finally:
        replayer.end()


def _watched(
    tool: Tool, operator: Operator, plans: Sequence[Plan], replayer: Replayer, deadline_s: float
) -> SanitizerEvidence:
    replayer.report(deadline_s)  # what the start of torch had to say is not about the candidate
    for done, plan in enumerate(plans):
        problem = _carried_out(operator, plan, replayer, deadline_s)
        report = replayer.report(deadline_s)
        if not isinstance(report, wire.Report):
            return _nothing(tool, done, f"{problem or 'the report'}: {report}")
        findings = tuple(read_report(report.text))[:FINDINGS_CAP]
        if findings:
            return SanitizerEvidence(
                tool=tool, plans=done + 1, findings=findings, control_fired=False, problem=None
            )  # fmt: skip
        if problem is not None:
            return _nothing(tool, done, problem)
    fired = _fires(CONTROLS[tool], replayer, deadline_s)
    return SanitizerEvidence(tool=tool, plans=len(plans), findings=(), control_fired=fired, problem=None)


def _carried_out(operator: Operator, plan: Plan, replayer: Replayer, deadline_s: float) -> str | None:
    case = plan.case.model_copy(update={"seed": (plan.case.seed + LATER) % SEEDS})
    arguments = materialise(operator, case)
    loaded = replayer.load_plan(plan.steps, plan.cubins, deadline_s)
    if not isinstance(loaded, wire.PlanLoaded):
        return f"the plan was not loaded: {loaded}"
    done = replayer.replay(arguments, WATCHED, plan.steps.output_bytes + OUTPUT_ROOM_BYTES, deadline_s)
    return None if isinstance(done, ReplayedPlan) else f"the plan was not carried out: {done}"


def _fires(control: Control, replayer: Replayer, deadline_s: float) -> bool:
    planted = replayer.plant(control.fault, 4 * (2 + secrets.randbelow(4)), deadline_s)
    report = replayer.report(deadline_s) if isinstance(planted, wire.Planted) else None
    if not isinstance(report, wire.Report):
        return False
    return any(
        finding.what.startswith(control.begins) and finding.kernel == control.kernel
        for finding in read_report(report.text)
    )


def _nothing(tool: Tool, plans: int, problem: str, *, ours: bool = False) -> SanitizerEvidence:
    return SanitizerEvidence(
        tool=tool, plans=plans, findings=(), control_fired=False, problem=problem[:2000], ours=ours
    )  # fmt: skip
