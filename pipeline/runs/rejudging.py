"""`kernelgate judge`: the verdicts of a stored run again, from its evidence and sources, without running anything.

Under another policy the source is read again, which needs no runner; all else comes from the evidence. What the policy
asks for and the evidence does not show is missing, never done (`policies.lacking`). Nothing is written: a run folder
is what was measured, and a verdict under another policy is made again whenever somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.gate.judged import Judged
from pipeline.runs.stored import Damaged, StoredCandidate, StoredRun
from policies.decide import decide
from policies.policy import Policy, Tier
from policies.verdict import Verdict
from runners.candidate import Candidate, parse_candidate
from runners.contract.reading import read_source
from runners.evidence import Evidence
from runners.operators.model import Operator


@dataclass(frozen=True, slots=True)
class Rejudged:
    """One candidate, judged again.

    Attributes:
        name: Its folder in the run.
        before: The verdict that is stored.
    """

    name: str
    judged: Judged
    before: Verdict

    @property
    def differs(self) -> bool:
        """Whether tier, permission or findings are other than the stored ones."""
        now = self.judged.verdict
        return (now.tier, now.allowed, now.findings) != (self.before.tier, self.before.allowed, self.before.findings)


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """A whole run, judged again under `policy`."""

    run: StoredRun
    policy: Policy
    entries: tuple[Rejudged | Damaged, ...]

    @property
    def rejudged(self) -> tuple[Rejudged, ...]:
        """The candidates that could be judged."""
        return tuple(entry for entry in self.entries if isinstance(entry, Rejudged))

    @property
    def damaged(self) -> tuple[Damaged, ...]:
        """The candidates that could not be."""
        return tuple(entry for entry in self.entries if isinstance(entry, Damaged))

    @property
    def exit_code(self) -> int:
        """As of `verify`: 0 all allowed, 1 something denied, 3 evidence is missing or damaged."""
        verdicts = [entry.judged.verdict for entry in self.rejudged]
        if any(not verdict.allowed and verdict.tier is not Tier.INCONCLUSIVE for verdict in verdicts):
            return DENIED
        return ALLOWED if not self.damaged and all(verdict.allowed for verdict in verdicts) else INCOMPLETE


def rejudge(run: StoredRun, policy: Policy | None, operators: Mapping[str, Operator]) -> Rejudgement:
    """Judges every candidate of a run under `policy`, or under the run's own where that is None."""
    by = policy or run.policy
    return Rejudgement(run, by, tuple(_again(entry, run.policy, by, operators) for entry in run.candidates))


def _again(
    entry: StoredCandidate | Damaged, made_under: Policy, policy: Policy, operators: Mapping[str, Operator]
) -> Rejudged | Damaged:
    if isinstance(entry, Damaged):
        return entry
    evidence = entry.evidence
    if policy.source.allowance != made_under.source.allowance and evidence.candidate.operator is not None:
        if evidence.candidate.operator not in operators:
            problem = (
                f"its operator '{evidence.candidate.operator}' is not known here; name its folder with --operators"
            )
            return Damaged(entry.name, problem)
        evidence = _read_again(entry, policy, operators)
    # A waiver was given under the run's policy, and held on the day of the run; another policy has heard of none.
    waivers = entry.verdict.waivers if policy.digest == made_under.digest else None
    verdict = decide(evidence, policy, made_under, waivers=waivers).model_copy(
        update={"evidence_digest": entry.evidence_digest}
    )
    return Rejudged(entry.name, Judged(entry.source, entry.evidence, verdict), entry.verdict)


def _read_again(entry: StoredCandidate, policy: Policy, operators: Mapping[str, Operator]) -> Evidence:
    """The evidence with what `policy` has against the source instead of what the run's policy had."""
    candidate = parse_candidate(entry.source, entry.evidence.candidate.path, operators)
    if isinstance(candidate, Candidate):
        facts = read_source(candidate, policy.source.allowance)
    else:
        facts = (candidate.problem,)  # by the operators of today it is no candidate
    return entry.evidence.model_copy(update={"source": facts})
