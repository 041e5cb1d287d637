from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from prefect_here import new_home, started_in

from pipeline.orchestration.prefect_environment import TemporaryServer

PROGRAM = Path(sys.executable).with_name("kernelgate")
ENTRY_TIMEOUT_S = 280


def _run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=ENTRY_TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="session")
def kernelgate() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the program as a user does."""
    return _run


def _heed_interrupts() -> None:
    """A shell starts what runs in its background with SIGINT ignored, and the child of a child inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the program and leaves it running."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=cwd,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_interrupts,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def containers_of(engine_url: str) -> Iterator[Callable[[int], list[Container]]]:
    """Lists the containers that a process owns."""
    client = docker.DockerClient(base_url=engine_url)

    def owned(pid: int) -> list[Container]:
        # A run removes its containers while this lists them: the SDK inspects each, and one may be gone by then.
        return client.containers.list(all=True, ignore_removed=True, filters={"label": f"kernelgate.owner.pid={pid}"})

    yield owned
    client.close()


@pytest.fixture(scope="session")
def quick_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with few cases and short deadlines, under which candidates may import what misbehaving takes."""
    path = tmp_path_factory.mktemp("policy") / "quick.yaml"
    path.write_text(
        "extends: dev\nname: quick\nsource:\n  allowed_imports: [torch, triton, math, mmap, os, sys, time]\n"
        "  waived_rules: [source/module-code, source/host-arithmetic, source/host-call-not-allowed, source/no-launch,\n"
        "    source/result-not-from-kernel, source/private-name, source/module-state,\n"
        "    source/statement-not-allowed]\n"
        "properties:\n  pairwise_cases: 6\n  random_cases: 2\n  load_deadline_s: 8\n  case_deadline_s: 8\n"
    )
    return path


@pytest.fixture
def own_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs with scripted runners: they do not wait until what is measured elsewhere on this machine has its end."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Prefect's migrated database lies, once somebody asked for one; the same for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "migrated.db"


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[TemporaryServer]:
    """A Prefect server for all tests of this process; `talking_to` it is up to them."""
    with started_in(new_home(tmp_path_factory.mktemp("prefect"), migrated)) as server:
        yield server
