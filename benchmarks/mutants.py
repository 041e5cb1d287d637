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
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from forked import ForkedWorker, warm_up  # first: it says that triton is to interpret

from pipeline.equivalents import known_equivalents
from pipeline.gate import effort_of
from policies.policy import load_policy
from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source
from runners.contract.rules import Allowance
from runners.conversation import Runner
from runners.evidence import PropertiesEvidence
from runners.mutants import Mutant, MutantRun, MutantsCheck, mutants_of, shuffled_mutants
from runners.mutants.check import as_candidate, fate_of, within
from runners.properties import Effort, PropertiesCheck


def main() -> int:
    """Prints the table; 0 when the rate is reached."""
    asked = _arguments()
    warm_up()
    policy = load_policy(asked.policy)
    effort = replace(effort_of(policy), reduces=False)
    runs: dict[str, list[MutantRun]] = defaultdict(list)
    for path in _kernels(asked.paths):
        candidate = read_candidate(path)
        assert isinstance(candidate, Candidate), candidate
        equivalent = known_equivalents(path)
        started = time.monotonic()
        passed = _check(candidate, effort, asked.seed)
        if passed.failure is not None or passed.unsupported is not None:
            print(f"{path}: not a right kernel here: {passed.failure or passed.unsupported}", flush=True)
            continue
        done = _runs(candidate, within(effort, passed), passed, asked, frozenset(policy.source.allowed_imports),
                     frozenset(equivalent))  # fmt: skip
        runs[candidate.operator.name] += done
        print(f"{path}: {_line(done)}; {time.monotonic() - started:.0f} s", flush=True)
        for run in done:
            if run.fate != "killed":
                print(f"  {run.fate} {run.mutant.id}\n{run.mutant.diff}", flush=True)
        if asked.out is not None:
            _write(asked.out, candidate, path, done)
    for name, done in sorted(runs.items()):
        print(f"{name:20s} {_line(done)}")
    everything = [run for done in runs.values() for run in done]
    print(f"{'all':20s} {_line(everything)}")
    judged = [run for run in everything if run.fate != "inconclusive"]
    return int(not judged or sum(run.fate == "killed" for run in judged) < asked.required * len(judged))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--policy", default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, help="so many mutants of each kernel; all by default")
    parser.add_argument("--longer", type=int, default=10, help="a survivor is tried again with so many times the cases")
    parser.add_argument("--out", type=Path, help="write killed mutants here, as candidates")
    parser.add_argument("--required", type=float, default=0.995)
    return parser.parse_args()


def _kernels(paths: list[Path]) -> list[Path]:
    return [file for path in paths for file in (sorted(path.rglob("right_*.py")) if path.is_dir() else [path])]


def _check(candidate: Candidate, effort: Effort, seed: int) -> PropertiesEvidence:
    return PropertiesCheck(candidate, lambda: Runner(ForkedWorker()), effort, seed).run()


def _runs(
    candidate: Candidate,
    effort: Effort,
    passed: PropertiesEvidence,
    asked: argparse.Namespace,
    imports: frozenset[str],
    equivalent: frozenset[str],
) -> list[MutantRun]:
    check = MutantsCheck(candidate, lambda: Runner(ForkedWorker()), effort, asked.seed, lambda c: True)
    longer = replace(effort, random_cases=asked.longer * effort.random_cases)
    runs: list[MutantRun] = []
    for mutant in _mutants(candidate, asked):
        if mutant.id in equivalent or read_source(as_candidate(candidate, mutant), Allowance(imports)):
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


def _write(folder: Path, candidate: Candidate, path: Path, runs: list[MutantRun]) -> None:
    target = folder / candidate.operator.name
    target.mkdir(parents=True, exist_ok=True)
    for number, run in enumerate(run for run in runs if run.fate == "killed"):
        (target / f"mutant_{path.stem.removeprefix('right_')}_{number:03d}.py").write_bytes(run.mutant.source)


if __name__ == "__main__":
    sys.exit(main())
