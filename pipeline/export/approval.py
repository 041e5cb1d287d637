"""Whether a kernel may leave the registry: it is approved, not revoked, and its attestation stands today.

The envelopes are opened again with the keyring of whoever exports, as for a promotion: a key may have been revoked
since, and a registry is believed in nothing that it does not have a signature for.
"""

from __future__ import annotations

from pipeline.attestation.keys import Keyring
from pipeline.errors import PromotionDenied, RegistryError
from pipeline.registry.admission import check_stored
from pipeline.registry.contract import Attestation, Registry
from policies.policy import Policy


def exportable(registry: Registry, beginning: str, ring: Keyring, policy: Policy) -> tuple[Attestation, ...]:
    """Returns the attestations of a kernel, one an architecture, the newest first.

    Args:
        beginning: Of its digest.
        policy: The one that its verdicts must be by.

    Raises:
        PromotionDenied: it is revoked, or an attestation does not stand.
        RegistryError: the registry has no such kernel.
    """
    digest = registry.find(beginning)
    if registry.is_revoked(digest):
        raise PromotionDenied(
            f"kernel {digest[:12]} is revoked, and is not exported: kernelgate registry show {digest[:12]}"
        )
    approved = [one.attestation for one in registry.approvals(digest)]
    if not approved:
        raise RegistryError(f"the registry has no attestation of kernel {digest[:12]}: promote a signed run of it")
    for attestation in approved:
        check_stored(attestation, ring, policy)
    return tuple(sorted(approved, key=lambda one: one.signed_at, reverse=True))
