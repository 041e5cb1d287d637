"""What the allowlist and gVisor cost, as ratios from one run: `python benchmarks/isolation.py --rounds 7`.

Three arms do the same work: runc with the engine's default profile, runc with our allowlist, and gVisor (where the
engine knows it). They take turns within a round, because machines are shared and drift; each ratio is between two arms
of one round, and what is printed is the median of the rounds with the smallest and the largest.

- start: from the create call to the worker's greeting, so with the imports of torch and triton;
- cases: a plan of cases through the worker, sent and answered; references and judgement are left out;
- system calls: fifty thousand of the cheapest one, which is what a filter and a kernel of its own make dearer;
- end: closing the input until the container is removed.

Each but the last is given twice: by the clock, and in processor time of the container's control group as the host's
kernel counts it, which other work on the machine moves less. So it takes an engine on this machine.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.machine.engine import answering_engine
from pipeline.machine.runner_image import WORKER_ARGV, ensure_runner_image
from pipeline.settings import PROJECT, Settings
from runners.candidate import Candidate, read_candidate
from runners.conversation import Runner
from runners.examine import conditions_for
from runners.materialise import materialise
from runners.plans import pairwise
from sandbox.container import Container
from sandbox.contract import Limits, Program, Reply
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.hardening import ContainerSpec, harden
from sandbox.owner import Owner
from sandbox.runtimes import GVISOR

DEFAULT, ALLOWLIST, IN_GVISOR = "default profile", "allowlist", "gVisor"
CASES: Final = 30
CALLS: Final = 50_000
DEADLINE_S: Final = 300.0
CAP_BYTES: Final = 1 << 24
CALLER: Final = f"""
import os, struct, sys
def say(): sys.stdout.buffer.write(struct.pack("<Q", 0)); sys.stdout.buffer.flush()
say()
while sys.stdin.buffer.read(8):
    for _ in range({CALLS}): os.getppid()
    say()
"""


@dataclass(frozen=True)
class Row:
    """One ratio: what was done, and how much longer the first arm took than the second in each round."""

    what: str
    arms: tuple[str, str]
    ratios: tuple[float, ...]


def main(arguments: Sequence[str]) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(arguments).rounds
    url = answering_engine()
    image = ensure_runner_image(url, Settings.resolve(), (), lambda text: print(text, file=sys.stderr)).id
    with DockerEngine(url) as engine:
        sandboxes = _arms(engine)
        seconds = [_round(engine, sandboxes, image, number) for number in range(rounds)]
        print(f"{platform.platform()}, {engine.facts.title}, {rounds} rounds; median (smallest to largest)")
    for row in _rows(seconds, tuple(sandboxes)):
        spread = f"{min(row.ratios):.2f} to {max(row.ratios):.2f}"
        print(f"{row.what:<25} {' / '.join(row.arms):<30} {statistics.median(row.ratios):6.2f}  ({spread})")
    for what in seconds[0][ALLOWLIST]:
        medians = {arm: statistics.median(one[arm][what] for one in seconds) for arm in sandboxes}
        print(f"{what:<25} {', '.join(f'{arm} {median:.3f} s' for arm, median in medians.items())}")
    return 0


def _arms(engine: DockerEngine) -> Mapping[str, DockerSandbox]:
    arms = {
        DEFAULT: DockerSandbox(engine, runtime="runc", hardening=_with_the_engines_profile),
        ALLOWLIST: DockerSandbox(engine, runtime="runc"),
    }
    if GVISOR in engine.facts.runtimes:
        arms[IN_GVISOR] = DockerSandbox(engine, runtime=GVISOR)
    return arms


def _with_the_engines_profile(program: Program, owner: Owner, runtime: str | None) -> ContainerSpec:
    return replace(harden(program, owner, runtime), security_opt=("no-new-privileges:true",))


def _round(
    engine: DockerEngine, sandboxes: Mapping[str, DockerSandbox], image: str, number: int
) -> dict[str, dict[str, float]]:
    names = list(sandboxes)
    turn = names[number % len(names) :] + names[: number % len(names)]
    return {name: _work(engine, sandboxes[name], image) for name in turn}


def _work(engine: DockerEngine, sandbox: DockerSandbox, image: str) -> dict[str, float]:
    limits = Limits(memory_bytes=2 << 30, start_deadline_s=DEADLINE_S)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    worker = sandbox.start(Program(image, WORKER_ARGV, limits))
    runner = Runner(worker)
    assert runner.greeting
    seconds["start"] = time.perf_counter() - started
    usage = _usage_file(Container(engine, worker.name, set()).facts().pid)
    seconds["start, processor"] = _processor_s(usage)
    for operator in ("softmax", "matmul"):
        before = _processor_s(usage)
        seconds[f"cases {operator}"] = _cases(runner, operator)
        seconds[f"cases {operator}, processor"] = _processor_s(usage) - before
    seconds["end"] = _timed(runner.end)
    with sandbox.start(Program(image, ("python3", "-I", "-c", CALLER), limits)) as worker:
        worker.greeting()
        usage = _usage_file(Container(engine, worker.name, set()).facts().pid)
        before, started = _processor_s(usage), time.perf_counter()
        assert isinstance(worker.exchange([], deadline_s=DEADLINE_S, cap_bytes=8), Reply)
        seconds["system calls"] = time.perf_counter() - started
        seconds["system calls, processor"] = _processor_s(usage) - before
    return seconds


def _cases(runner: Runner, operator: str) -> float:
    candidate = read_candidate(sorted((PROJECT / "tests" / "kernels" / operator).glob("right_*.py"))[0])
    assert isinstance(candidate, Candidate)
    runner.load(candidate, DEADLINE_S)
    spent = 0.0
    for case in islice(pairwise(candidate.operator, 1, ("float32", "float16")), CASES):
        arguments = materialise(candidate.operator, case)
        started = time.perf_counter()
        results = runner.run(arguments, conditions_for(case), CAP_BYTES, DEADLINE_S)
        spent += time.perf_counter() - started
        assert isinstance(results, tuple), results
    return spent


def _usage_file(pid: int) -> Path:
    """Where the kernel counts the processor time of everything in the container, gVisor's own kernel included."""
    for _, controllers, path in (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()):
        folders = (controllers, "cpuacct") if "cpuacct" in controllers.split(",") else ("",) if not controllers else ()
        for folder in folders:
            for name in ("cpuacct.usage", "cpu.stat"):
                file = Path("/sys/fs/cgroup") / folder / path.lstrip("/") / name
                if file.exists():
                    return file
    raise RuntimeError("no control group of the container is in sight; is the engine on this machine?")


def _processor_s(usage: Path) -> float:
    text = usage.read_text()
    return int(text) / 1e9 if usage.name == "cpuacct.usage" else int(text.split()[1]) / 1e6


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rows(seconds: Sequence[Mapping[str, Mapping[str, float]]], arms: Sequence[str]) -> list[Row]:
    pairs = [(ALLOWLIST, DEFAULT), *([(IN_GVISOR, ALLOWLIST)] if IN_GVISOR in arms else [])]
    return [
        Row(what, pair, tuple(one[pair[0]][what] / one[pair[1]][what] for one in seconds))
        for pair in pairs
        for what in seconds[0][ALLOWLIST]
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
