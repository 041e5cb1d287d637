"""Records how strong the built-in operators' own tests are, from what `benchmarks/mutants.py --json FILE` found.

    python benchmarks/mutants.py tests/kernels --kernels 2 --sample 20 --longer 0 --jobs 16 --json mutants.jsonl
    python benchmarks/record_strengths.py mutants.jsonl

`kernelgate operators check NAME --record` finds the same in containers, an operator at a time; this is for all of them,
after their mutants were run where many cores are. What was found with another test of the operator, or on another
source, ends it. Degenerate outputs are judged here. Exit code 1 where a test is too weak.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutant_runs import Ran

from pipeline.gate.strength_records import record_strength
from pipeline.measuring.strength import KernelMutants, Question, Strength, as_evidence, with_degenerates, with_list
from policies.policy import load_policy
from runners.candidate import Candidate, read_candidate
from runners.digests import own_test_digest
from runners.mutants import MutantRun, named_mutants
from runners.operators import OPERATORS


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run of the mutants was: one of it for an operator."""

    test_digest: str
    policy: str
    seed: int
    torch: str
    triton: str


def main() -> int:
    """Writes the records and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    lines = parser.parse_args().results.read_text(encoding="utf-8").splitlines()
    weak = 0
    for name, runs in _grouped(map(Ran.model_validate_json, lines), "operator"):
        strength = _record(name, runs)
        weak += strength.exit_code != 0
        print(_line(name, strength), flush=True)
        for problem in (problem for kernel in strength.kernels for problem in kernel.contradictions):
            print(f"  {problem}", flush=True)
    return int(weak > 0)


def _line(name: str, strength: Strength) -> str:
    killed, alive = (sum(counts) for counts in zip(*((k.killed, len(k.alive)) for k in strength.kernels), strict=True))
    rejected = len(strength.degenerates) - len(strength.passed_over)
    return (
        f"{name:20s} {len(strength.kernels)} kernels, {killed} mutants killed, {alive} alive; "
        f"{rejected} of {len(strength.degenerates)} degenerate outputs rejected"
    )


def _record(name: str, runs: list[Ran]) -> Strength:
    operator = OPERATORS[name]
    (asked,) = {Asked(run.test_digest, run.policy, run.seed, run.torch, run.triton) for run in runs}
    if asked.test_digest != own_test_digest(operator):
        sys.exit(f"{name}: its test changed since these mutants were run")
    kernels = [_kernel(Path(path), of_kernel) for path, of_kernel in _grouped(runs, "path")]
    question = Question(operator, (), load_policy(asked.policy), asked.seed, len(runs))
    strength = with_degenerates(question, kernels, lambda text: None)
    evidence = as_evidence(strength, question)
    record_strength(operator, evidence.model_copy(update={"torch": asked.torch, "triton": asked.triton}))
    return strength


def _kernel(path: Path, runs: list[Ran]) -> KernelMutants:
    kernel = read_candidate(path)
    assert isinstance(kernel, Candidate), kernel
    if {run.source for run in runs} != {hashlib.sha256(kernel.source).hexdigest()}:
        sys.exit(f"{path}: it changed since its mutants were run")
    mutants = named_mutants(kernel.text, kernel.entry, {run.id for run in runs})
    return with_list(kernel, [MutantRun(mutants[run.id], run.fate, run.by, run.first_kill) for run in runs])


def _grouped(runs: Iterable[Ran], field: str) -> Iterator[tuple[str, list[Ran]]]:
    groups: dict[str, list[Ran]] = defaultdict(list)
    for run in runs:
        groups[str(getattr(run, field))].append(run)
    yield from sorted(groups.items())


if __name__ == "__main__":
    sys.exit(main())
