"""How many mechanical mutants of right kernels the test kills: `python benchmarks/mutants.py FOLDER…`.

For each right kernel of the folders (files `right_*.py`, or those named on the command line) every mutant, or a sample
of them, goes through the whole properties check; `--longer N` tries a survivor again with N times the random cases.
Printed: by operator the share that was killed and the number of the first case that killed (median, 99th percentile,
largest), and the survivors as diffs. `equivalent.toml` beside a kernel lists mutants that a person found to be
equivalent, with the reason (`pipeline.corpus.equivalents` says how); they are not counted. `--json FILE` gets a line a
mutant as it comes, of which `benchmarks/record_strengths.py` makes records; `--out FOLDER` gets the killed mutants as
candidates, without labels and cases.

The runners are children of this process without a container: for kernels of this project only. Each mutant is a task
of its own, so that a kernel with slow survivors keeps no core waiting.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from forked import ForkedWorker, warm_up  # first: it says that triton is to interpret
from mutant_runs import Ran

from pipeline.corpus.equivalents import known_equivalents
from pipeline.gate.judging import effort_of
from policies.policy import Policy, load_policy
from runners.candidate import Candidate, read_candidate
from runners.contract.reading import read_source
from runners.conversation import Runner
from runners.digests import own_test_digest
from runners.evidence import PropertiesEvidence
from runners.mutants import Mutant, MutantRun, are_one_program, named_mutants, shuffled_mutants
from runners.mutants.check import as_candidate, fate_of, within
from runners.properties import Effort, PropertiesCheck


@dataclass(frozen=True, slots=True)
class Subject:
    """A right kernel and its mutants; `refused` says why there are none. `effort` has the deadlines of mutants."""

    path: Path
    operator: str
    refused: str | None
    effort: Effort
    mutants: tuple[Mutant, ...]
    wall_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """What a child is given beside the kernel or the mutant. `until` is on the clock that the processes share."""

    policy: Policy
    seed: int
    sample: int | None
    longer: int
    until: float


def main() -> int:
    """Prints the table; 0 when the rate is reached."""
    asked = _arguments()
    warm_up()
    until = time.monotonic() + asked.stop_after_s
    work = Work(load_policy(asked.policy), asked.seed, asked.sample, asked.longer, until)
    runs: dict[str, list[Ran]] = defaultdict(list)
    for ran in _all(_kernels(asked), asked.jobs, work):
        runs[ran.operator].append(ran)
        if ran.fate != "killed":
            print(f"{ran.path}: {ran.fate} {ran.id}\n{ran.diff}", flush=True)
        if asked.json is not None:
            with asked.json.open("a", encoding="utf-8") as lines:
                lines.write(ran.model_dump_json() + "\n")
        if asked.out is not None and ran.fate == "killed":
            _write(asked.out, ran, len(runs[ran.operator]))
    for name, of_operator in sorted(runs.items()):
        print(f"{name:20s} {_line(of_operator)}")
    everything = [run for of_operator in runs.values() for run in of_operator]
    print(f"{'all':20s} {_line(everything)}")
    judged = [run for run in everything if run.fate != "inconclusive"]
    return int(not judged or sum(run.fate == "killed" for run in judged) < asked.required * len(judged))


def _all(paths: Sequence[Path], jobs: int, work: Work) -> Iterator[Ran]:
    late = 0
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        pending: set[Any] = {pool.submit(examine, path, work) for path in paths}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for task in done:
                match task.result():
                    case Subject(refused=str(reason)) as subject:
                        print(f"{subject.path}: not a right kernel here: {reason}", flush=True)
                    case Subject() as subject:
                        print(f"{subject.path}: right in {subject.wall_s:.0f} s", flush=True)
                        pending |= {pool.submit(run, subject, mutant, work) for mutant in subject.mutants}
                    case Ran() as ran:
                        yield ran
                    case _:
                        late += 1
    if late:
        print(f"{late} were not begun in the time that was given")


def examine(path: Path, work: Work) -> Subject | None:
    """Checks a right kernel in this process, and draws its mutants."""
    started = time.monotonic()
    if started > work.until:
        return None
    effort = replace(effort_of(work.policy), reduces=False)
    candidate = _read(path)
    passed = _check(candidate, effort, work.seed)
    refused = passed.failure or passed.unsupported
    mutants = () if refused else tuple(_mutants(candidate, path, work))
    wall_s = time.monotonic() - started
    name = candidate.operator.name
    return Subject(path, name, str(refused) if refused else None, within(effort, passed), mutants, wall_s)


def run(subject: Subject, mutant: Mutant, work: Work) -> Ran | None:
    """Runs one mutant in this process."""
    if time.monotonic() > work.until:
        return None
    candidate = as_candidate(_read(subject.path), mutant)
    done = fate_of(mutant, _check(candidate, subject.effort, work.seed))
    if done.fate == "survived" and work.longer:
        longer = replace(subject.effort, random_cases=work.longer * subject.effort.random_cases)
        done = fate_of(mutant, _check(candidate, longer, work.seed + 1))
    return _ran(subject, done, work)


def _ran(subject: Subject, mutant: MutantRun, work: Work) -> Ran:
    kernel = _read(subject.path)
    return Ran(
        path=subject.path,
        source=hashlib.sha256(kernel.source).hexdigest(),
        operator=subject.operator,
        test_digest=own_test_digest(kernel.operator),
        policy=work.policy.name,
        seed=work.seed,
        torch=version("torch").partition("+")[0],
        triton=version("triton"),
        id=mutant.mutant.id,
        fate=mutant.fate,
        by=mutant.by,
        first_kill=mutant.first_kill,
        diff=mutant.mutant.diff,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--policy", default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, help="so many mutants of each kernel; all by default")
    parser.add_argument("--kernels", type=int, help="so many right kernels of each folder; all by default")
    parser.add_argument("--jobs", type=int, default=1, help="kernels and mutants at once")
    parser.add_argument("--longer", type=int, default=10, help="try a survivor again with so many times the cases")
    parser.add_argument("--stop-after-s", type=float, default=float("inf"), help="begin no check after so long")
    parser.add_argument("--json", type=Path, help="add a line for each mutant")
    parser.add_argument("--out", type=Path, help="write killed mutants here, as candidates")
    parser.add_argument("--required", type=float, default=0.995)
    return parser.parse_args()


def _kernels(asked: argparse.Namespace) -> list[Path]:
    folders = [folder for path in asked.paths for folder in (path, *sorted(path.rglob("*/"))) if folder.is_dir()]
    named = [path for path in asked.paths if path.is_file()]
    return named + [file for folder in folders for file in sorted(folder.glob("right_*.py"))[: asked.kernels]]


def _read(path: Path) -> Candidate:
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate), candidate
    return candidate


def _check(candidate: Candidate, effort: Effort, seed: int) -> PropertiesEvidence:
    return PropertiesCheck(candidate, lambda: Runner(ForkedWorker()), effort, seed).run()


def _mutants(candidate: Candidate, path: Path, work: Work) -> Iterator[Mutant]:
    equivalent = named_mutants(candidate.text, candidate.entry, known_equivalents(path)).values()
    found = 0
    for mutant in shuffled_mutants(candidate.text, candidate.entry, work.seed):
        if found == work.sample:
            return
        listed = any(are_one_program(mutant, other) for other in equivalent)
        if not listed and not read_source(as_candidate(candidate, mutant), work.policy.source.allowance):
            found += 1
            yield mutant


def _line(runs: Sequence[Ran]) -> str:
    killed = sorted(run.first_kill for run in runs if run.first_kill is not None)
    judged = sum(run.fate != "inconclusive" for run in runs)
    first = ""
    if killed:
        p99 = killed[min(len(killed) - 1, int(0.99 * len(killed)))]
        first = f"; first kill: case {statistics.median(killed):g} (median), {p99} (p99), {killed[-1]} (largest)"
    rate = f"{len(killed) / judged:.1%}" if judged else "none"
    return f"{len(killed)} of {judged} killed ({rate}), {len(runs) - judged} not run{first}"


def _write(folder: Path, ran: Ran, number: int) -> None:
    target = folder / ran.operator
    target.mkdir(parents=True, exist_ok=True)
    candidate = _read(ran.path)
    source = named_mutants(candidate.text, candidate.entry, (ran.id,))[ran.id].source
    name = f"mutant_{ran.path.stem.removeprefix('right_')}_{number:03d}.py"
    (target / name).write_bytes(source)


if __name__ == "__main__":
    sys.exit(main())
