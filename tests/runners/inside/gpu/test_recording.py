"""What host code does to memory is recorded as steps, anything else leaves a reason. Launches need a GPU."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from runners.inside.gpu.recording import Recorder
from runners.launch_plan import Buffer, Copy, Fill, LaunchPlan, Place, Pointer, Scalar


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


def launched(base: torch.Tensor, **metadata: object) -> LaunchPlan | str:
    """The plan of a call that launches a kernel with these attributes, over a grid of 3."""
    plain = {"name": "a_kernel", "shared": 64, "num_warps": 4, "num_ctas": 1, "launch_pdl": False}
    kernel = SimpleNamespace(
        src=SimpleNamespace(signature={"x": "*fp32", "n": "i32"}),
        metadata=SimpleNamespace(**plain | metadata),
        asm={"cubin": b"code"},
    )
    recorder = Recorder([base])
    made: list[tuple[object, ...]] = []
    with recorder:
        out = torch.empty(20, dtype=torch.uint8)
        recorder.launch(kernel, lambda *args: made.append(args), 3, 1, 1, out, 20)
    assert [args[:3] for args in made] == [(3, 1, 1)]
    assert recorder.launches == 1
    planned = recorder.plan([out])
    return planned if isinstance(planned, str) else planned[0]


def test_a_launch_is_a_step_with_its_grid_and_arguments(base: torch.Tensor) -> None:
    plan = launched(base)
    assert isinstance(plan, LaunchPlan)
    (step,) = plan.launches
    assert step.grid == (3, 1, 1)
    assert step.arguments == (Pointer(place=Place(buffer=1, offset=0)), Scalar(type="i32", value=20))
    assert (plan.kernels[0].name, plan.kernels[0].warps, plan.kernels[0].shared_bytes) == ("a_kernel", 4, 64)


@pytest.mark.parametrize("attribute", [{"num_ctas": 2}, {"launch_cooperative_grid": True}, {"launch_pdl": True}])
def test_a_launch_in_another_manner_is_made_and_is_no_plan(base: torch.Tensor, attribute: dict[str, object]) -> None:
    assert "a launch asks for" in str(launched(base, **attribute))
