"""Slots of a provider: how many calls it gets at once, and what happens to who waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from generation_requests import request
from generation_runs import answer

from pipeline.errors import SlotUnavailable
from pipeline.generation.exchange import Answer, Failure, Outcome, Reason, Request, nobody
from pipeline.generation.limited import Limited
from pipeline.generation.patience import unlimited_s
from pipeline.supply.slots import LocalSlots


class Busy:
    """A provider that takes a while, and counts who is asked at the same time."""

    def __init__(self, takes_s: float = 0.05) -> None:
        self._takes_s = takes_s
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.calls = 0

    def ask(self, request: Request, note: object) -> Outcome:
        with self._lock:
            self._now += 1
            self.calls += 1
            self.most = max(self.most, self._now)
        time.sleep(self._takes_s)
        with self._lock:
            self._now -= 1
        return answer("{}")


def all_at_once(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize("count", [1, 3])
def test_a_provider_gets_as_many_calls_at_once_as_it_has_slots(count: int) -> None:
    busy = Busy()
    limited = Limited(busy, LocalSlots(count), unlimited_s)
    all_at_once(12, lambda: limited.ask(request(), nobody))
    assert (busy.calls, busy.most) == (12, count)


def test_who_has_no_slot_when_the_time_is_over_is_not_asked_for() -> None:
    busy, slots = Busy(), LocalSlots(1)
    ends = time.monotonic() + 0.2
    limited = Limited(busy, slots, lambda: ends - time.monotonic())
    with slots.hold(lambda: None):
        outcome = limited.ask(request(), nobody)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.has_begun, busy.calls) == (Reason.RATE_LIMITED, False, 0)


def test_a_slot_comes_back_from_a_call_that_raises() -> None:
    class Raises:
        def ask(self, request: Request, note: object) -> Outcome:
            raise SlotUnavailable("as it may be")

    slots = LocalSlots(1)
    with pytest.raises(SlotUnavailable):
        Limited(Raises(), slots, unlimited_s).ask(request(), nobody)
    assert isinstance(Limited(Busy(0), slots, unlimited_s).ask(request(), nobody), Answer)


def test_who_lends_no_slot_is_an_error_and_nobody_is_asked() -> None:
    class Refuses:
        @contextmanager
        def hold(self, go_on: object) -> Iterator[None]:
            raise SlotUnavailable("the server does not answer")
            yield

    busy = Busy()
    with pytest.raises(SlotUnavailable, match="does not answer"):
        Limited(busy, Refuses(), unlimited_s).ask(request(), nobody)
    assert busy.calls == 0
