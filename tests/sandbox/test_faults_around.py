"""What others do to a worker or to its engine is not the worker's doing, and leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from relay import Relay

from sandbox import kernel_log, machine_memory
from sandbox.contract import Limits, Program, Reply
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.machine_memory import ran_out_since
from sandbox.outcomes import KilledBySignal, Outcome, SandboxFault

READY = "import struct, sys; sys.stdout.buffer.write(struct.pack('<Q', 0)); sys.stdout.flush();"
WAITS = ("python3", "-I", "-c", f"{READY} sys.stdin.read()")
KILLS_ITSELF = ("python3", "-I", "-c", f"{READY} sys.stdin.buffer.read(8); import os; os.kill(os.getpid(), 9)")
SMALL = Limits(memory_bytes=64 << 20)


def exists(engine: DockerEngine, name: str) -> bool:
    return bool(engine.api.containers(all=True, filters={"name": name}))


@pytest.fixture
def relay(engine_url: str, tmp_path: Path) -> Iterator[Relay]:
    with Relay(engine_url, tmp_path / "engine.sock") as made:
        yield made


def test_what_an_absent_engine_kept_is_removed_when_the_sandbox_is_closed(
    engine: DockerEngine, relay: Relay, runner_image: str
) -> None:
    with DockerEngine(relay.url) as through_relay:
        sandbox = DockerSandbox(through_relay)
        worker, other = (sandbox.start(Program(runner_image, WAITS, SMALL)) for _ in range(2))
        assert isinstance(worker.greeting(), Reply)
        relay.cut()
        assert isinstance(worker.end(), SandboxFault)
        assert exists(engine, worker.name)
        sandbox.close()  # there is still no engine
        relay.mend()
        sandbox.close()
        assert not exists(engine, worker.name)
        assert exists(engine, other.name)  # nobody has ended it yet
        other.end()
        assert not exists(engine, other.name)


def killed(sandbox: DockerSandbox, image: str) -> Outcome | Reply:
    with sandbox.start(Program(image, KILLS_ITSELF, SMALL)) as worker:
        return worker.exchange([b""], deadline_s=30.0, cap_bytes=1)


@pytest.mark.parametrize(("ran_out", "outcome"), [(False, KilledBySignal), (True, SandboxFault)])
def test_a_kill_while_the_machine_ran_out_of_memory_is_no_ones_doing_here(
    docker_sandbox: DockerSandbox,
    runner_image: str,
    monkeypatch: pytest.MonkeyPatch,
    ran_out: bool,
    outcome: type[Outcome],
) -> None:
    began = time.monotonic()

    def since(moment_s: float) -> bool:
        assert began <= moment_s <= time.monotonic()
        return ran_out

    monkeypatch.setattr("sandbox.started_worker.ran_out_since", since)
    assert isinstance(killed(docker_sandbox, runner_image), outcome)


LOG = b"""6,1,500000000,-;cgroup: fork rejected by pids controller
3,2,600000000,-;Memory cgroup out of memory: Killed process 7 (python3)
3,3,700000000,-;Out of memory: Killed process 8 (python3) total-vm:1kB
 SUBSYSTEM=memory
6,4,800000000,-;something else
"""


def test_only_a_kill_of_the_whole_machine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kmsg").write_bytes(LOG)
    monkeypatch.setattr(machine_memory, "LOG", tmp_path / "kmsg")
    assert [ran_out_since(moment_s) for moment_s in (599.0, 700.0, 700.1)] == [True, True, False]
    monkeypatch.setattr(machine_memory, "LOG", tmp_path / "none")
    assert not ran_out_since(0.0)


def test_the_real_log_can_be_read_to_its_end() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may read the kernel's log")
    assert sum(1 for _ in kernel_log.records()) > 0
    assert not ran_out_since(time.monotonic())
