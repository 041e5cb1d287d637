"""action.yml: its steps are run as they stand, with the real program, in a real repository.

Bash is given what a runner gives it: the inputs in the environment of the step, files for outputs, summary and PATH.
Only the installation's pip is a stand-in that writes down what it was called with: tests use no network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from candidate_sources import candidate
from git_folders import QUIET, commit, git, new_repository

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
HOSTILE = "$(touch injected); `touch injected` \"; touch injected; '"


@dataclass(frozen=True)
class Done:
    code: int
    log: str
    outputs: dict[str, str]
    summary: str


def expanded(text: str, inputs: dict[str, str]) -> str:
    """As the runner does it: expressions stand in `env` alone."""
    context = {f"inputs.{name}": value for name, value in inputs.items()} | {"github.action_path": str(ROOT)}
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: context[found[1]], text)


def run_step(name: str, folder: Path, path: str | None = None, **given: str) -> Done:
    step = STEPS[name]
    inputs = {key: value.get("default", "") for key, value in ACTION["inputs"].items()}
    inputs |= {key.replace("_", "-"): value for key, value in given.items()}
    assert "${{" not in step["run"]
    temp = folder.parent / "temp"
    temp.mkdir(exist_ok=True)
    files = {variable: temp / variable for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
    for file in files.values():
        file.write_text("")
    environment = {
        **os.environ, **QUIET, "PATH": path or f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(temp), **{key: str(file) for key, file in files.items()},
        **{key: expanded(value, inputs) for key, value in step["env"].items()},
    }  # fmt: skip
    done = subprocess.run(  # what `shell: bash` means to the runner
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Done(done.returncode, done.stdout + done.stderr, outputs, files["GITHUB_STEP_SUMMARY"].read_text())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "repository")
    commit(folder, {"kernels/old.py": candidate("import socket")})
    git(folder, "checkout", "-q", "-b", "work")
    commit(folder, {"kernels/new.py": candidate("import socket", at_call="#\n")})
    return folder


def test_every_input_reaches_a_step_through_its_environment_alone() -> None:
    used = {name for step in STEPS.values() for name in re.findall(r"inputs\.([\w-]+)", str(step.get("env", {})))}
    assert used | {"install"} == set(ACTION["inputs"])
    assert not [step for step in STEPS.values() if "${{" in step["run"]]


def test_every_output_is_one_that_the_step_writes() -> None:
    named = {re.search(r"outputs\.([\w-]+)", output["value"])[1] for output in ACTION["outputs"].values()}  # type: ignore[index]
    assert named == set(ACTION["outputs"])
    assert all(f"{name}=" in STEPS["Verify kernels"]["run"] for name in named)


def test_a_pull_request_that_adds_a_denied_kernel_fails_with_annotation_summary_and_outputs(repository: Path) -> None:
    done = run_step("Verify kernels", repository, paths="kernels\n\n", policy="dev", changed_since="main")
    assert done.code == 1, done.log
    assert done.outputs["exit-code"] == "1"
    assert [Path(done.outputs[name]).exists() for name in ("sarif", "junit", "run-folder")] == [True] * 3
    assert (Path(done.outputs["run-folder"]) / "run.json").is_file()
    assert "1 denied" in done.summary
    lines = done.log.splitlines()
    (stop,) = [line for line in lines if line.startswith("::stop-commands::")]
    resumed = lines.index(f"::{stop.removeprefix('::stop-commands::')}::")
    commands = [number for number, line in enumerate(lines) if line.lstrip().startswith("::error ")]
    assert commands
    assert min(commands) > resumed
    assert "file=kernels/new.py,line=5,title=source/import-not-allowed" in lines[commands[0]]
    assert not [line for line in lines if "kernels/old.py" in line]


def test_an_input_is_data_whatever_it_holds(repository: Path) -> None:
    done = run_step("Verify kernels", repository, paths=f"--help\n{HOSTILE}", policy=HOSTILE, waivers=HOSTILE)
    assert done.code == 2
    assert done.outputs == {"exit-code": "2"}
    assert "there is no policy '$(touch injected)" in done.log
    assert not list(repository.rglob("injected"))


def test_the_installation_takes_the_action_itself_with_its_pins(repository: Path, tmp_path: Path) -> None:
    python, told = tmp_path / "python", tmp_path / "told"
    python.write_text(f'#!/bin/sh\nmkdir -p "$3/bin" && cp "{tmp_path}/pip" "$3/bin/pip"\n')
    (tmp_path / "pip").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{told}"\n')
    for file in (python, tmp_path / "pip"):
        file.chmod(0o755)
    done = run_step("Install kernelgate", repository, python=str(python), pip_args="--extra-index-url file:///x")
    assert done.code == 0, done.log
    assert told.read_text().split("\n")[2:-1] == [
        "--disable-pip-version-check", "--extra-index-url", "file:///x",
        "--constraint", f"{ROOT}/constraints.txt", "--editable", str(ROOT),
    ]  # fmt: skip
    assert (tmp_path / "temp" / "GITHUB_PATH").read_text() == f"{tmp_path}/temp/kernelgate-environment/bin\n"
