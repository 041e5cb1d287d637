"""What the shell offers: in a real bash by its own script, at once, and never anything that a shell would carry out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pipeline.commands.completing import (
    OPERATOR_NAMES,
    complete_cases,
    complete_policies,
    complete_runs,
    complete_verdicts,
    silent,
)
from runners.operators import OPERATORS

PROJECT = Path(__file__).parents[3]
ASKED = """
cd "$1"
source ./script
words=("${@:2}")
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1)) COMPREPLY=()
_kernelgate_completion kernelgate
printf '%s\\n' "${COMPREPLY[@]}"
"""
PROGRAM = "import sys; sys.argv[0] = 'kernelgate'; from pipeline.cli import main; main()"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of friend and foe, policies, and the completion script of bash."""
    folder = tmp_path_factory.mktemp("place")
    program = folder / "bin/kernelgate"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PROGRAM}" "$@"\n')
    program.chmod(0o755)
    for run in ("20261129-071941-5e6cf53e", "20261130-004523-b111c806", "$(touch pwned)", "*", "a\nb", "-rf"):
        (folder / "runs" / run).mkdir(parents=True)
        (folder / "runs" / run / "policy.json").write_text("{}")
    cases = folder / "runs/20261130-004523-b111c806/001-k/cases"
    cases.mkdir(parents=True)
    (cases / "7a5ce93ed93e.json").write_text("no case at all")
    (cases / "`touch pwned`.json").write_text("")
    (cases.parent / "verdict.json").write_text("")
    for name in ("team.yaml", "other.yml", "a b.yaml", "k.py"):
        (folder / name).write_text("")
    (folder / "script").write_text(run_in(folder, {"_KERNELGATE_COMPLETE": "source_bash"}).stdout)
    return folder


def run_in(folder: Path, variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "PYTHONPATH": str(PROJECT), **variables}
    return subprocess.run(
        command or [f"{folder}/bin/kernelgate"], cwd=folder, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def offered(folder: Path, *words: str, **variables: str) -> list[str]:
    done = run_in(folder, variables, "bash", "--norc", "-c", ASKED, "bash", str(folder), "kernelgate", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(filter(None, done.stdout.splitlines()))


@pytest.mark.parametrize(("words", "wanted"), [
    (["ver"], ["verify"]),
    (["verify", "--policy", ""], ["ci", "dev", "other.yml", "production", "team.yaml"]),
    (["replay", "2026"], ["20261129-071941-5e6cf53e", "20261130-004523-b111c806"]),
    (["replay", "20261130-004523-b111c806", ""], ["7a5ce93ed93e"]),
    (["policy", "explain", "20261130-004523-b111c806/"], ["20261130-004523-b111c806/001-k"]),
    (["operators", "check", "log"], ["log_softmax", "logsumexp"]),
    (["generate", "softmax", "rms"], ["rms_norm"]),
    (["rules", "memory/dev"], ["memory/device-fault"]),
    (["verify", "k"], []),  # a path: bash's own completion takes over
])  # fmt: skip
def test_bash_completes(place: Path, words: list[str], wanted: list[str]) -> None:
    assert offered(place, *words) == wanted


def test_what_a_shell_would_carry_out_is_never_offered(place: Path) -> None:
    assert offered(place, "replay", "") == ["20261129-071941-5e6cf53e", "20261130-004523-b111c806"]
    assert not list(place.rglob("pwned"))


@pytest.mark.parametrize("variables", [{"KERNELGATE_RUNS": "/nonexistent"}, {"KERNELGATE_WORKERS": "none"}])
def test_what_goes_wrong_is_not_a_word(place: Path, variables: dict[str, str]) -> None:
    assert offered(place, "replay", "", **variables) == []


@pytest.mark.parametrize(
    ("shell", "begins"), [("zsh", "#compdef kernelgate"), ("fish", "complete --command kernelgate ")]
)
def test_other_shells_have_a_script_that_they_can_read(place: Path, shell: str, begins: str) -> None:
    script = run_in(place, {"_KERNELGATE_COMPLETE": f"source_{shell}"}).stdout
    assert script.strip().startswith(begins)
    program = shutil.which(shell)
    if program is not None:  # no skip: the script is there on every machine
        done = subprocess.run([program, "-n"], input=script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_completion_imports_nothing_that_takes_long() -> None:
    script = (
        "import sys, pipeline.cli, policies.rules, pipeline.commands.completing\n"
        "print([name for name in ('torch', 'triton', 'pydantic', 'numpy', 'prefect') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_the_list_of_operators_is_that_of_the_operators() -> None:
    assert tuple(OPERATORS) == OPERATOR_NAMES


class Context:
    def __init__(self, **params: object) -> None:
        self.params = params


def ask(complete: object, incomplete: str, **params: object) -> list[str]:
    return complete(Context(**params), incomplete)  # type: ignore[operator, no-any-return]


def test_names_are_offered_from_the_runs_folder_that_was_given(place: Path) -> None:
    assert len(ask(complete_runs, "", runs=place / "runs")) == 2
    assert ask(complete_cases, "7", run="20261130-004523-b111c806", runs=place / "runs") == ["7a5ce93ed93e"]
    assert ask(complete_cases, "001", run="20261130-004523-b111c806", runs=place / "runs") == []
    assert ask(complete_cases, "001-k/", run="20261130-004523-b111c806", runs=place / "runs") == ["001-k/7a5ce93ed93e"]
    assert ask(complete_verdicts, "20261129", runs=place / "runs") == ["20261129-071941-5e6cf53e"]
    assert ask(complete_cases, "", runs=place / "runs") == []  # no run was typed


def test_a_policy_file_of_another_folder_is_offered(place: Path) -> None:
    assert ask(complete_policies, f"{place}/te") == [f"{place}/team.yaml"]


def test_a_bug_in_a_completion_is_silent() -> None:
    @silent
    def broken(ctx: typer.Context, incomplete: str) -> list[str]:
        raise RuntimeError

    assert ask(broken, "") == []
