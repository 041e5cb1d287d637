"""A sandbox's proof as evidence: the same facts, stored with the rest."""

from __future__ import annotations

from runners.isolation_evidence import IsolationEvidence, LimitEvidence
from sandbox.contract import IsolationProof, LimitProof


def as_evidence(proof: IsolationProof) -> IsolationEvidence:
    """Returns it as a record."""
    return IsolationEvidence(
        isolation=proof.isolation,
        engine=proof.engine,
        runtime=proof.runtime,
        image=proof.image,
        limits=_as_records(proof.limits),
        layers=_as_records(proof.layers),
    )


def _as_records(proofs: tuple[LimitProof, ...]) -> tuple[LimitEvidence, ...]:
    return tuple(LimitEvidence(name=proof.name, holds=proof.holds, observed=proof.observed) for proof in proofs)
