"""Cases beyond the boundary of 32 bits, the device left out and the boundary so low that a CPU goes beyond it.

What is called and what is replayed are functions; a model of an index of 32 bits wraps at the boundary.
"""

from __future__ import annotations

import math

import pytest
import torch
from fake_device import Ends, Fails, FakeDevice, relu

from runners.candidate import Candidate
from runners.device_evidence import LargeCase
from runners.device_session import DeviceSession
from runners.failures import (
    BadPlan,
    DeviceFault,
    Failure,
    InputChanged,
    NoLaunch,
    OutsideWritten,
    RunnerEnded,
    WrongForm,
    WrongValues,
)
from runners.large_check import WAY, LargeCheck
from runners.large_shapes import BEYOND
from runners.operators import OPERATORS
from runners.oracle import STRICT
from runners.session import Deadlines
from sandbox.outcomes import Exited, TimedOut

BOUNDARY = 1 << 12
DTYPES = ("float32", "float16", "bfloat16")


def of(operator: str) -> Candidate:
    return Candidate(f"{operator}.py", b"", "", OPERATORS[operator], operator)


class Tried:
    """What the check of one candidate said and told."""

    def __init__(self, device: FakeDevice, operator: str = "relu", dtypes: tuple[str, ...] = DTYPES, seed: int = 3):
        self.told: list[LargeCase] = []
        with DeviceSession(of(operator), device, Deadlines(2.0, 1.0), 1 << 30) as session:
            check = LargeCheck(of(operator), session, seed, STRICT, BOUNDARY, wait_s=0.0)
            self.failure: Failure | None = check.run(dtypes, self.told.append)
            self.unrecorded = session.unrecorded
        assert device.left_running == 0

    @property
    def outcomes(self) -> list[str]:
        return [one.outcome for one in self.told]


def wraps(function):
    """The function as a kernel computes it whose index of an element wraps at the boundary."""

    def wrapped(x: torch.Tensor) -> torch.Tensor:
        flat = function(x).reshape(-1).clone()
        flat[BOUNDARY:] = 0  # what it would have written there went elsewhere
        return flat.reshape(x.shape)

    return wrapped


def test_a_right_candidate_agrees_in_each_way() -> None:
    device = FakeDevice(relu)
    tried = Tried(device)
    assert tried.failure is None
    assert [one.way for one in tried.told] == ["rows", "flat"]
    assert tried.outcomes == ["agreed", "agreed"]
    assert all(one.rows >= 30 and len(one.code) == 1 for one in tried.told)


def test_inputs_are_of_two_bytes_and_replayed_from_another_seed_than_recorded() -> None:
    device = FakeDevice(relu)
    seen: set[torch.dtype] = set()
    device.replayed = lambda x: seen.add(x.dtype) or relu(x)
    Tried(device)
    assert seen <= {torch.float16, torch.bfloat16}
    assert len(set(device.seeds)) == 2 * 3
    for _, mixed, unsigned in (device.seeds[:3], device.seeds[3:]):
        assert (mixed % 2, unsigned % 2) == (0, 1)


def test_a_kernel_that_is_right_on_mixed_signs_alone_is_found() -> None:
    def small_sums(x: torch.Tensor) -> torch.Tensor:
        return relu(x) if bool((x < 0).any()) else relu(x) * 0.99

    tried = Tried(FakeDevice(relu, small_sums))
    assert isinstance(tried.failure, WrongValues)
    assert Tried(FakeDevice(relu)).failure is None


def test_no_result_travels_but_the_rows_that_are_asked_for() -> None:
    device = FakeDevice(relu)
    sent: list[int] = []
    device.alter_rows = lambda rows: sent.append(sum(map(len, rows))) or rows
    tried = Tried(device)
    assert len(sent) == 2 * len(tried.told)
    *rows, mixed, unsigned = sent
    assert max(rows) < BOUNDARY * 2 * 20
    assert mixed + unsigned == tried.told[1].rows * 2


@pytest.mark.parametrize("operator", ["relu", "softmax"])
def test_an_index_that_wraps_at_the_boundary_is_found_and_where(operator: str) -> None:
    function = relu if operator == "relu" else lambda x: torch.softmax(x.float(), -1).to(x.dtype)
    tried = Tried(FakeDevice(function, wraps(function)), operator)
    assert isinstance(tried.failure, WrongValues)
    assert tried.failure.conditions == WAY.name
    row, column = tried.failure.first[0].index
    length = tried.failure.case.sizes["N"]
    assert row * length + column >= BOUNDARY
    assert tried.failure.case.sizes["M"] == (BOUNDARY // length + BEYOND) | 1
    assert tried.failure.errors is None  # of some rows there is no map


@pytest.mark.parametrize("at", [0, -1])
def test_one_wrong_row_at_the_boundary_or_the_end_is_found(at: int) -> None:
    def wrong(x: torch.Tensor) -> torch.Tensor:
        out = relu(x).clone()
        out[BOUNDARY // x.shape[-1] if at == 0 and x.dim() > 1 else at] += 1
        return out

    failure = Tried(FakeDevice(relu, wrong)).failure
    assert isinstance(failure, WrongValues)
    assert failure.wrong in (1, failure.case.sizes["N"])


def test_a_wrong_row_is_found_where_it_is_drawn_and_rows_are_drawn_anew() -> None:
    hidden = 20  # not one that is always looked at
    found = 0
    for _ in range(24):

        def wrong(x: torch.Tensor) -> torch.Tensor:
            out = relu(x).clone()
            if x.dim() > 1:
                out[hidden] += 1
            return out

        failure = Tried(FakeDevice(relu, wrong)).failure
        found += failure is not None
        assert failure is None or failure.first[0].index[0] == hidden
    assert 6 < found <= 24  # 32 of some 45 rows are drawn


@pytest.mark.parametrize(("what", "failure"), [("changed", InputChanged), ("touched", OutsideWritten)])
def test_changed_inputs_and_bytes_beside_a_buffer_are_found(what: str, failure: type) -> None:
    device = FakeDevice(relu)
    setattr(device, what, (0,))
    assert isinstance(Tried(device).failure, failure)


def test_a_fault_of_the_device_is_a_failure_of_this_case() -> None:
    def faults(x: torch.Tensor) -> torch.Tensor:
        raise Fails("CUDA_ERROR_ILLEGAL_ADDRESS")

    failure = Tried(FakeDevice(relu, faults)).failure
    assert isinstance(failure, DeviceFault)
    assert (failure.kernel, failure.conditions) == ("a_kernel", WAY.name)


@pytest.mark.parametrize("error", [AssertionError, NotImplementedError, ValueError, RuntimeError])
def test_a_candidate_may_refuse_such_sizes(error: type[Exception]) -> None:
    def refuses(x: torch.Tensor) -> torch.Tensor:
        raise error("at most 2**31 elements")

    tried = Tried(FakeDevice(refuses))
    assert tried.failure is None
    assert tried.outcomes == ["refused", "refused"]
    assert "at most 2**31 elements" in (tried.told[0].reason or "")


@pytest.mark.parametrize(
    "message", ["Triton Error [CUDA]: invalid argument", "CUDA error: an illegal memory access was encountered"]
)
def test_a_launch_that_the_driver_refuses_is_no_refusal_of_the_candidate(message: str) -> None:
    def launches(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(message)

    failure = Tried(FakeDevice(launches)).failure
    assert failure is not None
    assert failure.kind == "raised"


def test_without_room_it_is_not_tried_and_says_what_is_needed() -> None:
    device = FakeDevice(relu)
    device.free_bytes = device.total_bytes = 1 << 30
    tried = Tried(device)
    assert tried.failure is None
    assert tried.outcomes == ["unmeasured", "unmeasured"]
    assert "MiB are needed" in (tried.told[0].reason or "")
    assert not device.seeds


def test_memory_that_the_candidate_does_not_get_is_no_failure() -> None:
    def allocates(x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    assert Tried(FakeDevice(allocates)).outcomes == ["unmeasured", "unmeasured"]


@pytest.mark.parametrize(
    ("operator", "dtypes", "reason"),
    [("histogram", ("int64", "int32"), "all inputs"), ("relu", ("float32",), "at most 2 bytes")],
)
def test_where_there_is_no_such_case_the_reason_is_told(operator: str, dtypes: tuple[str, ...], reason: str) -> None:
    tried = Tried(FakeDevice(relu), operator, dtypes)
    assert tried.outcomes == ["unfit"]
    assert reason in (tried.told[0].reason or "")


def test_a_call_without_a_plan_is_counted_and_no_failure() -> None:
    device = FakeDevice(relu)
    device.reason = "a value was read"
    tried = Tried(device)
    assert tried.failure is None
    assert set(tried.outcomes) == {"unrecorded"}
    assert tried.unrecorded == "a value was read"


def test_without_a_launch_nothing_was_computed() -> None:
    device = FakeDevice(relu)
    device.launches = 0
    assert isinstance(Tried(device).failure, NoLaunch)


def test_a_result_of_another_form_is_found_before_anything_is_replayed() -> None:
    device = FakeDevice(lambda x: relu(x).float())
    failure = Tried(device).failure
    assert isinstance(failure, WrongForm)
    assert failure.aspect == "dtype"
    assert len(device.seeds) == 1


def test_a_plan_whose_result_has_another_form_is_a_bad_one() -> None:
    device = FakeDevice(relu)

    def flattened(plan):
        view = plan.outputs[0]
        count = math.prod(view.shape)
        return plan.model_copy(update={"outputs": (view.model_copy(update={"shape": (count,), "strides": (1,)}),)})

    device.alter_plan = flattened
    assert isinstance(Tried(device).failure, BadPlan)


def test_a_call_that_does_not_end_leaves_it_open_and_a_replay_that_does_not_is_a_failure() -> None:
    def hangs(x: torch.Tensor) -> torch.Tensor:
        raise Ends(TimedOut(1.0))

    assert Tried(FakeDevice(hangs, relu)).outcomes == ["unmeasured", "unmeasured"]
    assert isinstance(Tried(FakeDevice(relu, hangs)).failure, RunnerEnded)


def test_a_program_that_leaves_is_a_failure() -> None:
    def leaves(x: torch.Tensor) -> torch.Tensor:
        raise Ends(Exited(9))

    assert isinstance(Tried(FakeDevice(leaves, relu)).failure, RunnerEnded)


def test_rows_that_do_not_come_leave_it_open() -> None:
    device = FakeDevice(relu)
    device.alter_rows = lambda rows: []
    tried = Tried(device)
    assert tried.failure is None
    assert set(tried.outcomes) == {"unmeasured"}


def test_sizes_are_drawn_from_the_seed() -> None:
    same, again, other = (Tried(FakeDevice(relu), seed=seed).told[0].case for seed in (3, 3, 4))
    assert same == again != other
