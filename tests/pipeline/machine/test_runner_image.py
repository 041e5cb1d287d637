from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import docker
import pytest
from packaging.requirements import Requirement

from pipeline.machine.base_image import python_of
from pipeline.machine.runner_image import (
    GPU_PACKAGES,
    PACKAGES,
    built_runner_image,
    ensure_runner_image,
    gpu_runner_spec,
    pinned,
    runner_spec,
)
from pipeline.machine.wheelhouse import Target, WheelsUnavailable, fetch_wheels
from pipeline.settings import PROJECT, Settings
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.images import ImageSpec

INSIDE = """
import os, stat
import torch, triton, numpy, pydantic, runners.wire, runners.inside, sandbox.frames
writable = [folder for folder in ("/", "/opt/kernelgate/lib", "/tmp") if os.access(folder, os.W_OK)]
setuid = [os.path.join(where, name) for where, _, names in os.walk("/usr") for name in names
          if os.lstat(os.path.join(where, name)).st_mode & (stat.S_ISUID | stat.S_ISGID)]
cache = oct(stat.S_IMODE(os.stat("/cache").st_mode))
print(os.getuid(), os.getgid(), writable, setuid, cache, oct(stat.S_IMODE(os.stat("/root").st_mode)))
print(torch.__version__.partition("+")[0], triton.__version__, numpy.__version__, pydantic.__version__)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the image is made from."""
    for name in ("Dockerfile.runner", "constraints.txt", "constraints-gpu.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    for name in ("sandbox", "runners"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def chain(spec: ImageSpec | str) -> Iterator[ImageSpec]:
    while isinstance(spec, ImageSpec):
        yield spec
        spec = spec.base


def test_image_holds_the_worker_and_nothing_of_the_judge(checkout: Path) -> None:
    names = {file.path for file in runner_spec(checkout).files}
    assert {"sandbox/frames.py", "runners/wire.py", "runners/inside/worker.py"} <= names
    shared = (
        "__init__", "argument_messages", "device_messages", "generating", "launch_plan", "message", "specialisation",
        "wire",
    )  # fmt: skip
    both_sides = {f"runners/{name}.py" for name in shared}
    rest = names - both_sides - {"sandbox/__init__.py", "sandbox/frames.py"}
    assert all(name.startswith("runners/inside/") for name in rest)
    assert not any(name.endswith(".pyc") for name in names)


def test_image_for_a_gpu_has_the_same_harness_on_its_own_packages(checkout: Path) -> None:
    on_gpu, packages = chain(gpu_runner_spec(checkout))
    assert on_gpu.files == runner_spec(checkout).files
    assert packages.target == "gpu"
    names = {re.sub(r"[-_.]+", "-", line.partition("==")[0].lower()) for line in packages.requirements}
    assert set(GPU_PACKAGES) <= names
    assert set(PACKAGES) <= names
    assert not set(pinned(checkout / "constraints.txt", ("torch", "triton"))) & set(packages.requirements)


def test_checkout_without_the_pins_for_a_gpu_is_named(checkout: Path) -> None:
    (checkout / "constraints-gpu.txt").unlink()
    with pytest.raises(SandboxUnavailable, match=r"constraints-gpu\.txt"):
        gpu_runner_spec(checkout)


def test_tag_depends_on_content_and_not_on_times(checkout: Path) -> None:
    before = runner_spec(checkout).tag
    for path in checkout.rglob("*.py"):
        os.utime(path, (1, 1))
    cached = checkout / "runners" / "inside" / "__pycache__" / "worker.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"compiled")
    assert runner_spec(checkout).tag == before


def test_change_of_the_harness_keeps_the_image_that_holds_torch(checkout: Path) -> None:
    runner, dependencies = chain(runner_spec(checkout))
    (checkout / "runners" / "wire.py").write_text("changed = True\n")
    changed_runner, changed_dependencies = chain(runner_spec(checkout))
    assert changed_runner.tag != runner.tag
    assert changed_dependencies == dependencies


def test_change_outside_the_container_changes_no_image(checkout: Path) -> None:
    before = runner_spec(checkout).tag
    (checkout / "runners" / "oracle.py").write_text("changed = True\n")
    constraints = checkout / "constraints.txt"
    constraints.write_text(re.sub("prefect==.*", "prefect==9.9.9", constraints.read_text()))
    assert runner_spec(checkout).tag == before


def test_change_of_a_pin_changes_the_image(checkout: Path) -> None:
    before = runner_spec(checkout).tag
    constraints = checkout / "constraints.txt"
    constraints.write_text(re.sub("numpy==.*", "numpy==9.9.9", constraints.read_text()))
    assert runner_spec(checkout).tag != before


def test_more_packages_come_on_top_and_alone(checkout: Path) -> None:
    more = runner_spec(checkout, ("liger-kernel==0.8.5",))
    assert more.base == runner_spec(checkout)
    assert more.alone
    assert more.requirements == ("liger-kernel==0.8.5",)
    assert more.files == ()


def test_package_that_is_not_pinned_is_refused(checkout: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="exact pins"):
        runner_spec(checkout, ("liger-kernel",))


def test_checkout_without_a_file_of_the_image_is_named(checkout: Path) -> None:
    (checkout / "Dockerfile.runner").unlink()
    with pytest.raises(SandboxUnavailable, match=r"Dockerfile\.runner"):
        runner_spec(checkout)


def test_package_without_a_pin_is_named(checkout: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="no exact version for absent"):
        pinned(checkout / "constraints.txt", ("numpy", "absent"))


def test_packages_are_all_that_the_four_depend_on() -> None:
    found: set[str] = set()
    waiting = ["torch", "triton", "numpy", "pydantic"]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop().lower())
        if name in found or name.startswith(("nvidia-", "cuda-")):
            continue  # the second: a CUDA build of torch, which pip resolves on its own
        found.add(name)
        needed = [Requirement(text) for text in metadata.requires(name) or []]
        waiting += [need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert found == set(PACKAGES)


def test_wheels_that_cannot_be_had_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(WheelsUnavailable, match="pip download failed"):
        fetch_wheels(
            tmp_path, ("kernelgate-does-not-exist==1",), Target("3.11", "x86_64"), lambda text: None, ("--no-index",)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["pip.log"]


def test_wheels_that_can_not_be_kept_are_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WheelsUnavailable, match=r"can't be kept in .*Not a directory"):
        fetch_wheels(tmp_path / "file/wheels", ("numpy==2.4.0",), Target("3.11", "x86_64"), pytest.fail)


def test_an_image_that_is_missing_where_nothing_can_be_written_is_said(engine_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    elsewhere = dataclasses.replace(Settings.resolve(), base_image="none:none", state=tmp_path / "file/state")
    with pytest.raises(SandboxUnavailable, match=r"can't be written to: Not a directory.*kernelgate image build"):
        ensure_runner_image(engine_url, elsewhere)


def test_wheels_fit_the_image_and_not_the_host() -> None:
    words = Target("3.11", "aarch64").arguments()
    assert words[words.index("--python-version") + 1] == "3.11"
    assert {"manylinux_2_28_aarch64", "manylinux2014_aarch64"} <= set(words)


def test_image_that_is_there_is_reused_without_a_word(engine_url: str, runner_image: str) -> None:
    settings = Settings.resolve()
    again = ensure_runner_image(engine_url, settings, (), pytest.fail)
    assert again.id == runner_image
    assert built_runner_image(engine_url, settings) == again


def test_program_in_the_image_is_unprivileged_and_finds_its_packages(engine_url: str, runner_image: str) -> None:
    client = docker.DockerClient(base_url=engine_url)
    try:
        said = client.containers.run(
            runner_image, ["python3", "-I", "-c", INSIDE], network_mode="none", read_only=True, remove=True
        )
    finally:
        client.close()
    identity, versions = said.decode().splitlines()
    assert identity == "10001 10001 [] [] 0o1777 0o711"
    expected = pinned(PROJECT / "constraints.txt", ("torch", "triton", "numpy", "pydantic"))
    assert dict(zip(("torch", "triton", "numpy", "pydantic"), versions.split(), strict=True)) == dict(
        pin.split("==") for pin in expected
    )


def test_image_says_which_python_its_wheels_must_fit(engine_url: str, runner_image: str) -> None:
    with DockerEngine(engine_url) as engine:
        assert python_of(engine, runner_image) == Target("3.11", os.uname().machine)
