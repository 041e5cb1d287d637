"""A scheduled look at what was measured before wants new evidence; killed and begun again, it goes on where it was.

Run as a program, this file is such a look: of the corpus, in the flow run that it is told, with scripted runners.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from scripted_flow import HEADER, FakeSupply, small_policy
from waiting import wait_until

PROJECT = Path(__file__).parents[3]
NAMES = ("a", "b", "slow", "slower")
# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Right kernels, and one that is wrong, whose failing case nobody makes smaller."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    labels = {name: "wrong" if name == "b" else "right" for name in NAMES}
    for name, label in labels.items():
        (folder / f"{name}.py").write_text(f"{HEADER}# {label} {name} {tmp_path}\ndef relu(x):\n    return x\n")
    text = (f'["{name}.py"]\nlabel = "{label}"\noperator = "relu"\n' for name, label in labels.items())
    (folder / "labels.toml").write_text("".join(text))
    return folder


class Look:
    """The look in a process of its own."""

    def __init__(self, corpus: Path, tmp_path: Path, server: str, flow_run: str, case_s: float = 0) -> None:
        environment = {
            "PYTHONPATH": f"{PROJECT}:{PROJECT}/tests/support",
            "PREFECT_API_URL": server,
            "PREFECT_LOCAL_STORAGE_PATH": str(tmp_path / "storage"),
            "PREFECT_HOME": str(tmp_path / "home"),
            "KERNELGATE_WORKERS": str(len(NAMES)),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(corpus), str(tmp_path / "runs"), flow_run, str(case_s)],
            stdout=subprocess.PIPE, text=True, env=os.environ | environment, start_new_session=True,
        )  # fmt: skip

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def measured(self) -> list[str]:
        """What it measured, once it has ended; its last line is how."""
        said, _ = self._process.communicate(timeout=250)
        *lines, last = said.splitlines()
        assert last == "Completed"
        return sorted(line.removeprefix("measuring ") for line in lines)


@pytest.mark.usefixtures("own_machine")
def test_killed_and_begun_again_it_repeats_nothing_and_the_next_look_repeats_all(
    server: str, corpus: Path, tmp_path: Path
) -> None:
    from prefect.client.orchestration import get_client

    from pipeline.scheduled.corpus_watch import corpus_watch

    with get_client(sync_client=True) as client:
        runs = [str(client.create_flow_run(corpus_watch, parameters={}).id) for _ in range(2)]
    killed = Look(corpus, tmp_path, server, runs[0], case_s=600)
    try:
        wait_until(lambda: len(list((tmp_path / "storage").glob("kernelgate-*"))) == 2)
    finally:
        killed.kill()
    assert Look(corpus, tmp_path, server, runs[0]).measured() == ["slow", "slower"]
    assert Look(corpus, tmp_path, server, runs[1]).measured() == sorted(NAMES)


def main(corpus: str, runs: str, flow_run: str, case_s: str) -> None:
    """Kernels whose name begins with `slow` take so long over each case."""
    from prefect.client.orchestration import get_client
    from prefect.flow_engine import run_flow

    from pipeline.scheduled.corpus_watch import corpus_watch
    from pipeline.scheduled.parameters import Corpus, Gate

    mine = threading.local()

    def slow() -> None:
        time.sleep(float(case_s) if mine.name.startswith("slow") else 0)

    def named(source: bytes) -> str:
        comment = next(line for line in source.splitlines() if line.startswith((b"# right", b"# wrong")))
        return comment.split()[2].decode()

    class Telling(FakeSupply):
        def loaded(self, source: bytes) -> None:
            mine.name = named(source)
            sys.stdout.write(f"measuring {mine.name}\n")
            sys.stdout.flush()

    supply: Any = Telling(on_run=slow)
    with (
        patch("pipeline.verification.verify.supply_for", lambda *_: supply),
        patch("pipeline.scheduled.corpus_watch.load_policy", lambda name: small_policy()),
        get_client(sync_client=True) as client,
    ):
        parameters = {"corpus": Corpus(folder=Path(corpus)), "gate": Gate(runs=Path(runs))}
        state = run_flow(
            corpus_watch, flow_run=client.read_flow_run(flow_run), parameters=parameters, return_type="state"
        )
    sys.stdout.write(f"{state.name}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
