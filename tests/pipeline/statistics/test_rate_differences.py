from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.statistics.rate_differences import Arm, Tables, rate_difference, score


def interval(*strata: tuple[Arm, Arm], tail: float = 0.025) -> tuple[float, float]:
    return tuple(rate_difference(strata, tail).interval)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("arm", "base", "low", "high"),
    [
        (Arm(56, 70), Arm(48, 80), 0.0528, 0.3382),
        (Arm(9, 10), Arm(3, 10), 0.1700, 0.8406),
        (Arm(10, 10), Arm(0, 20), 0.7156, 1.0),
        (Arm(5, 56), Arm(0, 29), -0.0326, 0.1933),
    ],
)
def test_without_the_correction_it_is_the_interval_that_was_published(
    arm: Arm, base: Arm, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873–890, table II: the method of Miettinen and Nurminen."""
    monkeypatch.setattr(Tables, "correction", 0.0)
    assert interval((arm, base)) == pytest.approx((low, high), abs=6e-5)


def test_the_correction_makes_it_wider() -> None:
    low, high = interval((Arm(56, 70), Arm(48, 80)))
    assert 0.03 < low < 0.0528
    assert 0.3382 < high < 0.36


@pytest.mark.parametrize(("successes", "runs"), [(0, 5), (5, 5), (0, 40), (40, 40)])
def test_equal_extremes_leave_a_width_on_both_sides(successes: int, runs: int) -> None:
    low, high = interval((Arm(successes, runs), Arm(successes, runs)))
    assert low == pytest.approx(-high)
    assert high > 3 / runs / 2


def test_all_against_none_reaches_the_farthest_difference() -> None:
    difference = rate_difference([(Arm(10, 10), Arm(0, 10))], 0.025)
    assert difference.estimate == 1
    assert difference.interval.high == 1
    assert 0.5 < difference.interval.low < 0.75


def test_exchanging_the_variants_mirrors_the_interval() -> None:
    strata = [(Arm(7, 9), Arm(2, 5)), (Arm(1, 3), Arm(6, 11))]
    there, back = rate_difference(strata, 0.025), rate_difference([(b, a) for a, b in strata], 0.025)
    assert back.estimate == pytest.approx(-there.estimate)
    assert back.interval == pytest.approx((-there.interval.high, -there.interval.low))


def test_strata_are_weighted_as_mantel_and_haenszel_do() -> None:
    difference = rate_difference([(Arm(3, 4), Arm(1, 4)), (Arm(2, 2), Arm(3, 6))], 0.025)
    assert difference.estimate == pytest.approx((2 * 0.5 + 1.5 * 0.5) / 3.5)


def test_an_operator_that_is_easy_does_not_look_like_a_better_variant() -> None:
    """Pooled without strata the variant would be 40 points better, by its luck to get the easy operator."""
    easy, hard = (Arm(36, 40), Arm(9, 10)), (Arm(1, 10), Arm(4, 40))
    difference = rate_difference([easy, hard], 0.025)
    assert difference.estimate == pytest.approx(0)
    assert difference.interval.low < 0 < difference.interval.high


def test_a_smaller_tail_is_wider() -> None:
    strata = (Arm(7, 10), Arm(4, 10))
    wide, narrow = interval(strata, tail=0.0125), interval(strata)
    assert wide[0] < narrow[0]
    assert wide[1] > narrow[1]


@pytest.mark.parametrize("strata", [[], [(Arm(0, 0), Arm(1, 2))], [(Arm(1, 2), Arm(1, 2)), (Arm(1, 2), Arm(0, 0))]])
def test_a_stratum_without_both_variants_is_refused(strata: list[tuple[Arm, Arm]]) -> None:
    with pytest.raises(ValueError, match="needs runs of both variants"):
        rate_difference(strata, 0.025)


def chances(of: int, rate: float) -> np.ndarray:
    return np.array([math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(of + 1)])


@pytest.mark.parametrize(("arm", "base"), [(3, 3), (10, 10), (3, 30), (25, 25)])
def test_the_interval_holds_the_true_difference_in_95_of_100_whatever_the_rates(arm: int, base: int) -> None:
    """Counted out over all pairs of counts; benchmarks/experiment_intervals.py does more."""
    seen, base_seen = np.meshgrid(np.arange(arm + 1.0), np.arange(base + 1.0), indexing="ij")
    tables = Tables(seen[..., None], np.array([float(arm)]), base_seen[..., None], np.array([float(base)]))
    for rate in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
        for base_rate in (0.05, 0.2, 0.5, 0.6, 0.9, 0.98):
            is_held = np.abs(score(tables, rate - base_rate)) <= 1.96
            assert float(np.sum(is_held * np.outer(chances(arm, rate), chances(base, base_rate)))) >= 0.95


def test_what_a_test_holds_is_what_the_interval_says() -> None:
    low, high = interval((Arm(7, 10), Arm(4, 12)))
    tables = Tables(*(np.array([float(one)]) for one in (7, 10, 4, 12)))
    for edge, inside in ((low, 1e-6), (high, -1e-6)):
        assert abs(float(score(tables, edge + inside))) < 1.959964 < abs(float(score(tables, edge - inside)))
