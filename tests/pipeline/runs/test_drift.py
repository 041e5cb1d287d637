"""What is said before a candidate is measured on another platform than its stored evidence is for."""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_device import FakeDevice, relu
from scripted_flow import HEADER, ISOLATION, FakeSupply, Item, small_policy
from scripted_gpu import ScriptedGpu, gpu_policy

from pipeline.gate.judged import Judged
from pipeline.runs.drift import RUNS, newest_stored, tell_drift
from pipeline.settings import Settings
from pipeline.verification.verify import Options, Run, verify
from policies.policy import Policy
from runners.candidate import read_candidate

OLDEST = "20250101-000000-00000000"


class Scene:
    """Runs of scripted candidates, and what they said."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._tmp_path = tmp_path
        self.settings = Settings.resolve(runs=tmp_path / "runs", workers=1)
        self.supply = FakeSupply()
        self.gpu: ScriptedGpu | None = None
        self.said: list[str] = []
        self.policy = small_policy()
        numbers = itertools.count(1)
        monkeypatch.setattr("pipeline.verification.verify.new_run_id", lambda: f"20260101-{next(numbers):06d}-00000000")
        monkeypatch.setattr("pipeline.verification.verify.supply_for", lambda settings, policy, report: self.supply)
        monkeypatch.setattr("pipeline.verification.verify.gpu_for", lambda settings, policy, mode, report: self)

    def __enter__(self) -> ScriptedGpu | None:
        return self.gpu

    def __exit__(self, *_: object) -> None:
        pass

    def note(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    def check(self, path: str, name: str) -> None:
        pass

    def case(self, path: str, done: int, planned: int) -> None:
        pass

    def mutant(self, path: str, done: int, planned: int) -> None:
        pass

    def judged(self, path: str, judged: Judged) -> None:
        pass

    def kernels(self, *names: str) -> list[Item]:
        paths = [self._tmp_path / f"{name}.py" for name in names]
        for path in paths:
            path.write_text(f"{HEADER}# {path}\ndef relu(x):\n    return x\n")
        return [read_candidate(path) for path in paths]

    def verify(self, items: list[Item], policy: Policy | None = None) -> Run:
        self.supply = FakeSupply()
        self.said.clear()
        return verify(items, policy or self.policy, self.settings, Options(), self)

    @property
    def drift(self) -> list[str]:
        return [line for line in self.said if not line.startswith("verifying")]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_machine: None) -> Scene:
    return Scene(tmp_path, monkeypatch)


def rewrite(run: Run, part: str, **changes: str) -> None:
    """Makes the evidence of a run one of another machine."""
    for path in run.folder.glob("*/evidence.json"):
        evidence = json.loads(path.read_text())
        evidence[part] |= changes
        path.write_text(json.dumps(evidence))


def test_the_same_platform_is_not_worth_a_word_nor_a_runner(scene: Scene) -> None:
    items = scene.kernels("a")
    scene.verify(items)
    scene.verify(items)
    assert scene.drift == []
    assert scene.supply.taken == 1  # the candidate's own


def test_another_image_with_the_same_platform_is_not_worth_a_word(scene: Scene) -> None:
    items = scene.kernels("a")
    rewrite(scene.verify(items), "isolation", image="sha256:2")
    scene.verify(items)
    assert scene.drift == []
    assert scene.supply.taken == 2  # another image, so a runner was asked


@pytest.mark.parametrize(("part", "was"), [("triton", "torch t, triton 3.6.0"), ("torch", "torch 3.6.0, triton t")])
def test_evidence_for_another_version_is_said_before_anything_is_measured(scene: Scene, part: str, was: str) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    rewrite(first, "environment", hardware="cpu x86_64", **{part: "3.6.0"})
    rewrite(first, "isolation", image="sha256:2")
    (stored,) = first.folder.glob("*/evidence.json")
    before = stored.read_bytes()
    scene.verify(items)
    (line, begins) = scene.said
    assert line.startswith(f"{items[0].facts.path}: run {first.id} holds for cpu x86_64, {was}; here is cpu ")
    assert line.endswith(", torch t, triton t: it is measured again")
    assert begins.startswith("verifying")
    assert stored.read_bytes() == before
    scene.verify(items)
    assert scene.drift == []  # the newest run counts


def test_evidence_for_another_architecture_is_said(scene: Scene) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    rewrite(first, "environment", hardware="cpu riscv64")
    rewrite(first, "isolation", image="sha256:2")
    scene.verify(items)
    assert "cpu riscv64, torch t" in scene.drift[0]


def test_evidence_for_another_gpu_is_said_and_none_where_no_gpu_is_used(scene: Scene, tmp_path: Path) -> None:
    items, scene.policy = scene.kernels("a"), gpu_policy()
    scene.gpu = ScriptedGpu(FakeDevice(relu), tmp_path / "state")
    first = scene.verify(items)
    rewrite(first, "device", device="another GPU, sm_80, CUDA 12.8, driver 550")
    scene.gpu = None
    without = scene.verify(items)
    assert scene.drift == []
    without.folder.rename(without.folder.with_name(OLDEST))
    scene.gpu = ScriptedGpu(FakeDevice(relu), tmp_path / "state")
    scene.verify(items)
    assert scene.drift == [
        f"{items[0].facts.path}: run {first.id} holds for another GPU, sm_80, CUDA 12.8, driver 550, torch 2.11.0, "
        "triton 3.6.0; here is a GPU, sm_90, torch 2.11.0, triton 3.6.0: it is measured again"
    ]


def test_many_candidates_are_one_line(scene: Scene) -> None:
    items = scene.kernels("a", "b", "c", "d", "e")
    first = scene.verify(items)
    rewrite(first, "environment", triton="3.6.0")
    rewrite(first, "isolation", image="sha256:2")
    few = scene.verify(items[:3])
    assert len(scene.drift) == 3
    few.folder.rename(few.folder.with_name(OLDEST))
    scene.verify(items)
    (line,) = scene.drift
    assert line.startswith("5 candidates are measured again on another platform than their newest run's")
    assert first.id in line


def test_another_policy_or_source_has_no_earlier_run(scene: Scene) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    digest = items[0].facts.digest
    assert list(newest_stored({digest}, scene.policy.name, scene.settings.runs)) == [digest]
    assert newest_stored({digest}, "another", scene.settings.runs) == {}
    assert newest_stored({"another"}, scene.policy.name, scene.settings.runs) == {}
    assert first.exit_code == 0


def test_run_folders_that_cannot_be_read_are_passed_over(scene: Scene) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    digest = items[0].facts.digest
    entry = {"policy": scene.policy.name, "candidates": [{"folder": "x", "digest": digest}]}

    def newer(number: int) -> Path:
        folder = scene.settings.runs / f"99991231-235959-{number:08x}"
        folder.mkdir()
        return folder

    damaged = ["{", "[]", '{"policy": 3}', json.dumps(entry)]  # the last has no evidence
    for number, text in enumerate(damaged):
        (newer(number) / "run.json").write_text(text)
    escaping = newer(10)
    (escaping / "run.json").write_text(json.dumps(entry | {"candidates": [{"folder": "../..", "digest": digest}]}))
    os.mkfifo(newer(11) / "run.json")  # would wait for a writer
    (newer(12) / "run.json").mkdir()
    for number, evidence in enumerate(['{"environment": 1}', "{}", '{"device": {"kind": "missing"}}'], start=20):
        folder = newer(number)
        (folder / "run.json").write_text(json.dumps(entry))
        (folder / "x").mkdir()
        (folder / "x" / "evidence.json").write_text(evidence)
    assert newest_stored({digest}, scene.policy.name, scene.settings.runs)[digest].run == first.id


def test_evidence_of_an_older_or_newer_version_is_read_for_what_it_has(scene: Scene) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    (path,) = first.folder.glob("*/evidence.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({"environment": told["environment"] | {"new": 1}, "unknown": []}))
    stored = newest_stored({items[0].facts.digest}, scene.policy.name, scene.settings.runs)
    assert [(one.run, one.gpu, one.image) for one in stored.values()] == [(first.id, None, None)]


def test_no_folder_of_runs_is_no_problem(tmp_path: Path) -> None:
    assert newest_stored({"d"}, "ci", tmp_path / "runs") == {}


def test_thousands_of_runs_cost_no_seconds_and_only_the_newest_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = [{"folder": f"{n:03d}-x", "digest": f"{n}", "path": "p" * 60, "tier": "t"} for n in range(200)]
    text = json.dumps({"policy": "ci", "candidates": candidates})
    for number in range(3000):
        folder = tmp_path / f"20260101-000000-{number:08x}"
        folder.mkdir()
        (folder / "run.json").write_text(text)
    evidence = {"environment": {"hardware": "h", "torch": "t", "triton": "t"}}
    for number in (3000 - RUNS - 1, 3000 - RUNS + 1):
        folder = tmp_path / f"20260101-000000-{number:08x}"
        name = "007-x" if number < 3000 - RUNS else "008-x"
        (folder / name).mkdir()
        (folder / name / "evidence.json").write_text(json.dumps(evidence))
    monkeypatch.setattr("pipeline.runs.drift.SEARCH_S", 60.0)
    began = time.monotonic()
    assert set(newest_stored({"7", "8"}, "ci", tmp_path)) == {"8"}
    assert time.monotonic() - began < 3
    monkeypatch.setattr("pipeline.runs.drift.SEARCH_S", 0.0)
    assert newest_stored({"7", "8"}, "ci", tmp_path) == {}


def test_a_runner_that_cannot_be_had_is_not_drift(tmp_path: Path, scene: Scene) -> None:
    items = scene.kernels("a")
    first = scene.verify(items)
    rewrite(first, "isolation", image="sha256:2")
    said: list[str] = []
    broken: Any = FakeSupply(failing=(1,))
    tell_drift(items, scene.policy, scene.settings.runs, broken, None, said.append)
    unknown: Any = SimpleNamespace(isolation=ISOLATION, take=broken.take)
    tell_drift(items, scene.policy, scene.settings.runs, unknown, None, said.append)
    assert said == []
