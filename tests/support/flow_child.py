"""A flow in a process of its own, for the tests that kill or interrupt one. Its runners are scripted.

Run as a program, this file is that flow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from scripted_flow import FakeSupply, small_policy, tiers, verify

from runners.candidate import read_candidate

WORKERS_OF_A_CHILD = 2
PROJECT = Path(__file__).parents[2]


class Child:
    """A flow in a process of its own, over `paths`; it says on stdout what happens."""

    def __init__(self, cases: int, paths: Sequence[Path], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(cases), *map(str, paths)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": f"{PROJECT}:{PROJECT}/tests/support"} | environment,
            start_new_session=True,
            # what a shell runs in its background ignores SIGINT, and so would the child
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.said: list[str] = []

    def wait_for(self, text: str) -> None:
        for line in self.process.stdout:
            self.said.append(line.strip())
            if text in line:
                return
        raise AssertionError(f"the flow ended without '{text}': {self.said}")

    def rest(self) -> list[str]:
        with self.process:
            self.said += [line.strip() for line in self.process.stdout]
        return self.said


def child_environment(storage: Path) -> dict[str, str]:
    from prefect.settings import PREFECT_API_URL

    return {"PREFECT_API_URL": PREFECT_API_URL.value(), "PREFECT_LOCAL_STORAGE_PATH": str(storage)}


def temporary_server_in(home: Path) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": "",
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
    }


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(cases: int, paths: Sequence[str]) -> None:
    """A flow over `paths`, two at a time; kernels whose name begins with `slow` take their time over each case."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    named: dict[bytes, str] = {}
    mine = threading.local()

    class Telling(FakeSupply):
        def loaded(self, source: bytes) -> None:
            mine.name = named[source]
            say(f"measuring {named[source]}")

    supply = Telling(on_run=lambda: time.sleep(0.2 if mine.name.startswith("slow") else 0))
    items = [read_candidate(Path(path)) for path in paths]
    named.update({item.source: Path(item.facts.path).stem for item in items})
    if not os.environ.get("PREFECT_API_URL"):
        del os.environ["PREFECT_API_URL"]
        from pipeline.orchestration.prefect_environment import start_early, temporary_server

        start_early(Path())
        say(f"server {temporary_server().process.pid}")
    try:
        judged = verify(items, supply, small_policy(cases), workers=WORKERS_OF_A_CHILD)
        say(f"verdicts {[tier.value for tier in tiers(judged)]}")
    except KeyboardInterrupt:
        say(f"interrupted; supply closed: {supply.closed}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
