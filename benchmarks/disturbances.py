"""What can go wrong around a run, done on purpose: processes killed, a disk filled, memory taken away.

Everything here acts on one run: on containers that its process owns, on its children, on the small disk that it works
on. The engine and the memory of all containers are the two exceptions, and are named so.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
CONTAINERS_MEMORY: Final = Path("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes")
FULL_S: Final = (2.0, 8.0)
SCARCE_S: Final = (2.0, 6.0)
SCARCE_SHARE: Final = 0.6  # of what the containers have when it is taken away


@dataclass(frozen=True, slots=True)
class Target:
    """What is disturbed.

    Attributes:
        run: Process of the run, or None between two.
        disk: The mount point that the run works on.
    """

    run: Callable[[], int | None]
    disk: Path


Disturbance = Callable[[Target, random.Random], bool]


def kill_worker(target: Target, draw: random.Random) -> bool:
    """SIGKILL from the host to a process inside a container."""
    containers = _containers(target)
    if not containers:
        return False
    listed = _docker("top", draw.choice(containers), "-eo", "pid")
    pids = [int(line) for line in listed.split()[1:] if line.isdigit()]
    return bool(pids) and _signal(draw.choice(pids), signal.SIGKILL)


def kill_container(target: Target, draw: random.Random) -> bool:
    """`docker kill` of a container, or its removal by force."""
    containers = _containers(target)
    if not containers:
        return False
    name = draw.choice(containers)
    _docker(*(("kill", name) if draw.random() < 0.5 else ("rm", "-f", name)))
    return True


def kill_engine(target: Target, draw: random.Random) -> bool:
    """SIGKILL to the daemon, sometimes to all of the engine; started again after seconds. Of all runs here."""
    names = ["dockerd", *(["containerd"] if draw.random() < 0.3 else [])]
    for name in names:
        for pid in _pids_of(name):
            _signal(pid, signal.SIGKILL)
    time.sleep(draw.uniform(0.0, 6.0))
    command = [sys.executable, "-m", "pipeline.machine.engine", "ensure"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return True


def kill_prefect(target: Target, draw: random.Random) -> bool:
    """SIGKILL to the run's Prefect server."""
    run = target.run()
    servers = [] if run is None else [pid for pid in _pids_of("prefect_server.py") if _parent(pid) == run]
    return sum(_signal(pid, signal.SIGKILL) for pid in servers) > 0


def kill_run(target: Target, draw: random.Random) -> bool:
    """SIGKILL, SIGTERM or SIGINT to the run itself."""
    run = target.run()
    return run is not None and _signal(
        run, draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    )


def fill_disk(target: Target, draw: random.Random) -> bool:
    """The disk of the run is full for seconds."""
    ballast = target.disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as sink, suppress(OSError):
            while True:
                sink.write(bytes(1 << 20))
        time.sleep(draw.uniform(*FULL_S))
    finally:
        ballast.unlink(missing_ok=True)
    return True


def take_memory(target: Target, draw: random.Random) -> bool:
    """The containers of this machine together get less than they use, for seconds: the kernel kills some."""
    if not CONTAINERS_MEMORY.exists() or not _containers(target):
        return False
    used = int((CONTAINERS_MEMORY.parent / "memory.usage_in_bytes").read_text())
    before = CONTAINERS_MEMORY.read_text()
    try:
        with suppress(OSError):  # busy: the kernel could not reclaim so much, and has killed for it
            CONTAINERS_MEMORY.write_text(str(int(SCARCE_SHARE * used)))
        time.sleep(draw.uniform(*SCARCE_S))
    finally:
        CONTAINERS_MEMORY.write_text("-1" if int(before) > 1 << 60 else before)
    return True


ALL: Final[dict[str, Disturbance]] = {
    "worker": kill_worker,
    "container": kill_container,
    "engine": kill_engine,
    "prefect": kill_prefect,
    "run": kill_run,
    "disk": fill_disk,
    "memory": take_memory,
}


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A disk of its own that can be filled; takes root."""
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
        path.rmdir()


def containers_of(pid: int) -> list[str]:
    """Names of the containers that a process owns."""
    return _docker("ps", "-a", "--filter", f"label=kernelgate.owner.pid={pid}", "--format", "{{.Names}}").split()


def _containers(target: Target) -> list[str]:
    run = target.run()
    return [] if run is None else containers_of(run)


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout


def _pids_of(word: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and any(
                Path(part.decode(errors="replace")).name == word
                for part in (entry / "cmdline").read_bytes().split(b"\0")[:4]
            ):
                found.append(int(entry.name))
    return found


def _parent(pid: int) -> int | None:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def _signal(pid: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
