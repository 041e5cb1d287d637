"""The container engine that this project starts for itself: its folders, its processes, its end.

Its images and log lie in the project (`.engine/`), its sockets and mounts under /run: a socket's path may have 107
bytes at most, and what is under /run is gone after a reboot, as it should be. The engine has no bridge and touches no
firewall rule, because nothing that kernelgate starts has a network.

A process is taken for ours when it is one of the engine's programs *and* its command line names our folders; a pid
file alone proves nothing (a daemon that was killed leaves it behind, and the number may be somebody else's now). A
daemon that was killed hard also leaves its containerd, the shims and their containers: they are ended with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STOP_DEADLINE_S = 30.0
KILL_DEADLINE_S = 10.0
POLL_S = 0.1
PROGRAMS = ("dockerd", "containerd", "runc")  # containerd-shim-runc-v2 begins with the second


@dataclass(frozen=True, slots=True)
class Runtime:
    """An OCI runtime besides the engine's own."""

    name: str
    program: Path
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where one engine of ours keeps its things; `state` is an absolute path without symbolic links."""

    state: Path
    socket: Path

    @property
    def data_root(self) -> Path:
        return self.state / "data"

    @property
    def exec_root(self) -> Path:
        return Path("/run") / f"kernelgate-{hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]}"

    @property
    def pid_file(self) -> Path:
        return self.state / "docker.pid"

    @property
    def log_file(self) -> Path:
        return self.state / "dockerd.log"

    @property
    def configuration(self) -> Path:
        return self.state / "daemon.json"

    def arguments(self) -> list[str]:
        """Returns the daemon's arguments; its own configuration keeps the machine's out of it."""
        return [
            f"--host=unix://{self.socket}",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--pidfile={self.pid_file}",
            f"--config-file={self.configuration}",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
        ]


@dataclass(frozen=True, slots=True)
class Process:
    """One living process of an engine."""

    pid: int
    program: str


def processes(daemon: Daemon) -> list[Process]:
    """Returns the living processes of this engine: the daemon, its containerd and the shims."""
    marks = (f"--data-root={daemon.data_root}", str(daemon.exec_root))
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        words = _command_line(entry)
        program = Path(words[0]).name if words else ""
        if program.startswith(PROGRAMS) and any(_names(word, marks) for word in words[1:]):
            found.append(Process(int(entry.name), program))
    return found


def configure(daemon: Daemon, runtimes: tuple[Runtime, ...]) -> None:
    """Writes down the runtimes; a daemon that runs reads them again, and its containers go on."""
    known = {
        runtime.name: {"path": str(runtime.program), "runtimeArgs": list(runtime.arguments)} for runtime in runtimes
    }
    daemon.configuration.write_text(json.dumps({"runtimes": known}, indent=2) + "\n", encoding="utf-8")
    _signal([process for process in processes(daemon) if process.program == "dockerd"], signal.SIGHUP)


def launch(daemon: Daemon, program: str, environment: Mapping[str, str], search_path: str) -> None:
    """Clears what an earlier engine left and starts the daemon in a session of its own, so that it outlives us."""
    clear(daemon)
    daemon.data_root.mkdir(parents=True, exist_ok=True)
    # --fork: the daemon is nobody's child, so no caller is left with a zombie or an open process object.
    command = ["setsid", "--fork", program, *daemon.arguments()]
    with daemon.log_file.open("wb") as log:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**environment, "PATH": search_path},
            check=True,
        )


def stop(daemon: Daemon) -> bool:
    """Ends this engine with everything that belongs to it; returns whether there was anything to end."""
    alive = processes(daemon)
    _signal([process for process in alive if process.program == "dockerd"], signal.SIGTERM)
    _wait(daemon, ("dockerd",), STOP_DEADLINE_S)
    existed = bool(alive) or daemon.pid_file.exists()
    clear(daemon)
    return existed


def clear(daemon: Daemon) -> None:
    """Kills what is left of this engine and removes its mounts, sockets and pid file; its images stay."""
    for process in processes(daemon):
        if "shim" in process.program:
            # A container outlives its shim, so the container's first process goes first.
            _signal([Process(pid, "") for pid in _children(process.pid)], signal.SIGKILL)
    _signal(processes(daemon), signal.SIGKILL)
    _wait(daemon, PROGRAMS, KILL_DEADLINE_S)
    _unmount(daemon)
    daemon.pid_file.unlink(missing_ok=True)
    shutil.rmtree(daemon.exec_root, ignore_errors=True)


def _names(word: str, marks: tuple[str, str]) -> bool:
    data_root, exec_root = marks
    return word in {data_root, f"--exec-root={exec_root}"} or word.startswith(f"{exec_root}/")


def _command_line(entry: Path) -> list[str]:
    try:
        return os.fsdecode((entry / "cmdline").read_bytes()).rstrip("\0").split("\0")
    except OSError:
        return []  # it ended while we looked


def _children(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []  # it ended while we looked
    return [int(child) for text in lists for child in text.split()]


def _signal(targets: list[Process], number: signal.Signals) -> None:
    for process in targets:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue


def _wait(daemon: Daemon, programs: tuple[str, ...], deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if not any(process.program.startswith(programs) for process in processes(daemon)):
            return
        time.sleep(POLL_S)


def _unmount(daemon: Daemon) -> None:
    roots = (f"{daemon.state}/", f"{daemon.exec_root}/")
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((point for point in points if point.startswith(roots)), reverse=True):
        subprocess.run(["umount", "--lazy", point], stderr=subprocess.DEVNULL, check=False)
