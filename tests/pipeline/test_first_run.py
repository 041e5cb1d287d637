"""A first run on a machine that lacks something: one message that says what and what to do, exit 2 or 3, nothing lost.

As programs, and as an ordinary user: to root almost nothing is forbidden. None of them reaches an engine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from candidate_sources import candidate
from ordinary_user import as_ordinary_user

PROJECT = Path(__file__).parents[2]
PROGRAM = "import sys; sys.argv[0] = 'kernelgate'; from pipeline.cli import main; main()"
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}
# Denied by reading it: a whole verdict without an engine.
DENIED = candidate("import socket")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "k.py").write_bytes((PROJECT / "tests/kernels/softmax/right_block.py").read_bytes())
    (tmp_path / "denied.py").write_text(DENIED)
    return tmp_path


def kernelgate(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT), **NO_ENGINE, **variables}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def assert_one_message(done: subprocess.CompletedProcess[str], code: int, *says: str) -> None:
    said = [line for line in done.stderr.splitlines() if line.startswith("kernelgate: ")]
    assert (done.returncode, len(said)) == (code, 1), done.stderr
    assert "Traceback" not in done.stderr
    assert [word for word in says if word not in done.stderr] == [], done.stderr


def test_without_an_engine_it_says_where_it_looked_and_what_to_do(place: Path) -> None:
    done = kernelgate(place, "verify", "k.py", "-q")
    assert_one_message(done, 3, "unix:///nonexistent", "unset DOCKER_HOST")
    assert done.stdout == ""
    assert sorted(path.name for path in place.iterdir()) == ["denied.py", "k.py"]


def test_what_needs_no_engine_is_judged_without_one(place: Path) -> None:
    done = kernelgate(place, "verify", "denied.py", "-q")
    assert (done.returncode, done.stderr) == (1, "")
    assert "source/import-not-allowed" in done.stdout
    assert [path.name for path in (place / "runs").glob("*/run.json")] == ["run.json"]


def test_quiet_changes_neither_results_nor_the_exit_code(place: Path) -> None:
    loud, quiet = (kernelgate(place, "verify", "denied.py", "--format", "json", *more) for more in ((), ("--quiet",)))
    assert (loud.returncode, quiet.returncode) == (1, 1)
    assert "[1/1] denied.py: rejected" in loud.stderr
    assert quiet.stderr == ""
    assert loud.stdout.partition('"policy"')[2] == quiet.stdout.partition('"policy"')[2]


def test_without_git_changes_cant_be_asked_for(place: Path) -> None:
    empty = place / "bin"
    empty.mkdir()
    done = kernelgate(place, "verify", "k.py", "--changed-since", "HEAD", PATH=str(empty))
    assert_one_message(done, 3, "git is not installed", "without --changed-since")


def test_a_runs_folder_that_cant_be_written_is_said_before_anything_is_measured(place: Path) -> None:
    (place / "runs").write_text("a file")
    done = kernelgate(place, "verify", "denied.py")
    assert_one_message(done, 3, "can't be written", "--runs", "KERNELGATE_RUNS")
    assert "rejected" not in done.stderr
    assert (place / "runs").read_text() == "a file"


def test_completion_for_a_home_that_cant_be_written_is_no_traceback(place: Path) -> None:
    home = place / "home"
    home.write_text("a file")
    done = kernelgate(
        place, "--install-completion", "bash", HOME=str(home), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert_one_message(done, 3, str(home))


def test_results_that_nobody_can_read_are_no_success(place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, "policy", "schema"], cwd=place, stdout=full, stderr=subprocess.PIPE,
            text=True, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "space" in done.stderr


def test_a_reader_that_closes_the_pipe_sees_no_traceback_and_no_verdict(place: Path) -> None:
    script = '"$@" | true; exit ${PIPESTATUS[0]}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-c", PROGRAM, "policy", "schema"], cwd=place,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, "")


def test_a_locale_without_the_signs_shows_escapes(place: Path) -> None:
    done = kernelgate(place, "policy", "diff", "dev", "ci", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert done.stdout.isascii()


def test_python_that_is_too_old_or_not_there_is_said(place: Path) -> None:
    done = subprocess.run(
        ["sh", str(PROJECT / ".ci/make-venv")], cwd=place, env={"PATH": "/usr/bin:/bin", "PYTHON": "", "PIP_ARGS": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (place / ".venv").exists()


def test_no_room_for_temporary_files_is_said_by_what_makes_the_environment(place: Path) -> None:
    done = subprocess.run(
        ["sh", str(PROJECT / ".ci/make-venv")], cwd=place, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "PIP_ARGS": "", "TMPDIR": str(place / "missing")},
    )  # fmt: skip
    assert done.returncode == 2
    assert "TMPDIR" in done.stderr


@pytest.mark.parametrize("home", [None, "/nonexistent"])
def test_an_ordinary_user_without_a_home_or_a_folder_to_write_to(place: Path, home: str | None) -> None:
    place.chmod(0o755)
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1", **NO_ENGINE}
    command = as_ordinary_user([sys.executable, "-c", PROGRAM, "verify", "denied.py"], [PROJECT, place])
    done = subprocess.run(
        command, cwd=place, env=variables if home is None else {**variables, "HOME": home}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert_one_message(done, 3, f"{place} can't be written", "--runs")
