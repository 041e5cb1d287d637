"""Marks of what a process began: ended once by somebody else when it is dead, and never while it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.supply.left_behind import Mark, Marks

PROJECT = Path(__file__).parents[3]
MARK = Mark(kind="lease", id="7", about="gpu")
HOLDER = """
import sys, time
from pathlib import Path
from pipeline.supply.left_behind import Mark, Marks
with Marks(Path(sys.argv[1])).kept(Mark.model_validate_json(sys.argv[2])):
    print("kept", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "marks"


def killed_holder(folder: Path, mark: Mark) -> None:
    command = [sys.executable, "-c", HOLDER, str(folder), mark.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as child:
        assert child.stdout.readline() == "kept\n"
        child.send_signal(signal.SIGKILL)


class Ended(list[Mark]):
    """Hears of each mark that is ended."""

    def __call__(self, mark: Mark) -> bool:
        self.append(mark)
        return True


def test_what_a_killed_process_left_is_ended_once(folder: Path) -> None:
    killed_holder(folder, MARK)
    ended = Ended()
    Marks(folder).end_left("lease", ended)
    Marks(folder).end_left("lease", ended)
    assert ended == [MARK]


def test_what_a_living_process_began_goes_on(folder: Path) -> None:
    ended = Ended()
    with Marks(folder).kept(MARK):
        Marks(folder).end_left("lease", ended)
    Marks(folder).end_left("lease", ended)
    assert (ended, list(folder.iterdir())) == ([], [])


def test_another_kind_is_left_alone(folder: Path) -> None:
    killed_holder(folder, MARK)
    ended = Ended()
    Marks(folder).end_left("flow-run", ended)
    assert ended == []
    Marks(folder).end_left("lease", ended)
    assert ended == [MARK]


def test_what_could_not_be_ended_is_left_for_another_time(folder: Path) -> None:
    killed_holder(folder, MARK)

    def refuse(mark: Mark) -> bool:
        raise ConnectionError("the server is away")

    with pytest.raises(ConnectionError):
        Marks(folder).end_left("lease", refuse)
    Marks(folder).end_left("lease", lambda mark: False)  # nor does this server know it
    ended = Ended()
    Marks(folder).end_left("lease", ended)
    assert ended == [MARK]


def test_what_no_server_knows_is_forgotten_after_a_week(folder: Path) -> None:
    killed_holder(folder, MARK)
    (path,) = folder.iterdir()
    os.utime(path, (0, 0))
    Marks(folder).end_left("lease", lambda mark: False)
    assert list(folder.iterdir()) == []


def test_two_that_look_at_once_end_it_once(folder: Path) -> None:
    killed_holder(folder, MARK)
    looking, ended = threading.Barrier(2), Ended()

    def look() -> None:
        looking.wait()
        Marks(folder).end_left("lease", ended)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [MARK]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"kind": "lease"}'])
def test_a_damaged_mark_ends_nothing(folder: Path, damage: bytes) -> None:
    marks = Marks(folder)
    (folder / "lease-0.mark").write_bytes(damage)
    ended = Ended()
    marks.end_left("lease", ended)
    assert ended == []
