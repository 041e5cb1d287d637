"""Promotes what a command names: a candidate of a signed run, or a kernel that the registry has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.attestation.keys import Keyring
from pipeline.errors import RegistryError, StoredRunError
from pipeline.registry.admission import admit, candidate_named, check_stored
from pipeline.registry.contract import Approved, Channel, Moved, Registry
from policies.policy import Policy
from runners.operators.model import Operator

_DIGEST: Final = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be promoted, by whom, and what is believed.

    Attributes:
        kernel: A run, RUN/CANDIDATE, a path of either, or a digest.
        architecture: Of a kernel that is there; None where it has one alone.
    """

    kernel: str
    architecture: str | None
    channel: Channel
    ring: Keyring
    policy: Policy
    reason: str
    actor: str


def promote(registry: Registry, request: Request, runs: Path, operators: Mapping[str, Operator]) -> Moved:
    """Promotes it; nothing is stored before all of it was looked at.

    Raises:
        PromotionDenied: its signature, files or verdict do not stand, or it is revoked.
        StoredRunError: there is no such run, candidate or kernel.
    """
    named = candidate_named(runs, request.kernel)
    if named is not None:
        attestation = admit(named, request.ring, operators, request.policy)
        return registry.promote(attestation, request.channel, actor=request.actor, reason=request.reason)
    if not _DIGEST.fullmatch(request.kernel):
        raise StoredRunError(f"there is no run '{request.kernel}' in {runs}, and it is no digest of a kernel")
    kernel = _stored(registry, registry.find(request.kernel), request.architecture)
    check_stored(kernel.attestation, request.ring, request.policy)
    return registry.promote_stored(
        kernel.digest, kernel.architecture, request.channel, actor=request.actor, reason=request.reason
    )


def _stored(registry: Registry, digest: str, architecture: str | None) -> Approved:
    there = registry.approvals(digest)
    found = [one for one in there if architecture in (None, one.architecture)]
    if len(found) != 1:
        known = ", ".join(one.architecture for one in there) or "none"
        raise RegistryError(f"kernel {digest[:12]} was verified on {known}: say which with --architecture")
    return found[0]
