from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.contract import Limits, Program, SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.hardening import ContainerSpec, Tmpfs, Ulimit, harden
from sandbox.layers import LAYER_NAMES
from sandbox.owner import Owner
from sandbox.probe_inside import CHECKS
from sandbox.proof import read_report

MIB = 1 << 20
LIMITS = Limits(memory_bytes=256 * MIB, processes=64, tmp_bytes=16 * MIB, tmp_inodes=256)


def loosened(**fields: object) -> Callable[[Program, Owner, str | None], ContainerSpec]:
    return lambda program, owner, runtime: replace(harden(program, owner, runtime), **fields)


def test_every_limit_holds_in_a_container_like_every_other(engine: DockerEngine, runner_image: str) -> None:
    proof = DockerSandbox(engine).prove(Program(runner_image, ("unused",), LIMITS))
    assert proof.missing == ()
    assert {limit.name for limit in proof.limits} == set(CHECKS)
    assert (proof.isolation, proof.image) == ("docker", runner_image)
    assert proof.runtime in engine.facts.runtimes


SCRATCH = "rw,nosuid,nodev,mode=1777"
NO_NEW_PRIVILEGES = "no-new-privileges:true"


@pytest.mark.parametrize(
    ("loosening", "must_not_hold"),
    [
        pytest.param({"read_only": False}, {"root file system", "writable places"}, id="writable root"),
        pytest.param({"cap_drop": (), "user": "0:0"}, {"capabilities", "user"}, id="root with capabilities"),
        pytest.param(
            {"security_opt": (NO_NEW_PRIVILEGES, "seccomp=unconfined")},
            {
                "seccomp",
                "system call: ptrace",
                "system call: keyctl",
                "system call: memfd_create",
                "system call: clone3",
            },
            id="no seccomp",
        ),
        pytest.param({"processes": 4096}, {"processes"}, id="more processes"),
        pytest.param({"memory_bytes": 512 * MIB, "memory_and_swap_bytes": 512 * MIB}, {"memory"}, id="more memory"),
        pytest.param({"nano_cpus": 2_000_000_000}, {"cpus"}, id="more processor time"),
        pytest.param(
            {"tmpfs": (Tmpfs("/tmp", f"{SCRATCH},exec"), Tmpfs("/cache", f"{SCRATCH},exec"))},
            {"tmp not executable", "tmp size", "tmp inodes", "writable places"},
            id="unbounded executable tmp",
        ),
        pytest.param(
            {"ulimits": (Ulimit("core", 1 << 20),)}, {"open files", "core files", "file size"}, id="no ulimits"
        ),
        pytest.param({"environment": ("HOME=/cache", "API_KEY=secret")}, set(), id="variables of trusted code"),
        pytest.param({"init": False}, {"process namespace"}, id="no init"),
    ],
)
def test_the_proof_says_which_limit_a_loosened_container_lacks(
    engine: DockerEngine, runner_image: str, loosening: dict[str, object], must_not_hold: set[str]
) -> None:
    sandbox = DockerSandbox(engine, hardening=loosened(**loosening))
    proof = sandbox.prove(Program(runner_image, ("unused",), LIMITS))
    assert must_not_hold <= set(proof.missing)
    if not must_not_hold:
        assert proof.missing == ()


GVISOR_ULIMITS = (Ulimit("nofile", 1024), Ulimit("core", 0), Ulimit("fsize", LIMITS.file_bytes), Ulimit("nproc", 512))


@pytest.mark.gvisor
def test_every_limit_holds_in_gvisor(engine: DockerEngine, runner_image: str) -> None:
    proof = DockerSandbox(engine, runtime="runsc").prove(Program(runner_image, ("unused",), LIMITS))
    assert proof.missing == ()
    assert {limit.name for limit in proof.limits} == set(CHECKS)
    assert {layer.name for layer in proof.layers if layer.holds} >= {"own kernel"}


@pytest.mark.gvisor
@pytest.mark.parametrize(
    ("loosening", "must_not_hold"),
    [
        pytest.param({"read_only": False}, {"root file system", "writable places"}, id="writable root"),
        pytest.param({"cap_drop": (), "user": "0:0"}, {"capabilities", "user"}, id="root with capabilities"),
        pytest.param(
            {"security_opt": (NO_NEW_PRIVILEGES, "seccomp=unconfined")},
            {"system call: ptrace", "system call: memfd_create"},
            id="no seccomp",
        ),
        pytest.param({"ulimits": GVISOR_ULIMITS}, {"processes"}, id="more processes"),
        pytest.param(
            {"memory_bytes": 512 * MIB, "memory_and_swap_bytes": 512 * MIB}, {"memory", "tmp inodes"}, id="more memory"
        ),
        pytest.param({"nano_cpus": 2_000_000_000}, {"cpus"}, id="more processor time"),
    ],
)
def test_the_proof_says_which_limit_a_loosened_container_of_gvisor_lacks(
    engine: DockerEngine, runner_image: str, loosening: dict[str, object], must_not_hold: set[str]
) -> None:
    sandbox = DockerSandbox(engine, runtime="runsc", hardening=loosened(**loosening))
    assert must_not_hold <= set(sandbox.prove(Program(runner_image, ("unused",), LIMITS)).missing)


def test_no_new_privileges_is_missed_when_it_is_not_set(engine: DockerEngine, runner_image: str) -> None:
    sandbox = DockerSandbox(engine, hardening=loosened(security_opt=("seccomp=unconfined",)))
    assert "no new privileges" in sandbox.prove(Program(runner_image, ("unused",), LIMITS)).missing


def test_a_probe_that_cannot_run_is_unavailable(engine: DockerEngine, runner_image: str) -> None:
    sandbox = DockerSandbox(engine, hardening=loosened(argv=("/no/such/python",)))
    with pytest.raises(SandboxUnavailable, match="did not complete"):
        sandbox.prove(Program(runner_image, ("unused",), LIMITS))


def report(*lines: tuple[str, bool]) -> bytes:
    return json.dumps([{"name": name, "holds": holds, "observed": "seen"} for name, holds in lines]).encode()


def test_a_container_on_the_hosts_kernel_does_not_pass_for_one_of_its_own(
    engine: DockerEngine, runner_image: str
) -> None:
    proof = DockerSandbox(engine).prove(Program(runner_image, ("unused",), LIMITS))
    layers = {layer.name: layer for layer in proof.layers}
    assert tuple(layers) == LAYER_NAMES
    assert not layers["own kernel"].holds
    assert engine.facts.kernel in layers["own kernel"].observed


def test_a_limit_that_the_probe_does_not_report_does_not_hold() -> None:
    proofs = {proof.name: proof for proof in read_report(report(("network", True))).limits}
    assert proofs["network"].holds
    assert not proofs["memory"].holds
    assert proofs["memory"].observed == "the probe did not report it"


def test_of_two_reports_of_one_limit_the_worse_counts() -> None:
    for order in ([True, False], [False, True]):
        proofs = {proof.name: proof for proof in read_report(report(*(("network", holds) for holds in order))).limits}
        assert not proofs["network"].holds


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b'[{"name": "network", "holds": 1, "observed": ""}]',
        b'[{"name": "network", "holds": true, "observed": "", "extra": 1}]',
    ],
)
def test_a_report_that_is_not_one_is_refused(payload: bytes) -> None:
    with pytest.raises(SandboxUnavailable, match="report"):
        read_report(payload)
