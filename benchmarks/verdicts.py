"""Verdicts on a labelled corpus from runners without a container.

    python benchmarks/verdicts.py tests/kernels --jobs 16 --noise --repeat 10 --json verdicts.jsonl

What `kernelgate measure` counts, for a machine with many cores and no engine, and as often as is asked for: every
check of the policy is made but the proof of isolation. All files are judged under `--seed`, then, if they are to be
judged again, under the next. `--noise` lets the interpreter err as a GPU may in every case. Printed are the errors and
what was inconclusive, then how many verdicts there were of each label; `--json` gets a line a verdict as it comes. The
exit code is 1 if any was wrong or none said anything.

The runners are children of this program: for kernels of this project only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from forked import NO_ISOLATION, ForkedSupply, warm_up  # first: it says that triton is to interpret

from pipeline.corpus.labels import MUST_DENY, Labelled
from pipeline.corpus.reading import read_corpus
from pipeline.gate.judging import judge, measure
from pipeline.statistics.intervals import clopper_pearson, percentile
from policies.policy import IsolationRules, Policy, Tier, load_policy
from runners.candidate import read_candidate
from runners.evidence import PropertiesEvidence


@dataclass(frozen=True, slots=True)
class Given:
    """One verdict: `failed_at` is the number of the first failing case, None where none failed."""

    path: str
    label: str
    seed: int
    tier: Tier
    allowed: bool
    findings: tuple[str, ...]
    failed_at: int | None
    wall_s: float

    @property
    def wrong(self) -> bool:
        """Whether the gate erred."""
        return self.decided and self.allowed == (self.label in MUST_DENY)

    @property
    def decided(self) -> bool:
        """Whether it says anything about the candidate."""
        return self.tier is not Tier.INCONCLUSIVE


def verdict(path: Path, label: str, policy: Policy, seed: int, noise: bool) -> Given:
    """Judges one file in this process."""
    began = time.monotonic()
    item = read_candidate(path)
    evidence = measure(item, policy, ForkedSupply(), seed=seed, reduces=False, noise=noise)
    given = judge(item, evidence, policy).verdict
    properties = evidence.properties
    failed_at = properties.failed_at if isinstance(properties, PropertiesEvidence) else None
    findings = tuple(f"{finding.rule}: {finding.message}" for finding in given.findings)
    wall_s = time.monotonic() - began
    return Given(str(path), label, seed, given.tier, given.allowed, findings, failed_at, wall_s)


def main(given: Sequence[str] | None = None) -> int:
    """Prints the errors and the counts."""
    asked = _arguments(given)
    policy = _without_isolation(load_policy(asked.policy), compiles=not asked.no_compile)
    labels = asked.labels.split(",")
    chosen = [
        kernel
        for kernel in read_corpus(asked.corpus).labelled
        if kernel.label in labels and (not asked.only or kernel.operator in asked.only.split(","))
    ]
    print(f"torch {version('torch')}, triton {version('triton')}, policy {asked.policy}, noise {asked.noise}, "
          f"{len(chosen)} files, {asked.repeat} verdicts each from seed {asked.seed}, {asked.jobs} jobs")  # fmt: skip
    warm_up()
    done = []
    for one in _verdicts(chosen, policy, asked):
        done.append(one)
        if one.wrong or not one.decided:
            print(f"{one.label} {one.tier} {one.path} seed {one.seed}: {'; '.join(one.findings)[:400]}", flush=True)
        if asked.json is not None:
            with asked.json.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(one)) + "\n")
    _report(done)
    return int(any(one.wrong for one in done) or not any(one.decided for one in done))


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--labels", default="right,honest,wrong,hack", help="which labels, with commas between")
    parser.add_argument("--only", default="", help="which operators, with commas between; all by default")
    parser.add_argument("--policy", default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="verdicts on each file")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--no-compile", action="store_true", help="leave the compile check out")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--stop-after-s", type=float, default=float("inf"), help="start no verdict after so long")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(given)


def _without_isolation(policy: Policy, *, compiles: bool) -> Policy:
    # Past validation, which knows of no such kind: a policy in a file can't accept what isolates nothing.
    nothing = IsolationRules.model_construct(accepted=(NO_ISOLATION.isolation,), required_limits=())
    targets = {} if compiles else {"required_targets": (), "informative_targets": ()}
    return policy.model_copy(update={"isolation": nothing, "compile": policy.compile.model_copy(update=targets)})


def _verdicts(chosen: Sequence[Labelled], policy: Policy, asked: argparse.Namespace) -> Iterator[Given]:
    """Yields verdicts as they come; the files take turns, so that an early end has seen all of them alike."""
    until = time.monotonic() + asked.stop_after_s
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("fork")) as pool:
        tasks = [
            pool.submit(_in_time, until, kernel.path, kernel.label, policy, asked.seed + turn, asked.noise)
            for turn in range(asked.repeat)
            for kernel in chosen
        ]
        for task in as_completed(tasks):
            if (one := task.result()) is not None:
                yield one


def _in_time(until: float, path: Path, label: str, policy: Policy, seed: int, noise: bool) -> Given | None:
    return verdict(path, label, policy, seed, noise) if time.monotonic() < until else None


def _report(done: Sequence[Given]) -> None:
    for label in sorted({one.label for one in done}):
        of_label = [one for one in done if one.label == label]
        wrong, decided = sum(one.wrong for one in of_label), sum(one.decided for one in of_label)
        low, high = clopper_pearson(wrong, decided)
        counts = ", ".join(f"{count} {tier}" for tier, count in sorted(Counter(one.tier for one in of_label).items()))
        print(f"{label}: {wrong} of {decided} wrong ({low:.2%} to {high:.2%}); {counts}")
    kills = [one.failed_at for one in done if one.label in MUST_DENY and one.failed_at is not None]
    if kills:
        print(f"first kill: case {percentile(kills, 0.5):g} (median), {percentile(kills, 0.99):g} (p99), {max(kills)}")
    seconds = [one.wall_s for one in done]
    if seconds:
        print(f"seconds a verdict: {percentile(seconds, 0.5):.1f} (median), {percentile(seconds, 0.95):.1f} (p95)")


if __name__ == "__main__":
    sys.exit(main())
