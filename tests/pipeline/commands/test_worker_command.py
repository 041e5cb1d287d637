"""What `kernelgate worker` refuses: to offer what the machine does not have, and to wait for ever."""

from __future__ import annotations

import socket

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.fleet import worker


@pytest.mark.parametrize("option", ["--gpu", "--gpu-only"])
def test_a_gpu_that_is_not_there_is_not_offered(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is told to want one would be given to this worker, and come back inconclusive."""
    monkeypatch.setenv("KERNELGATE_GPU", "7")  # which no machine has here
    done = CliRunner().invoke(app, ["worker", "--scheduler", "tcp://127.0.0.1:9", option])
    assert (done.exit_code, f"{option}: this machine has no NVIDIA GPU (/dev/nvidia7)" in done.stderr) == (3, True)


@pytest.mark.filterwarnings("ignore:unclosed")
def test_a_scheduler_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ANSWERS_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    done = CliRunner().invoke(app, ["worker", "--scheduler", address])
    assert (done.exit_code, f"the Dask scheduler at {address} does not answer" in done.stderr) == (3, True)
