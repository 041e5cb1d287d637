"""200 candidates at once: how much memory, in what order, and whether anybody is made late by others.

    python benchmarks/load.py                # one run over all of them
    python benchmarks/load.py --runs 10      # ten runs at the same moment, 20 candidates each

Slow ones come first in each run: kernels that never answer, and right ones of costly operators. Then come quick ones,
right and wrong. Printed are, by kind, when verdicts came (median and last, in seconds after the start), and the largest
memory of all processes and containers together. Exit code 1 where a verdict is not the labelled one, which includes a
right kernel that missed a deadline because others were running.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from soak import WRONG

PROJECT: Final = Path(__file__).resolve().parents[1]
POLICY: Final = PROJECT / "tests" / "attacks" / "open.yaml"  # hostile candidates run
KERNELS: Final = PROJECT / "tests" / "kernels"
PROGRAM: Final = Path(sys.executable).with_name("kernelgate")
SAID: Final = re.compile(r"^\[\d+/\d+\] .*/(?P<name>[^/]+)\.py: (?P<tier>\S+)")
MIB: Final = 1 << 20
HANGS: Final = """# /// kernel
# operator = "relu"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


def relu(x):
    while True:
        pass
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Some of the candidates.

    Attributes:
        share: Of all candidates.
        files: What is copied; one after the other.
        tier: What each must get.
    """

    name: str
    share: float
    files: tuple[Path, ...]
    tier: str


def kinds(folder: Path) -> tuple[Kind, ...]:
    """The mixture, slow ones first."""
    hanging = folder / "hanging.py"
    hanging.write_text(HANGS, encoding="utf-8")
    return (
        Kind("hangs", 0.1, (hanging,), "rejected"),
        Kind(
            "slow and right",
            0.1,
            _files("*/right_*.py", ("attention", "conv2d")),
            "functional",
        ),
        Kind("quick and right", 0.4, _files("*/right_block.py", ("relu", "silu", "add", "elu")), "functional"),
        Kind("quick and wrong", 0.4, tuple(KERNELS / f"{name}.py" for name in WRONG), "rejected"),
    )


def _files(pattern: str, operators: Sequence[str]) -> tuple[Path, ...]:
    return tuple(path for path in sorted(KERNELS.glob(pattern)) if path.parent.name in operators)


class Load:
    """Runs at the same moment, and what they said when."""

    def __init__(self, folder: Path, asked: argparse.Namespace) -> None:
        self._folder = folder
        self._asked = asked
        self._tiers: dict[str, tuple[Kind, str]] = {}
        self._times: dict[str, list[float]] = defaultdict(list)
        self._problems: list[str] = []
        self._peak_bytes = 0

    def run(self) -> int:
        """Starts all, waits for all, prints the table."""
        folders = self._fill()
        began = time.monotonic()
        processes = [self._start(path) for path in folders]
        readers = [threading.Thread(target=self._read, args=(process, began)) for process in processes]
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=([process.pid for process in processes], over))
        for thread in (*readers, watch):
            thread.start()
        for thread in readers:
            thread.join()
        over.set()
        watch.join()
        self._print(time.monotonic() - began)
        return 1 if self._problems else 0

    def _fill(self) -> list[Path]:
        folders = [self._folder / f"run{number}" for number in range(self._asked.runs)]
        for path in folders:
            path.mkdir()
        each = self._asked.candidates // self._asked.runs
        for number, path in enumerate(folders):
            at = 0
            for kind in kinds(self._folder):
                for index in range(round(kind.share * each)):
                    source = kind.files[index % len(kind.files)]
                    name = f"{at:03d}-{number}-{source.stem}"
                    text = source.read_text(encoding="utf-8")
                    (path / f"{name}.py").write_text(f"{text}\n# {name}\n", encoding="utf-8")
                    self._tiers[name] = kind, str(source)
                    at += 1
        return folders

    def _start(self, path: Path) -> subprocess.Popen[str]:
        command = [str(PROGRAM), "verify", str(path), "--policy", str(POLICY), "--runs", str(self._folder / "runs")]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)

    def _read(self, process: subprocess.Popen[str], began: float) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            match = SAID.match(line)
            if match is None:
                continue
            kind, source = self._tiers.pop(match["name"])
            self._times[kind.name].append(time.monotonic() - began)
            if match["tier"] != kind.tier:
                self._problems.append(f"{source} is {match['tier']}, not {kind.tier}")
        process.wait()

    def _watch(self, pids: Sequence[int], over: threading.Event) -> None:
        while not over.wait(1.0):
            containers = Path("/sys/fs/cgroup/memory/docker/memory.usage_in_bytes")
            used = int(containers.read_text()) if containers.exists() else 0
            self._peak_bytes = max(self._peak_bytes, used + sum(map(_resident, pids)))

    def _print(self, wall_s: float) -> None:
        self._problems += [f"{name} has no verdict" for name in self._tiers]
        rows = {
            name: {"verdicts": len(times), "median_s": round(statistics.median(times)), "last_s": round(max(times))}
            for name, times in self._times.items()
        }
        report = {
            "candidates": self._asked.candidates, "runs": self._asked.runs, "wall_s": round(wall_s),
            "peak_mib": self._peak_bytes // MIB, "kinds": rows, "problems": self._problems,
        }  # fmt: skip
        print(json.dumps(report, indent=2))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> int:
    """Makes the load."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1, help="so many runs at the same moment")
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        return Load(Path(folder), parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
