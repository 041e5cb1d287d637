"""How many mechanical mutants of right kernels the test kills: `python benchmarks/mutants.py FOLDER…`.

For each right kernel of the folders (files `right_*.py`, or those named on the command line) every mutant, or a sample
of them, goes through the whole properties check; a survivor is tried again with ten times the random cases. Printed:
by operator the share that was killed and the number of the first case that killed (median, 99th percentile, largest),
then the survivors as diffs. `equivalent.toml` beside a kernel lists mutants that a person found to be equivalent, with
the reason (`pipeline.equivalents` says how); they are not counted. `--out FOLDER` writes the killed mutants there as
candidates; it writes no labels and no cases.

The runners are children of this process without a container: for kernels of this project only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Container, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from forked import ForkedWorker, warm_up  # first: it says that triton is to interpret

from pipeline.equivalents import known_equivalents
from pipeline.gate import effort_of
from policies.policy import Policy, load_policy
from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source
from runners.conversation import Runner
from runners.evidence import PropertiesEvidence
from runners.mutants import Mutant, MutantRun, MutantsCheck, mutants_of, shuffled_mutants
from runners.mutants.check import as_candidate, fate_of, within
from runners.properties import Effort, PropertiesCheck


@dataclass(frozen=True, slots=True)
class Examined:
    """The mutants of one kernel; `refused` says why there are none."""

    path: Path
    operator: str
    refused: str | None
    runs: list[MutantRun]
    wall_s: float


def main() -> int:
    """Prints the table; 0 when the rate is reached."""
    asked = _arguments()
    warm_up()
    runs: dict[str, list[MutantRun]] = defaultdict(list)
    for done in _all(_kernels(asked), asked):
        if done.refused is not None:
            print(f"{done.path}: not a right kernel here: {done.refused}", flush=True)
            continue
        runs[done.operator] += done.runs
        print(f"{done.path}: {_line(done.runs)}; {done.wall_s:.0f} s", flush=True)
        for run in done.runs:
            if run.fate != "killed":
                print(f"  {run.fate} {run.mutant.id}\n{run.mutant.diff}", flush=True)
        if asked.out is not None:
            _write(asked.out, done)
    for name, of_operator in sorted(runs.items()):
        print(f"{name:20s} {_line(of_operator)}")
    everything = [run for of_operator in runs.values() for run in of_operator]
    print(f"{'all':20s} {_line(everything)}")
    judged = [run for run in everything if run.fate != "inconclusive"]
    return int(not judged or sum(run.fate == "killed" for run in judged) < asked.required * len(judged))


def _all(paths: list[Path], asked: argparse.Namespace) -> Iterator[Examined]:
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("fork")) as pool:
        for task in as_completed([pool.submit(examine, path, asked) for path in paths]):
            yield task.result()


def examine(path: Path, asked: argparse.Namespace) -> Examined:
    """Runs the mutants of one kernel in this process."""
    started = time.monotonic()
    policy = load_policy(asked.policy)
    effort = replace(effort_of(policy), reduces=False)
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate), candidate
    passed = _check(candidate, effort, asked.seed)
    refused = passed.failure or passed.unsupported
    runs = [] if refused else _runs(candidate, within(effort, passed), asked, policy, known_equivalents(path))
    name = candidate.operator.name
    return Examined(path, name, str(refused) if refused else None, runs, time.monotonic() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--policy", default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, help="so many mutants of each kernel; all by default")
    parser.add_argument("--kernels", type=int, help="so many right kernels of each folder; all by default")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at once")
    parser.add_argument("--longer", type=int, default=10, help="a survivor is tried again with so many times the cases")
    parser.add_argument("--out", type=Path, help="write killed mutants here, as candidates")
    parser.add_argument("--required", type=float, default=0.995)
    return parser.parse_args()


def _kernels(asked: argparse.Namespace) -> list[Path]:
    folders = [folder for path in asked.paths for folder in (path, *sorted(path.rglob("*/"))) if folder.is_dir()]
    named = [path for path in asked.paths if path.is_file()]
    return named + [file for folder in folders for file in sorted(folder.glob("right_*.py"))[: asked.kernels]]


def _check(candidate: Candidate, effort: Effort, seed: int) -> PropertiesEvidence:
    return PropertiesCheck(candidate, lambda: Runner(ForkedWorker()), effort, seed).run()


def _runs(
    candidate: Candidate, effort: Effort, asked: argparse.Namespace, policy: Policy, equivalent: Container[str]
) -> list[MutantRun]:
    check = MutantsCheck(candidate, lambda: Runner(ForkedWorker()), effort, asked.seed, lambda c: True)
    longer = replace(effort, random_cases=asked.longer * effort.random_cases)
    runs: list[MutantRun] = []
    for mutant in _mutants(candidate, asked):
        if mutant.id in equivalent or read_source(as_candidate(candidate, mutant), policy.source.allowance):
            continue
        run = check.one(mutant)
        if run.fate == "survived" and asked.longer:
            run = fate_of(mutant, _check(as_candidate(candidate, mutant), longer, asked.seed + 1))
        runs.append(run)
        if len(runs) == asked.sample:
            break
    return runs


def _mutants(candidate: Candidate, asked: argparse.Namespace) -> list[Mutant]:
    if asked.sample is None:
        return list(mutants_of(candidate.text, candidate.entry))
    return list(shuffled_mutants(candidate.text, candidate.entry, asked.seed))


def _line(runs: list[MutantRun]) -> str:
    killed = sorted(run.first_kill for run in runs if run.first_kill is not None)
    judged = sum(run.fate != "inconclusive" for run in runs)
    first = ""
    if killed:
        p99 = killed[min(len(killed) - 1, int(0.99 * len(killed)))]
        first = f"; first kill: case {statistics.median(killed):g} (median), {p99} (p99), {killed[-1]} (largest)"
    rate = f"{len(killed) / judged:.1%}" if judged else "none"
    return f"{len(killed)} of {judged} killed ({rate}), {len(runs) - judged} not run{first}"


def _write(folder: Path, done: Examined) -> None:
    target = folder / done.operator
    target.mkdir(parents=True, exist_ok=True)
    for number, run in enumerate(run for run in done.runs if run.fate == "killed"):
        (target / f"mutant_{done.path.stem.removeprefix('right_')}_{number:03d}.py").write_bytes(run.mutant.source)


if __name__ == "__main__":
    sys.exit(main())
