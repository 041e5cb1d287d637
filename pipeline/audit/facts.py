"""The facts in one candidate's evidence: what was denied or refused first, then what was used, then what was left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pipeline.audit.events import Fact, Kind, Seen
from runners.contract.rules import IMPORT_NOT_ALLOWED, STAR_IMPORT
from runners.evidence import DeviceEvidence, Evidence, Failure, ObservedEvidence, PropertiesEvidence, RunnerEnded
from runners.failures import (
    AccessFault,
    BadPlan,
    CodeRaised,
    DeviceFault,
    InputChanged,
    NoLaunch,
    OutsideWritten,
    ResultsDiffer,
    WrongForm,
    WrongValues,
)
from runners.observed_evidence import FolderEvidence, Ran

IMPORTS: Final = (IMPORT_NOT_ALLOWED, STAR_IMPORT)
# What the harness itself writes in every runner.
OURS: Final = {"/tmp": {"candidate.py", "control.py", "__pycache__"}}
CACHED: Final = re.compile(r"[A-Z2-7]{52}")  # a folder that Triton's compiler keeps, by the digest of what it compiled


def facts_in(evidence: Evidence) -> Iterator[Fact]:
    """Yields all of them."""
    for fact in evidence.source:
        kind = Kind.IMPORTS if fact.rule in IMPORTS else Kind.SOURCE
        yield Fact(
            kind=kind, refused=True, detail=fact.detail, seen="read in the source", rule=fact.rule, line=fact.line
        )
    properties, device = evidence.properties, evidence.device
    if isinstance(properties, PropertiesEvidence) and properties.failure is not None:
        yield _failed(properties.failure, "interpreter")
    if isinstance(device, DeviceEvidence) and device.failure is not None:
        yield _failed(device.failure, "gpu")
    for observed in observed_in(evidence):
        yield from _refused(observed)
    for observed in observed_in(evidence):
        yield from _used(observed)
        yield from _left(observed)


def observed_in(evidence: Evidence) -> tuple[ObservedEvidence, ...]:
    """What was seen of all its programs, those on a GPU last."""
    on_gpu = evidence.device.observed if isinstance(evidence.device, DeviceEvidence) else None
    return (*(evidence.observed or ()), *(() if on_gpu is None else (on_gpu,)))


def _refused(observed: ObservedEvidence) -> Iterator[Fact]:
    for refused in observed.refused_calls or ():
        yield Fact(
            kind=Kind.SECCOMP, refused=True, detail=refused.call, seen="kernel log", amount=refused.times,
            unit="times", ran=observed.ran,
        )  # fmt: skip
    if observed.oom_kills:
        yield Fact(
            kind=Kind.MEMORY, refused=True, detail="processes were killed at the memory limit",
            seen="measured outside", amount=observed.oom_kills, unit="times", ran=observed.ran,
        )  # fmt: skip
    if observed.refused_forks:
        yield Fact(
            kind=Kind.PROCESSES, refused=True, detail="processes or threads were refused at the limit",
            seen="measured outside", amount=observed.refused_forks, unit="times", ran=observed.ran,
        )  # fmt: skip


def _used(observed: ObservedEvidence) -> Iterator[Fact]:
    ran = observed.ran
    if observed.memory_peak_bytes is not None:
        yield Fact(
            kind=Kind.MEMORY, refused=False, detail="the most at one moment, the harness included",
            seen="measured outside", amount=observed.memory_peak_bytes, unit="bytes", ran=ran,
        )  # fmt: skip
    if observed.tasks_peak is not None:
        yield Fact(
            kind=Kind.PROCESSES, refused=False, detail="the most processes and threads at one moment",
            seen="measured outside", amount=observed.tasks_peak, unit="tasks", ran=ran,
        )  # fmt: skip
    for amount, what in ((observed.stdout_bytes, "sent as answers"), (observed.stderr_bytes, "written to stderr")):
        if amount:
            yield Fact(
                kind=Kind.OUTPUTS, refused=False, detail=what, seen="measured outside", amount=amount, unit="bytes",
                ran=ran,
            )  # fmt: skip


def _left(observed: ObservedEvidence) -> Iterator[Fact]:
    for name in observed.processes_left or ():
        yield Fact(
            kind=Kind.PROCESSES, refused=False, detail=f"ran beside it at the end: {name}", seen="measured outside",
            ran=observed.ran,
        )  # fmt: skip
    for folder in observed.folders or ():
        yield Fact(
            kind=Kind.FILES, refused=False, detail=f"in {folder.path} at the end", seen="measured outside",
            amount=folder.entries, unit="entries", ran=observed.ran,
        )  # fmt: skip
        for path in unexpected(folder):
            yield Fact(kind=Kind.FILES, refused=False, detail=f"left {path}", seen="measured outside", ran=observed.ran)


def unexpected(folder: FolderEvidence) -> Iterator[str]:
    """Yields the paths of what lies there and is not the harness's own."""
    ours = OURS.get(folder.path, set())
    names = (name for name in folder.names if name not in ours)
    yield from (f"{folder.path}/{name}" for name in names if folder.path != "/cache" or not CACHED.fullmatch(name))


def _failed(failure: Failure, ran: Ran) -> Fact:
    """How it failed. What the harness reports from within the candidate's process is that process's word."""
    inside: Seen = "said by its own process"
    outside: Seen = "measured outside"
    seen: Seen = "found by the judge"
    kind = Kind.OUTPUTS
    line = failure.line if isinstance(failure, CodeRaised | AccessFault) else None
    match failure:
        case RunnerEnded(how="protocol_broken", detail=detail):
            seen, text = outside, f"bytes that are no answer: {detail}"
        case RunnerEnded(how=how, detail=detail):
            kind, seen, text = Kind.ENDS, outside, f"{how.replace('_', ' ')}: {detail}"
        case CodeRaised(error=error, message=message):
            kind, seen, text = Kind.ENDS, inside, f"raised {error}: {message}"
        case AccessFault(fault=fault):
            kind, seen, text = Kind.MEMORY, inside, f"an access that no right kernel makes: {fault}"
        case DeviceFault(error=error):
            kind, seen, text = Kind.MEMORY, outside, f"the GPU reported {error} while a plan was replayed"
        case OutsideWritten():
            kind, seen, text = Kind.MEMORY, outside, "a replayed plan wrote beside a buffer"
        case InputChanged(argument=argument):
            seen, text = inside, f"the input '{argument}' was changed"
        case BadPlan(problem=problem):
            text = f"its recorded launches can't be carried out: {problem}"
        case WrongValues(output=output, conditions=conditions):
            text = f"result {output} has wrong elements ({conditions})"
        case WrongForm(aspect=aspect, expected=expected, got=got):
            text = f"a result's {aspect} is {got}, expected {expected}"
        case ResultsDiffer(output=output):
            text = f"result {output} differs between two runs of one case"
        case NoLaunch():
            seen, text = inside, "a call launched no kernel"
    return Fact(kind=kind, refused=True, detail=text, seen=seen, line=line, ran=ran)
