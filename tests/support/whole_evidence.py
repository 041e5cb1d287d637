"""Evidence that nothing is missing from, on the CPU and on a GPU; a test changes what it is about."""

from __future__ import annotations

import hashlib

from gpu_evidence import device

from policies.policy import load_policy
from runners.cases import Case
from runners.controls import CONTROLS
from runners.evidence import (
    CandidateFacts,
    CompileEvidence,
    ControlEvidence,
    Environment,
    Evidence,
    IsolationEvidence,
    LimitEvidence,
    MutantsEvidence,
    PropertiesEvidence,
    StrengthEvidence,
    TargetEvidence,
    WrongElement,
    WrongValues,
)

CASE = Case(operator="relu", form="vector", dtype="float32", sizes={"N": 1}, scalars={}, tensors={}, seed=1)
CI = load_policy("ci")
FLOATS = ("float32", "float16", "bfloat16")
WRONG = WrongValues(
    case=CASE, conditions="natural order", output=0, wrong=1, total=9, nonfinite=False,
    first=(WrongElement(index=(0, 3), got=1.0, expected=2.0, low=1.9, high=2.1),),
)  # fmt: skip


def properties(**changes: object) -> PropertiesEvidence:
    right = {
        "seed": 1, "offered": FLOATS, "dtypes": FLOATS, "pairwise_cases": 120, "random_cases": 200,
        "targeted_cases": 100, "failure": None, "failed_at": None, "reductions": 0, "unsupported": None,
        "unsupported_cases": 0, "slow_cases": 0, "slowest_s": 0.5, "worst_ratio": {"float32": 0.5},
        "deadline_spent": False, "runners": 1, "wall_s": 1.0,
        "controls": tuple(ControlEvidence(name=name, fired=True) for name in CONTROLS),
    }  # fmt: skip
    return PropertiesEvidence.model_validate(right | changes)


def compiled(**changes: object) -> CompileEvidence:
    targets = tuple(
        TargetEvidence(target=name, required=True, compiled=2, registers=32, spill_bytes=0, shared_bytes=1024)
        for name in CI.compile.required_targets
    )
    right = {"seen": 9, "front_end": 7, "chosen": 2, "targets": targets, "not_on": (), "failures": (),
             "containers": 1, "wall_s": 1.0}  # fmt: skip
    return CompileEvidence.model_validate(right | changes)


def mutated(**changes: object) -> MutantsEvidence:
    right = {"seed": 1, "possible": 99, "denied": 0, "inconclusive": 0, "killed": 20, "killed_by": {},
             "first_kills": (), "survivors": (), "deadline_spent": False, "wall_s": 1.0}  # fmt: skip
    return MutantsEvidence.model_validate(right | changes)


def examined(**changes: object) -> StrengthEvidence:
    right = {"operator": "relu", "test_digest": "2", "policy": "ci", "cases": 56, "degenerates": 9,
             "passed_over": (), "kernels": 2, "killed": 200, "alive": 0, "equivalent": 3, "torch": "2",
             "triton": "3", "checked": "2026-11-29"}  # fmt: skip
    return StrengthEvidence.model_validate(right | changes)


def isolated(**changes: object) -> IsolationEvidence:
    limits = tuple(LimitEvidence(name=name, holds=True, observed="") for name in CI.isolation.required_limits)
    right = {"isolation": "docker", "engine": "e", "runtime": "r", "image": "i", "limits": limits}
    return IsolationEvidence.model_validate(right | changes)


def evidence(text: bytes = b"x = 1\n", /, **changes: object) -> Evidence:
    """Enough for production-safe under every built-in policy."""
    facts = CandidateFacts(digest=hashlib.sha256(text).hexdigest(), path="kernels/relu.py",
                           source_bytes=len(text), operator="relu", entry="relu")  # fmt: skip
    environment = Environment(hardware="cpu", python="3", torch="2", triton="3", interpreter_repaired=True)
    right = {
        "candidate": facts, "operator_digest": "1", "source": (), "properties": properties(),
        "environment": environment, "compile": compiled(), "mutants": mutated(), "strength": examined(),
        "device": device(), "isolation": isolated(),
    }  # fmt: skip
    return Evidence.model_validate(right | changes)


def failed(**changes: object) -> Evidence:
    """Evidence of a candidate that a case has failed."""
    return evidence(properties=properties(failure=WRONG, failed_at=1), **changes)
