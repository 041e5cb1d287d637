from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from pipeline.fleet.judge_image import CODE, judge_spec
from pipeline.machine.runner_image import runner_spec
from pipeline.settings import PROJECT, Settings
from sandbox.images import ImageSpec


def layers() -> tuple[ImageSpec, ImageSpec]:
    """That of the checkout, and that of its packages."""
    top = judge_spec(Settings.resolve())
    assert isinstance(top.base, ImageSpec)
    return top, top.base


def test_the_judge_stands_on_the_packages_of_its_runners() -> None:
    runner = runner_spec(PROJECT)
    _, packages = layers()
    assert isinstance(runner.base, ImageSpec)
    assert packages.base == runner.base
    assert not {line.partition("==")[0] for line in packages.requirements} & {"torch", "triton", "numpy", "pydantic"}


def test_packages_are_those_installed_here_in_the_pinned_versions() -> None:
    pins = dict(line.split("==") for line in layers()[1].requirements)
    assert {"prefect", "prefect-docker", "SQLAlchemy", "docker", "hypothesis", "typer"} <= set(pins)
    assert {name: metadata.version(name) for name in pins} == pins


def test_the_checkout_is_in_it_with_its_data_and_without_its_tests() -> None:
    top, _ = layers()
    names = {file.path for file in top.files}
    assert {
        "Dockerfile.runner",
        "constraints.txt",
        "policies/ci.yaml",
        "pipeline/gate/strengths/relu.strength.json",
    } <= names
    assert {path.parts[0] for path in map(Path, names) if len(path.parts) > 1} == {*CODE, "kernelgate.dist-info"}
    assert not [name for name in names if re.search("pyc$|tests", name)]
