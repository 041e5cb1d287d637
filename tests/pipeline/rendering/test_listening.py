"""What is told while a run goes on: a live table on a terminal, few and plain lines anywhere else, warnings always."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from report_runs import entry, facts
from rich.cells import cell_len
from rich.console import Console
from scripted_flow import FakeSupply, small_policy
from whole_evidence import evidence, mutated, properties

from pipeline.gate.judging import judge, measure
from pipeline.gate.steps import Steps, steps_of
from pipeline.gate.turns import Turns
from pipeline.rendering.listening import (
    COUNT_S,
    DENIED_EACH,
    EACH,
    SILENCE_S,
    Running,
    StderrListener,
    path_end,
    running_table,
    ticking,
)
from pipeline.supply.machine_slots import OwnMachine
from pipeline.verification.verify import Options, _in_threads
from runners.candidate import Candidate
from runners.operators import OPERATORS

MOVES = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")  # all but colours, which end in m
RIGHT, DENIED = entry("right.py"), entry("denied.py", denied=facts(("source/no-launch", None)))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal:
    """A terminal of 60 columns as stderr, and what was written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._read: list[bytes] = []
        self._thread = threading.Thread(target=self._drain)
        self._thread.start()

    def listener(self, candidates: int, *, quiet: bool = False) -> StderrListener:
        self._monkeypatch.setattr(sys, "stderr", self.stream)  # not earlier: pytest puts its own there for each phase
        return StderrListener(candidates, quiet=quiet)

    def written(self) -> str:
        self.stream.close()
        self._thread.join()
        os.close(self._master)
        return b"".join(self._read).decode()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # the other side was closed
                return
            if not data:
                return
            self._read.append(data)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    made = Terminal(monkeypatch)
    yield made
    made.stream.close()


def test_a_terminal_has_a_live_table_that_vanishes(terminal: Terminal) -> None:
    listener = terminal.listener(2)
    listener.check("kernels/right.py", "properties")
    listener.case("kernels/right.py", 3, 40)
    listener._live.refresh()  # type: ignore[union-attr]  # what its clock does four times a second
    listener.judged("kernels/right.py", RIGHT)
    listener.close()
    written = terminal.written()
    assert "kernels/right.py" in written
    assert "properties 3/40" in written
    assert "[1/2] kernels/right.py: " in written
    after = written[written.rindex("[1/2] kernels/right.py: ") :]
    assert "\x1b[2K" in after  # the table was taken away
    assert written.endswith("\x1b[?25h") or "\x1b[?25h" in after  # and the cursor came back


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "dumb", "FORCE_COLOR": "1"}])
def test_a_terminal_that_can_do_nothing_gets_lines(
    terminal: Terminal, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tell_all(terminal.listener(1))
    written = terminal.written()
    assert "[1/1] right.py: functional" in written
    assert "\x1b" not in written


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_a_log_gets_lines_in_which_no_cursor_moves(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tell_all(StderrListener(1))
    told = capsys.readouterr().err
    assert "right.py: " in told
    assert not MOVES.search(told)
    assert ("\x1b" in told) <= bool(variables)


def tell_all(listener: StderrListener) -> None:
    listener.note("verifying")
    listener.check("right.py", "properties")
    listener.case("right.py", 3, 40)
    listener.judged("right.py", RIGHT)
    listener.close()


def test_ten_thousand_candidates_do_not_flood_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    clock, many = Clock(), 10_000
    listener = StderrListener(many, clock=clock)
    for number in range(many):
        clock.now += 0.01
        listener.case(f"{number}.py", 1, 40)
        listener.judged(f"{number}.py", DENIED if number % 10 == 0 else RIGHT)
    listener.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < DENIED_EACH + many * 0.01 / COUNT_S + 3
    assert lines[0].startswith("[1/10000] 0.py: rejected")
    assert lines[-1] == "[10000/10000] 1000 rejected, 9000 functional"


def test_few_candidates_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    listener = StderrListener(EACH, clock=Clock())
    for number in range(EACH):
        listener.judged(f"{number}.py", RIGHT)
    listener.close()
    assert len(capsys.readouterr().err.splitlines()) == EACH


def test_a_long_silence_is_broken_by_what_is_being_done(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = StderrListener(3, clock=clock)
    listener.check("slow.py", "properties")
    listener.case("slow.py", 1, 40)
    assert capsys.readouterr().err == ""
    listener.tick()
    assert capsys.readouterr().err == ""
    clock.now = SILENCE_S + 1
    for done in range(2, 9):
        listener.case("slow.py", done, 40)
        listener.tick()
    listener.close()
    assert capsys.readouterr().err == "[0/3] no verdict yet; now slow.py properties 2/40 (29 s)\n"


def test_every_check_breaks_the_silence_with_what_it_counts(capsys: pytest.CaptureFixture[str]) -> None:
    clock, told = Clock(), []
    listener = StderrListener(1, clock=clock)
    listener.case("slow.py", 40, 40)
    listener.mutant("slow.py", 3, 20)  # by a helper, beside the cases
    for check in ("properties", "compile", "mutants", "gpu"):
        listener.check("slow.py", check)
        for _ in range(2):
            clock.now += SILENCE_S
            listener.tick()
            told.append(capsys.readouterr().err.partition("now slow.py ")[2].partition(" (")[0])
            listener.mutant("slow.py", 7 if check == "mutants" else 2, 20)
    listener.close()
    assert told == ["properties 40/40"] * 2 + ["compile"] * 2 + ["mutants 3/20", "mutants 7/20"] + ["gpu 40/40"] * 2


def test_nothing_is_said_of_a_candidate_that_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = StderrListener(1, clock=clock)
    listener.judged("right.py", RIGHT)
    listener.mutant("right.py", 20, 20)  # of a helper that tells late
    told = capsys.readouterr().err
    clock.now = 10 * SILENCE_S
    listener.tick()
    assert told.startswith("[1/1] right.py: functional")
    assert capsys.readouterr().err == ""


def test_a_clock_is_looked_at_though_nothing_is_heard() -> None:
    heard = threading.Event()

    class Ticked(StderrListener):
        def tick(self) -> None:
            heard.set()

    with ticking(Ticked(1), every_s=0.01):
        assert heard.wait(30)
    assert not [thread for thread in threading.enumerate() if thread.name == "silence"]


def test_the_seconds_of_a_verdict_are_those_of_all_its_checks(capsys: pytest.CaptureFixture[str]) -> None:
    slow = replace(RIGHT, evidence=evidence(properties=properties(wall_s=80.0), mutants=mutated(wall_s=400.0)))
    StderrListener(1).judged("right.py", slow)
    (line,) = capsys.readouterr().err.splitlines()
    assert float(line.rpartition("(")[2].removesuffix(" s)")) == pytest.approx(slow.wall_s, abs=0.06)
    assert slow.wall_s >= 480


def test_quiet_means_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = StderrListener(1, quiet=True, clock=clock)
    clock.now = SILENCE_S + 1
    listener.check("right.py", "properties")
    listener.tick()
    tell_all(listener)
    listener.warn("waivers that have expired")
    assert capsys.readouterr().err == "waivers that have expired\n"


def test_quiet_leaves_a_terminal_alone(terminal: Terminal) -> None:
    tell_all(terminal.listener(1, quiet=True))
    assert terminal.written() == ""


def test_a_reader_that_went_away_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as raw:
        stream = open(os.dup(raw.fileno()), "w", buffering=1, encoding="utf-8")  # noqa: SIM115, PTH123  # as stderr is
        monkeypatch.setattr(sys, "stderr", stream)
        tell_all(StderrListener(1))
        with pytest.raises(BrokenPipeError):  # the pipe was broken, indeed
            raw.write(b"x")
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            stream.close()


def test_threads_that_tell_at_once_neither_block_nor_lose_a_verdict(terminal: Terminal) -> None:
    listener = terminal.listener(64)

    def one(number: int) -> None:
        path = f"{number}.py"
        listener.check(path, "properties")
        for done in range(20):
            listener.case(path, done, 20)
        listener.judged(path, RIGHT)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(64)))
    listener.close()
    assert "[64/64]" in terminal.written()


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_row_fits_and_shows_the_end_of_a_path(width: int) -> None:
    long = "kernels/" + "核" * 40 + "/softmax_right.py"
    rows = [Running(long, 0.0, "properties", 120, 387), Running("a.py", 0.0, "compile", 12, 387)]
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(running_table(rows, width, 61.0))
    lines = captured.get().splitlines()
    assert len(lines) == 2
    assert all(cell_len(line) <= width for line in lines)
    assert "properties 120/387" in lines[0]
    assert "right.py" in lines[0]
    assert "a.py" in lines[1]
    assert "compile " in lines[1]  # which does not count cases
    assert "12/387" not in lines[1]
    assert all("61 s" in line for line in lines)


@pytest.mark.parametrize(("path", "cells", "shown"), [
    ("a/b.py", 6, "a/b.py"), ("aa/b.py", 6, "…/b.py"), ("核核核.py", 7, "…核.py"), ("核", 1, "…"),
])  # fmt: skip
def test_of_a_long_path_the_end_is_shown(path: str, cells: int, shown: str) -> None:
    assert path_end(path, cells).strip() == shown
    assert cell_len(path_end(path, cells)) <= cells


class Watched:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def check(self, path: str, name: str) -> None:
        self.heard.append(f"{path} {name}")

    def case(self, path: str, done: int, planned: int) -> None:
        self.heard.append(f"{path} {done}/{planned}")

    def mutant(self, path: str, done: int, planned: int) -> None:
        self.heard.append(f"{path} mutant {done}/{planned}")


def relu(source: str = "def relu(x):\n    return x\n") -> Candidate:
    return Candidate("r.py", source.encode(), source, OPERATORS["relu"], "relu")


def test_a_gate_says_which_check_begins_and_counts_cases() -> None:
    watched, policy = Watched(), small_policy()
    evidence = measure(relu(), policy, FakeSupply(), seed=1, steps=steps_of("r.py", 8, watched))
    assert judge(relu(), evidence, policy).verdict.tier == "functional"
    assert watched.heard[0] == "r.py properties"
    assert "r.py 8/8" in watched.heard


def test_what_a_step_about_cases_raises_ends_the_measuring() -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(relu(), small_policy(), FakeSupply(), steps=Steps(cases=stop), turns=Turns(1, OwnMachine()))


def test_an_interrupt_is_told_as_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, closed = threading.Event(), threading.Event()

    def stays() -> None:
        begun.set()
        assert closed.wait(30)

    class Closing(FakeSupply):
        def close(self) -> None:
            super().close()
            closed.set()

    def interrupted(*arguments: object, **options: object) -> None:
        assert begun.wait(30)
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.verification.verify.wait", interrupted)
    turns, supply = Turns(1, OwnMachine()), Closing(on_run=stays)
    with pytest.raises(KeyboardInterrupt):
        _in_threads([relu()], small_policy(), turns, supply, Options(), StderrListener(1), None)  # type: ignore[arg-type]
    assert supply.closed
    assert capsys.readouterr().err == ""


def test_the_listener_is_told_by_nobody_s_path_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    listener = StderrListener(1)
    listener.judged("a\n[1/1] b.py: functional\x1b[2J", DENIED)
    listener.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("[1/1] a\\n[1/1] b.py")
    assert "\x1b" not in line
