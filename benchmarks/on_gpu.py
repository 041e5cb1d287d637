"""The corpus on a real GPU: do the labels hold where the kernels are meant to run, and the oracle's bounds?

    python benchmarks/on_gpu.py tests/kernels --cases 40 --jobs 8 --json results.json

Each labelled file runs in a process of its own, on the first CUDA device, on the cases of a pairwise plan; results are
compared by the gate's own oracle. This is not the gate: the candidate's code runs in the process that judges it, so it
is for files that the project's own people wrote. A right kernel that is wrong here is a false label, a missing repair
of the interpreter or a bound that is too narrow: the program then exits 1. A wrong kernel may well pass: a race may not
show, and an access outside a tensor may land in memory that is mapped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, count, islice
from pathlib import Path
from subprocess import DEVNULL, PIPE, TimeoutExpired, run
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import triton

from runners.candidate import Candidate, read_candidate
from runners.cases import Case
from runners.materialise import ArgumentValue, ScalarValue, materialise
from runners.oracle import compare, expect
from runners.plans import pairwise

LABELS: Final = "labels.toml"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one file did: `wrong` describes its first wrong case, None where there was none."""

    path: str
    label: str
    operator: str
    cases: int
    wrong: str | None
    worst_ratio: float
    wall_s: float


def labelled(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yields the labelled files of a corpus."""
    for labels in sorted(folder.rglob(LABELS)):
        for name, entry in tomllib.loads(labels.read_text(encoding="utf-8")).items():
            yield labels.parent / name, entry["label"]


def in_this_process(path: Path, label: str, cases: int, seed: int) -> Outcome:
    """Runs one file's cases here."""
    candidate = read_candidate(path)
    if not isinstance(candidate, Candidate):
        return Outcome(str(path), label, "?", 0, f"not a candidate: {candidate.problem.detail}", 0.0, 0.0)
    started = time.monotonic()
    entry = _entry(path, candidate.entry)
    operator = candidate.operator
    dtypes = tuple(dtype for dtype in operator.dtypes if dtype != "float64")
    plans = chain.from_iterable(pairwise(operator, seed + number, dtypes) for number in count())
    worst, done, wrong = 0.0, 0, None
    for case in islice(plans, cases):
        done += 1
        wrong, ratio = _judged(candidate, entry, case)
        worst = max(worst, ratio)
        if wrong is not None:
            break
    return Outcome(str(path), label, operator.name, done, wrong, worst, time.monotonic() - started)


def _entry(path: Path, name: str) -> Any:
    spec = importlib.util.spec_from_file_location("candidate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def _judged(candidate: Candidate, entry: Any, case: Case) -> tuple[str | None, float]:
    arguments = materialise(candidate.operator, case)
    try:
        got = entry(*(_on_device(argument) for argument in arguments))
        torch.cuda.synchronize()
    except Exception as error:  # noqa: BLE001  # whatever the kernel raises is its outcome
        return f"{case.describe()}: {type(error).__name__}: {str(error)[:300]}", 0.0
    worst = 0.0
    expected = expect(candidate.operator, case.dtype, arguments)
    results = got if isinstance(got, tuple) else (got,)
    for want, result in zip(expected, results, strict=True):
        if str(result.dtype) != f"torch.{want.dtype}" or tuple(result.shape) != want.shape:
            return f"{case.describe()}: {result.dtype} {tuple(result.shape)}", 0.0
        comparison = compare(want, result.cpu())
        if comparison.wrong:
            return f"{case.describe()}: {comparison.wrong} of {comparison.total}, {comparison.first[0]}", 0.0
        worst = max(worst, comparison.worst_ratio)
    return None, worst


def _on_device(argument: ArgumentValue) -> Any:
    if isinstance(argument, ScalarValue):
        return argument.value
    return argument.base.cuda().as_strided(argument.shape, argument.strides, argument.offset)


def in_own_process(path: Path, label: str, arguments: argparse.Namespace) -> Outcome:
    """Runs one file's cases in a process that a bad kernel may ruin."""
    command = [sys.executable, __file__, "--one", str(path), label, "--cases", str(arguments.cases)]
    environment = os.environ | {"TRITON_CACHE_DIR": f"/tmp/triton-{os.getpid()}", "OMP_NUM_THREADS": "1"}
    try:
        done = run([*command, "--seed", str(arguments.seed)], stdout=PIPE, stderr=DEVNULL, check=False,
                   timeout=arguments.deadline_s, env=environment)  # fmt: skip
    except TimeoutExpired:
        return Outcome(str(path), label, "?", 0, f"no answer within {arguments.deadline_s} s", 0.0, 0.0)
    lines = done.stdout.decode().splitlines()
    if not lines:
        return Outcome(str(path), label, "?", 0, f"the process ended with {done.returncode}", 0.0, 0.0)
    return Outcome(**json.loads(lines[-1]))


def main(given: Sequence[str] | None = None) -> int:
    """Prints a table; returns 1 when a right kernel was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "LABEL"))
    parser.add_argument("--labels", default="right,honest", help="which labels to run, with commas between")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--deadline-s", type=float, default=300.0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(given)
    if arguments.one:
        path, label = arguments.one
        print(json.dumps(asdict(in_this_process(Path(path), label, arguments.cases, arguments.seed))))
        return 0
    chosen = [one for one in labelled(arguments.corpus) if one[1] in arguments.labels.split(",")]
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, triton {triton.__version__}, "
          f"{len(chosen)} files, {arguments.cases} cases each, seed {arguments.seed}")  # fmt: skip
    with ThreadPoolExecutor(arguments.jobs) as pool:
        outcomes = []
        for outcome in pool.map(lambda one: in_own_process(*one, arguments), chosen):
            outcomes.append(outcome)
            print(
                f"{outcome.path} {outcome.cases} cases {outcome.wall_s:.0f} s {outcome.wrong or ''}"[:300], flush=True
            )
    return _report(outcomes, arguments.json)


def _report(outcomes: Sequence[Outcome], file: Path | None) -> int:
    if file is not None:
        file.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    for label in sorted({outcome.label for outcome in outcomes}):
        of_label = [outcome for outcome in outcomes if outcome.label == label]
        agreed = [outcome for outcome in of_label if outcome.wrong is None]
        cases, worst = sum(o.cases for o in of_label), max((o.worst_ratio for o in agreed), default=0.0)
        print(f"{label}: {len(agreed)} of {len(of_label)} right on {cases} cases, worst ratio {worst:.3f}")
    for outcome in outcomes:
        if outcome.wrong is not None and outcome.label in ("right", "honest"):
            print(f"  {outcome.path} (case {outcome.cases}): {outcome.wrong}")
    return int(any(outcome.wrong is not None and outcome.label in ("right", "honest") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
