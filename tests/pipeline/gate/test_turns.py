"""Who goes on: quick ones before slow ones, as many at once as there are slots, and all of them in the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import wait_until

from pipeline.gate.turns import MyTurn, Turns
from pipeline.supply.machine_slots import OwnMachine, SharedMachine
from runners.turn import GivenUp
from sandbox.contract import SandboxUnavailable

SLICE_S = 0.05


class Load:
    """Threads that each work for a while in steps, and ask between two of them."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.done: list[str] = []
        self.now = 0
        self.most = 0
        self.interrupted = 0

    def add(self, name: str, steps: int) -> None:
        thread = threading.Thread(target=self._work, args=(name, steps))
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self, name: str, steps: int) -> None:
        with self._turns.one() as turn:
            self._change(1)
            for _ in range(steps):
                if turn.is_over:
                    self._change(-1)
                    self.interrupted += 1
                    turn.give_way()
                    self._change(1)
                time.sleep(0.01)
            self._change(-1)
        self.done.append(name)

    def _change(self, by: int) -> None:
        with self._lock:
            self.now += by
            self.most = max(self.most, self.now)


def test_no_more_than_the_slots_work_at_once_and_all_come_to_their_end() -> None:
    load = Load(Turns(2, OwnMachine(), SLICE_S))
    for number in range(20):
        load.add(str(number), steps=3)
    load.join()
    assert len(load.done) == 20
    assert load.most == 2


def test_quick_ones_do_not_wait_for_slow_ones_that_came_before() -> None:
    load = Load(Turns(2, OwnMachine(), SLICE_S))
    for number in range(6):
        load.add(f"slow {number}", steps=60)
    wait_until(lambda: load.now == 2)
    for number in range(10):
        load.add(f"quick {number}", steps=1)
    load.join()
    assert [name.split()[0] for name in load.done[:10]] == ["quick"] * 10
    assert len(load.done) == 16


def test_a_slow_one_is_interrupted_a_few_times_and_not_at_every_step() -> None:
    load = Load(Turns(1, OwnMachine(), SLICE_S))
    for number in range(4):
        load.add(str(number), steps=100)
    load.join()
    assert 0 < load.interrupted <= 4 * 5


def test_one_that_is_alone_is_never_interrupted() -> None:
    load = Load(Turns(1, OwnMachine(), SLICE_S))
    load.add("slow", steps=30)
    load.join()
    assert load.interrupted == 0


def test_the_clock_of_a_turn_stands_still_while_others_have_theirs() -> None:
    turns = Turns(1, OwnMachine(), SLICE_S)
    began = time.monotonic()
    with turns.one() as turn:
        other = threading.Thread(target=_use, args=(turns, 0.3))
        other.start()
        wait_until(lambda: turn.is_over or turn.now() > 1)
        before = turn.now()
        turn.give_way()
        assert turn.now() - before < 0.2
    other.join()
    assert time.monotonic() - began >= 0.3


def _use(turns: Turns, seconds: float) -> None:
    with turns.one():
        time.sleep(seconds)


def test_closing_ends_all_waiting() -> None:
    turns = Turns(1, OwnMachine(), SLICE_S)
    told: list[str] = []

    def wait() -> None:
        with pytest.raises(SandboxUnavailable, match="ended"), turns.one():
            raise AssertionError("it has no turn")
        told.append("told")

    with turns.one() as turn:
        threads = [threading.Thread(target=wait) for _ in range(5)]
        for thread in threads:
            thread.start()
        turns.close()
        for thread in threads:
            thread.join(10)
        assert len(told) == 5
        with pytest.raises(SandboxUnavailable, match="ended"):
            turn.give_way()


def test_a_slot_is_given_back_whatever_happens() -> None:
    turns = Turns(1, OwnMachine(), SLICE_S)
    for _ in range(3):
        with pytest.raises(KeyError), turns.one():
            raise KeyError
    with turns.one() as turn:
        assert isinstance(turn, MyTurn)


FAIRLY = 40


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[], SharedMachine]:
    """Another run's view of the same machine of one slot."""
    return lambda: SharedMachine(tmp_path / "slots", 1)


def test_runs_share_the_slots_of_the_machine(machine: Callable[[], SharedMachine]) -> None:
    one, other = Load(Turns(2, machine(), SLICE_S)), Load(Turns(2, machine(), SLICE_S))
    together: list[int] = []
    for load in (one, other):
        load._change = lambda by, own=load._change: (own(by), together.append(one.now + other.now))  # type: ignore[method-assign]
    for number in range(5):
        one.add(str(number), steps=3)
        other.add(str(number), steps=3)
    one.join()
    other.join()
    assert (len(one.done), len(other.done)) == (5, 5)
    assert max(together) == 1


def test_a_long_run_gives_way_to_another_run(machine: Callable[[], SharedMachine]) -> None:
    long, short = Load(Turns(1, machine(), SLICE_S)), Load(Turns(1, machine(), SLICE_S))
    long.add("long", steps=200)
    wait_until(lambda: long.now == 1)
    short.add("short", steps=1)
    short.join()
    assert long.done == []
    assert long.interrupted >= 1
    long.join()


def test_a_waiting_run_can_be_ended(machine: Callable[[], SharedMachine]) -> None:
    turns = Turns(1, machine(), SLICE_S)

    def use() -> None:
        with pytest.raises(SandboxUnavailable, match="ended"):
            _use(turns, 0.0)

    with machine().hold(lambda: None):
        thread = threading.Thread(target=use)
        thread.start()
        wait_until(lambda: machine().are_wanted)
        turns.close()
        thread.join(10)
        assert not thread.is_alive()
    assert not machine().are_wanted


def test_no_more_warm_at_a_time_than_there_are_cores(
    machine: Callable[[], SharedMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise SandboxUnavailable("waited")

    monkeypatch.setattr("pipeline.supply.machine_slots.os.cpu_count", lambda: 2)
    one, two, three = (machine().warming(refuse) for _ in range(3))
    with one, two, pytest.raises(SandboxUnavailable, match="waited"), three:
        raise AssertionError("three warm")
    with machine().warming(refuse):
        pass


@pytest.mark.parametrize("lock", ["hold", "warming"])
def test_who_wants_the_next_one_at_once_lets_others_have_it_first(
    machine: Callable[[], SharedMachine], monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr("pipeline.supply.machine_slots.os.cpu_count", lambda: 1)
    rounds, ended = [0], threading.Event()

    def again_and_again() -> None:
        greedy = machine()
        while not ended.is_set():
            with getattr(greedy, lock)(lambda: None):
                rounds[0] += 1
                time.sleep(0.01)

    thread = threading.Thread(target=again_and_again)
    thread.start()
    try:
        wait_until(lambda: rounds[0] > 3)
        before = rounds[0]
        with getattr(machine(), lock)(lambda: None):
            waited = rounds[0] - before
    finally:
        ended.set()
        thread.join()
    assert waited < FAIRLY  # each of the two is as likely as the other to have the next one


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "slots"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SandboxUnavailable, match="not a folder of this user alone"):
        SharedMachine(folder, 1)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SandboxUnavailable, match="not a folder of this user alone"):
        SharedMachine(tmp_path / "link", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailable, match="can't be made"):
        SharedMachine(tmp_path / "file", 1)


def test_a_spare_slot_is_lent_until_somebody_waits() -> None:
    turns = Turns(2, OwnMachine(), SLICE_S)
    with turns.one(), turns.spare() as lent:
        assert lent is not None
        assert not lent.is_over
        other = threading.Thread(target=_use, args=(turns, 0.0))
        other.start()
        wait_until(lambda: lent.is_over)
        with pytest.raises(GivenUp):
            lent.give_way()
    other.join(10)
    assert not other.is_alive()


def test_no_slot_is_lent_where_none_is_free_or_the_run_was_ended() -> None:
    turns = Turns(1, OwnMachine(), SLICE_S)
    with turns.one(), turns.spare() as lent:
        assert lent is None
    with turns.spare() as lent:
        assert lent is not None
        with turns.spare() as second:
            assert second is None
        turns.close()
        assert lent.is_over
    with turns.spare() as lent:
        assert lent is None


def test_a_slot_is_not_lent_while_another_run_wants_it(tmp_path: Path) -> None:
    ours, theirs = (Turns(2, SharedMachine(tmp_path / "slots", 2), SLICE_S) for _ in range(2))
    with ours.one(), ours.spare() as lent:
        assert lent is not None
        with theirs.spare() as second:
            assert second is None
        other = threading.Thread(target=_use, args=(theirs, 0.0))
        other.start()
        wait_until(lambda: lent.is_over)
    other.join(10)
    with theirs.one(), theirs.spare() as lent:
        assert lent is not None
