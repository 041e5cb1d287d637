from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.contract import Limits, Program
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.hardening import ContainerSpec, harden
from sandbox.owner import Liveness, Owner, from_labels, this_process

SLEEP = ("python3", "-I", "-c", "import time; time.sleep(600)")
START_AND_DIE = """
import os, signal, sys
from sandbox.contract import Limits, Program
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
url, image, *argv = sys.argv[1:]
worker = DockerSandbox(DockerEngine(url)).start(Program(image, tuple(argv), Limits(memory_bytes=64 << 20)))
print(worker.name, flush=True)
if argv[-1] != "stay":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def start_elsewhere(engine_url: str, image: str, *argv: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START_AND_DIE, engine_url, image, *argv]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def exists(engine: DockerEngine, name: str) -> bool:
    return bool(engine.api.containers(all=True, filters={"name": name}))


def test_a_worker_whose_owner_was_killed_is_reaped(
    engine: DockerEngine, docker_sandbox: DockerSandbox, runner_image: str
) -> None:
    with start_elsewhere(engine.url, runner_image, *SLEEP) as owner:
        name, _ = owner.communicate(timeout=60)
    name = name.strip()
    assert exists(engine, name)
    assert docker_sandbox.reap() >= 1
    assert not exists(engine, name)


def test_a_worker_of_another_living_owner_stays(
    engine: DockerEngine, docker_sandbox: DockerSandbox, runner_image: str
) -> None:
    with start_elsewhere(engine.url, runner_image, *SLEEP, "stay") as owner:
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        docker_sandbox.reap()
        stayed = exists(engine, name)
        owner.kill()
        owner.wait()
    docker_sandbox.reap()
    assert stayed
    assert not exists(engine, name)


def test_a_running_worker_whose_owner_is_out_of_sight_stays(engine: DockerEngine, runner_image: str) -> None:
    def foreign(program: Program, owner: Owner, runtime: str | None) -> ContainerSpec:
        return harden(program, replace(owner, boot="another boot"), runtime)

    sandbox = DockerSandbox(engine, hardening=foreign)
    with sandbox.start(Program(runner_image, SLEEP, Limits(memory_bytes=64 << 20))) as worker:
        sandbox.reap()
        assert exists(engine, worker.name)


def test_this_process_is_alive() -> None:
    assert this_process().liveness() is Liveness.ALIVE


def test_a_reused_process_id_is_another_owner() -> None:
    me = this_process()
    assert replace(me, start_ticks=me.start_ticks - 1).liveness() is Liveness.DEAD


def test_a_dead_process_that_nobody_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        owner = replace(this_process(), pid=child.pid, start_ticks=int(fields[19]))
        assert owner.liveness() is Liveness.ALIVE
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert owner.liveness() is Liveness.DEAD


@pytest.mark.parametrize("field", ["boot", "namespace"])
def test_nothing_is_claimed_about_an_owner_of_another_boot_or_namespace(field: str) -> None:
    assert replace(this_process(), **{field: "another"}).liveness() is Liveness.OUT_OF_SIGHT


def test_an_owner_comes_back_from_its_labels() -> None:
    assert from_labels(this_process().labels()) == this_process()


@pytest.mark.parametrize("labels", [{}, {"kernelgate": "1"}, this_process().labels() | {"kernelgate.owner.pid": "x"}])
def test_labels_that_are_not_ours_name_no_owner(labels: dict[str, str]) -> None:
    assert from_labels(labels) is None
