"""Which axes are made long, how long, and what a candidate may do there."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest

from runners.device_evidence import LongAxis
from runners.examine import Agreed
from runners.failures import CodeRaised, RunnerEnded, UnsupportedCase
from runners.long_axes import CASES, REDUCED, REDUCED_CASES, LongCase, long_axes
from runners.operators import OPERATORS
from runners.operators.sizes import names_in

GRID_CAP = 65_535


def cases(name: str, seed: int = 5) -> list[LongCase]:
    return list(long_axes(OPERATORS[name], seed, OPERATORS[name].dtypes[:2]))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("seed", range(3))
def test_each_long_dim_is_long_alone_in_a_few_cases(name: str, seed: int) -> None:
    operator = OPERATORS[name]
    found = cases(name, seed)
    longs = [dim.name for dim in operator.dims if dim.long]
    assert [dim for dim, _ in groupby(one.dim for one in found)] == longs
    for dim, count in Counter(one.dim for one in found).items():
        assert count == (REDUCED_CASES if dim in names_in(operator.reduction) else CASES)
    for one in found:
        length = one.case.sizes[one.dim]
        assert operator.allows(one.case.values)
        assert one.case.dtype in operator.dtypes[:2]
        assert all(size <= 128 for dim, size in one.case.sizes.items() if dim != one.dim)
        if one.dim in names_in(operator.reduction):
            assert REDUCED[0] < length < REDUCED[1]
            assert one.in_one_block
        else:
            assert length > GRID_CAP


def test_the_first_case_is_ordinary_and_a_later_one_is_not() -> None:
    for seed in range(5):
        rows = [one.case.tensors["x"] for one in cases("softmax", seed) if one.dim == "M"]
        assert rows[0].special == "none"
        assert rows[0].values in ("normal", "tail")
        assert any(plan.special != "none" or plan.values not in ("normal", "tail") for plan in rows[2:])


def test_rows_are_counted_and_a_row_may_be_one_block() -> None:
    assert {one.dim: one.in_one_block for one in cases("softmax")} == {"M": False, "N": True}
    assert {one.dim: one.in_one_block for one in cases("relu")} == {"M": False, "N": True}


def test_bins_may_be_one_block_and_rows_of_a_table_are_counted() -> None:
    assert {one.dim: one.in_one_block for one in cases("histogram")} == {"N": True, "V": True}
    assert {one.dim: one.in_one_block for one in cases("embedding")} == {"N": True, "V": False, "D": True}


def test_lengths_are_drawn_from_the_seed() -> None:
    lengths = [one.case.sizes[one.dim] for one in cases("softmax", 1)]
    assert lengths == [one.case.sizes[one.dim] for one in cases("softmax", 1)]
    assert lengths != [one.case.sizes[one.dim] for one in cases("softmax", 2)]


ROWS, LENGTH = (next(one for one in cases("softmax") if one.dim == dim) for dim in ("M", "N"))
INVALID = "Triton Error [CUDA]: invalid argument"


def raised(error: str, message: str = "m") -> CodeRaised:
    return CodeRaised(case=ROWS.case, error=error, message=message, line=3)


def ended(how: str) -> RunnerEnded:
    return RunnerEnded.model_validate({"case": ROWS.case, "how": how, "detail": "no answer within 1 s"})


def test_what_agrees_has_no_refusal() -> None:
    assert ROWS.told(Agreed(0.5, 1)) == LongAxis(
        dim="M", length=ROWS.case.sizes["M"], case=ROWS.case.describe(), refused=None
    )


@pytest.mark.parametrize(
    "result",
    [
        raised("AssertionError"),
        raised("NotImplementedError"),
        raised("ValueError"),
        raised("RuntimeError", "more rows than this takes"),
        raised("OutOfResources"),
        raised("CompilationError"),
        UnsupportedCase(case=ROWS.case, reason="r", line=None),
    ],
)
def test_a_candidate_may_refuse_a_length(result: CodeRaised | UnsupportedCase) -> None:
    for one in (ROWS, LENGTH):
        told = one.told(result)
        assert isinstance(told, LongAxis)
        assert told.refused


@pytest.mark.parametrize("result", [raised("RuntimeError", INVALID), raised("IndexError"), ended("signal")])
def test_what_goes_wrong_otherwise_is_a_failure(result: CodeRaised | RunnerEnded) -> None:
    assert ROWS.told(result) is result
    assert LENGTH.told(result) is result


def test_only_where_a_block_may_hold_the_axis_a_missed_deadline_is_none() -> None:
    assert ROWS.told(ended("timed_out")) == ended("timed_out")
    told = LENGTH.told(ended("timed_out"))
    assert isinstance(told, LongAxis)
    assert "compiler" in (told.refused or "")
