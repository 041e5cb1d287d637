"""Programs on a GPU without one: what is "called" and what is "replayed" are two Python functions on the CPU.

All of the host's side is under test, over the real wire format, and of the programs what makes generated inputs and
keeps results: only the device, the candidate's process and the replayer's are left out. A plan says what an elementwise
candidate would record: a base a tensor argument, one buffer of its own, one launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from elf_files import elf

from runners import wire
from runners.device_runners import RecordingRunner, Replayer, Tool
from runners.inside.gpu.arguments import on_device
from runners.inside.gpu.kept import Kept, rows_of
from runners.isolation_evidence import IsolationEvidence
from runners.launch_plan import Buffer as PlanBuffer
from runners.launch_plan import Kernel, Launch, LaunchPlan, Place, Pointer, View
from sandbox.contract import Buffer, Reply, SandboxUnavailable
from sandbox.outcomes import Finished, Outcome
from sandbox.usage import Usage

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
        self.usage = Usage(memory_peak_bytes=1 << 30, stdout_bytes=7)
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
        seeds: What inputs were generated from, in order.
        asked_rows: Which rows of kept results were asked for; `alter_rows` is done to their bytes.
        free_bytes: Of the GPU's memory.
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
        self.free_bytes = self.total_bytes = 1 << 40
        self.alter_rows: Callable[[list[bytes]], list[bytes]] = lambda rows: rows
        self.asked_rows: list[wire.RowsRequest] = []
        self.seeds: list[int] = []
        self.differing: tuple[int, ...] = ()
        self.touched_in_time: tuple[int, ...] = ()
        self.changed_in_time: tuple[int, ...] = ()
        self.programs: list[_Program] = []
        self._plan: LaunchPlan | None = None
        self._kept: Kept | None = None
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
            if _is_generated(request.arguments):
                self.seeds.append(request.seed)
            result = self.called(*_values(request.arguments, data, request.seed))
        except Exception as error:  # noqa: BLE001  # whatever the function raises is its answer
            raised = wire.Raised(error=type(error).__name__, message=str(error), line=7)
            return b"".join(wire.encode(wire.Recorded(call=raised, plan=None, reason="the call raised")))
        sent = _bytes(result) if len(_bytes(result)) <= request.output_cap_bytes else b""
        call = wire.Returned(
            single=True,
            outputs=(_output(result, len(sent)),),
            launches=self.launches,
            atomics=False,
            argument_digests=(),
        )
        plan = self.alter_plan(_plan(request.arguments, result)) if self.reason is None else None
        answer = wire.Recorded(call=call, plan=plan, reason=self.reason)
        cubins = [CUBIN for _ in plan.kernels] if plan is not None else []
        return b"".join(wire.encode(answer, [sent, *cubins]))

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
            case wire.GeneratedReplayRequest():
                self.seeds.append(request.seed)
                try:
                    result = self.replayed(*_values(request.arguments, [], request.seed))
                except Fails as error:
                    return b"".join(wire.encode(wire.ReplayFailed(step=0, error=str(error))))
                self._kept = Kept(((result,),))
                return b"".join(wire.encode(wire.Replayed(output_bytes=(), touched=self.touched, changed=self.changed)))
            case wire.RowsRequest():
                self.asked_rows.append(request)
                rows = self.alter_rows([_bytes(part) for part in rows_of(self._kept, request)])
                return b"".join(wire.encode(wire.Rows(output_bytes=tuple(map(len, rows))), rows))
            case wire.PlantRequest():
                return b"".join(wire.encode(wire.Planted(error=self.guard if tool is None else None)))
            case wire.CardRequest():
                card = wire.CardMeasured(cache_bytes=0, copy_bytes_s=1e12, operations_s={"float32": 1e13})
                return b"".join(wire.encode(card))
            case wire.HealthRequest():
                return b"".join(
                    wire.encode(wire.Healthy(right=True, free_bytes=self.free_bytes, total_bytes=self.free_bytes))
                )
            case wire.TimeRequest():
                return self._time(request)
        raise AssertionError(request.kind)

    def _time(self, request: wire.TimeRequest) -> bytes:
        self.seeds += request.seeds
        self._kept = Kept(tuple((self.replayed(*_values(request.arguments, [], seed)),) for seed in request.seeds))
        clocks = wire.Clocks(sm_mhz=1980, memory_mhz=3201, celsius=40, throttled=0)
        own_ms, other_ms = self.timed_ms
        timed = wire.Timed(
            calls_ms=(own_ms,) * request.calls,
            baselines=(wire.Baseline(name="PyTorch", calls_ms=(other_ms,) * request.calls),),
            differing=self.differing,
            touched=self.touched_in_time,
            changed=self.changed_in_time,
            before=clocks,
            after=clocks,
        )
        return b"".join(wire.encode(timed))

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


def _values(arguments: Sequence[wire.Argument], data: Sequence[memoryview], seed: int = 0) -> list[Any]:
    return on_device(arguments, data, seed, "cpu")[1]


def _is_generated(arguments: Sequence[wire.Argument]) -> bool:
    return any(isinstance(one, wire.TensorArgument) and one.elements is not None for one in arguments)


def _output(result: torch.Tensor, data_bytes: int) -> wire.Output:
    return wire.Output(
        dtype=str(result.dtype).removeprefix("torch."),
        shape=tuple(result.shape),
        contiguous=result.is_contiguous(),
        device="cuda",
        data_bytes=data_bytes,
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
