from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.statistics.pair_ratios import EXACT_PAIRS, Ratio, Values, alike, pair_ratio, pairs_outside


@pytest.mark.parametrize(
    ("arm", "base", "critical"), [(4, 4, 0), (5, 5, 2), (8, 10, 17), (10, 10, 23), (7, 20, 34), (20, 20, 127)]
)
def test_it_rejects_where_the_published_tables_do(arm: int, base: int, critical: int) -> None:
    """Two-sided 5 % values of Mann and Whitney's statistic, as textbooks print them."""
    chances = np.cumsum(alike(arm, base))
    assert chances[critical] <= 0.025 < chances[critical + 1]
    assert chances[-1] == pytest.approx(1)


def test_strata_add_up_to_a_distribution_that_is_counted_out() -> None:
    """Three pairs of single runs: 0 to 3 with the chances of three coins."""
    assert pairs_outside(((1, 1),) * 3, 0.125) == 1
    assert pairs_outside(((1, 1),) * 3, 0.124) == 0


@pytest.mark.parametrize(("runs", "below"), [(6, 0), (9, 1), (20, 5), (40, 13)])
def test_equal_arms_leave_out_what_as_many_coins_would(runs: int, below: int) -> None:
    """Tables of the sign test: of so many coins, at most `below` show heads with a chance of at most 2.5 %."""
    assert pairs_outside(((runs, runs),), 0.025) == runs * (below + 1)


def test_few_runs_of_a_variant_have_no_interval() -> None:
    assert pairs_outside(((5, 40),), 0.025) == 0
    assert pairs_outside(((2, 5), (5, 2)), 0.025) == 0


def test_the_approximation_begins_where_it_is_as_good() -> None:
    sizes = ((50, 50),)
    exact, approximate = pairs_outside(sizes, 0.025), pairs_outside((*sizes, (1, 1)), 0.025)
    assert EXACT_PAIRS == 50 * 50
    assert abs(approximate - exact) < 30  # of 2500; the exact law has steps of 50


def test_the_estimate_is_the_typical_ratio_within_strata() -> None:
    strata = [Values((2.0, 4.0), (1.0, 2.0)), Values((300.0,), (100.0,))]
    assert pair_ratio(strata, 0.025) == Ratio(2.0, None, None)  # of 1, 2, 2, 3, 4


def test_a_factor_is_found_with_its_interval() -> None:
    base = tuple(math.exp(0.1 * number) for number in range(-10, 11))
    ratio = pair_ratio([Values(tuple(3 * value for value in base), base)], 0.025)
    assert ratio is not None
    assert ratio.estimate == pytest.approx(3)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low * ratio.high == pytest.approx(9)
    assert 1.7 < ratio.low < 2


@pytest.mark.parametrize(
    "strata", [[], [Values((), (1.0,))], [Values((1.0,), ())], [Values((1.0,), (0.0,))], [Values((0.0,), (2.0,))]]
)
def test_nothing_is_said_of_what_costs_nothing_or_has_no_counterpart(strata: list[Values]) -> None:
    assert pair_ratio(strata, 0.025) is None


def test_too_few_runs_have_no_interval() -> None:
    assert pair_ratio([Values((2.0, 2.0, 2.0), (1.0, 1.0, 1.0))], 0.025) == Ratio(2.0, None, None)


@pytest.mark.parametrize("spread", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("sizes", [((6, 6),), ((8, 25),), ((1, 3), (4, 2), (7, 8), (2, 2))])
def test_the_interval_holds_the_true_ratio_in_95_of_100(sizes: tuple[tuple[int, int], ...], spread: float) -> None:
    generator, draws = np.random.default_rng(7), 4000
    above = np.zeros(draws, dtype=int)
    for arm, base in sizes:
        values = spread * generator.standard_cauchy((draws, arm, 1))
        above += (values > generator.standard_cauchy((draws, 1, base))).sum(axis=(1, 2))
    outside, pairs = pairs_outside(sizes, 0.025), sum(arm * base for arm, base in sizes)
    assert np.mean((above >= outside) & (pairs - above >= outside)) >= 0.94
