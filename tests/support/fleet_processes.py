"""A Dask scheduler and workers of ours, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("kernelgate")
DASK = Path(sys.executable).with_name("dask")


def _environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"} | more


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """Yields the address of a scheduler, which ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(DASK), "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    with (folder / "scheduler.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def worker(address: str, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Starts a worker; it is killed at the end of the block, if it still lives."""
    process = subprocess.Popen(
        [str(PROGRAM), "worker", "--scheduler", address, *options],
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(**environment),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()
