"""What a launch would be compiled for: the facts that Triton's compiler looks at, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import triton
import triton.language as tl

from runners.inside import interpreter
from runners.inside.interpreter.specialisation import SEEN
from runners.specialisation import (
    Constant,
    DtypeConstant,
    FunctionConstant,
    LaunchValue,
    Number,
    Pointer,
    Specialisation,
)
from runners.wire import Conditions

NATURAL = Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)


@triton.jit
def helper(v):
    return v


@triton.jit
def kernel(x, n, block: tl.constexpr):
    pass


@triton.autotune(configs=[triton.Config({"block": 8}, num_warps=w) for w in (2, 4)], key=["n"])
@triton.jit
def tuned(x, n, block: tl.constexpr):
    pass


@triton.jit
def variable(*x):
    pass


def launched(launch: Callable[[], object]) -> tuple[Specialisation, ...]:
    SEEN.forget()
    with interpreter.observe(NATURAL):
        launch()
    return SEEN.unsent()


def seen_of(x: object, n: object, block: object = 16) -> dict[str, LaunchValue]:
    (one,) = launched(lambda: kernel[(1,)](x, n, block=block))
    assert one.gap is None
    return {given.name: given.value for given in one.arguments}


@pytest.mark.parametrize(("value", "stands_for"), [
    (1, 1), (2, 3), (3, 3), (-5, 3), (16, 16), (0, 16), (-32, 16), (2**31 - 1, 3), (2**31, 2**40 + 16),
    (-(2**40) - 1, 2**40 + 3), (2**63 + 1, 2**63 + 3), (True, True), (0.25, 0.5),
])  # fmt: skip
def test_a_number_is_told_by_width_one_and_sixteen(value: float, stands_for: float) -> None:
    assert seen_of(torch.zeros(4), value)["n"] == Number(value=stands_for)


def test_an_address_is_aligned_where_its_offset_in_the_storage_is() -> None:
    base = torch.zeros(64, dtype=torch.float16)
    assert seen_of(base[8:], 3)["x"] == Pointer(dtype="float16", aligned=True)
    assert seen_of(base[1:], 3)["x"] == Pointer(dtype="float16", aligned=False)


@pytest.mark.parametrize(("value", "said"), [
    (64, Constant(value=64)), (True, Constant(value=True)), (None, Constant(value=None)),
    ("tanh", Constant(value="tanh")), (tl.float16, DtypeConstant(library="triton", name="fp16")),
    (torch.bfloat16, DtypeConstant(library="torch", name="bfloat16")), (tl.constexpr(3), Constant(value=3)),
])  # fmt: skip
def test_constants_are_said_as_they_are(value: object, said: LaunchValue) -> None:
    assert seen_of(torch.zeros(4), 3, value)["block"] == said


def test_a_jitted_function_is_said_by_its_name_and_line() -> None:
    said = seen_of(torch.zeros(4), 3, helper)["block"]
    assert isinstance(said, FunctionConstant)
    assert said.function.qualname == "helper"


def test_equal_launches_are_seen_once_and_sent_once() -> None:
    x = torch.zeros(64)
    seen = launched(lambda: [kernel[(1,)](x, n, block=16) for n in (3, 5, 7, 16, 32)])
    assert len(seen) == 2
    assert SEEN.unsent() == ()


def test_launch_options_and_the_number_of_configurations_are_seen() -> None:
    (one,) = launched(lambda: tuned[(1,)](torch.zeros(4), 3))
    assert one.configurations == 2
    assert {given.name: given.value for given in one.options}["num_warps"] in (Constant(value=2), Constant(value=4))
    (plain,) = launched(lambda: kernel[(1,)](torch.zeros(4), 3, block=16, num_stages=5))
    assert plain.configurations == 0
    assert [given.name for given in plain.options] == ["num_stages"]


def test_what_no_message_can_say_is_a_gap() -> None:
    with pytest.raises(TypeError):  # nor can it be interpreted
        launched(lambda: variable[(1,)](torch.zeros(4), 3))
    (one,) = SEEN.unsent()
    assert one.gap == "the kernel takes a variable number of arguments"
    (odd,) = launched(lambda: kernel[(1,)](torch.zeros(4), 3, block=object()))
    assert odd.gap == "a constant is a object"


@pytest.mark.parametrize("value", [(0,) * 65, ((((((((((0,),),),),),),),),),)], ids=["long", "deep"])
def test_a_tuple_that_no_message_can_hold_is_a_gap(value: object) -> None:
    (one,) = launched(lambda: kernel[(1,)](torch.zeros(4), 3, block=value))
    assert one.gap is not None
    assert "a tuple is larger than a message holds" in one.gap


def test_the_harness_own_launches_are_not_the_candidates() -> None:
    from runners.inside.warmup import launch_once

    SEEN.forget()
    launch_once()
    assert SEEN.unsent() == ()
