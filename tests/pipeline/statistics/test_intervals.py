from __future__ import annotations

import math

import pytest

from pipeline.statistics.intervals import clopper_pearson, percentile


@pytest.mark.parametrize(
    ("seen", "of", "low", "high"),
    [
        # Published tables of exact 95 % limits (for example Diem and Lentner, Scientific Tables), to four digits.
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (9, 10, 0.5550, 0.9975),
        (10, 10, 0.6915, 1.0),
        (2, 20, 0.0123, 0.3170),
        (3, 100, 0.0062, 0.0852),
        (50, 100, 0.3983, 0.6017),
        (0, 300, 0.0, 0.0122),
        (0, 1, 0.0, 0.975),
        (1, 1, 0.025, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_the_one_of_published_tables(seen: int, of: int, low: float, high: float) -> None:
    assert clopper_pearson(seen, of) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("of", [1, 7, 300, 2000])
def test_none_seen_leaves_the_closed_form(of: int) -> None:
    assert clopper_pearson(0, of).high == pytest.approx(1 - 0.025 ** (1 / of), rel=1e-9)


@pytest.mark.parametrize(("seen", "of"), [(1, 9), (4, 25), (7, 2000)])
def test_errors_and_their_complement_mirror_each_other(seen: int, of: int) -> None:
    low, high = clopper_pearson(seen, of)
    mirrored = clopper_pearson(of - seen, of)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)
    assert low < seen / of < high


@pytest.mark.parametrize(("seen", "of"), [(-1, 3), (4, 3)])
def test_what_is_no_count_is_refused(seen: int, of: int) -> None:
    with pytest.raises(ValueError, match="not a count"):
        clopper_pearson(seen, of)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([3.0], 0.5, 3.0), ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0), (list(range(1, 101)), 0.99, 99), ([1.0, 9.0], 0.95, 9.0)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    assert math.isclose(percentile(values, share), expected)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
