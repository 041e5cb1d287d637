"""One case on a GPU: called, called again, replayed twice. What each part finds, and whose fault it is.

The device is left out (`fake_device`): what is called and what is replayed are functions on the CPU.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from elf_files import elf
from fake_device import Ends, Fails, FakeDevice, relu

from runners import wire
from runners.device_session import LATER, MANY_BLOCKS, DeviceSession
from runners.evidence import UnsupportedCase
from runners.examine import Agreed
from runners.failures import (
    BadPlan,
    CodeRaised,
    DeviceFault,
    InputChanged,
    NoLaunch,
    OutsideWritten,
    ResultsDiffer,
    RunnerEnded,
    WrongForm,
    WrongValues,
)
from runners.launch_plan import Buffer, Place
from runners.session import Deadlines
from sandbox.outcomes import Exited, TimedOut

MEMORY = 1 << 30


def wrong(x):
    return relu(x) + 1


@pytest.fixture
def run(relu_candidate, relu_case):
    """Runs the plain case on a device."""

    def go(device: FakeDevice, case=relu_case, **options):
        with DeviceSession(relu_candidate, device, Deadlines(2.0, 1.0), MEMORY, **options) as session:
            result = session.run(case)
            go.session = session
        assert device.left_running == 0
        return result

    return go


def test_right_calls_with_right_launches_agree_and_leave_a_plan(run) -> None:
    device = FakeDevice(relu)
    result = run(device)
    assert isinstance(result, Agreed)
    assert 0 <= result.worst_ratio <= 1
    (plan,) = run.session.plans
    assert [kernel.name for kernel in plan.steps.kernels] == ["a_kernel"]
    assert run.session.replayed == 1
    assert [(way.fresh_byte, way.side) for way in device.ways] == [(0xFF, "end"), (0x47, "start")]


def test_a_wrong_call_is_found_before_anything_is_replayed(run) -> None:
    device = FakeDevice(wrong, relu)
    result = run(device)
    assert isinstance(result, WrongValues)
    assert result.conditions == "called on the GPU"
    assert result.errors is not None
    assert sum(map(sum, result.errors.wrong)) == result.wrong
    assert not device.ways


def test_launches_that_do_not_do_what_the_call_did_are_found(run, relu_case) -> None:
    result = run(FakeDevice(relu, wrong))
    assert isinstance(result, WrongValues)
    assert result.conditions.startswith("replayed")
    assert result.case.seed == (relu_case.seed + LATER) % 2**64
    assert result.errors is not None
    assert result.errors.shape == (2, 7)


def test_what_is_remembered_from_the_first_call_is_wrong_in_the_second(run) -> None:
    kept: list[torch.Tensor] = []

    def remembers(x):
        kept.append(relu(x))
        return kept[0]

    result = run(FakeDevice(remembers, relu))
    assert isinstance(result, WrongValues)
    assert result.conditions == "called on the GPU"


def test_replays_that_differ_in_a_bit_are_found(run) -> None:
    turn = itertools.count()

    def drifts(x):
        return relu(x) * (1 + next(turn) * 2.0**-23)  # within the bound, and other bits

    assert isinstance(run(FakeDevice(relu, drifts)), ResultsDiffer | WrongValues)


def test_equal_results_whose_nans_differ_in_bits_are_the_same(run, relu_case) -> None:
    plan = relu_case.tensors["x"].model_copy(update={"special": "nan"})
    case = relu_case.model_copy(update={"tensors": {"x": plan}})
    turn = itertools.count()

    def other_nans(x):
        out = relu(x)
        bits = out.view(torch.int32)
        return torch.where(out.isnan(), bits + next(turn), bits).view(torch.float32)

    assert isinstance(run(FakeDevice(relu, other_nans), case), Agreed)


def test_where_the_order_of_additions_is_free_replays_may_differ_within_the_bound(run) -> None:
    turn = itertools.count()

    def drifts(x):
        return relu(x) + (next(turn) % 2) * relu(x) * 2.0**-25

    assert isinstance(run(FakeDevice(relu, drifts), order_free=True), Agreed)


@pytest.mark.parametrize(("touched", "argument"), [((0,), "x"), ((1,), None)])
def test_bytes_beside_a_buffer_name_whose_it_was(run, touched, argument) -> None:
    device = FakeDevice(relu)
    device.touched = touched
    result = run(device)
    assert isinstance(result, OutsideWritten)
    assert result.argument == argument


def test_a_changed_input_is_found(run) -> None:
    device = FakeDevice(relu)
    device.changed = (0,)
    result = run(device)
    assert isinstance(result, InputChanged)
    assert result.argument == "x"


def test_a_fault_of_the_device_names_the_launch_and_costs_the_replayer(run) -> None:
    def faults(x):
        raise Fails("CUDA_ERROR_ILLEGAL_ADDRESS")

    device = FakeDevice(relu, faults)
    result = run(device)
    assert isinstance(result, DeviceFault)
    assert (result.kernel, result.error) == ("a_kernel", "CUDA_ERROR_ILLEGAL_ADDRESS")


def test_without_a_launch_nothing_was_computed(run) -> None:
    device = FakeDevice(relu)
    device.launches = 0
    assert isinstance(run(device), NoLaunch)


def test_what_can_not_be_recorded_is_no_failure_and_has_its_reason(run) -> None:
    device = FakeDevice(relu)
    device.reason = "torch's aten::ne is in the call"
    assert isinstance(run(device), Agreed)
    assert (run.session.unrecorded, run.session.unrecorded_cases) == (device.reason, 1)
    assert not run.session.plans


def foreign_base(plan):
    return plan.model_copy(update={"buffers": (Buffer(argument=0, nbytes=4), *plan.buffers[1:])})


def result_in_an_argument(plan):
    view = plan.outputs[0].model_copy(update={"place": Place(buffer=0, offset=0)})
    return plan.model_copy(update={"outputs": (view,)})


def other_shape(plan):
    view = plan.outputs[0].model_copy(update={"shape": (7, 2), "strides": (2, 1)})
    return plan.model_copy(update={"outputs": (view,)})


def no_results(plan):
    return plan.model_copy(update={"outputs": ()})


@pytest.mark.parametrize("alter", [foreign_base, result_in_an_argument, other_shape, no_results])
def test_a_plan_that_does_not_fit_the_case_is_a_bad_one(run, alter) -> None:
    device = FakeDevice(relu)
    device.alter_plan = alter
    assert isinstance(run(device), BadPlan)


def test_machine_code_that_could_remember_results_is_a_bad_plan(run, monkeypatch) -> None:
    code = elf({".nv.global": 1 << 20})
    monkeypatch.setattr("fake_device.CUBIN", code)
    device = FakeDevice(relu)
    kernel = {"cubin_bytes": len(code)}
    device.alter_plan = lambda plan: plan.model_copy(
        update={"kernels": tuple(one.model_copy(update=kernel) for one in plan.kernels)}
    )
    result = run(device)
    assert isinstance(result, BadPlan)
    assert "keeps 1048576 bytes" in result.problem


def test_machine_code_that_the_device_refuses_is_a_bad_plan(run) -> None:
    device = FakeDevice(relu)
    device.refused = "CUDA_ERROR_NO_BINARY_FOR_GPU"
    result = run(device)
    assert isinstance(result, BadPlan)
    assert result.problem == device.refused


@pytest.mark.parametrize(
    ("function", "aspect"),
    [(lambda x: relu(x).double(), "dtype"), (lambda x: relu(x).reshape(-1), "shape")],
)
def test_a_result_of_another_form_is_found(run, function, aspect) -> None:
    result = run(FakeDevice(function))
    assert isinstance(result, WrongForm)
    assert result.aspect == aspect


def test_what_the_candidate_raises_is_its_failure(run) -> None:
    def raises(x):
        raise RuntimeError("out of resources")

    result = run(FakeDevice(raises))
    assert isinstance(result, CodeRaised)
    assert result.error == "RuntimeError"


@pytest.mark.parametrize(("outcome", "how"), [(Exited(9), "exited"), (TimedOut(1.0), "timed_out")])
@pytest.mark.parametrize("where", ["called", "replayed"])
def test_a_program_that_ends_is_told_apart(run, outcome, how, where) -> None:
    def ends(x):
        raise Ends(outcome)

    device = FakeDevice(ends, relu) if where == "called" else FakeDevice(relu, ends)
    result = run(device)
    assert isinstance(result, RunnerEnded)
    assert result.how == how


def test_a_deadline_that_is_missed_once_is_done_again(run) -> None:
    turn = itertools.count()

    def slow_once(x):
        if next(turn) == 0:
            raise Ends(TimedOut(1.0))
        return relu(x)

    assert isinstance(run(FakeDevice(slow_once, relu)), Agreed)


def test_a_module_that_does_not_load_fails_without_a_case(relu_candidate) -> None:
    device = FakeDevice(relu)
    device.loading = wire.Raised(error="NameError", message="x", line=3)
    with DeviceSession(relu_candidate, device, Deadlines(2.0, 1.0), MEMORY) as session:
        result = session.load()
    assert isinstance(result, CodeRaised)
    assert result.case is None
    assert device.left_running == 0


def test_tensors_too_far_apart_are_not_tried(run, relu_case) -> None:
    plan = relu_case.tensors["x"].model_copy(update={"layout": "huge"})
    result = run(FakeDevice(relu), relu_case.model_copy(update={"tensors": {"x": plan}}))
    assert isinstance(result, UnsupportedCase)


def test_of_plans_with_the_same_code_that_with_more_blocks_is_looked_at_closer(relu_candidate, relu_case) -> None:
    device = FakeDevice(relu)
    with DeviceSession(relu_candidate, device, Deadlines(2.0, 1.0), MEMORY) as session:
        for columns in (1, 7, MANY_BLOCKS, 3):
            session.run(relu_case.model_copy(update={"sizes": {"M": 2, "N": columns}}))
        (plan,) = session.plans
    assert plan.blocks == 14


def test_calls_take_configurations_that_the_seed_draws(run, relu_case) -> None:
    device = FakeDevice(relu)
    for seed in range(40):
        run(device, relu_case.model_copy(update={"seed": seed}))
    assert len(device.configurations) == 80
    for count in (2, 3, 5):
        assert {number % count for number in device.configurations} == set(range(count))
        pairs = zip(device.configurations[::2], device.configurations[1::2], strict=True)
        assert any(one % count != other % count for one, other in pairs)


def test_buffers_of_the_second_replay_lie_far_apart(run) -> None:
    device = FakeDevice(relu)
    run(device)
    assert [(way.side, way.apart) for way in device.ways] == [("end", False), ("start", True)]
