"""Budgets hold exactly: over all calls, those that were lost or broke off included, and whatever the clocks do."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from generation_requests import KEY, MODEL, PARTS, serving
from generation_runs import COST, INDEX, PLAIN, PRICE, PROMPTS, OneRun, ScriptedGate, StandingClock, proposed

from pipeline.errors import GenerationError
from pipeline.generation.budgets import Amount, Budget, Limit, Purse
from pipeline.generation.content import Proposal
from pipeline.generation.exchange import Answer, Failure, Reason, Role
from pipeline.generation.journal import Journal
from pipeline.generation.journal_records import CallAsked, CallBegun
from pipeline.generation.local_server.script import Fail, Received, Say, Step
from pipeline.generation.loop.course import End
from pipeline.generation.loop.run import Generation
from pipeline.generation.loop.setting import Setting, Team
from pipeline.generation.loop.store import RunStore
from pipeline.generation.metering import most_of
from pipeline.generation.opening import Means, open_role
from pipeline.generation.prices import PriceTable
from pipeline.generation.roles import Roles
from pipeline.supply.slots import LocalSlots

TOKENS = 1420  # of each scripted answer
DENIED = [proposed(f"denied_{number}") for number in range(50)]  # each in a way of its own


def test_rounds_are_kept_exactly(tmp_path: Path) -> None:
    run = OneRun(tmp_path, DENIED, budget=Budget(rounds=7))
    assert run.generation.run().reason is Limit.ROUNDS
    assert len(run.author.requests) == 7
    assert run.purse.used == Amount(7, 7 * TOKENS, 7 * COST)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(tokens=60_000), Limit.TOKENS),
        (Budget(usd=Decimal("0.25")), Limit.MONEY),
        (Budget(tokens=10**9, usd=Decimal("0.25")), Limit.MONEY),
    ],
)
def test_a_call_is_not_begun_unless_the_most_it_can_use_fits(tmp_path: Path, budget: Budget, limit: Limit) -> None:
    run = OneRun(tmp_path, DENIED, budget=budget)
    stopped = run.generation.run()
    assert stopped.reason is Reason.OVER_BUDGET
    assert f"the budget's {limit} does not hold another call of the author" in stopped.detail
    used = run.purse.used
    assert budget.over(used) is None
    assert budget.over(used + most_of(run.author.requests[-1], PRICE).times(2)) is limit  # no more was held back
    assert used == run.recorded
    assert used.rounds == len(run.author.requests) > 2


@pytest.mark.parametrize("budget", [Budget(rounds=0), Budget(tokens=0), Budget(usd=Decimal(0)), Budget(wall_s=0)])
def test_a_budget_of_zero_asks_nobody(tmp_path: Path, budget: Budget) -> None:
    run = OneRun(tmp_path, [], budget=budget, strategies=1)
    assert run.generation.run().reason in (*Limit, Reason.OVER_BUDGET)
    assert run.author.requests == []
    assert run.purse.used == Amount()


@pytest.mark.parametrize("limits", [{}, {"rounds": -1}, {"usd": Decimal(-1)}, {"wall_s": float("nan")}])
def test_a_budget_that_limits_nothing_or_is_negative_is_none(limits: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="a budget"):
        Budget(**limits)  # type: ignore[arg-type]


def test_a_call_that_broke_off_counts_as_the_most_it_can_have_used(tmp_path: Path) -> None:
    broke = Failure(Reason.BROKEN_OFF, "it broke off", response_id="resp_0", has_begun=True)
    run = OneRun(tmp_path, [broke, broke, proposed("right")], patience_s=100)
    assert run.generation.run().reason is End.STANDS
    most = most_of(run.author.requests[0], PRICE)
    assert run.purse.used == run.recorded == Amount(1, TOKENS, COST) + most.times(2)
    assert run.generation.attempts[0].call.unanswered == 2


def test_a_call_that_was_refused_before_it_began_costs_nothing(tmp_path: Path) -> None:
    limited = Failure(Reason.RATE_LIMITED, "too many", retry_after_s=1.0)
    run = OneRun(tmp_path, [limited, limited, proposed("right")], patience_s=100)
    assert run.generation.run().reason is End.STANDS
    assert run.purse.used == run.recorded == Amount(1, TOKENS, COST)


def test_retries_are_held_to_the_budget_too(tmp_path: Path) -> None:
    broke = Failure(Reason.BROKEN_OFF, "it broke off", has_begun=True)
    run = OneRun(tmp_path, [broke] * 50, patience_s=10_000, budget=Budget(tokens=200_000))
    assert run.generation.run().reason is Reason.OVER_BUDGET
    most = most_of(run.author.requests[0], PRICE)
    assert len(run.author.requests) == 200_000 // most.tokens
    assert run.purse.used.tokens <= 200_000


def test_a_call_whose_process_was_killed_is_counted_by_the_next(tmp_path: Path) -> None:
    killed = OneRun(tmp_path, [KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        killed.generation.run()
    again = OneRun(tmp_path, [proposed("right")])
    again.generation.run()
    most = most_of(again.author.requests[0], PRICE)
    assert again.purse.used == again.recorded == Amount(1, TOKENS, COST) + most
    after = OneRun(tmp_path, [])
    assert after.purse.used == again.purse.used


def test_a_budget_that_a_lost_call_has_used_up_asks_nobody(tmp_path: Path) -> None:
    killed = OneRun(tmp_path, [KeyboardInterrupt()], budget=Budget(tokens=40_000))
    with pytest.raises(KeyboardInterrupt):
        killed.generation.run()
    again = OneRun(tmp_path, [], budget=Budget(tokens=most_of(killed.author.requests[0], PRICE).tokens + 10))
    assert again.generation.run().reason is Reason.OVER_BUDGET


def test_what_the_journal_has_is_paid_for_and_never_refused(tmp_path: Path) -> None:
    first = OneRun(tmp_path, [proposed("wrong"), KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        first.generation.run()
    (tmp_path / "attempts/001.json").unlink()
    again = OneRun(tmp_path, [], budget=Budget(tokens=TOKENS))
    assert again.generation.run().reason is Reason.OVER_BUDGET  # of the second attempt
    assert [one.line for one in again.generation.attempts] == [first.generation.attempts[0].line]


def test_a_jump_of_the_clock_on_the_wall_changes_no_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4e9)  # a century ahead, then back
    run = OneRun(tmp_path, [proposed("wrong"), proposed("right")], budget=Budget(wall_s=60), clock=StandingClock())
    first = run.generation.step()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert not isinstance(first, type(None))
    assert run.generation.run().reason is End.STANDS
    assert run.purse.used_s == 0


def test_time_that_an_earlier_process_used_is_counted() -> None:
    clock = StandingClock()
    purse = Purse(Budget(wall_s=100), clock.clock, used_s=90)
    assert purse.left_s() == 10
    clock.now_s += 10
    assert purse.begin(Amount(rounds=1)) is Limit.TIME


def test_whoever_may_fit_later_waits_for_calls_under_way() -> None:
    purse, most, used = Purse(Budget(tokens=100)), Amount(tokens=80), Amount(tokens=10)
    assert purse.begin(most) is None
    waited: list[Limit | None] = []
    thread = threading.Thread(target=lambda: waited.append(purse.begin(most)))
    thread.start()
    time.sleep(0.05)
    assert waited == []
    purse.settle(most, used)
    thread.join(timeout=5)
    assert waited == [None]
    purse.settle(most, most)
    assert purse.begin(most) is Limit.TOKENS
    assert purse.used == Amount(tokens=90)


def limited(refusals: int) -> Callable[[Received], Step]:
    """A rate-limited server: so many requests are refused before one is answered."""
    count = itertools.count()

    def script(received: Received) -> Step:
        if next(count) < refusals:
            return Fail(429, retry_after="0")
        return Say(Proposal(plan="p", code="c").model_dump_json())

    return script


def test_of_fifty_at_once_against_a_rate_limit_none_is_lost_and_the_budget_is_exact(tmp_path: Path) -> None:
    prices = PriceTable(
        date=datetime(2026, 1, 2, tzinfo=UTC).date(), source="made up",
        prices=(PRICE.model_copy(update={"provider": "writes"}),),
    )  # fmt: skip
    with serving(script=limited(75)) as local:
        roles = Roles.model_validate(
            {
                "author": {"provider": "writes", "model": MODEL, "max_output_tokens": 2000},
                "providers": {"writes": {"kind": "messages", "base_url": local.messages_url}},
            }
        )
        purse = Purse(Budget(usd=49 * COST + Decimal("0.05")))  # the fiftieth is begun: its most is less than 0.05
        journal = Journal(tmp_path)
        taken = open_role(roles, Role.AUTHOR, journal, {"ANTHROPIC_API_KEY": KEY}, means=Means(purse, prices))
        with ThreadPoolExecutor(50) as pool:
            outcomes = list(pool.map(lambda n: taken.ask("relu", PARTS, Proposal, serial=n), range(50)))
        assert len(local.received) == 125
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    assert purse.used == Amount(0, 50 * TOKENS, 50 * COST)
    assert taken.ask("relu", PARTS, Proposal, serial=99) == Failure(
        Reason.OVER_BUDGET, "what is left of the budget's money does not hold another call of the author"
    )


def test_money_is_limited_only_where_prices_are_known() -> None:
    roles = Roles.model_validate({"author": {"provider": "openai", "model": MODEL}})
    prices = PriceTable(date=datetime(2026, 1, 2, tzinfo=UTC).date(), source="made up", prices=())
    money = Purse(Budget(usd=Decimal(2)))
    for table, says in ((None, "no price table was given"), (prices, "the price table of 2026-01-02 has none")):
        with pytest.raises(GenerationError, match=f"model '{MODEL}' at provider 'openai', and {says}: add it"):
            open_role(roles, Role.AUTHOR, Journal(Path("j")), {"OPENAI_API_KEY": KEY}, means=Means(money, table))
    rounds = Means(Purse(Budget(rounds=1)), prices)
    assert open_role(roles, Role.AUTHOR, Journal(Path("j")), {"OPENAI_API_KEY": KEY}, means=rounds).price is None


def test_without_a_price_the_cost_is_unknown_and_not_nothing(tmp_path: Path) -> None:
    run = OneRun(tmp_path, [proposed("right")], price=None)
    run.generation.run()
    assert run.purse.used == Amount(1, TOKENS, None)
    assert run.generation.attempts[0].call.usd is None


def test_the_journal_tells_lost_calls_from_those_that_were_not_begun(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.calling("d") as call:
        call.record(CallAsked(at=datetime(2026, 1, 2, tzinfo=UTC)))
        call.record(CallBegun(request_id=None, response_id="r"))
    assert journal.unanswered("d") == 1
    assert journal.unanswered("e") == 0


def repairing(received: Received) -> Step:
    """Refuses every third request; answers wrong code first and right code to whoever says what is wrong with it."""
    if received.number % 3 == 0:
        return Fail(429, retry_after="0")
    name = "right" if "properties/wrong-values" in json.dumps(received.body) else "wrong"
    return Say(proposed(name).text)


def test_of_fifty_generations_at_once_against_a_rate_limit_none_is_lost_and_the_budget_is_exact(tmp_path: Path) -> None:
    prices = PriceTable(
        date=datetime(2026, 1, 2, tzinfo=UTC).date(), source="made up",
        prices=(PRICE.model_copy(update={"provider": "writes"}),),
    )  # fmt: skip
    purse, slots = Purse(Budget(usd=100 * COST + 9)), LocalSlots(8)
    with serving(script=repairing) as local:
        roles = Roles.model_validate(
            {
                "author": {"provider": "writes", "model": MODEL, "max_output_tokens": 2000},
                "providers": {"writes": {"kind": "messages", "base_url": local.messages_url}},
            }
        )

        def generation(number: int) -> Generation:
            store = RunStore(tmp_path / f"{number}")
            (store.folder / "attempts").mkdir(parents=True)
            means = Means(purse, prices, lambda name, at_once: slots)
            author = open_role(roles, Role.AUTHOR, store.journal, {"ANTHROPIC_API_KEY": KEY}, means=means)
            team = Team(author=author, optimiser=author)
            return Generation(Setting(PLAIN, PROMPTS, INDEX, team, ScriptedGate(), purse, 1), store, str)

        with ThreadPoolExecutor(50) as pool:
            runs = list(pool.map(lambda number: (made := generation(number), made.run()), range(50)))
        answered = sum(request.number % 3 != 0 for request in local.received)
    assert [stopped.reason for _, stopped in runs] == [End.STANDS] * 50
    assert [len(run.attempts) for run, _ in runs] == [2] * 50
    assert answered == 100  # and none of them twice
    assert purse.used == Amount(100, 100 * TOKENS, 100 * COST)
