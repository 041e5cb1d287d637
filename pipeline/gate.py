"""The gate: one candidate in, evidence and verdict out. The same core serves the command line and the flow.

Our own failures end here as evidence that is missing, never as a verdict about a candidate.
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.supply import RunnerSupply
from policies.decide import decide
from policies.policy import Policy
from policies.verdict import Verdict
from runners import wire
from runners.candidate import Candidate, Unreadable
from runners.conversation import RunnerFault
from runners.digests import operator_digest
from runners.evidence import Environment, Evidence, Missing, PropertiesEvidence
from runners.properties import Effort, PropertiesCheck
from runners.session import Deadlines
from runners.source import read_source
from sandbox.contract import SandboxUnavailable

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Judged:
    """One candidate with its evidence and verdict. `reused` says that the evidence is that of an earlier run."""

    source: bytes
    evidence: Evidence
    verdict: Verdict
    reused: bool = False


def effort_of(policy: Policy) -> Effort:
    """How hard the properties check tries under `policy`."""
    rules = policy.properties
    return Effort(
        pairwise_cases=rules.pairwise_cases,
        random_cases=rules.random_cases,
        dtypes=rules.dtypes,
        deadlines=Deadlines(load_s=rules.load_deadline_s, case_s=rules.case_deadline_s),
        total_s=rules.total_deadline_s,
    )


def measure(
    item: Candidate | Unreadable,
    policy: Policy,
    supply: RunnerSupply,
    *,
    seed: int | None = None,
    progress: Progress = lambda done: None,
) -> Evidence:
    """Makes every check that the policy asks for and this machine can make.

    `seed` fixes what the judge draws (for experiments); None draws it now, after the candidate was delivered.
    """
    if isinstance(item, Unreadable):
        missing = Missing(reason="the file is not a candidate", ours=False)
        return _evidence(item, (item.problem,), missing, None, supply)
    facts = read_source(item, frozenset(policy.source.allowed_imports))
    if facts:
        return _evidence(
            item, facts, Missing(reason="the source was denied, so it was not run", ours=False), None, supply
        )
    judge_seed = secrets.randbits(64) if seed is None else seed
    check = PropertiesCheck(item, supply.take, effort_of(policy), judge_seed, progress)
    properties: PropertiesEvidence | Missing
    try:
        properties = check.run()
    except (RunnerFault, SandboxUnavailable) as error:
        properties = Missing(reason=str(error), ours=True)
    return _evidence(item, (), properties, check.greeting, supply)


def needs_runner(item: Candidate | Unreadable, policy: Policy) -> bool:
    """Whether reading the source leaves anything to run."""
    return isinstance(item, Candidate) and not read_source(item, frozenset(policy.source.allowed_imports))


def judge(item: Candidate | Unreadable, evidence: Evidence, policy: Policy, *, reused: bool = False) -> Judged:
    """Judges evidence that was measured now or earlier."""
    return Judged(item.source, evidence, decide(evidence, policy), reused)


def _evidence(
    item: Candidate | Unreadable,
    facts: tuple[object, ...],
    properties: PropertiesEvidence | Missing,
    greeting: wire.Greeting | None,
    supply: RunnerSupply,
) -> Evidence:
    return Evidence.model_validate(
        {
            "candidate": item.facts,
            "operator_digest": operator_digest(item.operator) if isinstance(item, Candidate) else None,
            "source": facts,
            "properties": properties,
            "environment": _environment(greeting),
            "isolation": supply.isolation if isinstance(properties, PropertiesEvidence) else None,
        }
    )


def _environment(greeting: wire.Greeting | None) -> Environment | None:
    if greeting is None:
        return None
    return Environment(
        hardware=f"cpu {platform.machine()}",
        python=greeting.python,
        torch=greeting.torch,
        triton=greeting.triton,
        interpreter_repaired=greeting.interpreter_repaired,
    )
