"""What a policy makes of the mutants of a candidate.

A mutant that survives is no fault of the candidate: it says that the test can't tell the candidate from a change of
it. So a rate below the required one denies as missing evidence does, never as an error. Equivalent mutants survive
every test, and nobody has read those of a new candidate: the required rate has to leave room for them.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.policy import MutantsRules
from policies.verdict import Finding
from runners.evidence import Missing, MutantsEvidence


def findings_of(mutants: MutantsEvidence | Missing, rules: MutantsRules) -> Iterator[Finding]:
    """Yields what is missing; nothing where the policy asks for no mutants."""
    if rules.count == 0:
        return
    match mutants:
        case Missing(reason=reason):
            yield _incomplete("evidence/mutants-missing", reason)
        case MutantsEvidence():
            yield from _judged(mutants, rules)


def _judged(mutants: MutantsEvidence, rules: MutantsRules) -> Iterator[Finding]:
    if mutants.deadline_spent:
        run = mutants.judged + mutants.inconclusive
        message = f"{run} of {rules.count} mutants were run; the total deadline was spent"
        yield _incomplete("evidence/mutants-missing", message)
    elif mutants.judged == 0:
        yield _incomplete("evidence/mutants-missing", "no mutant of the source could be run")
    if rules.required_kill_rate is not None and mutants.kill_rate < rules.required_kill_rate:
        lines = ", ".join(str(line) for line in sorted({survivor.line for survivor in mutants.survivors}))
        message = (
            f"{mutants.killed} of {mutants.judged} mutants were killed ({mutants.kill_rate:.0%}), "
            f"{rules.required_kill_rate:.0%} are required; survivors change lines {lines}"
        )
        yield Finding(rule="mutants/weak-test", severity="incomplete", message=message, line=mutants.survivors[0].line)


def _incomplete(rule: str, message: str) -> Finding:
    return Finding(rule=rule, severity="incomplete", message=message)
