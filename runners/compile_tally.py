"""What became of each compilation, and what of it is a failure.

An autotuner leaves out a configuration that needs too much, that ptxas refuses or that a `static_assert` refuses, and
takes another. So such a failure of a tuned kernel is none while another configuration of it fits on that target
(`passed_over`); and where all that were seen fail but more exist, nobody knows (`not_tried`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from runners.architectures import ARCHITECTURES
from runners.evidence import CompileFailure, TargetEvidence
from runners.session import ended
from runners.specialisation import (
    Compiled,
    CompileFailed,
    Constant,
    DtypeConstant,
    KernelName,
    LaunchValue,
    NotCompiled,
    Number,
    Pointer,
    Resources,
    Specialisation,
)
from sandbox.outcomes import Outcome, OutOfMemory, ProtocolBroken, SandboxFault, TimedOut

Answer = Compiled | CompileFailed | NotCompiled | Outcome
Cause = Literal["refused", "out_of_resources", "crashed", "timed_out", "not_tried"]
TEXT_COLUMNS: Final = 300
_NOTHING: Final = Resources(registers=0, spill_bytes=0, shared_bytes=0, tensor_memory_columns=0, threads=0)
_Place = tuple[KernelName, str]


@dataclass(frozen=True, slots=True)
class Job:
    """One compilation: `whole` to machine code, otherwise the front end."""

    specialisation: Specialisation
    target: str
    whole: bool

    @property
    def place(self) -> _Place:
        """The kernel on its target."""
        return self.specialisation.kernel, self.target


@dataclass(frozen=True, slots=True)
class _Failed:
    job: Job
    cause: Cause
    error: str
    message: str
    line: int | None
    spares_a_tuned_one: bool = False


@dataclass(slots=True)
class _Target:
    compiled: int = 0
    worst: Resources = _NOTHING


@dataclass(slots=True)
class Tally:
    """The compilations of one candidate; `required` are the targets that it must compile for."""

    required: tuple[str, ...]
    front_end: int = 0
    _targets: dict[str, _Target] = field(default_factory=dict)
    _failed: list[_Failed] = field(default_factory=list)
    _fitting: set[_Place] = field(default_factory=set)
    _tried: set[tuple[str, str]] = field(default_factory=set)

    def note(self, job: Job, answer: Answer) -> None:
        """Takes down what `answer` says of `job`."""
        if job.whole:
            self._tried.add((repr(job.specialisation), job.target))
        match answer:
            case Compiled(resources=None):
                self.front_end += 1
            case Compiled(resources=resources):
                assert resources is not None
                self._note_resources(job, resources)
            case CompileFailed(error=error, message=message, line=line, passed_over=passed_over):
                self._failed.append(_Failed(job, "refused", error, message, line, passed_over))
            case NotCompiled(reason=reason):
                self._failed.append(_Failed(job, "not_tried", "", reason, None))
            case _:
                self._failed.append(_ended(job, answer))

    def tried(self, one: Specialisation, target: str) -> bool:
        """Whether `one` was compiled for `target` to machine code, or was to be."""
        return (repr(one), target) in self._tried

    def unfitting(self) -> tuple[_Place, ...]:
        """Tuned kernels on required targets of which some configuration failed and none is known to fit."""
        places = {failed.job.place: None for failed in self._failed if _may_be_spared(failed)}
        return tuple(place for place in places if place[1] in self.required and place not in self._fitting)

    def targets(self) -> tuple[TargetEvidence, ...]:
        """What was compiled for each target, and the most that any of it uses."""
        return tuple(
            TargetEvidence(
                target=name,
                required=name in self.required,
                compiled=target.compiled,
                registers=target.worst.registers,
                spill_bytes=target.worst.spill_bytes,
                shared_bytes=target.worst.shared_bytes,
            )
            for name, target in self._targets.items()
        )

    def failures(self) -> tuple[CompileFailure, ...]:
        """All failures, with those that an autotuner passes over marked."""
        return tuple(self._said(failed) for failed in self._failed)

    def _note_resources(self, job: Job, used: Resources) -> None:
        target = self._targets.setdefault(job.target, _Target())
        target.compiled += 1
        target.worst = _most(target.worst, used)
        limit = ARCHITECTURES[job.target]
        wants = (
            ("bytes of shared memory", used.shared_bytes, limit.shared_bytes),
            ("columns of tensor memory", used.tensor_memory_columns, limit.tensor_memory_columns),
            ("threads", used.threads, limit.threads),
        )
        over = [f"it needs {want} {what}, {job.target} has {has}" for what, want, has in wants if want > has]
        if over:
            self._failed.append(_Failed(job, "out_of_resources", "OutOfResources", "; ".join(over), None, True))
        else:
            self._fitting.add(job.place)

    def _said(self, failed: _Failed) -> CompileFailure:
        job = failed.job
        spared = _may_be_spared(failed) and job.place in self._fitting
        if _may_be_spared(failed) and not spared and self._configurations_left(job):
            rest = "no configuration that was tried fits, but not all were tried"
            failed = replace(failed, cause="not_tried", message=f"{rest}: {failed.message}")
        return CompileFailure(
            kernel=job.specialisation.kernel.qualname,
            specialisation=describe(job.specialisation),
            target=job.target,
            required=job.target in self.required or not job.target,
            cause=failed.cause,
            error=failed.error,
            message=failed.message,
            line=failed.line if failed.line is not None else _own_line(job.specialisation.kernel),
            passed_over=spared,
        )

    def _configurations_left(self, job: Job) -> bool:
        tried = {
            _configuration(failed.job.specialisation)
            for failed in self._failed
            if failed.job.place == job.place and failed.spares_a_tuned_one
        }
        return len(tried) < job.specialisation.configurations


def describe(one: Specialisation) -> str:
    """Says a specialisation in one line: `kernel(x: *float16, n: int32 / 16, BLOCK=64; num_warps=8)`."""
    arguments = ", ".join(_named(given.name, given.value) for given in one.arguments)
    options = ", ".join(_named(given.name, given.value) for given in one.options)
    return f"{one.kernel.qualname}({arguments}{'; ' if options else ''}{options})"[:TEXT_COLUMNS]


def _named(name: str, value: LaunchValue) -> str:
    match value:
        case Constant(value=plain):
            return f"{name}={plain!r}"
        case DtypeConstant(name=dtype):
            return f"{name}={dtype}"
        case Pointer(dtype=dtype, aligned=aligned):
            return f"{name}: *{dtype}{'' if aligned else ' unaligned'}"
        case Number(value=number):
            return f"{name}: {_number(number)}"
    return f"{name}: {value.kind}"


def _number(value: float) -> str:
    if type(value) is not int:
        return type(value).__name__
    width = "int32" if -1 << 31 <= value < 1 << 31 else "int64"
    return f"{width} = 1" if value == 1 else f"{width} / 16" if value % 16 == 0 else width


def _own_line(kernel: KernelName) -> int | None:
    """Where the kernel begins, which is all that is known of what has no line; None for a package's kernel."""
    return kernel.line if kernel.module == "candidate" else None


def _may_be_spared(failed: _Failed) -> bool:
    return failed.spares_a_tuned_one and failed.job.specialisation.configurations > 1


def _configuration(one: Specialisation) -> str:
    constants = [given for given in one.arguments if isinstance(given.value, Constant)]
    return repr((constants, one.options))


def _most(first: Resources, second: Resources) -> Resources:
    pairs = {name: max(getattr(first, name), getattr(second, name)) for name in Resources.model_fields}
    return Resources(**pairs)


def _ended(job: Job, outcome: Outcome) -> _Failed:
    detail = ended(None, outcome).detail
    match outcome:
        case TimedOut():
            return _Failed(job, "timed_out", "", detail, None)
        case OutOfMemory() | SandboxFault() | ProtocolBroken():
            return _Failed(job, "not_tried", "", detail, None)
    return _Failed(job, "crashed", "", f"the compiler died: {detail}", None)
