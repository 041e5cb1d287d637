"""Renews what is approved: evidence that was made again, on another driver say, becomes a further attestation.

Nobody decides anew that a kernel serves: its bytes were promoted, no channel moves, and what was attested before stays
for the machines that it is about. What is looked at is the same as for a promotion (`admission`). A kernel that was
never promoted on the architecture, or was revoked, is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.attestation.keys import Keyring
from pipeline.errors import PromotionDenied
from pipeline.registry.admission import Named, admit
from pipeline.registry.contract import Attestation, Registry
from pipeline.registry.renewals import Outcome, Renewal
from pipeline.runs.stored import Damaged, StoredCandidate, read_run
from policies.policy import Policy
from runners.operators.model import Operator


@dataclass(frozen=True, slots=True)
class Vouching:
    """Who renews, and what is believed."""

    ring: Keyring
    policy: Policy
    actor: str
    reason: str = ""


def renew_run(
    registry: Registry,
    folder: Path,
    vouching: Vouching,
    operators: Mapping[str, Operator],
    only: Collection[str] | None = None,
) -> tuple[Renewal, ...]:
    """Renews each approved kernel of a signed run.

    Args:
        only: Digests of the kernels that are meant; None: all of the run.

    Raises:
        StoredRunError: there is no such run.
        RegistryUnavailable: nothing could be written.
    """
    run = read_run(folder.parent, str(folder.absolute()))
    meant = [one for one in run.candidates if only is None or _digest(one) in only]
    return tuple(_renewed(registry, Named(folder, one.name), _digest(one), vouching, operators) for one in meant)


def _digest(stored: StoredCandidate | Damaged) -> str | None:
    return stored.evidence.candidate.digest if isinstance(stored, StoredCandidate) else None


def _renewed(
    registry: Registry, named: Named, digest: str | None, vouching: Vouching, operators: Mapping[str, Operator]
) -> Renewal:
    approved = registry.approvals(digest) if digest is not None else ()
    if digest is not None and registry.is_revoked(digest):
        return Renewal(named.candidate, digest, Outcome.REVOKED, "a revoked kernel stays so")
    if digest is not None and not approved:
        return Renewal(named.candidate, digest, Outcome.NOT_APPROVED, _promote(named))
    try:
        attestation = admit(named, vouching.ring, operators, vouching.policy)
        known = {one.architecture for one in approved}
        if attestation.architecture not in known:
            why = f"it is approved for {', '.join(sorted(known))}, and not for {attestation.architecture}"
            return Renewal(named.candidate, digest, Outcome.NOT_APPROVED, f"{why}; {_promote(named)}")
        return _stored(registry, named, attestation, vouching)
    except PromotionDenied as error:
        return Renewal(named.candidate, digest, Outcome.DENIED, str(error))


def _stored(registry: Registry, named: Named, attestation: Attestation, vouching: Vouching) -> Renewal:
    event = registry.renew(attestation, actor=vouching.actor, reason=vouching.reason)
    outcome = Outcome.THERE if event is None else Outcome.RENEWED
    return Renewal(named.candidate, attestation.digest, outcome, attestation.platform.text, event)


def _promote(named: Named) -> str:
    return f"kernelgate registry promote {named.folder.name}/{named.candidate}"
