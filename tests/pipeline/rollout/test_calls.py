"""Calls in the operators' words: every case of every operator is recognised, and comes back from its recording."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pipeline.rollout.calls import Fit, case_of, fit, lay, recorded
from pipeline.rollout.judging import judge
from pipeline.rollout.reference import reference_of
from runners.cases import Case
from runners.materialise import TensorValue, materialise
from runners.operators import OPERATORS, Operator
from runners.oracle import STRICT
from runners.plans import pairwise
from runners.recorded import RecordedTensor, arguments_of

SOFTMAX = OPERATORS["softmax"]
CASES = 6


def cases(operator: Operator) -> list[Case]:
    return [case for case, _ in zip(pairwise(operator, 7, operator.dtypes), range(CASES), strict=False)]


def called(operator: Operator, case: Case) -> tuple[Any, ...]:
    return tuple(one.view if isinstance(one, TensorValue) else one.value for one in materialise(operator, case))


def whole(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        one.clone(memory_format=torch.contiguous_format) if isinstance(one, torch.Tensor) else one for one in arguments
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_a_case_is_recognised_by_its_arguments_and_its_reference_is_right(name: str) -> None:
    operator = OPERATORS[name]
    reference = reference_of(operator)
    for case in cases(operator):
        arguments = called(operator, case)
        found = fit(operator, arguments)
        assert isinstance(found, Fit), (case.describe(), found)
        near = case_of(operator, found, arguments, tuple(map(lay, arguments)))
        shapes = [tuple(one.shape) for one in arguments if isinstance(one, torch.Tensor)]
        made = [tuple(one.shape) for one in called(operator, near) if isinstance(one, torch.Tensor)]
        assert (near.dtype, made) == (case.dtype, shapes), case.describe()
        before = whole(arguments)
        assert judge(operator, found, near, before, before, reference(*arguments), STRICT) is None, case.describe()


@pytest.mark.parametrize("name", OPERATORS)
def test_recorded_arguments_come_back_with_their_bits_and_their_strides(name: str) -> None:
    operator = OPERATORS[name]
    for case in cases(operator):
        arguments = called(operator, case)
        kept = recorded(operator, arguments, tuple(map(lay, arguments)))
        again = arguments_of(tuple(type(one).model_validate_json(one.model_dump_json()) for one in kept))
        for given, back in zip(arguments, again, strict=True):
            if isinstance(back, TensorValue):
                assert back.view.stride() == given.stride(), case.describe()
                bits = [one.view(torch.uint8) for one in whole((given, back.view))]
                assert torch.equal(*bits), case.describe()
            else:
                assert back.value == given


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((torch.zeros(2, 3, dtype=torch.int32),), "not declared for int32"),
        ((torch.zeros(3),), "fit no form"),
        ((torch.zeros(2, 3), 1), "takes 1 arguments, 2"),
        ((3.0,), "not a tensor"),
    ],
)
def test_what_the_operator_does_not_have_is_no_case_of_it(arguments: tuple[Any, ...], why: str) -> None:
    assert why in str(fit(SOFTMAX, arguments))


@pytest.mark.parametrize(("name", "shape", "empty"), [("softmax", (0, 5), "M"), ("softmax", (3, 0), "N")])
def test_an_empty_tensor_that_the_operator_does_not_declare_is_none_of_its_arguments(
    name: str, shape: tuple[int, ...], empty: str
) -> None:
    assert fit(OPERATORS[name], (torch.empty(shape),)) == f"{name} is not declared for {empty} of 0"
    assert isinstance(fit(OPERATORS["relu"], (torch.empty(shape),)), Fit)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (lambda x: torch.softmax(x, -1) * 1.001, "wrong_values"),
        (lambda x: torch.softmax(x, -1).double(), "wrong_form"),
        (lambda x: torch.softmax(x, -1)[:1], "wrong_form"),
        (lambda x: (torch.softmax(x, -1),), "wrong_form"),
        (lambda x: None, "wrong_form"),
    ],
)
def test_a_wrong_result_is_found(wrong: Any, kind: str) -> None:
    x = torch.randn(3, 7)
    found = fit(SOFTMAX, (x,))
    assert isinstance(found, Fit)
    case = case_of(SOFTMAX, found, (x,), (lay(x),))
    failure = judge(SOFTMAX, found, case, (x,), (x,), wrong(x), STRICT)
    assert failure is not None
    assert failure.kind == kind


def test_a_changed_argument_is_found_where_the_result_is_right() -> None:
    x = torch.randn(3, 7)
    found = fit(SOFTMAX, (x,))
    assert isinstance(found, Fit)
    case = case_of(SOFTMAX, found, (x,), (lay(x),))
    after = x.clone()
    after[0, 0] = -after[0, 0]
    failure = judge(SOFTMAX, found, case, (x,), (after,), torch.softmax(x, -1), STRICT)
    assert failure is not None
    assert failure.kind == "input_changed"


@pytest.mark.parametrize(
    "change",
    [
        {"data": b"\0" * 7},
        {"shape": (1 << 20, 1 << 20)},
        {"strides": (1,)},
        {"strides": (1, 1)},
        {"strides": (1 << 27, 1)},
        {"dtype": "complex64"},
        {"offset": -1},
    ],
)
def test_a_recording_whose_parts_do_not_fit_asks_for_no_memory(change: dict[str, object]) -> None:
    right: dict[str, object] = {"name": "x", "dtype": "float32", "shape": (4, 2), "strides": (2, 1), "offset": 0}
    right["data"] = bytes(32)
    assert RecordedTensor.model_validate(right).argument.view.shape == (4, 2)
    with pytest.raises(ValueError, match="validation error"):
        RecordedTensor.model_validate(right | change)
