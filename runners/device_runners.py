"""The host's side of the conversations with programs on a GPU: one calls and records, the other replays.

All that comes back is a claim: plans are looked over before they are carried out (`runners.launch_plan.problem_in`),
and of the replayer, which has the candidate's machine code in its context, nothing is believed but bytes of results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from runners import wire
from runners.conversation import HEADER_ROOM_BYTES, CallResult, Runner, on_wire, results_of
from runners.generated_inputs import GeneratedInputs
from runners.isolation_evidence import IsolationEvidence
from runners.launch_plan import LaunchPlan
from runners.materialise import ArgumentValue, TensorValue
from sandbox.outcomes import Outcome

Side = Literal["end", "start", "within"]
Tool = Literal["memcheck", "initcheck", "racecheck", "synccheck"]
CODE_CAP_BYTES: Final = 64 << 20  # all kernels of a plan
REPORT_ROOM_BYTES: Final = 8 * wire.REPORT_CAP  # as JSON


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """What a call did, and its plan with machine code; `reason` says why there is no plan."""

    result: CallResult
    plan: LaunchPlan | None
    cubins: tuple[bytes, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Way:
    """How a plan is carried out; `wire.ReplayRequest` says what each means."""

    name: str
    fresh_byte: int
    side: Side
    exact: bool = False
    alone: bool = False
    crowded: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class ReplayedPlan:
    """What a plan gave: the bytes of each output, and what it touched besides."""

    outputs: tuple[memoryview, ...]
    touched: tuple[int, ...]
    changed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeptResults:
    """A plan was carried out on generated inputs, and its results are kept; what it touched besides."""

    touched: tuple[int, ...]
    changed: tuple[int, ...]


class RecordingRunner(Runner):
    """A worker running `runners.inside.gpu.worker`, used for one candidate."""

    def record(
        self,
        arguments: Sequence[ArgumentValue],
        output_cap_bytes: int,
        deadline_s: float,
        configuration: int | None = None,
    ) -> RecordedCall | Outcome:
        """Calls the candidate once; an autotuned kernel takes `configuration`, or times all of them."""
        request = wire.RecordRequest(
            arguments=tuple(on_wire(argument) for argument in arguments),
            output_cap_bytes=output_cap_bytes,
            configuration=configuration,
        )
        return self._recorded(wire.encode(request, _bases(arguments)), output_cap_bytes, deadline_s)

    def record_generated(self, inputs: GeneratedInputs, seed: int, deadline_s: float) -> RecordedCall | Outcome:
        """Calls the candidate once on inputs that are generated from `seed`; of its results no byte is sent."""
        request = wire.RecordRequest(arguments=inputs.on_wire(), output_cap_bytes=0, seed=seed)
        return self._recorded(wire.encode(request), 0, deadline_s)

    def _recorded(self, request: list[wire.Buffer], output_cap_bytes: int, deadline_s: float) -> RecordedCall | Outcome:
        answer = self._ask(request, deadline_s, HEADER_ROOM_BYTES + output_cap_bytes + CODE_CAP_BYTES)
        match answer:
            case (wire.Recorded(call=call, plan=plan, reason=reason), data):
                (result,) = results_of((call,), data)
                cubins = tuple(bytes(part) for part in data[len(result.data) :])
                return RecordedCall(result, plan, cubins, reason)
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a record request")
        return answer


class Replayer(Runner):
    """A worker running `runners.inside.gpu.replayer`, used for the plans of one candidate."""

    def load_plan(
        self, plan: LaunchPlan, cubins: Sequence[bytes], deadline_s: float
    ) -> wire.PlanLoaded | wire.PlanRefused | Outcome:
        """Loads a plan in place of the one before."""
        answer = self._ask(wire.encode(wire.PlanRequest(plan=plan), cubins), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.PlanLoaded() | wire.PlanRefused() as loaded, _):
                return loaded
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a plan")
        return answer

    def replay(
        self, arguments: Sequence[ArgumentValue], way: Way, output_cap_bytes: int, deadline_s: float
    ) -> ReplayedPlan | wire.ReplayFailed | wire.PlanRefused | Outcome:
        """Carries the loaded plan out on the bases of `arguments`."""
        bases = _bases(arguments)
        request = wire.ReplayRequest(
            base_bytes=tuple(len(base) for base in bases),
            fresh_byte=way.fresh_byte,
            side=way.side,
            exact=way.exact,
            alone=way.alone,
            apart=way.apart,
            crowded=way.crowded,
        )
        answer = self._ask(wire.encode(request, bases), deadline_s, HEADER_ROOM_BYTES + output_cap_bytes)
        match answer:
            case (wire.Replayed(touched=touched, changed=changed), data):
                return ReplayedPlan(tuple(data), touched, changed)
            case (wire.ReplayFailed() | wire.PlanRefused() as failed, _):
                return failed
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a replay request")
        return answer

    def plant(self, fault: wire.DeviceFaultName, at: int, deadline_s: float) -> wire.Planted | Outcome:
        """Commits a planted fault."""
        answer = self._ask(wire.encode(wire.PlantRequest(fault=fault, at=at)), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.Planted() as planted, _):
                return planted
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a planted fault")
        return answer

    def report(self, deadline_s: float) -> wire.Report | Outcome:
        """Returns what the sanitizer wrote since it was asked last."""
        answer = self._ask(wire.encode(wire.ReportRequest()), deadline_s, HEADER_ROOM_BYTES + REPORT_ROOM_BYTES)
        match answer:
            case (wire.Report() as report, _):
                return report
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request for a report")
        return answer

    def replay_generated(
        self, inputs: GeneratedInputs, seed: int, way: Way, deadline_s: float
    ) -> KeptResults | wire.ReplayFailed | wire.PlanRefused | Outcome:
        """Carries the loaded plan out on inputs that are generated from `seed`; `rows` asks for what comes of it."""
        assert way.side != "within"
        request = wire.GeneratedReplayRequest(
            arguments=inputs.on_wire(), seed=seed, fresh_byte=way.fresh_byte, side=way.side
        )
        answer = self._ask(wire.encode(request), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.Replayed(touched=touched, changed=changed, output_bytes=()), _):
                return KeptResults(touched, changed)
            case (wire.ReplayFailed() | wire.PlanRefused() as failed, _):
                return failed
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request to replay on generated inputs")
        return answer

    def rows(
        self, kept: int, axis: int, rows: Sequence[int], cap_bytes: int, deadline_s: float
    ) -> tuple[memoryview, ...] | Outcome:
        """Returns the bytes of these rows (ascending) of each result that was kept, set number `kept` of them."""
        request = wire.RowsRequest(kept=kept, axis=axis, stretches=stretches_of(rows))
        answer = self._ask(wire.encode(request), deadline_s, HEADER_ROOM_BYTES + cap_bytes)
        match answer:
            case (wire.Rows(), data):
                return tuple(data)
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request for rows")
        return answer

    def time(
        self, operator: str, inputs: GeneratedInputs, seeds: Sequence[int], calls: int, deadline_s: float
    ) -> wire.Timed | wire.PlanRefused | Outcome:
        """Times the loaded plan beside the operator's baselines; of the first results `rows` can be asked for."""
        request = wire.TimeRequest(arguments=inputs.on_wire(), seeds=tuple(seeds), operator=operator, calls=calls)
        answer = self._ask(wire.encode(request), deadline_s, 2 * HEADER_ROOM_BYTES)
        match answer:
            case (wire.Timed() | wire.PlanRefused() as timed, _):
                return timed
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request to time")
        return answer

    def health(self, deadline_s: float) -> wire.Healthy | Outcome:
        """Runs a known kernel."""
        answer = self._ask(wire.encode(wire.HealthRequest()), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.Healthy() as healthy, _):
                return healthy
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request for a known kernel")
        return answer

    def card(self, deadline_s: float) -> wire.CardMeasured | Outcome:
        """Measures what the card can do."""
        answer = self._ask(wire.encode(wire.CardRequest()), deadline_s, HEADER_ROOM_BYTES)
        match answer:
            case (wire.CardMeasured() as measured, _):
                return measured
            case tuple():
                return self._broken(f"'{answer[0].kind}' answers a request to measure the card")
        return answer


class DeviceRunners(Protocol):
    """Gives fresh programs on one GPU; thread-safe."""

    @property
    def isolation(self) -> IsolationEvidence | None:
        """In what they run, as proven from inside; None before the first was taken."""
        ...

    def take_recorder(self) -> RecordingRunner:
        """Returns a program that calls a candidate.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...

    def take_replayer(self) -> Replayer:
        """Returns a program that replays plans.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...

    def take_sanitizer(self, tool: Tool) -> Replayer:
        """Returns a program that replays plans under a tool of compute-sanitizer.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...


def stretches_of(rows: Sequence[int]) -> tuple[wire.Stretch, ...]:
    """Returns ascending rows as stretches of consecutive ones."""
    starts = [row for number, row in enumerate(rows) if number == 0 or rows[number - 1] != row - 1]
    ends = [row for number, row in enumerate(rows) if number == len(rows) - 1 or rows[number + 1] != row + 1]
    return tuple(wire.Stretch(start=start, count=end - start + 1) for start, end in zip(starts, ends, strict=True))


def _bases(arguments: Sequence[ArgumentValue]) -> list[memoryview]:
    return [argument.base_bytes for argument in arguments if isinstance(argument, TensorValue)]
