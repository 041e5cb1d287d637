"""The search for larger errors climbs, ends when it is told to, and every case is the operator's."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from runners.cases import Case
from runners.climbing import climb
from runners.operators import OPERATORS
from runners.plans import pairwise

ADD = OPERATORS["add"]


def height(case: Case) -> float:
    """Highest for one combination of choices that a pairwise plan rarely has."""
    plans = case.tensors.values()
    return sum((plan.values == "wide") + (plan.special == "max") + (plan.layout == "stepped") for plan in plans)


COUNT = 600  # 'add' has some 14 choices with up to 12 values each, and here three values of six choices count


def climbed(seed: int, count: int = COUNT) -> list[Case]:
    start = next(pairwise(ADD, seed, ADD.dtypes))
    cases: list[Case] = []

    def score(case: Case) -> float:
        cases.append(case)
        return height(case)

    climb(ADD, start, height(start), ADD.dtypes, seed, count, score)
    return cases


@pytest.mark.parametrize("seed", range(5))
def test_climbing_ends_higher_than_it_began_and_no_lower_than_a_plan_of_as_many_cases(seed: int) -> None:
    reached = max(map(height, climbed(seed)))
    assert reached > height(next(pairwise(ADD, seed, ADD.dtypes)))
    assert reached >= max(map(height, islice(pairwise(ADD, seed, ADD.dtypes), COUNT)))


def test_the_same_seed_climbs_the_same_way() -> None:
    assert climbed(3) == climbed(3) != climbed(4)


def test_climbing_ends_when_there_is_no_score() -> None:
    scores = iter([1.0, 2.0, None])
    cases: list[Case] = []

    def score(case: Case) -> float | None:
        cases.append(case)
        return next(scores)

    climb(ADD, next(pairwise(ADD, 1, ADD.dtypes)), 0.0, ADD.dtypes, 1, 50, score)
    assert len(cases) == 3


@pytest.mark.parametrize("name", ["conv2d", "int4_matmul", "scatter_add", "rope"])
def test_every_case_on_the_way_is_one_that_the_operator_allows(name: str) -> None:
    operator, chance = OPERATORS[name], random.Random(1)
    start = next(pairwise(operator, 1, operator.dtypes))
    cases: list[Case] = []

    def score(case: Case) -> float:
        cases.append(case)
        return chance.random()

    climb(operator, start, 0.0, operator.dtypes, 1, 100, score)
    assert len(cases) == 100
    for case in cases:
        assert operator.allows(case.values)
        assert set(case.sizes) == {dim.name for dim in operator.dims} & operator.form(case.form).names
