"""What a sandbox may have besides its limits is seen where it is, and not where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from remapping_engine import carry_image, remapping_engine

from pipeline.machine.base_image import ensure_base
from pipeline.machine.debian import Machine
from pipeline.settings import Settings
from sandbox import probe_inside
from sandbox.contract import Limits, Program
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.layers import LAYER_NAMES, ROOTLESS
from sandbox.probe_inside import Expected, apparmor, own_kernel, user_namespace

MIB = 1 << 20
LIMITS = Limits(memory_bytes=256 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256)
EXPECTED = Expected(MIB, 64, 1.0, MIB, 99, 99, MIB, [], host_kernel="6.1.0-any")


def test_the_probe_looks_at_every_layer_but_the_one_that_the_engine_tells() -> None:
    assert (*probe_inside.LAYERS, ROOTLESS) == LAYER_NAMES


@pytest.mark.parametrize(
    ("ids", "holds"),
    [
        ("         0          0 4294967295\n", False),
        ("         0     200000      65536\n", True),
        ("         0       1001          1\n         1     100000      65536\n", True),
        ("         0     200000      65536\n     70000          0          1\n", False),
        ("", False),
    ],
    ids=["none", "remapped", "rootless", "one id is root after all", "empty"],
)
def test_a_user_namespace_is_one_in_which_nobody_is_root_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ids: str, holds: bool
) -> None:
    (tmp_path / "uid_map").write_text(ids)
    monkeypatch.setattr(probe_inside, "UID_MAP", str(tmp_path / "uid_map"))
    assert user_namespace(EXPECTED).holds is holds


@pytest.mark.parametrize(
    ("profile", "holds"),
    [
        ("docker-default (enforce)\n", True),
        ("docker-default (complain)\n", False),
        ("unconfined\n", False),
        ("system_u:system_r:container_t:s0:c1,c2\0", False),
        (None, False),
    ],
    ids=["enforced", "complaining", "unconfined", "another module", "a kernel without"],
)
def test_apparmor_is_a_profile_that_is_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, holds: bool
) -> None:
    if profile is not None:
        (tmp_path / "current").write_text(profile)
    monkeypatch.setattr(probe_inside, "APPARMOR", (str(tmp_path / "absent"), str(tmp_path / "current")))
    assert apparmor(EXPECTED).holds is holds


def test_the_kernel_is_its_own_where_it_is_not_the_hosts() -> None:
    assert own_kernel(EXPECTED).holds
    assert not own_kernel(EXPECTED._replace(host_kernel=os.uname().release)).holds


@pytest.mark.parametrize(("security", "rootless"), [(("rootless", "seccomp"), True), (("seccomp", "userns"), False)])
def test_an_engine_that_says_it_is_rootless_is_reported_as_one(
    engine_url: str, runner_image: str, security: tuple[str, ...], rootless: bool
) -> None:
    with DockerEngine(engine_url) as engine:
        engine.facts = replace(engine.facts, security=security)
        proof = DockerSandbox(engine).prove(Program(runner_image, ("unused",), LIMITS))
    (layer,) = (layer for layer in proof.layers if layer.name == ROOTLESS)
    assert layer.holds is rootless


@pytest.fixture
def base_image(engine: DockerEngine, tmp_path: Path) -> str:
    return ensure_base(engine, Settings.resolve().base_image, tmp_path, Machine.this(), lambda text: None)


@pytest.fixture
def remapping(own_daemon: None, engine: DockerEngine, base_image: str) -> Iterator[DockerEngine]:
    with remapping_engine() as url, DockerEngine(url) as remapping:
        carry_image(base_image, engine.url, url)
        yield remapping


def test_in_an_engine_that_remaps_users_every_limit_holds_and_root_is_nobody(
    engine: DockerEngine, remapping: DockerEngine, base_image: str
) -> None:
    program = Program(base_image, ("unused",), LIMITS)
    proof = DockerSandbox(remapping).prove(program)
    assert proof.missing == ()
    assert "user namespace" in {layer.name for layer in proof.layers if layer.holds}
    assert "userns" in remapping.facts.security
    if "userns" not in engine.facts.security and not engine.facts.is_rootless:
        plain = DockerSandbox(engine).prove(program)
        assert "user namespace" not in {layer.name for layer in plain.layers if layer.holds}
