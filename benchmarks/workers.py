"""A flow beside the bare core, many candidates through two workers, and how long it takes after one is killed.

    python benchmarks/workers.py overhead --run 20 --denied 200   # seconds a candidate: threads, flow, two workers
    python benchmarks/workers.py many --run 60 --denied 940   # two workers, one killed a third of the way

Candidates are copies of a right relu, each with a comment of its own, under a policy of few cases on the interpreter;
`--denied` more are denied by their source and need no container. Scheduler, workers and Prefect's server are processes
of this machine. Exit code 1 where a verdict is missing or another than it should be. The first prints what the checks
of a candidate took, too: what `benchmarks/night.py --check` is told.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests" / "support"))

from fleet_processes import scheduler, worker  # noqa: E402

from pipeline.gate.judged import Judged  # noqa: E402
from pipeline.orchestration.prefect_environment import start_early  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.verification.verify import Options, verify_items  # noqa: E402
from policies.policy import Policy, Tier, load_policy  # noqa: E402
from runners.candidate import Candidate, Unreadable, parse_candidate  # noqa: E402

RIGHT: Final = PROJECT / "tests" / "kernels" / "relu" / "right_block.py"
SETTLES_S: Final = 20.0  # what 200 tasks that end at once leave in the server's queue; until then SQLite is busy
Items = Sequence[Candidate | Unreadable]


class _Heard:
    """When verdicts came, in seconds after the start."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self.at: list[float] = []
        self.checks_s: list[float] = []
        self.then: Callable[[int], None] = lambda count: None

    def note(self, text: str) -> None:
        """Not shown."""

    warn = note

    def check(self, path: str, name: str) -> None:
        """Not counted."""

    def case(self, path: str, done: int, planned: int) -> None:
        """Not counted."""

    def mutant(self, path: str, done: int, planned: int) -> None:
        """Not counted."""

    def judged(self, path: str, judged: Judged) -> None:
        """Another verdict."""
        with self._lock:
            self.at.append(time.monotonic() - self._since)
            self.checks_s.append(judged.wall_s)
            count = len(self.at)
        self.then(count)

    def restart(self) -> None:
        """The clock begins now."""
        self._since = time.monotonic()


def candidates(run: int, denied: int, mark: str) -> Items:
    """Returns so many of each kind, that no earlier run had: `mark` is in them."""
    source = RIGHT.read_text(encoding="utf-8")
    made = [f"{source}# {mark} {number}\n" for number in range(run)]
    made += [source.replace("import torch", f"import torch\nimport socket  # {mark} {n}") for n in range(denied)]
    step = max(1, denied // max(1, run))
    order = sorted(range(len(made)), key=lambda n: (n * step if n < run else n - run, n))  # mixed
    return [parse_candidate(made[n].encode(), f"{mark}/k{n:04d}.py") for n in order]


def few_cases() -> Policy:
    """A policy that costs a second or two a candidate."""
    dev = load_policy("dev")
    nothing = dev.compile.model_copy(update={"required_targets": (), "informative_targets": ()})
    rules = dev.properties.model_copy(
        update={
            "pairwise_cases": 8, "special_cases": 0, "block_cases": 0, "huge_cases": 0, "random_cases": 0,
            "targeted_cases": 0, "dtypes": ("float32",), "controls": (),
        }
    )  # fmt: skip
    return dev.model_copy(update={"properties": rules, "compile": nothing})


@contextmanager
def fleet(folder: Path, settings: Settings) -> Iterator[tuple[Settings, list[subprocess.Popen[str]]]]:
    """Two workers of one slot each."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(folder))
        workers = [stack.enter_context(worker(address, "--workers", "1", "-q")) for _ in range(2)]
        yield replace(settings, scheduler=address, storage=str(folder / "shared")), workers


def seconds(items: Items, policy: Policy, settings: Settings, heard: _Heard, *, flow: bool) -> float:
    """Verifies, and returns how long it took; leaves the program where a verdict is wrong."""
    heard.restart()
    began = time.monotonic()
    judged = verify_items(items, policy, settings, Options(flow=flow), heard)
    took = time.monotonic() - began
    for item, entry in zip(items, judged, strict=True):
        wanted = Tier.REJECTED if b"import socket" in item.source else Tier.FUNCTIONAL
        if entry.verdict.tier is not wanted:
            sys.exit(f"{item.facts.path}: {entry.verdict.tier}, and should be {wanted}: {entry.verdict.findings[:1]}")
    return took


def overhead(run: int, denied: int, folder: Path, settings: Settings) -> None:
    """Prints seconds a candidate in threads, in the flow and on two workers, each after a run that warms it up."""
    policy, few = few_cases(), 2
    base = (0.0, 0.0)
    with fleet(folder, settings) as (on_workers, _):
        kinds = {"bare": (settings, False), "flow": (settings, True), "two workers": (on_workers, True)}
        for name, (chosen, flow) in kinds.items():
            heard = _Heard()

            def took(run: int, denied: int, mark: str) -> float:
                return seconds(candidates(run, denied, f"{name} {mark}"), policy, chosen, heard, flow=flow)  # noqa: B023

            took(few, 0, "warm")
            first = took(few, 0, "few")
            heard.checks_s.clear()
            more = took(run + few, 0, "many") - first
            checks_s = statistics.mean(heard.checks_s)
            fewest = took(0, few, "few denied")
            plain = (took(0, denied + few, "all denied") - fewest) / denied
            time.sleep(SETTLES_S)
            base = base if base[0] else (more, plain)
            print(
                f"{name:12} {more / run:6.2f} s a candidate ({more / base[0]:.2f} of the bare core; its checks "
                f"{checks_s:.1f} s), {1000 * plain:6.1f} ms one that is denied ({plain / base[1]:.1f})",
                flush=True,
            )
    print(f"load {os.getloadavg()[0]:.1f}")


def many(run: int, denied: int, folder: Path, settings: Settings) -> None:
    """Prints how long all took, and how long after the kill of one worker the next verdict of the other came."""
    items, policy, heard, killed = candidates(run, denied, "many"), few_cases(), _Heard(), []
    with fleet(folder, settings) as (on_workers, workers):
        seconds(candidates(2, 0, "warm"), policy, on_workers, _Heard(), flow=True)

        def kill(count: int) -> None:
            if count % 50 == 0:
                print(f"{count} of {len(items)} after {heard.at[-1]:.0f} s", file=sys.stderr, flush=True)
            if count == len(items) // 3:
                workers[0].send_signal(signal.SIGKILL)
                killed.append(heard.at[-1])

        heard.then = kill
        took = seconds(items, policy, on_workers, heard, flow=True)
    later = [at for at in heard.at if at > killed[0]]
    gaps = [second - first for first, second in zip([killed[0], *later], later, strict=False)]
    print(f"{len(items)} candidates ({run} run, {denied} denied): {took:.0f} s, each as it should be")
    print(f"a worker killed {killed[0]:.0f} s after the start; longest wait for a verdict after that {max(gaps):.1f} s")
    print(f"median wait between two verdicts {statistics.median(gaps):.2f} s; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "many"))
    parser.add_argument("--run", type=int, default=20)
    parser.add_argument("--denied", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["PREFECT_HOME"] = f"{name}/prefect"
        start_early(Path(name))
        settings = replace(Settings.resolve(runs=Path(name) / "runs", workers=2), outage_s=300)
        if chosen.what == "overhead":
            overhead(chosen.run, chosen.denied, Path(name), settings)
        else:
            many(chosen.run, chosen.denied, Path(name), settings)


if __name__ == "__main__":
    main()
