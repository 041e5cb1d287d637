"""How long what a killed process began goes on: the slot that it held, the run that it was.

    python benchmarks/recovery.py

A real Prefect server, on this machine. A process takes a slot, or begins a flow, and is killed with SIGKILL; printed is
how long it took until somebody else had the slot, and, from the next look for dead runs, until the run was marked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
HOLDER: Final = """
import time
from pipeline.orchestration.prefect_slot import ServerSlot
slot = ServerSlot("recovery", 1)
slot.make()
with slot.hold(lambda: None):
    print("begun", flush=True)
    time.sleep(600)
"""
FLOW: Final = """
import time
import pipeline.orchestration.prefect_connection
from prefect import flow
from pipeline.orchestration.prefect_flow_runs import living

@flow(name="recovery", persist_result=False)
def recovery() -> None:
    with living():
        print("begun", flush=True)
        time.sleep(600)

recovery()
"""


def killed(program: str) -> None:
    """Starts a program, and kills it once it has said that it has begun."""
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.kill()


def main() -> None:
    """Prints both."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["PREFECT_HOME"] = name
        from pipeline.orchestration.prefect_environment import temporary_server

        server = temporary_server()
        server.wait_ready()
        os.environ["PREFECT_API_URL"] = server.url
        from prefect.client.orchestration import get_client

        import pipeline.orchestration.prefect_connection  # noqa: F401
        from pipeline.orchestration.prefect_flow_runs import crash_left_runs
        from pipeline.orchestration.prefect_slot import ServerSlot
        from pipeline.supply.left_behind import Marks

        killed(HOLDER)
        began = time.monotonic()
        with ServerSlot("recovery", 1).hold(lambda: None):
            print(f"the slot of a killed holder, on its machine: {time.monotonic() - began:.1f} s after the kill")
        killed(FLOW)
        with get_client(sync_client=True) as client:
            began = time.monotonic()
            crash_left_runs(Marks.of_this_user(), client)
            took = time.monotonic() - began
            (run,) = client.read_flow_runs()
        print(f"the run of a killed process: {run.state_name}, {took:.1f} s after the next one looked")
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
