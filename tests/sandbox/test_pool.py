from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from sandbox.contract import Limits, Program, Reply, SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.outcomes import Finished
from sandbox.pool import WarmPool
from sandbox.scripted import Answer, Leave, LoseEngine, Say, Script, ScriptedSandbox, ScriptedWorker

PROGRAM = Program("scripted", ("runner",))
ECHO = Script((Say(b"ready"), Answer(lambda request: request)), repeat_last=True)


def echoing() -> ScriptedSandbox:
    return ScriptedSandbox(lambda program: ECHO)


def eventually(fact: object, timeout_s: float = 10.0) -> bool:
    until = time.monotonic() + timeout_s
    while not fact() and time.monotonic() < until:  # type: ignore[operator]
        time.sleep(0.005)
    return bool(fact())  # type: ignore[operator]


def test_a_taken_worker_has_greeted_and_answers() -> None:
    with WarmPool(echoing(), PROGRAM, 2) as pool, pool.take(10.0) as worker:
        assert worker.greeting() == Reply(b"ready")
        assert worker.exchange([b"x"], deadline_s=1.0, cap_bytes=10) == Reply(b"x")


def test_a_taken_worker_is_never_handed_out_again() -> None:
    with WarmPool(echoing(), PROGRAM, 2) as pool:
        assert len({pool.take(10.0).name for _ in range(6)}) == 6


def test_the_pool_fills_up_to_its_size_and_no_further() -> None:
    sandbox = echoing()
    with WarmPool(sandbox, PROGRAM, 3):
        assert eventually(lambda: len(sandbox.started) == 3)
        time.sleep(0.05)
        assert len(sandbox.started) == 3


def test_a_taken_worker_is_replaced_in_the_background() -> None:
    sandbox = echoing()
    with WarmPool(sandbox, PROGRAM, 1) as pool:
        pool.take(10.0)
        assert eventually(lambda: len(sandbox.started) == 2)


def test_closing_ends_every_waiting_worker_and_leaves_the_taken_one_to_its_owner() -> None:
    sandbox = echoing()
    pool = WarmPool(sandbox, PROGRAM, 2)
    taken = pool.take(10.0)
    assert eventually(lambda: len(sandbox.started) == 3)
    pool.close()
    pool.close()
    assert taken.ended() is None
    assert [w.ended() for w in sandbox.started if w is not taken] == [Finished(), Finished()]


def test_leaving_the_block_by_an_interrupt_closes_the_pool() -> None:
    sandbox = echoing()
    with suppress(KeyboardInterrupt), WarmPool(sandbox, PROGRAM, 1) as pool:
        pool.take(10.0).end()
        assert eventually(lambda: len(sandbox.started) == 2)
        raise KeyboardInterrupt
    assert all(worker.ended() for worker in sandbox.started)


def test_a_worker_that_ended_while_it_waited_is_replaced_without_a_word() -> None:
    sandbox = echoing()
    with WarmPool(sandbox, PROGRAM, 1) as pool:
        assert eventually(lambda: len(sandbox.started) == 1)
        sandbox.started[0].end()
        assert pool.take(10.0) is sandbox.started[1]


def test_no_engine_is_told_to_whoever_takes() -> None:
    sandbox = ScriptedSandbox(lambda program: ECHO, unavailable="no engine answers; start one")
    with WarmPool(sandbox, PROGRAM, 2) as pool, pytest.raises(SandboxUnavailable, match="no engine answers"):
        pool.take(10.0)


@pytest.mark.parametrize("step", [Leave(1), LoseEngine("it is gone")])
def test_a_worker_that_does_not_greet_is_told_with_its_last_words(step: Leave | LoseEngine) -> None:
    sandbox = ScriptedSandbox(lambda program: Script((step,), last_words="no module named torch"))
    with WarmPool(sandbox, PROGRAM, 1) as pool, pytest.raises(SandboxUnavailable, match="no module named torch"):
        pool.take(10.0)


def test_after_a_failure_the_next_take_tries_again() -> None:
    scripts = iter([Script((Leave(1),)), ECHO, ECHO, ECHO])
    with WarmPool(ScriptedSandbox(lambda program: next(scripts)), PROGRAM, 1) as pool:
        with pytest.raises(SandboxUnavailable):
            pool.take(10.0)
        assert pool.take(10.0).greeting() == Reply(b"ready")


def test_a_failure_is_not_retried_until_somebody_takes() -> None:
    sandbox = ScriptedSandbox.following(Leave(1))
    with WarmPool(sandbox, PROGRAM, 2):
        assert eventually(lambda: len(sandbox.started) == 1)
        time.sleep(0.05)
        assert len(sandbox.started) == 1


class Interrupted(ScriptedSandbox):
    """An engine that goes away for a number of starts, after so many that it made."""

    def __init__(self, good: int, bad: int) -> None:
        super().__init__(lambda program: ECHO)
        self.good, self.bad = good, bad

    def start(self, program: Program) -> ScriptedWorker:
        if self.good == 0 and self.bad:
            self.bad -= 1
            raise SandboxUnavailable("the engine does not answer")
        self.good -= self.good > 0
        return super().start(program)


@pytest.fixture
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.pool.RETRY_S", 0.01)


@pytest.mark.usefixtures("_quick_retries")
def test_an_outage_after_a_success_costs_time_and_is_told_to_nobody() -> None:
    sandbox = Interrupted(good=1, bad=5)
    with WarmPool(sandbox, PROGRAM, 1, patience_s=30.0) as pool:
        assert pool.take(10.0).greeting() == Reply(b"ready")
        assert pool.take(10.0).greeting() == Reply(b"ready")
    assert sandbox.bad == 0


@pytest.mark.usefixtures("_quick_retries")
def test_whoever_knows_that_workers_can_be_had_may_say_so() -> None:
    with WarmPool(Interrupted(good=0, bad=5), PROGRAM, 1, patience_s=30.0) as pool:
        pool.be_patient()
        try:
            worker = pool.take(10.0)
        except SandboxUnavailable:  # the first failure may have been before that
            worker = pool.take(10.0)
        assert worker.greeting() == Reply(b"ready")


@pytest.mark.usefixtures("_quick_retries")
@pytest.mark.parametrize(("good", "patience_s"), [(0, 30.0), (1, 0.2)], ids=["never worked", "lasts too long"])
def test_an_outage_is_told_at_once_or_when_it_has_lasted(good: int, patience_s: float) -> None:
    with WarmPool(Interrupted(good=good, bad=10**9), PROGRAM, 1, patience_s=patience_s) as pool:
        for _ in range(good):
            pool.take(10.0)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(SandboxUnavailable, match="does not answer"):
                pool.take(10.0)
        assert time.monotonic() - began < 5.0


def test_closing_ends_the_patience() -> None:
    pool = WarmPool(Interrupted(good=1, bad=10**9), PROGRAM, 1, patience_s=60.0)
    pool.take(10.0)
    pool.close()
    assert not any(thread.is_alive() for thread in pool._threads)


def test_a_permit_is_held_while_one_is_warmed_and_may_end_with_the_pool() -> None:
    held = list[str]()

    @contextmanager
    def permit(go_on: Callable[[], object]) -> Iterator[None]:
        held.append("asked")
        while held.count("asked") > 1:  # the second never gets it
            go_on()
            time.sleep(0.01)
        yield
        held.append("given back")

    sandbox = echoing()
    pool = WarmPool(sandbox, PROGRAM, 2, permit=permit)
    assert eventually(lambda: held == ["asked", "given back", "asked"])
    assert len(sandbox.started) == 1
    pool.close()
    assert held == ["asked", "given back", "asked"]


def test_a_bug_in_warming_is_told_instead_of_hanging() -> None:
    sandbox = ScriptedSandbox(lambda program: {}[program.image])
    with WarmPool(sandbox, PROGRAM, 1) as pool, pytest.raises(SandboxUnavailable, match="KeyError"):
        pool.take(10.0)


class SlowSandbox(ScriptedSandbox):
    """Starts a worker only when the gate is open, and knows how many starts ran at once."""

    def __init__(self) -> None:
        super().__init__(lambda program: ECHO)
        self.gate = threading.Event()
        self.running = 0
        self.most = 0

    def start(self, program: Program) -> ScriptedWorker:
        self.running += 1
        self.most = max(self.most, self.running)
        self.gate.wait(10.0)
        self.running -= 1
        return super().start(program)


def test_taking_gives_up_in_time_when_nothing_gets_ready() -> None:
    sandbox = SlowSandbox()
    with WarmPool(sandbox, PROGRAM, 1) as pool:
        with pytest.raises(SandboxUnavailable, match=r"within 0\.05 s"):
            pool.take(0.05)
        sandbox.gate.set()


def test_no_more_are_warmed_at_once_than_allowed() -> None:
    sandbox = SlowSandbox()
    with WarmPool(sandbox, PROGRAM, 4, warming_at_once=2):
        assert eventually(lambda: sandbox.running == 2)
        sandbox.gate.set()
        assert eventually(lambda: len(sandbox.started) == 4)
    assert sandbox.most == 2


def test_takers_are_served_in_the_order_in_which_they_came() -> None:
    """The greedy one takes again whenever it was served; it must not pass those that wait."""
    permits, served = threading.Semaphore(0), list[str]()

    def when_permitted(program: Program) -> Script:
        permits.acquire()
        return ECHO

    with WarmPool(ScriptedSandbox(when_permitted), PROGRAM, 1) as pool:

        def take(name: str, times: int) -> None:
            for _ in range(times):
                pool.take(10.0)
                served.append(name)

        takers = [
            threading.Thread(target=take, args=(name, times)) for name, times in (("greedy", 3), ("a", 1), ("b", 1))
        ]
        for number, taker in enumerate(takers, start=1):
            taker.start()
            assert eventually(lambda number=number: len(pool._takers) == number)
        for count in range(1, 6):
            permits.release()
            assert eventually(lambda count=count: len(served) == count)
        permits.release(2)  # the worker that is warmed for nobody
        for taker in takers:
            taker.join()
    assert served == ["greedy", "a", "b", "greedy", "greedy"]


def test_taking_from_a_closed_pool_says_so() -> None:
    pool = WarmPool(echoing(), PROGRAM, 1)
    pool.close()
    with pytest.raises(SandboxUnavailable, match="closed"):
        pool.take(1.0)


@pytest.mark.parametrize(("size", "at_once"), [(0, 1), (1, 0), (-1, 1)])
def test_a_pool_that_could_serve_nobody_cannot_be_made(size: int, at_once: int) -> None:
    with pytest.raises(ValueError, match="cannot serve"):
        WarmPool(echoing(), PROGRAM, size, warming_at_once=at_once)


GREET = (
    "import sys; sys.stdout.buffer.write(bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b'hi'); sys.stdout.flush(); sys.stdin.read()"
)


def test_a_waiting_container_that_was_killed_is_replaced(engine: DockerEngine, runner_image: str) -> None:
    program = Program(runner_image, ("python3", "-I", "-c", GREET), Limits(memory_bytes=64 << 20))
    started: list[str] = []

    class Noting(DockerSandbox):
        def start(self, program: Program):  # type: ignore[no-untyped-def]
            worker = super().start(program)
            started.append(worker.name)
            return worker

    with WarmPool(Noting(engine), program, 1) as pool:
        assert eventually(lambda: len(pool._ready) == 1, 30.0)
        engine.api.kill(started[0])
        with pool.take(30.0) as worker:
            assert worker.name != started[0]
            assert worker.greeting() == Reply(b"hi")
    left = {c["Names"][0].lstrip("/") for c in engine.api.containers(all=True)}
    assert left.isdisjoint(started)
