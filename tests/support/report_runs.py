"""Finished runs for tests of reports: evidence is made up, verdicts are the policy's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from scripted_flow import ISOLATION, small_policy

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.reports.places import Places
from pipeline.runs.finished import Run
from policies.policy import Policy, load_policy
from policies.waivers import DatedWaivers, Waiver
from runners.candidate import Candidate, source_digest
from runners.cases import Case
from runners.evidence import Environment, Evidence, Missing, PropertiesEvidence, SourceFact, WrongElement, WrongValues
from runners.operators import OPERATORS

POLICY = small_policy()
DAY = date(2026, 11, 30)
PLACES = Places(Path("/repository"), Path("/repository"))
CASE = Case(operator="relu", form="vector", dtype="float32", sizes={"N": 1}, scalars={}, tensors={}, seed=1)
ELEMENT = WrongElement(index=(0, 3), got=1.0, expected=2.0, low=1.9, high=2.1)
SOURCE = b"import torch\n\n\ndef relu(x):\n    return x.clamp(0)\n"
HOSTILE = "::error::x%0A](javascript:a)\x1b[31m<img src=x>|`${{ x }}\u202e\n::stop-commands::y\ufffe"


def facts(*rules: tuple[str, int | None], detail: str = "why") -> tuple[SourceFact, ...]:
    return tuple(SourceFact(rule=rule, line=line, detail=detail) for rule, line in rules)


def wrong(detail: str = "natural order") -> WrongValues:
    return WrongValues(case=CASE, conditions=detail, output=0, wrong=1, total=9, nonfinite=False, first=(ELEMENT,))


def entry(
    path: str = "kernels/k.py",
    *,
    source: bytes = SOURCE,
    denied: tuple[SourceFact, ...] = (),
    failure: WrongValues | None = None,
    lost: str | None = None,
    waivers: tuple[Waiver, ...] = (),
    policy: Policy | None = None,
) -> Judged:
    """One candidate: right, or denied by its source, by a failure, or not measured."""
    item = Candidate(path, source, source.decode(), OPERATORS["relu"], "relu")
    ran = PropertiesEvidence.model_validate({
        "seed": 1, "offered": ("float32",), "dtypes": ("float32",), "pairwise_cases": 8, "random_cases": 0,
        "targeted_cases": 0, "failure": failure, "failed_at": None if failure is None else 1, "reductions": 0,
        "unsupported": None, "unsupported_cases": 0, "slow_cases": 0, "worst_ratio": {}, "deadline_spent": False,
        "runners": 1, "wall_s": 1.25, "controls": (),
    })  # fmt: skip
    missing = Missing(reason=lost or "the source was denied", ours=lost is not None)
    evidence = Evidence.model_validate({
        "candidate": item.facts, "operator_digest": "1", "source": denied,
        "properties": missing if denied or lost else ran, "compile": Missing(reason="r", ours=False),
        "mutants": Missing(reason="r", ours=False), "strength": Missing(reason="r", ours=False),
        "environment": Environment(hardware="cpu", python="3", torch="2", triton="3", interpreter_repaired=True),
        "isolation": ISOLATION,
    })  # fmt: skip
    return judge(item, evidence, policy or POLICY, waivers=DatedWaivers(day=DAY, waivers=waivers))


def waiver(rule: str, *, source: bytes = SOURCE, expires: date = DAY, reason: str = "known since May") -> Waiver:
    return Waiver(rule=rule, digest=source_digest(source), reason=reason, expires=expires)


def run_of(*judged: Judged, policy: Policy | None = None) -> Run:
    return Run("20261130-000000-0123abcd", Path("runs/20261130-000000-0123abcd"), policy or POLICY, judged)


def mixed() -> Run:
    """One of each kind."""
    return run_of(
        entry("kernels/right.py"),
        entry("kernels/waived.py", failure=wrong(), waivers=(waiver("properties/wrong-values"),)),
        entry("kernels/lost.py", lost="the engine does not answer"),
        entry("kernels/denied.py", denied=facts(("source/host-arithmetic", 5), ("source/no-launch", None))),
        entry("kernels/wrong.py", failure=wrong()),
    )


def production_run() -> Run:
    """Nothing was found against its candidate, and its tier is not enough."""
    policy = POLICY.model_copy(update={"allows": load_policy("production").allows})
    return run_of(entry(policy=policy), policy=policy)
