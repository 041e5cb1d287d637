"""What follows for an approved kernel from having been verified again.

- **It is rejected**: something stands against it that was found here and can be replayed. It is revoked at once, while
  the others are still being measured, with the finding as the reason and the case as the proof. The interpreter is
  enough for that: a kernel that is wrong there, or that a changed policy denies, is not what was approved.
- **It is production-safe**: the log says that it was verified again, and in which run.
- **Anything else** proves nothing, in either direction: without a GPU the best verdict is `functional`, a check that
  our side failed to make is `inconclusive`. Nothing is revoked, the log says that it drifted where something changed,
  and whoever runs the platform is told that it is not proven on this machine.

What is in the registry and can't be taken for a candidate any more (its operator is not known here, its bytes are not
those of its digest) is not run and not revoked: the fault is on this side, or in the registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.errors import RegistryError
from pipeline.gate.judged import Judged
from pipeline.registry.contract import CASE_CAP_BYTES, Approved, Place, Proof, Registry
from pipeline.runs.failing_cases import case_of, place_of
from pipeline.runs.folder import CaseFile
from pipeline.scheduled.due import Due
from policies.policy import Tier
from runners.candidate import Candidate, parse_candidate
from runners.operators import Operator

ACTOR: Final = "kernelgate, scheduled verification"


class Standing(StrEnum):
    """How an approved kernel stands after a run."""

    PROVEN = "verified again"
    REVOKED = "revoked"
    NOT_PROVEN = "not proven here"
    AS_IT_WAS = "not due"
    ELSEWHERE = "for another card"


@dataclass(frozen=True, slots=True)
class Settled:
    """An approved kernel after a run.

    Attributes:
        why: The reason, in words: the finding that stands against it, or why it was due.
        judged: None where it was not measured.
    """

    approved: Approved
    standing: Standing
    why: str
    judged: Judged | None = None


def readable(approved: Approved, operators: Mapping[str, Operator]) -> Candidate | str:
    """Returns an approved kernel as a candidate, or why it is none here."""
    if hashlib.sha256(approved.source).hexdigest() != approved.digest:
        return "its bytes in the registry are not those of its digest"
    item = parse_candidate(approved.source, path_of(approved), operators)
    if isinstance(item, Candidate):
        return item
    return f"it can't be read as a candidate here: {item.problem.detail}"


def path_of(approved: Approved) -> str:
    """What an approved kernel is called in a run."""
    return f"approved/{approved.operator}/{approved.digest[:12]}.py"


class Settling:
    """Writes into the registry what follows from each verdict, as it comes."""

    def __init__(self, registry: Registry, run: str) -> None:
        """Takes the id of the run whose folder will hold the evidence."""
        self._registry, self._run = registry, run

    def settle(self, due: Due, judged: Judged, place: Place | None) -> Settled:
        """Settles one verdict.

        Args:
            place: A place that serves the kernel; None where none does.

        Raises:
            RegistryUnavailable: nothing could be written.
        """
        match judged.verdict.tier:
            case Tier.REJECTED if not judged.verdict.allowed:
                return self._revoke(due, judged)
            case Tier.PRODUCTION_SAFE if judged.verdict.allowed:
                return self._prove(due, judged, place)
            case _:
                why = _first_finding(judged) or f"it is {judged.verdict.tier} on this machine"
                return self.not_proven(due, why, place, judged)

    def not_proven(self, due: Due, why: str, place: Place | None, judged: Judged | None = None) -> Settled:
        """Leaves a kernel as it is; says in the log that it drifted, once."""
        if due.drifted:
            reason = f"{'; '.join(due.reasons)}: {why}"
            said = self._registry.events(digest=due.approved.digest, kind="drifted", limit=1, newest=True)
            if not said or said[-1].reason != reason:
                self._registry.record(
                    "drifted", due.approved.digest, actor=ACTOR, reason=reason, place=place, run=self._run
                )
        return Settled(due.approved, Standing.NOT_PROVEN, why, judged)

    def _revoke(self, due: Due, judged: Judged) -> Settled:
        finding = _first_finding(judged)
        reason = f"verified again because {'; '.join(due.reasons)}: {finding}"
        try:
            self._registry.revoke(due.approved.digest, reason, ACTOR, Proof(case=_case(judged), run=self._run))
        except RegistryError:
            if not self._registry.is_revoked(due.approved.digest):
                raise
        return Settled(due.approved, Standing.REVOKED, finding, judged)

    def _prove(self, due: Due, judged: Judged, place: Place | None) -> Settled:
        why = "; ".join(due.reasons)
        self._registry.record(
            "verified-again", due.approved.digest, actor=ACTOR, reason=why, place=place, run=self._run
        )
        return Settled(due.approved, Standing.PROVEN, why, judged)


def _first_finding(judged: Judged) -> str:
    if not judged.verdict.findings:
        return ""
    first = judged.verdict.findings[0]
    line = f" (line {first.line})" if first.line is not None else ""
    return f"{first.rule}{line}: {first.message}"


def _case(judged: Judged) -> bytes | None:
    case = case_of(judged)
    if case is None:
        return None
    text = CaseFile(failed_on=place_of(case, judged.evidence), case=case).model_dump_json().encode()
    return text if len(text) <= CASE_CAP_BYTES else None
