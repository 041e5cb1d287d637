from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from pipeline.errors import StoredRunError
from pipeline.runs.folder import find_case, new_run_id, write_run
from policies.policy import load_policy
from runners.operators import OPERATORS
from runners.plans import pairwise

CASE = next(pairwise(OPERATORS["relu"], 1, ("float32",)))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """One run in which two candidates failed on the same case."""
    run = tmp_path / "r1"
    for name in ("001-a", "002-b"):
        (run / name / "cases").mkdir(parents=True)
        (run / name / "cases" / f"{CASE.id}.json").write_text(CASE.model_dump_json())
        (run / name / "candidate.py").write_text("x = 1\n")
    (run / "run.json").write_text("{}")
    (run / "policy.json").write_text(load_policy("ci").model_dump_json())
    return tmp_path


def test_a_case_of_two_candidates_is_named_with_its_candidate(runs: Path) -> None:
    with pytest.raises(StoredRunError, match=f"002-b/{CASE.id}"):
        find_case(runs, "r1", CASE.id)
    assert find_case(runs, "r1", f"002-b/{CASE.id[:4]}").candidate.parent.name == "002-b"


def test_a_run_without_its_candidate_is_damaged(runs: Path) -> None:
    (runs / "r1" / "001-a" / "candidate.py").unlink()
    with pytest.raises(StoredRunError, match="damaged"):
        find_case(runs, "r1", f"001-a/{CASE.id}")


def test_a_case_that_is_not_a_case_is_damaged(runs: Path) -> None:
    (runs / "r1" / "001-a" / "cases" / f"{CASE.id}.json").write_text(json.dumps({"operator": 3}))
    with pytest.raises(StoredRunError, match="damaged"):
        find_case(runs, "r1", f"001-a/{CASE.id}")


def test_what_a_killed_run_left_is_removed_and_what_another_is_writing_is_not(tmp_path: Path) -> None:
    abandoned, being_written = tmp_path / ".a.partial", tmp_path / ".b.partial"
    for folder in (abandoned, being_written):
        folder.mkdir()
        (folder / "policy.json").write_text("{")
    writer = os.open(being_written, os.O_RDONLY)
    fcntl.flock(writer, fcntl.LOCK_EX)
    write_run(tmp_path, "r2", load_policy("ci"), ())
    assert (abandoned.exists(), being_written.exists()) == (False, True)
    assert (tmp_path / "r2" / "run.json").is_file()
    os.close(writer)
    write_run(tmp_path, "r3", load_policy("ci"), ())
    assert not being_written.exists()


def test_many_writers_at_once_leave_every_run_whole(tmp_path: Path) -> None:
    policy = load_policy("ci")
    threads = [threading.Thread(target=write_run, args=(tmp_path, f"r{number}", policy, ())) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"r{number}" for number in range(16))
    assert all((path / "run.json").is_file() for path in tmp_path.iterdir())


def test_the_ids_of_two_runs_at_once_differ() -> None:
    assert len({new_run_id() for _ in range(20)}) == 20
