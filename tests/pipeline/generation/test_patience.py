from __future__ import annotations

import itertools
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from generation_requests import PARTS, Scripted, adapter, part, request, serving

from pipeline.generation.budgets import Budget, Purse
from pipeline.generation.exchange import Answer, Ending, Failure, Note, Outcome, Provider, Reason, Request, nobody
from pipeline.generation.journal import Journal, Journaled
from pipeline.generation.local_server.script import Fail, Received, Say, Step
from pipeline.generation.patience import LONGEST_WAIT_S, Clock, Patient


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.asked_s: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    @property
    def waits_s(self) -> list[float]:
        """What passed between two times of asking."""
        return [later - earlier for earlier, later in itertools.pairwise(self.asked_s)]

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, self.sleep)


def failed(reason: Reason, retry_after_s: float | None = None) -> Failure:
    return Failure(reason, "it failed", retry_after_s=retry_after_s)


ANSWER = Answer(
    ending=Ending.COMPLETE, text="", provider="p", model="m", request_id=None, response_id="r", usage=None,
    begun_at=datetime.now(UTC), wall_s=0.0,
)  # fmt: skip


def ask(outcomes: list[Outcome], patience_s: float = 1000) -> tuple[Outcome, Scripted, FakeClock]:
    provider, clock = Scripted(outcomes), FakeClock()
    return Patient(Noting(provider, clock), patience_s, clock.clock).ask(request(), nobody), provider, clock


class Noting:
    """Asks another provider and notes when."""

    def __init__(self, provider: Provider, clock: FakeClock) -> None:
        self._provider, self._clock = provider, clock

    def ask(self, request: Request, note: Note) -> Outcome:
        self._clock.asked_s.append(self._clock.now_s)
        return self._provider.ask(request, note)


def test_a_run_that_is_ended_is_not_waited_for() -> None:
    provider, purse = Scripted([failed(Reason.OVERLOADED, 600.0), ANSWER]), Purse(Budget(rounds=9))
    began = time.monotonic()
    timer = threading.Timer(0.2, purse.close)
    timer.start()
    outcome = Patient(provider, 900, left_s=purse.left_s).ask(request(), nobody)
    assert (outcome, provider.calls) == (failed(Reason.OVERLOADED, 600.0), 1)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("reason", [r for r in Reason if failed(r).is_passing])
def test_what_may_pass_is_tried_again(reason: Reason) -> None:
    outcome, provider, clock = ask([failed(reason), failed(reason), ANSWER])
    assert outcome is ANSWER
    assert provider.calls == 3
    assert all(wait > 0 for wait in clock.waits_s)


@pytest.mark.parametrize("reason", [r for r in Reason if not failed(r).is_passing])
def test_what_will_not_pass_is_asked_once(reason: Reason) -> None:
    outcome, provider, _ = ask([failed(reason), ANSWER])
    assert outcome == failed(reason)
    assert provider.calls == 1


def test_a_provider_that_is_down_all_the_time_is_a_failure_when_patience_ends() -> None:
    outcome, provider, clock = ask([failed(Reason.UNREACHABLE)] * 1000, patience_s=300)
    assert outcome == failed(Reason.UNREACHABLE)
    assert clock.now_s <= 300
    assert 8 < provider.calls < 30


def test_waits_grow_and_have_a_longest() -> None:
    _, _, clock = ask([failed(Reason.OVERLOADED)] * 40, patience_s=1200)
    assert clock.waits_s[0] <= 1.0
    assert max(clock.waits_s) <= LONGEST_WAIT_S
    assert min(clock.waits_s[8:]) >= LONGEST_WAIT_S / 2


def test_the_provider_says_how_long_to_wait() -> None:
    outcome, _, clock = ask([failed(Reason.RATE_LIMITED, 120.0), ANSWER])
    assert outcome is ANSWER
    assert 120 <= clock.waits_s[0] <= 121


def test_a_wait_that_patience_does_not_reach_is_not_begun() -> None:
    outcome, provider, clock = ask([failed(Reason.RATE_LIMITED, 1001.0), ANSWER])
    assert outcome == failed(Reason.RATE_LIMITED, 1001.0)
    assert (provider.calls, clock.waits_s) == (1, [])


def test_without_patience_it_asks_once() -> None:
    assert ask([failed(Reason.OVERLOADED), ANSWER], patience_s=0)[1].calls == 1


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_a_real_client_comes_back_after_the_time_that_was_asked_for(api: str) -> None:
    clock = FakeClock()
    with serving(Fail(429, "31"), Fail(503, "17"), Fail(529), Say("{}")) as local:
        outcome = Patient(Noting(adapter(api, local), clock), 600, clock.clock).ask(request(), nobody)
    assert isinstance(outcome, Answer)
    assert [int(wait) for wait in clock.waits_s[:2]] == [31, 17]
    assert len(local.received) == 4


def test_those_that_were_refused_together_do_not_come_back_together() -> None:
    waits = {ask([failed(Reason.RATE_LIMITED, 30.0), ANSWER])[2].waits_s[0] for _ in range(50)}
    assert len(waits) == 50


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_of_fifty_at_once_against_a_rate_limit_none_is_lost_and_none_is_paid_twice(api: str, tmp_path: Path) -> None:
    """The server answers each request the third time that it comes."""
    tries: Counter[str] = Counter()
    lock = threading.Lock()

    def script(received: Received) -> Step:
        with lock:
            asked = json.dumps(received.body, sort_keys=True)
            tries[asked] += 1
            return Say("{}") if tries[asked] == 3 else Fail(429, "0")

    clock = Clock(time.monotonic, lambda seconds: time.sleep(seconds / 100))
    outcomes: list[Outcome] = []
    with serving(script=script) as local:
        provider = Patient(Journaled(adapter(api, local), Journal(tmp_path)), 600, clock)

        def one(number: int) -> None:
            parts = (*PARTS[:2], part("attempt", f"attempt {number}"))
            outcomes.append(provider.ask(request(parts=parts), nobody))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(local.received) == 150
    assert [type(outcome) for outcome in outcomes] == [Answer] * 50
    assert set(tries.values()) == {3}
