"""Programs on a GPU without one: what is "called" and what is "replayed" are two Python functions on the CPU.

All of the host's side is under test, over the real wire format: only the device, the candidate's process and the
replayer's are left out. A plan says what an elementwise candidate would record: a base a tensor argument, one buffer of
its own, one launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from elf_files import elf

from runners import wire
from runners.device_runners import RecordingRunner, Replayer, Tool
from runners.isolation_evidence import IsolationEvidence
from runners.launch_plan import Buffer as PlanBuffer
from runners.launch_plan import Kernel, Launch, LaunchPlan, Place, Pointer, View
from sandbox.contract import Buffer, Reply, SandboxUnavailable
from sandbox.outcomes import Finished, Outcome

CUBIN: Final = elf({".text.a_kernel": 64})
GREETING: Final = wire.Greeting(
    python="3.12.3", torch="2.11.0", triton="3.6.0", interpreter_repaired=False, device="a GPU, sm_90"
)
ISOLATION: Final = IsolationEvidence(isolation="docker", engine="e", runtime="runc", image="i", limits=())
SUMMARY: Final = "========= COMPUTE-SANITIZER\n"
REPORTS: Final[dict[Tool, str]] = {
    "memcheck": "========= Invalid __global__ write of size 4 bytes\n=========     at planted_write+0x90\n",
    "initcheck": "========= Uninitialized __global__ memory read of size 4 bytes\n=========     at planted_read+0x80\n",
    "racecheck": "========= Error: Race reported between Write access at planted_race+0x90\n",
    "synccheck": "========= Barrier error detected. Invalid arguments.\n=========     at planted_barrier+0x50\n",
}

Function = Callable[..., Any]


def relu(x: torch.Tensor) -> torch.Tensor:
    """What a right candidate returns."""
    return torch.relu(x).contiguous()


class Ends(BaseException):
    """Raised by a function: its process ends in this way."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Fails(BaseException):
    """Raised by a replayed function: the device reports this error."""


class _Program:
    """One program; `answer` is what it does with a request."""

    def __init__(self, answer: Callable[[wire.Request, list[memoryview]], bytes]) -> None:
        self._answer = answer
        self._outcome: Outcome | None = None
        self.name = "fake"
        self.is_ended = False

    def greeting(self) -> Reply | Outcome:
        return Reply(b"".join(wire.encode(GREETING)))

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        if self._outcome is None:
            try:
                return Reply(self._answer(*wire.decode_request(b"".join(request))))
            except Ends as end:
                self._outcome = end.outcome
        return self._outcome

    def ended(self) -> Outcome | None:
        return self._outcome

    def last_words(self) -> str:
        return ""

    def abort(self) -> None:
        pass

    def end(self) -> Outcome:
        self.is_ended = True
        self._outcome = self._outcome or Finished()
        return self._outcome


class FakeDevice:
    """Gives programs. `called` is the candidate as its Python runs, `replayed` what its launches do.

    Attributes:
        reason: Why nothing can be recorded, where nothing can.
        launches: How many a call claims to have made.
        touched, changed: What each replay says it wrote beside its buffers, or changed of its inputs.
        configurations: What each call was told to take of an autotuner's.
        ways: The requests of all replays, in order.
        reports: What the tools say of their planted faults; `said` of the candidate's plans.
        guard: What a write past a guarded buffer leads to.
        timed_ms: Of each timed call, the candidate's and the baseline's.
    """

    def __init__(self, called: Function, replayed: Function | None = None) -> None:
        self.called, self.replayed = called, replayed or called
        self.reason: str | None = None
        self.launches = 1
        self.touched: tuple[int, ...] = ()
        self.changed: tuple[int, ...] = ()
        self.alter_plan: Callable[[LaunchPlan], LaunchPlan] = lambda plan: plan
        self.loading: wire.Message = wire.Loaded()
        self.refused: str | None = None
        self.configurations: list[int | None] = []
        self.ways: list[wire.ReplayRequest] = []
        self.reports = dict(REPORTS)
        self.said: dict[Tool, str] = {}
        self.missing_tools: tuple[Tool, ...] = ()
        self.guard: str | None = "CUDA_ERROR_ILLEGAL_ADDRESS"
        self.timed_ms = (2.0, 4.0)
        self.differing: tuple[int, ...] = ()
        self.touched_in_time: tuple[int, ...] = ()
        self.changed_in_time: tuple[int, ...] = ()
        self.programs: list[_Program] = []
        self._plan: LaunchPlan | None = None
        self._arguments: dict[tuple[int, ...], tuple[wire.Argument, ...]] = {}  # by the sizes of their bases

    @property
    def isolation(self) -> IsolationEvidence | None:
        return ISOLATION

    @property
    def left_running(self) -> int:
        return sum(not program.is_ended for program in self.programs)

    def take_recorder(self) -> RecordingRunner:
        return RecordingRunner(self._started(self._record))

    def take_replayer(self) -> Replayer:
        return Replayer(self._started(lambda request, data: self._replay(request, data, None)))

    def take_sanitizer(self, tool: Tool) -> Replayer:
        if tool in self.missing_tools:
            raise SandboxUnavailable(f"there is no {tool}")
        pending = [SUMMARY]
        return Replayer(self._started(lambda request, data: self._watch(request, data, tool, pending)))

    def _started(self, answer: Callable[[wire.Request, list[memoryview]], bytes]) -> Any:
        self.programs.append(_Program(answer))
        return self.programs[-1]

    def _record(self, request: wire.Request, data: list[memoryview]) -> bytes:
        if isinstance(request, wire.LoadRequest):
            return b"".join(wire.encode(self.loading))
        assert isinstance(request, wire.RecordRequest)
        self.configurations.append(request.configuration)
        sizes = tuple(one.base_bytes for one in request.arguments if isinstance(one, wire.TensorArgument))
        self._arguments[sizes] = request.arguments
        try:
            result = self.called(*_values(request.arguments, data))
        except Exception as error:  # noqa: BLE001  # whatever the function raises is its answer
            raised = wire.Raised(error=type(error).__name__, message=str(error), line=7)
            return b"".join(wire.encode(wire.Recorded(call=raised, plan=None, reason="the call raised")))
        call = wire.Returned(
            single=True, outputs=(_output(result),), launches=self.launches, atomics=False, argument_digests=()
        )
        plan = self.alter_plan(_plan(request.arguments, result)) if self.reason is None else None
        answer = wire.Recorded(call=call, plan=plan, reason=self.reason)
        cubins = [CUBIN for _ in plan.kernels] if plan is not None else []
        return b"".join(wire.encode(answer, [_bytes(result), *cubins]))

    def _replay(self, request: wire.Request, data: list[memoryview], tool: Tool | None) -> bytes:
        match request:
            case wire.PlanRequest(plan=plan):
                if self.refused is not None:
                    return b"".join(wire.encode(wire.PlanRefused(error=self.refused)))
                self._plan = plan
                code = tuple(wire.Code(registers=20, local_bytes=0, shared_bytes=16) for _ in plan.kernels)
                return b"".join(wire.encode(wire.PlanLoaded(code=code)))
            case wire.ReplayRequest():
                self.ways.append(request)
                try:
                    arguments = self._arguments[tuple(len(part) for part in data)]
                    result = self.replayed(*_values(arguments, data))
                except Fails as error:
                    return b"".join(wire.encode(wire.ReplayFailed(step=0, error=str(error))))
                bytes_ = _bytes(result)
                done = wire.Replayed(output_bytes=(len(bytes_),), touched=self.touched, changed=self.changed)
                return b"".join(wire.encode(done, [bytes_]))
            case wire.PlantRequest():
                return b"".join(wire.encode(wire.Planted(error=self.guard if tool is None else None)))
            case wire.CardRequest():
                card = wire.CardMeasured(cache_bytes=0, copy_bytes_s=1e12, operations_s={"float32": 1e13})
                return b"".join(wire.encode(card))
            case wire.HealthRequest():
                return b"".join(wire.encode(wire.Healthy(right=True, free_bytes=1 << 30, total_bytes=1 << 31)))
            case wire.TimeRequest():
                return self._time(request, data)
        raise AssertionError(request.kind)

    def _time(self, request: wire.TimeRequest, data: list[memoryview]) -> bytes:
        each = len(data) // request.sets
        sets = [data[n * each : (n + 1) * each] for n in range(request.sets)]
        outputs = [_bytes(self.replayed(*_values(request.arguments, one))) for one in sets]
        clocks = wire.Clocks(sm_mhz=1980, memory_mhz=3201, celsius=40, throttled=0)
        own_ms, other_ms = self.timed_ms
        timed = wire.Timed(
            calls_ms=(own_ms,) * request.calls,
            baselines=(wire.Baseline(name="PyTorch", calls_ms=(other_ms,) * request.calls),),
            differing=self.differing,
            touched=self.touched_in_time,
            changed=self.changed_in_time,
            output_bytes=tuple(len(output) for output in outputs),
            before=clocks,
            after=clocks,
        )
        return b"".join(wire.encode(timed, outputs))

    def _watch(self, request: wire.Request, data: list[memoryview], tool: Tool, pending: list[str]) -> bytes:
        match request:
            case wire.ReportRequest():
                text = "".join(pending)
                pending.clear()
                return b"".join(wire.encode(wire.Report(text=text, cut=False)))
            case wire.ReplayRequest():
                pending.append(self.said.get(tool, ""))
            case wire.PlantRequest():
                pending.append(self.reports.get(tool, ""))
        return self._replay(request, data, tool)


def _values(arguments: Sequence[wire.Argument], data: Sequence[memoryview]) -> list[Any]:
    remaining = iter(data)
    values: list[Any] = []
    for argument in arguments:
        if isinstance(argument, wire.ScalarArgument):
            values.append(argument.value)
            continue
        base, dtype = bytearray(next(remaining)), getattr(torch, argument.dtype)
        typed = torch.frombuffer(base, dtype=dtype) if base else torch.empty(0, dtype=dtype)
        values.append(typed.as_strided(argument.shape, argument.strides, argument.offset))
    return values


def _output(result: torch.Tensor) -> wire.Output:
    return wire.Output(
        dtype=str(result.dtype).removeprefix("torch."),
        shape=tuple(result.shape),
        contiguous=result.is_contiguous(),
        device="cuda",
        data_bytes=len(_bytes(result)),
    )


def _bytes(result: torch.Tensor) -> bytes:
    return bytes(result.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def _plan(arguments: Sequence[wire.Argument], result: torch.Tensor) -> LaunchPlan:
    given = [argument for argument in arguments if isinstance(argument, wire.TensorArgument)]
    buffers = [PlanBuffer(argument=number, nbytes=one.base_bytes) for number, one in enumerate(given)]
    own = Place(buffer=len(buffers), offset=0)
    view = View(
        place=own,
        dtype=str(result.dtype).removeprefix("torch."),
        shape=tuple(result.shape),
        strides=tuple(result.contiguous().stride()),
    )
    launch = Launch(kernel=0, grid=(result.numel(), 1, 1), arguments=(Pointer(place=own),))
    kernel = Kernel(name="a_kernel", cubin_bytes=len(CUBIN), shared_bytes=0, warps=4, scratch_bytes=0)
    return LaunchPlan(
        kernels=(kernel,),
        buffers=(*buffers, PlanBuffer(argument=None, nbytes=max(1, len(_bytes(result))))),
        steps=(launch,),
        outputs=(view,),
    )
