"""Shapes on generated inputs: what a row of the result depends on is what its shape says, for each operator."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import islice

import pytest
import torch

from runners import large_shapes as large
from runners.benchmark_shapes import SHAPES
from runners.dtypes import TORCH_DTYPES
from runners.generated_inputs import GeneratedInputs, Shape, generated_inputs
from runners.long_axes import long_axes
from runners.materialise import ArgumentValue, TensorValue
from runners.operators import OPERATORS
from runners.oracle import bound_reference, in_precision
from runners.plans import pairwise

SMALL = 1 << 12
SEED = 11
LARGE = [
    (name, one.way)
    for name in OPERATORS
    for one in large.large_shapes(OPERATORS[name], random.Random(1), SMALL)
]  # fmt: skip


def made_small(operator: str, shape: Shape) -> Shape:
    """The same with sizes that a CPU takes whole; each is another, so that no axis is taken for another."""
    few = {"group_size": 4}
    sizes = {name: min(size, 5 + 2 * number) for number, (name, size) in enumerate(shape.sizes.items())}
    if operator == "conv2d":
        sizes |= {name: min(shape.sizes[name], 3) for name in ("KH", "KW") if name in shape.sizes}
    return replace(shape, sizes=sizes, scalars={k: few.get(k, v) for k, v in shape.scalars.items()})


def large_shape(name: str, way: str, boundary: int = SMALL) -> Shape:
    found = {one.way: one.shape for one in large.large_shapes(OPERATORS[name], random.Random(1), boundary)}
    return found[way]


def result(inputs: GeneratedInputs, arguments: tuple[ArgumentValue, ...]) -> tuple[torch.Tensor, ...]:
    given = [in_precision(argument, torch.float64) for argument in arguments]
    made = bound_reference(inputs.operator, inputs.case.dtype)(*given)
    return made if isinstance(made, tuple) else (made,)


def whole(inputs: GeneratedInputs) -> tuple[ArgumentValue, ...]:
    """The arguments as a device makes them, no row chosen."""
    return tuple(
        argument.whole(SEED) if hasattr(argument, "whole") else argument  # scalars are what they are
        for argument in inputs.arguments
    )


def assert_rows_are_what_they_say(operator: str, shape: Shape) -> None:
    inputs = generated_inputs(OPERATORS[operator], shape, OPERATORS[operator].dtypes[-1], 1)
    assert OPERATORS[operator].allows(inputs.case.values)
    of_all = result(inputs, whole(inputs))
    assert [tuple(one.shape) for one in of_all] == [due.shape for due in inputs.results()]
    count = inputs.count
    for rows in ([0], [count - 1], sorted({0, count // 2, count - 1})):
        some = result(inputs, inputs.rows(SEED, rows))
        for one, part in zip(of_all, some, strict=True):
            chosen = one.index_select(shape.axis, torch.tensor(rows)) if shape.rows else one
            assert part.shape == chosen.shape
            torch.testing.assert_close(part, chosen, rtol=1e-12, atol=1e-12)


def test_every_operator_has_a_benchmark() -> None:
    assert set(SHAPES) == set(OPERATORS)


@pytest.mark.parametrize("name", SHAPES)
def test_a_row_of_a_timed_result_depends_on_what_its_shape_says(name: str) -> None:
    assert_rows_are_what_they_say(name, made_small(name, SHAPES[name]))


@pytest.mark.parametrize(("name", "way"), LARGE)
def test_a_row_of_a_large_result_depends_on_what_its_shape_says(name: str, way: str) -> None:
    assert_rows_are_what_they_say(name, made_small(name, large_shape(name, way)))


def test_a_row_does_not_depend_on_all_where_the_operator_has_no_rows() -> None:
    """The proof above would notice: with rows claimed for what adds over all of its input it fails."""
    shape = Shape("vector", {"N": 9, "V": 9}, {"index": 0, "src": 0})
    with pytest.raises(AssertionError):
        assert_rows_are_what_they_say("scatter_add", shape)


@pytest.mark.parametrize("name", SHAPES)
def test_elements_are_ones_that_the_operator_takes(name: str) -> None:
    operator, shape = OPERATORS[name], made_small(name, SHAPES[name])
    for dtype in operator.dtypes:
        inputs = generated_inputs(operator, shape, dtype, 1)
        for argument in whole(inputs):
            if not isinstance(argument, TensorValue):
                continue
            given = next(one for one in operator.tensors if one.name == argument.name)
            values = argument.view.double()
            if given.whole is not None:
                form = operator.form(shape.form)
                assert float(values.min()) >= 0 or argument.dtype == "int8"
                if argument.name in ("ids", "index", "x", "target"):
                    assert float(values.max()) < inputs.case.sizes["V" if "V" in form.names | set(shape.sizes) else "N"]
            elif "scale" in argument.name:
                assert float(values.min()) > 0
            else:
                assert 0.5 < float(values.abs().max()) <= 2


@pytest.mark.parametrize(("name", "way"), LARGE)
@pytest.mark.parametrize("seed", range(3))
def test_a_large_shape_is_just_over_the_boundary_and_no_tile_divides_it(name: str, way: str, seed: int) -> None:
    operator = OPERATORS[name]
    shape = {one.way: one.shape for one in large.large_shapes(operator, random.Random(seed))}[way]
    narrow = [dtype for dtype in operator.dtypes if TORCH_DTYPES[dtype].itemsize <= 2]
    inputs = generated_inputs(operator, shape, narrow[0], 1)
    results = [due.shape for due in inputs.results()]
    largest = max(math.prod(sizes) for sizes in (*results, *(tensor.shape for tensor in inputs.tensors)))
    assert large.BOUNDARY < largest < (2.01 if way == "table" else 1.01) * large.BOUNDARY
    assert all(size % 2 for name_, size in shape.sizes.items() if name_ != "P" and size > 1)
    assert large.is_large(operator, inputs.case)
    inputs.on_wire()


@pytest.mark.parametrize("name", OPERATORS)
def test_no_ordinary_case_is_large(name: str) -> None:
    operator = OPERATORS[name]
    ordinary = [*islice(pairwise(operator, 1, operator.dtypes[:1]), 30)]
    ordinary += [one.case for one in long_axes(operator, 1, operator.dtypes[:1])]
    assert not any(large.is_large(operator, case) for case in ordinary)


def test_what_a_large_row_has_is_made_without_the_whole() -> None:
    inputs = generated_inputs(OPERATORS["softmax"], large_shape("softmax", "rows", large.BOUNDARY), "bfloat16", 1)
    last = inputs.count - 1
    (x,) = inputs.rows(SEED, [0, last])
    assert isinstance(x, TensorValue)
    (tensor,) = inputs.tensors
    length = tensor.shape[1]
    start = last * length
    assert start > (1 << 31)
    index = torch.arange(start, start + length)
    assert torch.equal(x.view[1], tensor._generated(SEED).at(index))
