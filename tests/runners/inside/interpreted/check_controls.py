"""The positive controls against the real runner's side, in this process: all fire, and not after the monitor broke."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest

from runners import wire
from runners.controls import CONTROLS, run_controls
from runners.conversation import Runner
from runners.inside import candidate_unsafe
from runners.inside.interpreter import accesses, monitor, storage
from sandbox.contract import Buffer, Reply
from sandbox.outcomes import Finished, Outcome
from sandbox.usage import Usage

SHOWN_BY_RESULTS = {"undefined lane", "program order", "fresh memory"}


class HereWorker:
    """A runner's loop without its process."""

    name = "here"
    usage = Usage()

    def __init__(self) -> None:
        self._entries: dict[str, candidate_unsafe.Entry] = {}

    def greeting(self) -> Reply | Outcome:
        return Finished()

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        message, data = wire.decode_request(b"".join(request))
        if isinstance(message, wire.LoadRequest):
            loaded = candidate_unsafe.load(data[0], message.entry, message.role)
            assert not isinstance(loaded, wire.Message), loaded
            self._entries[message.role] = loaded
            return Reply(b"".join(wire.encode(wire.Loaded())))
        assert isinstance(message, wire.RunRequest)
        answer, outputs = candidate_unsafe.call(self._entries[message.role], message, data)
        return Reply(b"".join(wire.encode(answer, outputs)))

    def ended(self) -> Outcome | None:
        return None

    def last_words(self) -> str:
        return ""

    def end(self) -> Outcome:
        return Finished()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


@pytest.fixture(autouse=True)
def _own_file(monkeypatch, tmp_path):
    monkeypatch.setattr(candidate_unsafe, "CONTROL_FILE", tmp_path / "control.py")


def fired() -> set[str]:
    return {control.name for control in run_controls(Runner(HereWorker()), 60, 60) if control.fired}


@pytest.mark.parametrize("time", range(5))
def test_every_control_fires_wherever_its_fault_is_drawn(time):
    assert fired() == set(CONTROLS)


def test_a_monitor_that_reports_nothing_is_noticed(monkeypatch):
    monkeypatch.setattr(monitor.Monitor, "_report", lambda self, *arguments, **named: None)
    assert fired() == SHOWN_BY_RESULTS | {"aliased output"}


def test_a_monitor_that_reports_another_place_is_noticed(monkeypatch):
    genuine = monitor.Fault
    monkeypatch.setattr(monitor, "Fault", lambda **named: genuine(**named | {"element": named["element"] + 1}))
    assert fired() == SHOWN_BY_RESULTS | {"aliased output"}


def test_each_broken_part_of_the_monitor_is_noticed(monkeypatch):
    monkeypatch.setattr(storage.Storage, "unwritten", lambda self, cells: None)
    assert fired() == set(CONTROLS) - {"uninitialised read"}
    monkeypatch.setattr(storage.Storage, "read_by", lambda self, cells, ordering: None)
    assert fired() == set(CONTROLS) - {"uninitialised read", "unsynchronised sharing"}
    monkeypatch.setattr(monitor.Monitor, "_await_end", lambda *args: None)
    assert fired() == SHOWN_BY_RESULTS | {
        "out-of-bounds load",
        "store into a gap",
        "foreign argument",
        "unsynchronised lanes",
        "aliased output",
    }


def test_an_interpreter_that_defines_masked_lanes_is_noticed(monkeypatch):
    monkeypatch.setattr(accesses, "undefined", lambda dtype: 0)
    assert fired() == set(CONTROLS) - {"undefined lane"}
