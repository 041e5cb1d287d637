"""Many candidates, good, wrong and hostile, while everything around them is killed.

    python benchmarks/soak.py --candidates 1000 --json soak.json    # some 70 to 100 minutes on two cores; takes root
    python benchmarks/soak.py --candidates 30 --without engine,memory

A run of the flow over all candidates is disturbed at random moments (`benchmarks/disturbances.py`) and started again
whenever it ended without its verdicts, until it has them. Before, each different kernel is judged once undisturbed.

Exit code 1 where anything does not hold: a candidate has not exactly one verdict, or one that is neither the
undisturbed one nor inconclusive; a container, process, mount, partial run folder or temporary file is left; a run died
with a traceback; or a last undisturbed run does not give every candidate its undisturbed verdict.

Each candidate is a file of its own content, so that nothing is measured once for two of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests" / "support")]

from attack_folders import read_attacks  # noqa: E402
from disturbances import ALL, Target, containers_of, small_disk  # noqa: E402

POLICY: Final = PROJECT / "tests" / "attacks" / "open.yaml"  # hostile candidates run; here with fewer cases
FEWER: Final = (("random_cases: 4", "random_cases: 2"),)
KERNELS: Final = PROJECT / "tests" / "kernels"
PROGRAM: Final = Path(sys.executable).with_name("kernelgate")
DISK: Final = "768m"
QUICK: Final = ("relu", "add", "silu", "elu", "leaky_relu", "tanh", "sigmoid", "transpose", "max", "sum")
RIGHT: Final = 12
# Wrong on nearly every case of any draw: with few cases others pass now and then, which is no news here.
WRONG: Final = (
    "relu/wrong_mask_off_by_one", "relu/wrong_writes_one_before", "add/wrong_unmasked_store", "elu/wrong_unmasked_load",
    "tanh/wrong_odd_tail", "sigmoid/wrong_softsign", "sigmoid/wrong_floored_walk", "transpose/wrong_swapped_mask",
    "sum/wrong_drops_last_chunk", "sum/wrong_keeps_axis",
)  # fmt: skip
ATTACK_EVERY: Final = 5  # of the attacks that run: many only wait for a deadline
INCONCLUSIVE: Final = "inconclusive"
BUG: Final = "bug of kernelgate"
TOLD_CHARS: Final = 6000
A_RUN_AT_MOST: Final = 40  # so often it is started again; more is a run that does not come to an end


@dataclass(slots=True)
class Report:
    """What is printed and stored at the end."""

    candidates: int
    kernels: int
    seed: int
    wall_s: float = 0.0
    starts: int = 0
    exit_codes: list[int] = field(default_factory=list)
    disturbances: dict[str, int] = field(default_factory=dict)
    same: int = 0
    inconclusive: int = 0
    why: dict[str, int] = field(default_factory=dict)
    reused: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Soak:
    """One soak: its folder, its candidates, and the run that goes on."""

    def __init__(self, disk: Path, asked: argparse.Namespace) -> None:
        self._disk = disk
        self._asked = asked
        self._draw = random.Random(asked.seed)
        self._process: subprocess.Popen[str] | None = None
        self._owners: set[int] = set()
        self._sources = _sources()
        self._policy = disk / "policy.yaml"
        _write_policy(self._policy)
        self.report = Report(asked.candidates, len(self._sources), asked.seed)

    def run(self) -> Report:
        """Makes all of it."""
        began = time.monotonic()
        single = self._folder("single", [(path.stem, path) for path in self._sources])
        expected = self._verdicts(self._one_run(single, flow=False))
        if len(expected) != len(self._sources):
            self.report.problems.append("the undisturbed run gave no verdicts")
            return self.report
        named = [self._sources[number % len(self._sources)] for number in range(self._asked.candidates)]
        self._draw.shuffle(named)
        folder = self._folder("many", [(f"{number:04d}", path) for number, path in enumerate(named)])
        by_name = {
            f"{number:04d}.py": expected[f"{self._sources.index(path):03d}-{path.stem}.py"]
            for number, path in enumerate(named)
        }
        disturbed = self._until_done(folder)
        self._compare(disturbed, by_name, exactly=False)
        self._look_for_leftovers()
        if self.report.inconclusive:
            self._say("the same run again, undisturbed")
            self._compare(self._one_run(folder, flow=True), by_name, exactly=True)
        self.report.wall_s = time.monotonic() - began
        return self.report

    def _folder(self, name: str, named: Sequence[tuple[str, Path]]) -> Path:
        folder = self._disk / name
        folder.mkdir()
        for number, (stem, source) in enumerate(named):
            label = f"{number:03d}-{stem}" if name == "single" else stem
            text = source.read_text(encoding="utf-8")
            (folder / f"{label}.py").write_text(f"{text}\n# {name} {number}\n", encoding="utf-8")
        return folder

    def _until_done(self, folder: Path) -> str:
        self._say(f"{self._asked.candidates} candidates, disturbed every {self._asked.every:g} s or so")
        with self._disturbing():
            for _ in range(A_RUN_AT_MOST):
                output = self._one_run(folder, flow=True)
                if output:
                    return output
        self.report.problems.append(f"no verdicts after {A_RUN_AT_MOST} starts")
        return ""

    def _one_run(self, folder: Path, *, flow: bool) -> str:
        """Returns what the run printed to stdout, which is nothing where it ended without verdicts."""
        command = [str(PROGRAM), "verify", str(folder), "--policy", str(self._policy), "--format", "json"]
        command += ["--runs", str(self._disk / "runs"), *(["--flow"] if flow else [])]
        errors = self._disk.parent / "stderr.log"  # not on the disk that is filled
        with errors.open("a", encoding="utf-8") as sink:
            at = sink.tell()
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=sink, text=True, env=self._environment()
            )
            self._owners.add(self._process.pid)
            output, _ = self._process.communicate()
        code, self._process = self._process.returncode, None
        self.report.starts += 1
        self.report.exit_codes.append(code)
        said = errors.read_text(encoding="utf-8", errors="replace")[at:]
        self.report.reused.append(said.count("(measured by an earlier run)"))
        if "Traceback" in said or BUG in said:
            problem = f"start {self.report.starts} (exit {code}) printed a traceback"
            self.report.problems.append(f"{problem}: {_traceback_in(said)}")
        last = said.strip().rpartition("\n")[2][-150:]
        self._say(f"start {self.report.starts}: exit {code}, {self.report.reused[-1]} reused; {last}")
        return output

    def _environment(self) -> dict[str, str]:
        for name in ("home", "tmp"):
            (self._disk / name).mkdir(exist_ok=True)
        return {**os.environ, "PREFECT_HOME": str(self._disk / "home"), "TMPDIR": str(self._disk / "tmp"),
                "PYTHONPATH": str(PROJECT)}  # fmt: skip

    @contextmanager
    def _disturbing(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._disturb, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _disturb(self, over: threading.Event) -> None:
        counts = Counter[str]()
        target = Target(self._running, self._disk)
        kinds = [name for name in ALL if name not in self._asked.without]
        weights = [1.0 if name in ("run", "prefect", "engine") else 3.0 for name in kinds]
        while not over.wait(self._draw.expovariate(1 / self._asked.every)):
            kind = self._draw.choices(kinds, weights)[0]
            if ALL[kind](target, self._draw):
                counts[kind] += 1
                self._say(f"disturbed: {kind}")
        self.report.disturbances = dict(counts)

    def _running(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def _verdicts(self, output: str) -> dict[str, str]:
        entries = json.loads(output)["candidates"] if output else []
        return {Path(entry["path"]).name: entry["tier"] for entry in entries}

    def _compare(self, output: str, expected: dict[str, str], *, exactly: bool) -> None:
        entries = json.loads(output)["candidates"] if output else []
        names = Counter(Path(entry["path"]).name for entry in entries)
        problems = self.report.problems
        problems += [f"{name} has {names[name]} verdicts" for name in expected if names[name] != 1]
        got = self._verdicts(output)
        for name, tier in got.items():
            if tier != expected[name] and (exactly or tier != INCONCLUSIVE):
                said = self._evidence(json.loads(output)["folder"], name)
                problems.append(f"{name} is {tier}, undisturbed it is {expected[name]}: {said}")
        if not exactly:
            self.report.same = sum(got.get(name) == tier for name, tier in expected.items())
            odd = [e for e in entries if e["tier"] == INCONCLUSIVE != expected[Path(e["path"]).name]]
            self.report.inconclusive = len(odd)
            self.report.why = dict(
                Counter(f"{e['findings'][0]['rule']}: {e['findings'][0]['message'][:160]}" for e in odd)
            )

    def _evidence(self, run: str, name: str) -> str:
        """What the run folder has on a candidate, in short: the source's last lines, and how it was measured."""
        (folder,) = Path(run).glob(f"*-{Path(name).stem}")
        source = (folder / "candidate.py").read_text(encoding="utf-8").strip().splitlines()[-2:]
        evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))["properties"]
        kept = {key: value for key, value in evidence.items() if key not in ("offered", "controls")}
        return f"{source} {json.dumps(kept)[:1500]}"

    def _look_for_leftovers(self) -> None:
        left = [f"container {name}" for pid in self._owners for name in containers_of(pid)]
        left += [f"process {line}" for line in _processes(str(self._disk))]
        left += [f"file {path.name}" for path in (self._disk / "runs").glob(".*")]
        left += [
            f"temporary file {path.name}" for path in (self._disk / "tmp").iterdir() if "kernelgate-" not in path.name
        ]
        self.report.problems += [f"left: {entry}" for entry in left]

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _sources() -> list[Path]:
    """Different kernels: right and wrong ones of quick operators, and attacks that run."""
    right = [path for name in QUICK for path in sorted((KERNELS / name).glob("right_*.py"))]
    wrong = [KERNELS / f"{name}.py" for name in WRONG]
    attacks = [attack.file for attack in read_attacks() if attack.behind is not None][::ATTACK_EVERY]
    return [*right[:: len(right) // RIGHT], *wrong, *attacks]


def _write_policy(path: Path) -> None:
    text = POLICY.read_text(encoding="utf-8")
    for given, less in FEWER:
        if given not in text:
            raise SystemExit(f"{POLICY} has no '{given}'")
        text = text.replace(given, less)
    path.write_text(text, encoding="utf-8")


def _processes(word: str) -> list[str]:
    listed = subprocess.run(["pgrep", "-af", word], capture_output=True, text=True, check=False).stdout
    return [line for line in listed.splitlines() if str(os.getpid()) != line.split()[0] and "soak.py" not in line]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--every", type=float, default=15.0, help="mean seconds between two disturbances")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[], help=f"some of {','.join(ALL)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="store the report here")
    return parser.parse_args()


def _traceback_in(said: str) -> str:
    """Returns the first one, or what stands before our own words for it; cut short."""
    at = said.find("Traceback")
    begin = at if at >= 0 else max(0, said.find(BUG) - TOLD_CHARS)
    return said[begin : begin + TOLD_CHARS]


def main() -> int:
    """Runs the soak and prints its report."""
    asked = _asked()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        with small_disk(folder / "disk", DISK) as disk:
            report = Soak(disk, asked).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(asdict(report), indent=2)
    print(text)
    if asked.json is not None:
        asked.json.write_text(text + "\n", encoding="utf-8")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
