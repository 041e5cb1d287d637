"""Whether a run has a GPU, as the mode, the policy and the machine say."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.exit_codes import INCOMPLETE, USAGE
from pipeline.settings import Mode, SandboxKind, Settings
from pipeline.supply.gpu_opening import gpu_for
from policies.policy import load_policy
from sandbox.contract import SandboxUnavailable

PATH = "candidate.py"
KERNEL = Path(__file__).parents[2] / "kernels" / "relu" / "right_block.py"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def settings() -> Settings:
    return replace(Settings.resolve(), sandbox=SandboxKind.DOCKER)


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.CPU])
def test_a_policy_that_asks_for_no_gpu_gets_none_and_hears_nothing(settings, said, mode) -> None:
    with gpu_for(settings, load_policy("ci"), mode, said.append) as gpu:
        assert gpu is None
    assert not said


def test_a_gpu_for_a_policy_that_asks_for_none_is_a_mistake(settings, said) -> None:
    with (
        pytest.raises(UsageError, match="'ci' asks for no check on a GPU"),
        gpu_for(settings, load_policy("ci"), Mode.GPU, said.append),
    ):
        pass


def test_on_the_cpu_alone_no_gpu_is_looked_for(settings, said) -> None:
    with gpu_for(settings, load_policy("production"), Mode.CPU, said.append) as gpu:
        assert gpu is None
    assert not said


def test_the_embedded_sandbox_passes_no_gpu(settings, said) -> None:
    embedded = replace(settings, sandbox=SandboxKind.EMBEDDED)
    with gpu_for(embedded, load_policy("production"), Mode.AUTO, said.append) as gpu:
        assert gpu is None
    assert said == [
        "note: no check is made on a GPU: the embedded sandbox passes no GPU; policy 'production' asks for such "
        "checks, so no candidate can end better than inconclusive here"
    ]


def test_a_machine_without_a_gpu_says_so_once_or_ends_the_run(settings, said, monkeypatch) -> None:
    monkeypatch.setenv("KERNELGATE_GPU", "9999")
    with gpu_for(settings, load_policy("production"), Mode.AUTO, said.append) as gpu:
        assert gpu is None
    assert len(said) == 1
    assert "this machine has no NVIDIA GPU" in said[0]
    with (
        pytest.raises(SandboxUnavailable, match="--mode gpu: this machine has no NVIDIA GPU"),
        gpu_for(settings, load_policy("production"), Mode.GPU, said.append),
    ):
        pass


def test_the_command_line_ends_without_a_gpu_that_was_asked_for(kernelgate, tmp_path) -> None:
    shutil.copy(KERNEL, tmp_path / PATH)
    asked = ("verify", PATH, "--policy", "production", "--mode", "gpu", "--sandbox", "embedded")
    done = kernelgate(*asked, cwd=tmp_path)
    assert done.returncode == INCOMPLETE
    assert done.stderr.strip().endswith("--mode gpu: the embedded sandbox passes no GPU")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--mode", "gpu"), ("--mode", "tpu")])
def test_a_mode_that_makes_no_sense_is_wrong_usage(kernelgate, tmp_path, options) -> None:
    shutil.copy(KERNEL, tmp_path / PATH)
    done = kernelgate("verify", PATH, *options, cwd=tmp_path)  # the policy is ci, which asks for no GPU
    assert done.returncode == USAGE
    assert "Traceback" not in done.stderr
