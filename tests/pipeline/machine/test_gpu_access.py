"""How a machine's GPU gets into a container: what its owner says, and what is found out where nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.machine.gpu_access import GpuSettings, has_gpu
from sandbox.devices import DeviceAccess
from sandbox.docker_engine import EngineFacts

VARIABLES = ("", "_CDI", "_NODES", "_MOUNTS", "_IMAGE")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"KERNELGATE_GPU{name}", raising=False)
    monkeypatch.delenv("KERNELGATE_SANITIZER", raising=False)


def engine(*runtimes: str) -> EngineFacts:
    return EngineFacts("20", "1.41", "runc", runtimes, "1", "6.1", ())


def test_an_engine_with_the_toolkit_is_asked_for_the_first_gpu() -> None:
    settings = GpuSettings.resolve()
    assert settings.access_through(engine("runc", "nvidia")) == DeviceAccess(requested=("0",))
    assert settings.access_through(engine("runc")) is None


def test_the_number_of_the_gpu_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELGATE_GPU", "3")
    assert GpuSettings.resolve().access_through(engine("nvidia")) == DeviceAccess(requested=("3",))


def test_nodes_and_mounts_win_over_what_the_engine_could(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERNELGATE_GPU_NODES", "/dev/null:/dev/zero")
    monkeypatch.setenv("KERNELGATE_GPU_MOUNTS", str(tmp_path))
    access = GpuSettings.resolve().access_through(engine("nvidia"))
    assert access == DeviceAccess(nodes=("/dev/null", "/dev/zero"), mounts=(str(tmp_path),))


def test_a_cdi_name_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELGATE_GPU_CDI", "nvidia.com/gpu=0")
    assert GpuSettings.resolve().access == DeviceAccess(cdi=("nvidia.com/gpu=0",))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("KERNELGATE_GPU", "first", "KERNELGATE_GPU is 'first'"),
        ("KERNELGATE_GPU_NODES", "/dev/no-such-node", "/dev/no-such-node"),
        ("KERNELGATE_GPU_NODES", "null", "'null'"),
    ],
)
def test_a_value_that_can_not_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says.replace("/", "/")):
        GpuSettings.resolve()


def test_two_ways_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELGATE_GPU_CDI", "nvidia.com/gpu=0")
    monkeypatch.setenv("KERNELGATE_GPU_NODES", "/dev/null")
    with pytest.raises(SettingsError, match="set one"):
        GpuSettings.resolve()


def test_a_gpu_is_seen_by_its_node() -> None:
    assert has_gpu(0) is Path("/dev/nvidia0").exists()
    assert not has_gpu(9999)
