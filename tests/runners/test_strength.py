"""Degenerate outputs: what they are, that they are wrong, and that every built-in operator's own cases reject them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from runners.degenerate import degenerates, same_output
from runners.lowered import Lowered, to_tf32
from runners.materialise import materialise
from runners.operators import OPERATORS
from runners.oracle import compare, expect
from runners.plans import pairwise
from runners.strength import reject_degenerates

CASES = 40
CHEAP = ("relu", "softmax", "rms_norm", "cross_entropy", "scatter_add")


@pytest.mark.parametrize("name", CHEAP)
def test_every_degenerate_output_is_rejected_by_the_operators_own_cases(name: str) -> None:
    operator = OPERATORS[name]
    tallies = reject_degenerates(operator, 1, CASES, operator.dtypes)
    assert len(tallies) >= 10
    assert [tally.kind for tally in tallies if tally.first is None] == []


@pytest.mark.parametrize("name", CHEAP)
def test_the_right_output_is_never_among_them(name: str) -> None:
    operator = OPERATORS[name]
    for case in islice(pairwise(operator, 2, operator.dtypes), 4):
        arguments = materialise(operator, case)
        expected = expect(operator, case.dtype, arguments)
        for wrong in degenerates(operator, case, arguments, expected):
            exact = expected[wrong.position].exact
            assert wrong.output.shape == exact.shape
            assert str(wrong.output.dtype).removeprefix("torch.") == expected[wrong.position].dtype


def test_an_operator_whose_oracle_takes_anything_is_found_out() -> None:
    blind = replace(OPERATORS["softmax"], condition=lambda x: torch.full_like(x, 1e30))
    tallies = reject_degenerates(blind, 1, 20, ("float32",))
    assert {"float32: result through bfloat16", "moved by one element"} <= {t.kind for t in tallies if t.first is None}


def test_what_equals_the_right_output_is_no_degenerate_one() -> None:
    tensor = replace(OPERATORS["sum"].tensors[0], values=("zeros",), specials=("none",))
    only_zeros = replace(OPERATORS["sum"], inputs=(tensor,))
    kinds = {tally.kind for tally in reject_degenerates(only_zeros, 1, 10, ("float32",))}
    assert kinds == {"ones"}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("sum", {"without the last term", "without the first term", "float32: computed in float16"}),
        ("softmax", {"the argument 'x'", "shuffled", "moved by one row", "without the last term"}),
        ("matmul", {"float32: arguments in tf32", "without the last term", "one unit too large (float16)"}),
        ("conv2d", {"without the last term", "float32: arguments in tf32"}),
        ("scatter_add", {"without the last term", "float32: computed in bfloat16"}),
        ("histogram", {"zeros", "without the first term"}),
        ("fused_add_rms_norm", {"the argument 'residual'", "without the last term"}),
    ],
)
def test_an_operator_has_the_degenerate_outputs_that_apply_to_it(name: str, kinds: set[str]) -> None:
    operator = OPERATORS[name]
    found = set()
    for case in islice(pairwise(operator, 3, operator.dtypes), 12):
        arguments = materialise(operator, case)
        expected = expect(operator, case.dtype, arguments)
        found |= {wrong.kind for wrong in degenerates(operator, case, arguments, expected)}
    assert kinds <= found


def test_a_sum_is_lowered_term_by_term() -> None:
    many = torch.full((1, 4096), 1.0, dtype=torch.float64)
    with Lowered(torch.bfloat16):
        total = many.sum(-1)
        product = many @ many.T
        running = many.cumsum(-1)
    assert (total.item(), product.item(), running[0, -1].item()) == (256.0, 256.0, 256.0)


def test_what_torch_fuses_is_lowered_inside() -> None:
    x = torch.linspace(-3, 3, 50, dtype=torch.float64)[None]
    with Lowered(torch.float16):
        inside = torch.softmax(x, -1)
    once = torch.softmax(x, -1).half().double()
    assert bool((inside != once).any())
    assert torch.allclose(inside, once, atol=1e-2)


def test_nothing_is_lowered_outside_of_the_block() -> None:
    with Lowered(torch.bfloat16):
        pass
    assert torch.tensor([1.001], dtype=torch.float64).mul(1.0).item() == 1.001


def test_tf32_keeps_ten_bits_and_what_is_not_finite() -> None:
    values = torch.tensor([1.0 + 2.0**-10, 1.0 + 2.0**-12, 1.0 + 3 * 2.0**-11, float("nan"), float("-inf")])
    rounded = to_tf32(values)
    assert rounded[:3].tolist() == [1.0 + 2.0**-10, 1.0, 1.0 + 2.0**-9]
    assert rounded[3].isnan()
    assert rounded[4] == float("-inf")


def test_a_lowered_result_is_near_enough_that_a_loose_tolerance_takes_it() -> None:
    """Why it is among them: 1e-2 would pass it, the oracle does not."""
    operator = OPERATORS["softmax"]
    rejected = 0
    for case in islice(pairwise(operator, 1, ("bfloat16",)), 20):
        arguments = materialise(operator, case)
        expected = expect(operator, case.dtype, arguments)
        for wrong in degenerates(operator, case, arguments, expected):
            if wrong.kind == "bfloat16: computed in bfloat16":
                assert torch.allclose(wrong.output.double(), expected[0].exact, atol=1e-2, equal_nan=True)
                rejected += compare(expected[0], wrong.output).wrong > 0
    assert rejected >= 5


@pytest.mark.parametrize(
    ("right", "off", "same"), [(3.0, 1.0, True), (3.0, 2.0, False), (1022.0, 1.0, True), (1024.0, 1.0, False)]
)
def test_of_float16_neighbours_among_the_denormals_alone_are_the_same_output(
    right: float, off: float, same: bool
) -> None:
    one, other = (torch.tensor([units * 2.0**-24], dtype=torch.float16) for units in (right, right + off))
    assert same_output(one, other) is same
    assert same_output(one.float(), other.float()) is False
