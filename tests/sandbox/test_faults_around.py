"""What others do to a worker or to its engine is not the worker's doing, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from relay import Relay

from sandbox import machine_memory
from sandbox.contract import Limits, Program, Reply
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.machine_memory import kills_for_memory
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


@pytest.mark.parametrize(
    ("counts", "outcome"), [((7, 7), KilledBySignal), ((7, 8), SandboxFault), ((None, None), KilledBySignal)]
)
def test_a_kill_while_the_machine_kills_for_memory_is_no_ones_doing_here(
    docker_sandbox: DockerSandbox,
    runner_image: str,
    monkeypatch: pytest.MonkeyPatch,
    counts: tuple[int | None, int | None],
    outcome: type[Outcome],
) -> None:
    counted = iter(counts)
    monkeypatch.setattr("sandbox.started_worker.kills_for_memory", lambda: next(counted))
    assert isinstance(killed(docker_sandbox, runner_image), outcome)


def test_the_machines_kills_are_counted_where_the_kernel_says_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kills_for_memory() is not None
    for text, count in (("pgfault 3\noom_kill 12\nx 1\n", 12), ("pgfault 3\n", None)):
        (tmp_path / "vmstat").write_text(text)
        monkeypatch.setattr(machine_memory, "COUNTERS", tmp_path / "vmstat")
        assert kills_for_memory() == count
    monkeypatch.setattr(machine_memory, "COUNTERS", tmp_path / "none")
    assert kills_for_memory() is None
