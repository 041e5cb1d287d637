"""Mutants beside the candidate's own cases: in spare slots, begun after a head start, and nothing is left of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from waiting import wait_until

from pipeline.gate.gpu_part import HEAD_START
from pipeline.gate.mutants_part import HELPERS, MutantsPart
from pipeline.gate.turns import Turns
from pipeline.supply.machine_slots import OwnMachine
from runners.turn import ALONE, Turn

PASSED = SimpleNamespace()


class Taken:
    """A runner whose exchange goes on until it is aborted."""

    def __init__(self) -> None:
        self.aborted = threading.Event()

    def abort(self) -> None:
        self.aborted.set()


class Check:
    """Helpers stay in one exchange each until their runner is aborted; `finish` says how many there are."""

    def __init__(self, take: Callable[[], Taken]) -> None:
        self.take = take
        self.helping = 0
        self.left = 0

    def help(self, turn: Turn, go_on: Callable[[int], None]) -> None:
        runner = self.take()
        self.helping += 1
        assert runner.aborted.wait(30)
        self.left += 1
        go_on(1)
        raise AssertionError("nobody told it that it is unwanted")

    def finish(self, passed: object, turn: Turn) -> int:
        return self.helping


def part(turns: Turns | None, count: int = 20, check: Callable = Check) -> MutantsPart:
    return MutantsPart(check, Taken, turns, count)


@pytest.mark.parametrize(("slots", "count", "helpers"), [(4, 20, 3), (4, 2, 2), (40, 40, HELPERS), (1, 20, 0)])
def test_there_are_as_many_helpers_as_spare_slots_and_mutants(slots: int, count: int, helpers: int) -> None:
    turns = Turns(slots, OwnMachine())
    with turns.one(), part(turns, count) as mutants:
        mutants.heard(HEAD_START)
        wait_until(lambda: mutants._check.helping == helpers)
        assert mutants.finish(PASSED, ALONE) == helpers
    assert mutants._check.left == helpers
    assert not any(helper.is_alive() for helper in mutants._helpers)


def test_before_the_head_start_there_are_none() -> None:
    turns = Turns(4, OwnMachine())
    with turns.one(), part(turns) as mutants:
        for cases in range(1, HEAD_START):
            mutants.heard(cases)
        assert mutants._helpers == []


def test_a_machine_without_slots_has_none_at_all() -> None:
    with part(None) as mutants:
        mutants.heard(HEAD_START)
        assert mutants.finish(PASSED, ALONE) == 0


def test_whose_candidate_failed_ends_at_once_though_a_case_goes_on() -> None:
    turns = Turns(4, OwnMachine())
    with turns.one(), part(turns) as mutants:
        mutants.heard(HEAD_START)
        wait_until(lambda: mutants._check.helping == 3)
    assert mutants._check.left == 3
    with turns.spare() as lent:
        assert lent is not None


def test_a_bug_in_a_helper_is_raised_where_the_evidence_is_waited_for() -> None:
    class Broken(Check):
        def help(self, turn: Turn, go_on: Callable[[int], None]) -> None:
            raise ZeroDivisionError

    turns = Turns(2, OwnMachine())
    with turns.one(), part(turns, check=Broken) as mutants:
        mutants.heard(HEAD_START)
        for helper in mutants._helpers:
            helper.join()
        with pytest.raises(ZeroDivisionError):
            mutants.finish(PASSED, ALONE)
