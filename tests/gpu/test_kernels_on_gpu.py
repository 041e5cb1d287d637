"""Kernels that are wrong on a GPU alone, by label; and, where there is one, what the gate says of them there.

What passes a GPU into a container is the machine's to say (`pipeline/machine/gpu_access.py`); `make gpu-check` runs the
whole corpus and prints a table.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from policies.policy import load_policy
from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source

PROJECT = Path(__file__).resolve().parents[2]
KERNELS = PROJECT / "tests" / "gpu" / "kernels"
CLASSES = {"values", "fault", "outside", "plan", "ended", "raised", "race", "launch", "-"}
LABELS = {
    folder.parent / name: entry
    for folder in sorted(KERNELS.rglob("labels.toml"))
    for name, entry in tomllib.loads(folder.read_text(encoding="utf-8")).items()
}
HONEST = [path for path, entry in LABELS.items() if entry["label"] == "honest"]


def test_every_file_has_a_label_and_every_label_a_file() -> None:
    assert set(LABELS) == set(KERNELS.rglob("*.py"))
    assert sum(entry["label"] == "wrong" for entry in LABELS.values()) >= 25


@pytest.mark.parametrize("path", LABELS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_label_says_what_the_file_claims(path: Path) -> None:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    assert candidate.operator.name == LABELS[path]["operator"]
    assert LABELS[path]["class"] in CLASSES
    assert path.stem.partition("_")[0] == LABELS[path]["label"].replace("missed", "wrong")


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_an_honest_one_is_read_without_a_finding(path: Path) -> None:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    assert not read_source(candidate, load_policy("ci").source.allowance)


@pytest.mark.gpu
def test_the_gate_on_the_gpu_says_of_each_what_its_label_says() -> None:
    program = [sys.executable, str(PROJECT / "benchmarks" / "gpu_check.py"), str(KERNELS), "--jobs", "8"]
    done = subprocess.run(program, capture_output=True, check=False, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
