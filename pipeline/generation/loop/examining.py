"""The gate, as the loop uses it: the cheapest check first, and what stands has passed all of it.

Most answers of a model are wrong in a way that a few cases show, so a candidate is screened before it is measured:
its source is read, then a handful of cases are run and what they launched is compiled for the architectures that the
policy requires (nothing can be compiled before it is known how it is launched). Only what passes that is measured
under the policy, from the beginning and on cases that are drawn anew: evidence of the screening decides nothing but
that it failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge, measure
from pipeline.gate.steps import CheckName, Steps
from pipeline.gate.turns import Turns
from pipeline.supply.gpu import GpuSupply
from pipeline.supply.runners import RunnerSupply
from policies.policy import Policy
from runners.candidate import Candidate

SCREEN_CASES: Final = 8  # so many that not all of them are empty
GoOn = Callable[[], object]


class Watcher(Protocol):
    """Hears how candidates are getting on; called from several threads."""

    def check(self, path: str, name: CheckName) -> None:
        """A check of a candidate begins, after its screening."""
        ...

    def judged(self, path: str, judged: Judged) -> None:
        """A candidate has its verdict."""
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """A candidate with evidence and verdict; `screened` where the screening failed and the rest was not made."""

    judged: Judged
    screened: bool


class Examiner(Protocol):
    """Whoever measures and judges candidates; thread-safe."""

    def examine(self, candidate: Candidate, go_on: GoOn) -> Examined:
        """Returns the verdict under the run's policy.

        Args:
            go_on: Called after each case; what it raises ends the measuring.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """The real one, on the supply of runners that `kernelgate verify` uses."""

    policy: Policy
    supply: RunnerSupply
    turns: Turns
    gpu: GpuSupply | None = None
    watcher: Watcher | None = None

    def examine(self, candidate: Candidate, go_on: GoOn) -> Examined:
        """As `Examiner.examine`."""

        def heard(cases: int) -> None:
            go_on()

        go_on()
        evidence = measure(candidate, screening(self.policy), self.supply, steps=Steps(cases=heard), turns=self.turns)
        screened = judge(candidate, evidence, self.policy)
        if any(finding.severity == "error" for finding in screened.verdict.findings):
            return self._told(Examined(screened, screened=True))
        go_on()
        steps = Steps(cases=heard, check=lambda name: self._begins(candidate, name))
        # With a seed of its own.
        evidence = measure(candidate, self.policy, self.supply, steps=steps, turns=self.turns, gpu=self.gpu)
        return self._told(Examined(judge(candidate, evidence, self.policy), screened=False))

    def _begins(self, candidate: Candidate, name: CheckName) -> None:
        if self.watcher is not None:
            self.watcher.check(candidate.facts.path, name)

    def _told(self, examined: Examined) -> Examined:
        if self.watcher is not None:
            self.watcher.judged(examined.judged.evidence.candidate.path, examined.judged)
        return examined


def screening(policy: Policy) -> Policy:
    """Returns the same policy with a handful of cases, and nothing on a GPU."""
    fewest = {
        "pairwise_cases": min(SCREEN_CASES, policy.properties.pairwise_cases), "special_cases": 0, "block_cases": 0,
        "huge_cases": 0, "long_s": 0.0, "random_cases": 0, "targeted_cases": 0, "controls": (),
    }  # fmt: skip
    return policy.model_copy(
        update={
            "properties": policy.properties.model_copy(update=fewest),
            "compile": policy.compile.model_copy(update={"informative_targets": (), "specialisations": 1}),
            "mutants": policy.mutants.model_copy(update={"count": 0}),
            "gpu_checks": (),
        }
    )
