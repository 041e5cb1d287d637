"""The times of a measurement that no check takes: reading, waiting for a turn, and all of it."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.gate.stopwatch import Stopwatch
from pipeline.gate.turns import Turns
from pipeline.supply.machine_slots import OwnMachine
from runners.turn import ALONE
from sandbox.contract import SandboxUnavailable

SLEPT_S = 0.1


def test_comparing_is_within_the_whole_and_reading_is_as_it_was_told() -> None:
    watch = Stopwatch()
    watch.source_s = 12.5
    with watch.comparing():
        time.sleep(SLEPT_S)
    times = watch.times
    assert SLEPT_S <= times.origin_s <= times.total_s
    assert (times.source_s, times.waited_s) == (12.5, 0)


def test_who_is_alone_has_a_turn_at_once() -> None:
    watch = Stopwatch()
    with watch.turn(None) as turn:
        assert turn is ALONE
        time.sleep(SLEPT_S)
    assert watch.times.waited_s < SLEPT_S / 2


def test_waiting_is_for_the_first_turn_and_after_giving_way() -> None:
    """One slot: another has it first, and once more when it is given up."""
    turns, watch = Turns(1, OwnMachine()), Stopwatch()
    has_it, may_go = threading.Event(), threading.Event()

    def other() -> None:
        with turns.one():
            has_it.set()
            may_go.wait()

    for gives_way in (False, True):
        has_it.clear()
        may_go.clear()
        thread = threading.Thread(target=other)
        if gives_way:
            with watch.turn(turns) as turn:
                thread.start()
                while not turns.are_wanted(1, 0.0):
                    time.sleep(0.001)
                threading.Timer(SLEPT_S, may_go.set).start()
                turn.give_way()
        else:
            thread.start()
            has_it.wait()
            threading.Timer(SLEPT_S, may_go.set).start()
            with watch.turn(turns):
                pass
        thread.join()
        waited_s = watch.times.waited_s
        assert waited_s >= (2 if gives_way else 1) * SLEPT_S * 0.9
    assert waited_s <= watch.times.total_s


def test_what_is_done_in_a_turn_is_no_waiting() -> None:
    watch = Stopwatch()
    with watch.turn(Turns(1, OwnMachine())):
        time.sleep(2 * SLEPT_S)
    assert watch.times.waited_s < SLEPT_S


def test_a_run_that_was_ended_says_so_as_without_a_stopwatch() -> None:
    turns = Turns(1, OwnMachine())
    turns.close()
    with pytest.raises(SandboxUnavailable, match="ended"), Stopwatch().turn(turns):
        pass
