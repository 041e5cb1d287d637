"""A candidate on a GPU: called in a program that records, then its plan replayed in another one.

Each case has two parts. What the call returned must be right, as on the CPU, and a second time for other elements of
the same shapes; an autotuned kernel takes another of its configurations each time. Then the plan that was recorded is
carried out twice on those later inputs, in buffers between unmapped pages, with other bytes in fresh memory and the
buffers pushed to the other end the second time; what comes of that must be right, too, and equal to the bit unless the
order of additions is free. A candidate that is right only where its own Python runs fails the second part, one that
remembers fails the first.

What can't be recorded is not judged beyond its call: that is evidence that is missing and no failure.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import torch

from runners import wire
from runners.again import ALL_DOUBTS, Again, Doubt
from runners.candidate import Candidate
from runners.cases import Case
from runners.cubins import problem_in_code
from runners.device_judging import called_right, differing_output, launches_in, replayed_results, wrong_beside
from runners.device_runners import (
    DeviceRunners,
    KeptResults,
    RecordedCall,
    RecordingRunner,
    ReplayedPlan,
    Replayer,
    Way,
)
from runners.dtypes import TORCH_DTYPES
from runners.examine import Agreed
from runners.failures import (
    BadPlan,
    CodeRaised,
    DeviceFault,
    Failure,
    NoLaunch,
    ResultsDiffer,
    UnsupportedCase,
    WrongForm,
)
from runners.generated_inputs import DueResult, GeneratedInputs
from runners.launch_plan import Launch, LaunchPlan, problem_in
from runners.making import Making
from runners.materialise import ArgumentValue, TensorValue, materialise
from runners.observed_evidence import ObservedEvidence
from runners.oracle import STRICT, Allowance, Expected, compare, expect
from runners.session import OUTPUT_ROOM_BYTES, Deadlines, ended
from runners.watching import Watch
from sandbox.outcomes import Outcome

LATER: Final = 0x9E3779B97F4A7C15  # added to a case's seed: other elements of the same shapes
SEEDS: Final = 1 << 64
CONFIGURATIONS: Final = 256  # of an autotuner, counted around: more are seldom
MANY_BLOCKS: Final = 256
SURE_OF_TIME: Final[tuple[Doubt, ...]] = ("killed", "starved")
TOO_FAR_APART: Final = "its tensors are too far apart to be replayed"
REPLAYS: Final = (
    Way("replayed, buffers at their end", 0xFF, "end"),
    Way("replayed, buffers at their start and far apart", 0x47, "start", apart=True),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that was carried out, with its machine code and the case that it was recorded on."""

    case: Case
    steps: LaunchPlan
    cubins: tuple[bytes, ...]
    code: tuple[wire.Code, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of the machine code of each kernel."""
        return tuple(hashlib.sha256(cubin).hexdigest() for cubin in self.cubins)

    @property
    def blocks(self) -> int:
        """Of the launches together."""
        return sum(math.prod(launch.grid) for launch in self.steps.launches)


@dataclass(frozen=True, slots=True)
class Refused:
    """The replayer did not carry a plan out, because the device has no room or does not take it."""

    error: str


class DeviceSession:
    """Runs cases of one candidate on a GPU; a context manager that leaves no program behind."""

    def __init__(
        self,
        candidate: Candidate,
        runners: DeviceRunners,
        deadlines: Deadlines,
        memory_bytes: int,
        allowance: Allowance = STRICT,
        *,
        order_free: bool = False,
        making: Making = materialise,
    ) -> None:
        """Begins without programs.

        Args:
            making: Makes the arguments of a case; a replay may have recorded ones.
            memory_bytes: What the buffers of a plan may have together.
            order_free: The candidate adds atomically: two replays may differ within the bound.
        """
        self._candidate = candidate
        self._making = making
        self._runners = runners
        self._watch = Watch("gpu")
        self._take_recorder = self._watch.over(runners.take_recorder)
        self._deadlines = deadlines
        self._memory_bytes = memory_bytes
        self._allowance = allowance
        self._order_free = order_free
        self._recorder: RecordingRunner | None = None
        self._replayer: Replayer | None = None
        self._again = Again(self._drop)
        self._plans: dict[tuple[str, ...], Plan] = {}
        self.greeting: wire.Greeting | None = None
        self.replayed = 0
        self.unrecorded: str | None = None
        self.unrecorded_cases = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """One plan for each set of machine code that was carried out: that with most blocks, up to `MANY_BLOCKS`."""
        return tuple(self._plans.values())

    @property
    def observed(self) -> ObservedEvidence | None:
        """What the programs that called the candidate used and left, as far as they have ended."""
        return self._watch.evidence()

    @property
    def lost(self) -> int:
        """How many programs ended through no doing of the candidate."""
        return self._again.lost

    def load(self) -> wire.Loaded | UnsupportedCase | Failure:
        """Puts the candidate into a fresh program.

        Raises:
            SandboxUnavailable: none can be had.
            RunnerFault: our side failed.
        """
        return self._again.confirmed(self._load_once)

    def run(self, case: Case, *, beyond: bool = False) -> Agreed | UnsupportedCase | Failure:
        """Runs one case and judges it.

        Args:
            beyond: It has a size beyond those that the operator declares: its plan is carried out and not kept, because
                nobody asks what a sanitizer says of a hundred thousand blocks; a missed deadline is not doubted.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """
        doubts = SURE_OF_TIME if beyond else ALL_DOUBTS
        return self._again.confirmed(lambda: self._run_once(case, keep=not beyond), doubts)

    def record_generated(self, inputs: GeneratedInputs, seed: int) -> RecordedCall | UnsupportedCase | Failure:
        """Calls the candidate on generated inputs for its plan; of what it returned there are no bytes.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """

        def ask(recorder: RecordingRunner) -> RecordedCall | Outcome:
            return recorder.record_generated(inputs, seed, self._deadlines.case_s)

        return self._again.confirmed(lambda: self._asked(inputs.case, ask))

    def replay_generated(
        self, inputs: GeneratedInputs, steps: LaunchPlan, seed: int, way: Way
    ) -> KeptResults | Refused | Failure:
        """Carries the loaded plan out on generated inputs; what is wrong beside the results is judged here.

        Raises:
            SandboxUnavailable: no replayer can be had.
            RunnerFault: our side failed.
        """
        done = self.replayer().replay_generated(inputs, seed, way, self._deadlines.case_s)
        match done:
            case KeptResults(touched=touched, changed=changed):
                names = [tensor.name for tensor in inputs.tensors]
                return wrong_beside(inputs.case, way, steps, names, touched, changed) or done
            case wire.PlanRefused(error=error):
                return Refused(error)
        return self._not_replayed(inputs.case, way, steps, done)

    def rows(
        self, inputs: GeneratedInputs, due: Sequence[DueResult], kept: int, rows: Sequence[int]
    ) -> tuple[torch.Tensor, ...] | str:
        """Returns these rows of each result that was kept, or why they did not come.

        Args:
            due: What each whole result is, as the plan was found to say.
            rows: Ascending.

        Raises:
            RunnerFault: our side failed.
        """
        forms = [inputs.part_of(result, len(rows)) for result in due]
        cap = sum(form.bytes for form in forms) + OUTPUT_ROOM_BYTES
        parts = self.replayer().rows(kept, inputs.shape.axis, rows, cap, self._deadlines.case_s)
        if not isinstance(parts, tuple):
            self._drop_replayer()
            return f"the rows did not come: {parts}"
        if [len(part) for part in parts] != [form.bytes for form in forms]:
            return "the rows that came have other sizes"
        return tuple(
            torch.frombuffer(bytearray(part), dtype=TORCH_DTYPES[form.dtype]).reshape(form.shape)
            for part, form in zip(parts, forms, strict=True)
        )

    def note_unrecorded(self, reason: str | None) -> None:
        """Counts a call that had no plan, for this reason."""
        self.unrecorded = self.unrecorded or reason
        self.unrecorded_cases += 1

    def replay(self, plan: Plan, way: Way) -> tuple[torch.Tensor, ...] | Failure:
        """Carries a plan out once more on its later inputs, and judges what comes of it.

        Raises:
            SandboxUnavailable: no program can be had.
            RunnerFault: our side failed.
        """
        later = _later(plan.case)
        arguments, expected = self._made(later)
        loaded = self.loaded(plan.steps, plan.cubins)
        if not isinstance(loaded, wire.PlanLoaded):
            return self._not_replayed(later, way, plan.steps, loaded)
        return self._replayed_once(later, plan.steps, arguments, expected, way)

    def loaded(self, steps: LaunchPlan, cubins: Sequence[bytes]) -> wire.PlanLoaded | wire.PlanRefused | Outcome:
        """Loads a plan into the replayer.

        Raises:
            SandboxUnavailable: no replayer can be had.
            RunnerFault: our side failed.
        """
        return self.replayer().load_plan(steps, cubins, self._deadlines.load_s)

    def replayer(self) -> Replayer:
        """Returns the replayer, a fresh one where there is none.

        Raises:
            SandboxUnavailable: none can be had.
        """
        self._replayer = self._replayer or self._runners.take_replayer()
        return self._replayer

    def _load_once(self) -> wire.Loaded | UnsupportedCase | Failure:
        self._drop_recorder()
        self._recorder = self._take_recorder()
        self.greeting = self._recorder.greeting
        answer = self._recorder.load(self._candidate, self._deadlines.load_s)
        match answer:
            case wire.Loaded():
                return answer
            case wire.Raised(error=error, message=message, line=line):
                failure: UnsupportedCase | Failure = CodeRaised(case=None, error=error, message=message, line=line)
            case wire.Unsupported(reason=reason, line=line):
                failure = UnsupportedCase(case=None, reason=reason, line=line)
            case _:
                failure = ended(None, answer)
        self._drop_recorder()
        return failure

    def _run_once(self, case: Case, *, keep: bool) -> Agreed | UnsupportedCase | Failure:
        arguments, expected = self._made(case)
        if any(argument.sparse for argument in arguments if isinstance(argument, TensorValue)):
            return UnsupportedCase(case=case, reason=TOO_FAR_APART, line=None)
        called = self._called(case, arguments, expected)
        if not isinstance(called, RecordedCall):
            return called
        ratio = called_right(case, expected, called)
        if not isinstance(ratio, float):
            return ratio
        judged = sum(want.judged for want in expected)
        if launches_in(called) == 0:
            return Agreed(ratio, judged) if _is_empty(arguments) else NoLaunch(case=case)
        if called.plan is None:
            self.note_unrecorded(called.reason)
        later = _later(case)
        inputs = self._made(later)
        again = self._called_again(later, *inputs)
        if not isinstance(again, float):
            return again
        if called.plan is None:
            return Agreed(max(ratio, again), judged)
        replayed = self._replayed(case, called.plan, called.cubins, *inputs, keep=keep)
        return Agreed(max(ratio, again, replayed), judged) if isinstance(replayed, float) else replayed

    def _called_again(
        self, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]
    ) -> float | UnsupportedCase | Failure:
        """Calls it on other elements of the same shapes, which a candidate that remembers gets wrong."""
        called = self._called(case, arguments, expected)
        if not isinstance(called, RecordedCall):
            return called
        if launches_in(called) == 0 and not _is_empty(arguments):
            return NoLaunch(case=case)
        return called_right(case, expected, called)

    def _called(
        self, case: Case, arguments: Sequence[ArgumentValue], expected: Sequence[Expected]
    ) -> RecordedCall | UnsupportedCase | Failure:
        """Calls it; of an autotuner's configurations the case's seed draws the one that it takes."""
        room = _room(expected)
        configuration = random.Random(case.seed).randrange(CONFIGURATIONS)
        return self._asked(
            case, lambda recorder: recorder.record(arguments, room, self._deadlines.case_s, configuration)
        )

    def _asked(
        self, case: Case, ask: Callable[[RecordingRunner], RecordedCall | Outcome]
    ) -> RecordedCall | UnsupportedCase | Failure:
        if self._recorder is None:
            loaded = self._load_once()
            if not isinstance(loaded, wire.Loaded):
                return loaded
        assert self._recorder is not None
        answer = ask(self._recorder)
        if not isinstance(answer, RecordedCall):
            self._drop_recorder()
            return ended(case, answer)
        match answer.result.call:
            case wire.Unsupported(reason=reason, line=line):
                return UnsupportedCase(case=case, reason=reason, line=line)
            case wire.Raised(error=error, message=message, line=line):
                return CodeRaised(case=case, error=error, message=message, line=line)
            case wire.ReturnedOther(type_name=type_name):
                return WrongForm(case=case, aspect="type", expected="tensors", got=type_name)
        return answer

    def _replayed(
        self,
        case: Case,
        steps: LaunchPlan,
        cubins: tuple[bytes, ...],
        arguments: Sequence[ArgumentValue],
        expected: Sequence[Expected],
        *,
        keep: bool,
    ) -> float | Failure:
        later = _later(case)
        given = [argument.mapped_bytes for argument in arguments if isinstance(argument, TensorValue)]
        problem = problem_in(steps, given, self._memory_bytes) or next(filter(None, map(problem_in_code, cubins)), None)
        if problem is not None:
            return BadPlan(case=case, problem=problem)
        loaded = self.loaded(steps, cubins)
        if not isinstance(loaded, wire.PlanLoaded):
            return self._not_replayed(later, REPLAYS[0], steps, loaded)
        first: tuple[torch.Tensor, ...] = ()
        for way in REPLAYS:
            outputs = self._replayed_once(later, steps, arguments, expected, way)
            if not isinstance(outputs, tuple):
                return outputs
            differing = None if self._order_free else differing_output(first or outputs, outputs)
            if differing is not None:
                return ResultsDiffer(case=later, output=differing)
            first = outputs
        if keep:
            self._keep(Plan(case, steps, cubins, loaded.code))
        return max((compare(want, got).worst_ratio for want, got in zip(expected, first, strict=True)), default=0.0)

    def _keep(self, plan: Plan) -> None:
        kept = self._plans.get(plan.digests)
        # An empty input launches nothing of use, and one block races with no other; thousands take a sanitizer long.
        if kept is None or kept.blocks < plan.blocks <= MANY_BLOCKS:
            self._plans[plan.digests] = plan
        self.replayed += 1

    def _replayed_once(
        self,
        case: Case,
        steps: LaunchPlan,
        arguments: Sequence[ArgumentValue],
        expected: Sequence[Expected],
        way: Way,
    ) -> tuple[torch.Tensor, ...] | Failure:
        done = self.replayer().replay(arguments, way, _room(expected), self._deadlines.case_s)
        if not isinstance(done, ReplayedPlan):
            return self._not_replayed(case, way, steps, done)
        names = [argument.name for argument in arguments if isinstance(argument, TensorValue)]
        beside = wrong_beside(case, way, steps, names, done.touched, done.changed)
        return beside or replayed_results(case, way, steps, expected, done)

    def _not_replayed(
        self, case: Case, way: Way, steps: LaunchPlan, answer: wire.ReplayFailed | wire.PlanRefused | Outcome
    ) -> Failure:
        self._drop_replayer()
        match answer:
            case wire.ReplayFailed(step=number, error=error):
                step = steps.steps[number] if number < len(steps.steps) else None
                kernel = steps.kernels[step.kernel].name if isinstance(step, Launch) else None
                return DeviceFault(case=case, conditions=way.name, step=number, kernel=kernel, error=error)
            case wire.PlanRefused(error=error):
                return BadPlan(case=case, problem=error)
        return ended(case, answer)

    def _made(self, case: Case) -> tuple[tuple[ArgumentValue, ...], Sequence[Expected]]:
        operator = self._candidate.operator
        arguments = self._making(operator, case)
        return arguments, expect(operator, case.dtype, arguments, self._allowance)

    def _drop(self) -> None:
        self._drop_recorder()
        self._drop_replayer()

    def _drop_recorder(self) -> None:
        if self._recorder is not None:
            self._recorder.end()
            self._recorder = None

    def _drop_replayer(self) -> None:
        if self._replayer is not None:
            self._replayer.end()
            self._replayer = None


def _later(case: Case) -> Case:
    return case.model_copy(update={"seed": (case.seed + LATER) % SEEDS})


def _room(expected: Sequence[Expected]) -> int:
    return sum(want.bytes for want in expected) + OUTPUT_ROOM_BYTES


def _is_empty(arguments: Sequence[ArgumentValue]) -> bool:
    return any(isinstance(argument, TensorValue) and math.prod(argument.shape) == 0 for argument in arguments)
