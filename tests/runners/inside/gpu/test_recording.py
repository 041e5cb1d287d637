"""What host code does to memory is recorded as steps, anything else leaves a reason. Launches need a GPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from runners.inside.gpu.recording import Recorder
from runners.launch_plan import Buffer, Copy, Fill, LaunchPlan


def recorded(call: Callable[[torch.Tensor], torch.Tensor], base: torch.Tensor) -> LaunchPlan | str:
    view = base.view(torch.float32).as_strided((3, 4), (5, 1), 2)
    recorder = Recorder([base])
    with recorder:
        result = call(view)
    planned = recorder.plan([result])
    return planned if isinstance(planned, str) else planned[0]


@pytest.fixture
def base() -> torch.Tensor:
    return torch.arange(20, dtype=torch.float32).view(torch.uint8)


def test_memory_that_is_taken_is_a_buffer_and_a_fill_a_step(base: torch.Tensor) -> None:
    plan = recorded(lambda x: x.new_zeros((2, 3)), base)
    assert isinstance(plan, LaunchPlan)
    assert plan.buffers == (Buffer(argument=0, nbytes=80), Buffer(argument=None, nbytes=24))
    (step,) = plan.steps
    assert isinstance(step, Fill)
    assert (step.target.place.buffer, step.target.shape, step.value) == (1, (2, 3), 0)
    assert plan.outputs[0] == step.target


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda x: torch.full((4,), 2.5), 2.5),
        (lambda x: torch.full_like(x, float("-inf")), float("-inf")),
        (lambda x: torch.ones(4), 1),
        (lambda x: torch.empty(4).fill_(7), 7),
        (lambda x: torch.empty(4).zero_(), 0),
    ],
)
def test_each_way_to_fill_says_its_value(
    base: torch.Tensor, call: Callable[[torch.Tensor], torch.Tensor], value: float
) -> None:
    plan = recorded(call, base)
    assert isinstance(plan, LaunchPlan)
    assert [step.value for step in plan.steps if isinstance(step, Fill)] == [value]


def test_a_layout_copy_names_both_views(base: torch.Tensor) -> None:
    plan = recorded(lambda x: x.t().contiguous(), base)
    assert isinstance(plan, LaunchPlan)
    (step,) = plan.steps
    assert isinstance(step, Copy)
    assert (step.source.place.buffer, step.source.place.offset, step.source.strides) == (0, 8, (1, 5))
    assert (step.target.place.buffer, step.target.shape, step.target.strides) == (1, (4, 3), (3, 1))


def test_views_are_no_steps(base: torch.Tensor) -> None:
    plan = recorded(lambda x: x[1:].unsqueeze(0).expand(2, 2, 4).permute(2, 0, 1), base)
    assert isinstance(plan, LaunchPlan)
    assert plan.steps == ()
    assert plan.outputs[0].place.offset == (2 + 5) * 4


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda x: x + 1, "aten::add"),
        (lambda x: torch.empty(3, 4).copy_(x).mul_(2), "aten::mul_"),
        (lambda x: x.to(torch.float16), "aten::_to_copy"),
        (lambda x: torch.full((2,), x[0, 0].item()), "aten::_local_scalar_dense"),
        (lambda x: torch.arange(4), "aten::arange"),
        (lambda x: torch.empty(3, 4, dtype=torch.float16).copy_(x), "a copy converts"),
    ],
)
def test_what_is_no_memory_leaves_a_reason(
    base: torch.Tensor, call: Callable[[torch.Tensor], torch.Tensor], reason: str
) -> None:
    why = recorded(call, base)
    assert isinstance(why, str)
    assert reason in why


def test_memory_of_an_earlier_call_leaves_a_reason(base: torch.Tensor) -> None:
    kept = torch.zeros(4)
    why = recorded(lambda x: kept, base)
    assert why == "memory is used that was not allocated in the call"
