"""What a policy makes of an operator's own test.

A weak test is no fault of the candidate: it denies as missing evidence does. Two right kernels are what
`kernelgate operators check` mutates; fewer say little about the operator and much about one kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.policy import OperatorRules
from policies.verdict import Finding
from runners.evidence import Missing, StrengthEvidence

KERNELS: Final = 2


def findings_of(strength: StrengthEvidence | Missing, rules: OperatorRules) -> Iterator[Finding]:
    """Yields what keeps the operator from certifying anything; nothing where the policy requires nothing."""
    if rules.required_kill_rate is None:
        return
    match strength:
        case Missing(reason=reason):
            yield _incomplete("evidence/operator-unchecked", reason)
        case StrengthEvidence():
            yield from _judged(strength, rules.required_kill_rate)


def _judged(strength: StrengthEvidence, required: float) -> Iterator[Finding]:
    if strength.degenerates == 0 or strength.passed_over:
        kinds = ", ".join(strength.passed_over) or "any degenerate output"
        yield _incomplete("operator/weak-test", f"the test of '{strength.operator}' does not reject: {kinds}")
    if strength.kernels < KERNELS:
        run = f"right kernels whose mutants were run: {strength.kernels}, {KERNELS} are needed"
        yield _incomplete("evidence/operator-unchecked", run)
    elif strength.kill_rate < required:
        message = (
            f"the test of '{strength.operator}' killed {strength.killed} of {strength.killed + strength.alive} mutants "
            f"({strength.kill_rate:.1%}), {required:.0%} are required"
        )
        yield _incomplete("operator/weak-test", message)


def _incomplete(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity="incomplete", message=message)
