"""Making a failing case smaller: it ends where every simpler neighbour passes, or where the budget does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runners.cases import Case
from runners.evidence import CodeRaised, Failure, InputChanged, NoLaunch, RunnerEnded, WrongForm
from runners.examine import is_noisy
from runners.operators import OPERATORS
from runners.reduce import Budget, Reduced, reduce

RELU, LAYER_NORM = OPERATORS["relu"], OPERATORS["layer_norm"]
PLENTY = Budget(runs=2000, lost_runners=2000, wall_s=60.0)
COMPLICATED = Case.model_validate({
    "operator": "relu", "form": "cube", "dtype": "bfloat16", "sizes": {"B": 3, "M": 7, "N": 2051}, "scalars": {},
    "tensors": {"x": {"values": "wide", "special": "nan", "position": "last", "layout": "row_padded"}}, "seed": 1,
})  # fmt: skip


def fails_where(condition: Callable[[Case], bool]) -> Callable[[Case], Failure | None]:
    return lambda case: NoLaunch(case=case) if condition(case) else None


def reduced(condition: Callable[[Case], bool], budget: Budget = PLENTY, case: Case = COMPLICATED) -> Reduced:
    return reduce(RELU, case, NoLaunch(case=case), fails_where(condition), budget)


def plan(case: Case) -> tuple[str, str, str, str]:
    x = case.tensors["x"]
    return x.values, x.special, x.position, x.layout


def test_what_always_fails_ends_at_the_simplest_case_of_all() -> None:
    case = reduced(lambda case: True).failure.case
    assert (case.form, case.dtype, case.sizes) == ("vector", "float32", {"N": 1})
    assert plan(case) == ("unit", "none", "first", "contiguous")


def test_what_fails_nowhere_else_stays_as_it_was() -> None:
    result = reduced(lambda case: case == COMPLICATED)
    assert result.failure.case == COMPLICATED
    assert result.runs > 0


@pytest.mark.parametrize(
    ("condition", "want"),
    [
        (lambda case: case.sizes["N"] > 100, {"N": 101}),
        (lambda case: case.sizes["N"] >= 64, {"N": 64}),
        (lambda case: case.sizes.get("M", 0) >= 2, {"M": 2, "N": 1}),
    ],
)
def test_sizes_go_down_to_the_smallest_that_fails(condition, want) -> None:
    case = reduced(condition).failure.case
    assert case.sizes == want or (want == {"N": 101} and 100 < case.sizes["N"] <= 127)


def test_a_case_with_emulated_errors_becomes_one_without_them_unless_they_are_needed() -> None:
    noisy = COMPLICATED.model_copy(update={"seed": 8})
    assert not is_noisy(reduced(lambda case: True, case=noisy).failure.case)
    assert is_noisy(reduced(is_noisy, case=noisy).failure.case)


def test_of_mixed_specials_the_one_that_fails_is_named() -> None:
    x = COMPLICATED.tensors["x"].model_copy(update={"special": "mixed", "position": "random"})
    case = COMPLICATED.model_copy(update={"tensors": {"x": x}})
    smallest = reduced(lambda case: case.tensors["x"].special in ("mixed", "-inf"), case=case).failure.case
    assert plan(smallest) == ("unit", "-inf", "first", "contiguous")


@pytest.mark.parametrize(
    ("field", "index", "value"), [("values", 0, "wide"), ("special", 1, "nan"), ("layout", 3, "row_padded")]
)
def test_what_the_failure_needs_is_kept_and_the_rest_is_made_simple(field: str, index: int, value: str) -> None:
    case = reduced(lambda case: getattr(case.tensors["x"], field) == value).failure.case
    simplest = ["unit", "none", "first", "contiguous"]
    simplest[index] = value
    assert list(plan(case)) == simplest
    assert case.sizes == {"N": 1}


def test_two_needs_at_once_are_both_kept() -> None:
    case = reduced(lambda case: case.dtype == "bfloat16" and case.tensors["x"].special == "nan").failure.case
    assert (case.dtype, case.tensors["x"].special, case.form) == ("bfloat16", "nan", "vector")


def test_every_simpler_neighbour_of_the_end_passes() -> None:
    def needs(case: Case) -> bool:
        return case.sizes["N"] >= 17 and case.tensors["x"].layout == "row_padded" and case.form != "vector"

    end = reduced(needs).failure.case
    tried: list[Case] = []
    again = reduce(RELU, end, NoLaunch(case=end), lambda case: tried.append(case), PLENTY)
    assert again.failure.case == end
    assert len(tried) == again.runs > 3
    assert not any(needs(case) for case in tried)


def test_each_case_that_is_tried_is_one_of_the_operator() -> None:
    tried: list[Case] = []
    reduce(RELU, COMPLICATED, NoLaunch(case=COMPLICATED), lambda case: tried.append(case), PLENTY)
    for case in tried:
        assert set(case.sizes) == set(RELU.form(case.form).names)
        assert all(size > 0 for size in case.sizes.values())
        assert case != COMPLICATED


def test_scalars_go_to_their_first_value() -> None:
    plain = {"values": "normal", "special": "none", "position": "first", "layout": "contiguous"}
    case = Case.model_validate({
        "operator": "layer_norm", "form": "rows", "dtype": "float32", "sizes": {"M": 1, "N": 1},
        "scalars": {"eps": 1e-3}, "tensors": {"x": plain, "weight": plain, "bias": plain}, "seed": 1})  # fmt: skip
    end = reduce(LAYER_NORM, case, NoLaunch(case=case), fails_where(lambda case: True), PLENTY).failure.case
    assert end.scalars == {"eps": 1e-5}


@pytest.mark.parametrize("runs", [0, 1, 5])
def test_no_more_runs_are_spent_than_the_budget_has(runs: int) -> None:
    tried: list[Case] = []

    def run(case: Case) -> Failure | None:
        tried.append(case)
        return None

    result = reduce(RELU, COMPLICATED, NoLaunch(case=COMPLICATED), run, Budget(runs=runs))
    assert len(tried) == result.runs == runs


def test_no_more_runners_are_lost_than_the_budget_has() -> None:
    crash = RunnerEnded(case=COMPLICATED, how="signal", detail="SIGSEGV")
    lost: list[Case] = []

    def run(case: Case) -> Failure | None:
        lost.append(case)
        return crash.model_copy(update={"case": case})

    result = reduce(RELU, COMPLICATED, crash, run, Budget(lost_runners=3))
    assert len(lost) == 3
    assert result.failure.case == lost[-1]


def test_no_time_is_spent_beyond_the_budget() -> None:
    assert reduced(lambda case: True, Budget(wall_s=-1.0)) == Reduced(NoLaunch(case=COMPLICATED), 0)


OTHER_CAUSES = [
    (NoLaunch(case=COMPLICATED), InputChanged(case=COMPLICATED, argument="x")),
    (RunnerEnded(case=COMPLICATED, how="signal", detail=""), RunnerEnded(case=COMPLICATED, how="timed_out", detail="")),
    (RunnerEnded(case=COMPLICATED, how="signal", detail=""), RunnerEnded(case=None, how="signal", detail="")),
    (CodeRaised(case=COMPLICATED, error="ValueError", message="", line=1),
     CodeRaised(case=COMPLICATED, error="AssertionError", message="", line=1)),
    (CodeRaised(case=COMPLICATED, error="ValueError", message="", line=1),
     CodeRaised(case=None, error="ValueError", message="", line=1)),
    (WrongForm(case=COMPLICATED, aspect="dtype", expected="", got=""),
     WrongForm(case=COMPLICATED, aspect="shape", expected="", got="")),
]  # fmt: skip


@pytest.mark.parametrize(("failure", "other"), OTHER_CAUSES)
def test_a_failure_of_another_cause_is_not_followed(failure: Failure, other: Failure) -> None:
    assert reduce(RELU, COMPLICATED, failure, lambda case: other, Budget(runs=20)).failure == failure
