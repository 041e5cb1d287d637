"""The replayer on generated inputs, on a CPU: what is kept, what is sent, and when memory is given back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import cpu_memory
import pytest
import torch

from runners import wire
from runners.generating import Generated
from runners.inside.gpu import replayer as program
from runners.inside.gpu import replaying, timing
from runners.inside.gpu.arguments import on_device
from runners.launch_plan import Buffer, Kernel, Launch, LaunchPlan, Place, Pointer, Scalar, View

ROWS, COLUMNS = 70, 33
NBYTES = ROWS * COLUMNS * 2
ELEMENTS = wire.Elements(lowest=-128, span=256, exponent=-6)
X = wire.TensorArgument(
    dtype="bfloat16", shape=(ROWS, COLUMNS), strides=(COLUMNS, 1), offset=0, base_bytes=NBYTES, elements=ELEMENTS
)
SEED = 99
REPLAY = wire.GeneratedReplayRequest(arguments=(X,), seed=SEED, fresh_byte=0xFF, side="end")
PLAN = LaunchPlan(
    kernels=(Kernel(name="k", cubin_bytes=1, shared_bytes=0, warps=4, scratch_bytes=0),),
    buffers=(Buffer(argument=0, nbytes=NBYTES), Buffer(argument=None, nbytes=NBYTES)),
    steps=(
        Launch(
            kernel=0,
            grid=(1, 1, 1),
            arguments=(
                Pointer(place=Place(buffer=0, offset=0)),
                Pointer(place=Place(buffer=1, offset=0)),
                Scalar(type="i64", value=NBYTES),
            ),
        ),
    ),
    outputs=(View(place=Place(buffer=1, offset=0), dtype="bfloat16", shape=(ROWS, COLUMNS), strides=(COLUMNS, 1)),),
)


def doubles(source: torch.Tensor, target: torch.Tensor) -> None:
    target[:NBYTES] = (source.view(torch.bfloat16) * 2).view(torch.uint8)


def due(seed: int = SEED) -> torch.Tensor:
    base = torch.empty(ROWS * COLUMNS, dtype=torch.bfloat16)
    Generated(ELEMENTS, torch.bfloat16, seed, 0).fill(base)
    return base.view(ROWS, COLUMNS) * 2


class Here:
    """The program's loop without its process."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.replayer = program.Replayer(self)  # type: ignore[arg-type]  # a channel that keeps what is sent

    def send(self, parts: Sequence[wire.Buffer]) -> None:
        self.sent.append(b"".join(bytes(part) for part in parts))

    def ask(self, request: wire.Message, data: Sequence[bytes] = ()) -> tuple[wire.Answer, list[memoryview]]:
        self.replayer.answer(*wire.decode_request(b"".join(bytes(part) for part in wire.encode(request, data))))
        return wire.decode_answer(self.sent.pop())

    def rows(self, *stretches: tuple[int, int], kept: int = 0, axis: int = 0) -> tuple[wire.Answer, list[memoryview]]:
        some = tuple(wire.Stretch(start=start, count=count) for start, count in stretches)
        return self.ask(wire.RowsRequest(kept=kept, axis=axis, stretches=some))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    for name, value in {"made": 0, "freed": 0, "in_use": 0, "room": 1 << 40}.items():
        monkeypatch.setattr(cpu_memory.Memory, name, value)
    monkeypatch.setattr(cpu_memory.Function, "kernel", staticmethod(doubles))
    monkeypatch.setattr(replaying, "GuardedMemory", cpu_memory.Memory)
    monkeypatch.setattr(replaying, "Function", cpu_memory.Function)
    monkeypatch.setattr(replaying, "wait", lambda: None)
    monkeypatch.setattr(timing, "DEVICE", "cpu")
    monkeypatch.setattr(timing, "FLUSH_BYTES", 64)
    monkeypatch.setattr(timing, "timed_ms", lambda call, flush: (call(), 2.5)[1])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(program, "on_device", partial(on_device, device="cpu"))
    one = Here()
    loaded, _ = one.ask(wire.PlanRequest(plan=PLAN), [b"c"])
    assert isinstance(loaded, wire.PlanLoaded)
    return one


def tensor(data: memoryview) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.bfloat16)


def test_a_replay_on_generated_inputs_sends_no_result(here: Here) -> None:
    answer, data = here.ask(REPLAY)
    assert answer == wire.Replayed(output_bytes=(), touched=(), changed=())
    assert not data


def test_rows_are_those_of_the_result_in_the_order_of_the_stretches(here: Here) -> None:
    here.ask(REPLAY)
    _, (data,) = here.rows((3, 2), (69, 1))
    assert torch.equal(tensor(data).view(3, COLUMNS), due()[[3, 4, 69]])


def test_rows_may_lie_along_another_axis(here: Here) -> None:
    here.ask(REPLAY)
    _, (data,) = here.rows((0, 1), (32, 1), axis=1)
    assert torch.equal(tensor(data).view(ROWS, 2), due()[:, [0, 32]])


@pytest.mark.parametrize(
    ("stretches", "axis", "kept"), [([(69, 2)], 0, 0), ([(0, 1)], 2, 0), ([(0, 1)], 0, 1), ([(1 << 40, 1)], 0, 0)]
)
def test_rows_that_there_are_not_are_none(here: Here, stretches: list[tuple[int, int]], axis: int, kept: int) -> None:
    here.ask(REPLAY)
    assert here.rows(*stretches, axis=axis, kept=kept) == (wire.Rows(output_bytes=()), [])


def test_without_a_replay_nothing_is_kept(here: Here) -> None:
    assert here.rows((0, 1)) == (wire.Rows(output_bytes=()), [])


def test_the_next_request_gives_the_memory_back(here: Here) -> None:
    here.ask(REPLAY)
    here.rows((0, 1))
    here.rows((1, 1))
    assert (cpu_memory.Memory.made, cpu_memory.Memory.freed) == (2, 0)
    here.ask(REPLAY.model_copy(update={"seed": 1}))
    assert (cpu_memory.Memory.made, cpu_memory.Memory.freed) == (4, 2)
    _, (data,) = here.rows((0, 1))
    assert torch.equal(tensor(data), due(1)[0])


def test_without_room_nothing_is_left(here: Here) -> None:
    cpu_memory.Memory.room = NBYTES + 1
    answer, _ = here.ask(REPLAY)
    assert answer == wire.PlanRefused(error="CUDA_ERROR_OUT_OF_MEMORY")
    assert cpu_memory.Memory.in_use == 0
    assert here.rows((0, 1)) == (wire.Rows(output_bytes=()), [])


def test_an_input_that_changed_in_one_bit_and_a_byte_beside_a_buffer_are_told(here: Here) -> None:
    def wrong(source: torch.Tensor, target: torch.Tensor) -> None:
        doubles(source, target)
        source[NBYTES // 2] ^= 1
        target[NBYTES] = 0

    cpu_memory.Function.kernel = staticmethod(wrong)
    answer, _ = here.ask(REPLAY)
    assert answer == wire.Replayed(output_bytes=(), touched=(1,), changed=(0,))


def test_a_replay_on_given_bytes_is_as_before(here: Here) -> None:
    base = due().contiguous()
    given = base.view(-1).view(torch.uint8).numpy().tobytes()
    answer, (data,) = here.ask(wire.ReplayRequest(base_bytes=(NBYTES,), fresh_byte=1, side="start"), [given])
    assert answer == wire.Replayed(output_bytes=(NBYTES,), touched=(), changed=())
    assert torch.equal(tensor(data).view(ROWS, COLUMNS), base * 2)
    assert cpu_memory.Memory.in_use == 0


def timed(here: Here, seeds: tuple[int, ...] = (SEED, 5), calls: int = 6) -> wire.Timed:
    answer, data = here.ask(wire.TimeRequest(arguments=(X,), seeds=seeds, operator="none", calls=calls))
    assert isinstance(answer, wire.Timed)
    assert not data
    return answer


def test_timed_calls_work_on_each_set_in_turns_and_their_first_results_are_kept(here: Here) -> None:
    answer = timed(here)
    assert answer.calls_ms == (2.5,) * 6
    assert (answer.differing, answer.touched, answer.changed) == ((), (), ())
    assert cpu_memory.Memory.in_use == 0  # what is kept is a copy
    for kept, seed in enumerate((SEED, 5)):
        _, (data,) = here.rows((7, 2), kept=kept)
        assert torch.equal(tensor(data).view(2, COLUMNS), due(seed)[7:9])


def test_a_timed_call_that_gives_other_bits_is_numbered(here: Here) -> None:
    calls = iter(range(100))

    def drifts(source: torch.Tensor, target: torch.Tensor) -> None:
        doubles(source, target)
        target[0] ^= next(calls) == timing.WARM_UP + 4

    cpu_memory.Function.kernel = staticmethod(drifts)
    assert timed(here).differing == (4,)


def test_what_a_timed_call_keeps_beside_or_in_its_input_is_told(here: Here) -> None:
    def keeps(source: torch.Tensor, target: torch.Tensor) -> None:
        doubles(source, target)
        source[0] = 0

    cpu_memory.Function.kernel = staticmethod(keeps)
    assert timed(here).changed == (0,)


def test_own_memory_is_filled_anew_before_each_timed_call(here: Here) -> None:
    """A kernel that computes only where its result is not there yet."""

    def once(source: torch.Tensor, target: torch.Tensor) -> None:
        if bool((target[:NBYTES] == timing.FRESH_BYTE).all()):
            doubles(source, target)
        else:
            target[:NBYTES] = 0

    cpu_memory.Function.kernel = staticmethod(once)
    assert not timed(here, seeds=(SEED,) * 3, calls=9).differing
