"""Addresses of buffers far apart: free ones, whole pages, and distances of every order of magnitude."""

from __future__ import annotations

import itertools

from runners.inside.gpu.expanse import EXPANSE_BYTES, LEAST_APART, Expanse

FIRST = 7 << 40
PAGE = 2 << 20


def test_distances_of_two_buffers_are_of_every_order_of_magnitude() -> None:
    seen = set()
    for _ in range(2000):
        expanse = Expanse(FIRST, EXPANSE_BYTES)
        one, other = expanse.take(3 * PAGE, PAGE), expanse.take(3 * PAGE, PAGE)
        seen.add(abs(one - other).bit_length() - 1)
    assert set(range(LEAST_APART + 1, EXPANSE_BYTES.bit_length() - 1)) <= seen


def test_addresses_are_whole_pages_within_the_range_and_nobody_elses() -> None:
    expanse = Expanse(FIRST, EXPANSE_BYTES)
    sizes = [PAGE * (1 + number % 700) for number in range(300)]
    places = sorted((expanse.take(size, PAGE), size) for size in sizes)
    assert all(start % PAGE == 0 for start, _ in places)
    assert places[0][0] >= FIRST
    assert sum(places[-1]) <= FIRST + EXPANSE_BYTES
    assert all(start + size <= later for (start, size), (later, _) in itertools.pairwise(places))


def test_where_there_is_no_room_nothing_is_taken_until_something_was_given_back() -> None:
    expanse = Expanse(0, 8 << LEAST_APART)
    most = 4 << LEAST_APART
    start = expanse.take(most, PAGE)
    assert start is not None
    assert expanse.take(most, PAGE) is None
    expanse.give_back(start)
    assert expanse.take(most, PAGE) is not None
