"""How long a container lives on when it is killed, and until it is removed: `python benchmarks/kill_times.py`.

Measured for a program that sleeps, one that is busy, and one whose forks fill its limit of processes and are all busy;
from the kill call until the host's kernel knows the program's process no more, and from there until the engine knows
the container no more. The engine has to be of this machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.machine.engine import answering_engine
from pipeline.machine.runner_image import ensure_runner_image
from pipeline.settings import Settings
from sandbox.container import Container
from sandbox.contract import Program, Reply
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox

GREET: Final = (
    "import os, struct, sys, time\nsys.stdout.buffer.write(struct.pack('<Q', 0)); sys.stdout.buffer.flush()\n"
)
FORKS: Final = """
try:
    while True:
        if os.fork() == 0:
            break
except OSError:
    pass
"""
BUSY: Final = "while True: pass\n"
PROGRAMS: Final = {
    "sleeps": f"{GREET}time.sleep(3600)\n",
    "is busy": f"{GREET}{BUSY}",
    "fills its process limit": f"{GREET}{FORKS}{BUSY}",
}
SETTLE_S: Final = 1.0
POLL_S: Final = 0.0005


def killed(engine: DockerEngine, sandbox: DockerSandbox, program: Program) -> tuple[float, float]:
    """Seconds from the kill to the death, and from there to the removal."""
    worker = sandbox.start(program)
    if not isinstance(worker.greeting(), Reply):
        raise SystemExit(f"it did not start: {worker.last_words()}")
    container = Container(engine, worker.name, set())
    time.sleep(SETTLE_S)
    process = Path(f"/proc/{container.facts().pid}")
    began = time.perf_counter()
    container.kill()
    while process.exists():
        time.sleep(POLL_S)
    dead = time.perf_counter()
    container.remove()
    gone = time.perf_counter()
    worker.end()
    return dead - began, gone - dead


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    url, settings = answering_engine(), Settings.resolve()
    image = ensure_runner_image(url, settings, (), lambda text: print(text, file=sys.stderr))
    print(f"{rounds} rounds each; ms, median / p95 / largest")
    with DockerEngine(url) as engine:
        sandbox = DockerSandbox(engine, runtime=settings.runtime)
        for name, source in PROGRAMS.items():
            program = Program(image.id, ("python3", "-I", "-c", source))
            times = [killed(engine, sandbox, program) for _ in range(rounds)]
            dead, removed = zip(*times, strict=True)
            print(f"{name:<26} dead {_said(dead)}   removed after that {_said(removed)}", flush=True)
    return 0


def _said(seconds: tuple[float, ...]) -> str:
    cuts = statistics.quantiles(seconds, n=20)
    return f"{1e3 * statistics.median(seconds):.0f} / {1e3 * cuts[-1]:.0f} / {1e3 * max(seconds):.0f}"


if __name__ == "__main__":
    sys.exit(main())
