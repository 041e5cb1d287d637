"""Whether an approved kernel may run here. Nothing of it is executed before every question has an answer.

The registry is asked which kernel serves, and believed in that alone. Whether the kernel may run follows from what a
key of this application's own keyring has signed: the digest of its bytes, operator, tier, policy, and the platform of
the evidence. So whoever can write to the registry can take a kernel away, or give another approved one for the same
operator and platform; they can't give bytes of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.attestation.keys import Keyring
from pipeline.attestation.pairs import Pair, opened_pair
from pipeline.errors import AttestationError
from pipeline.registry.contract import Approved
from pipeline.rollout.here import Here
from policies.policy import Tier
from runners.candidate import Candidate, Unreadable, parse_candidate
from runners.operators import Operator


@dataclass(frozen=True, slots=True)
class Trusted:
    """A kernel that may run here; `candidate` holds the bytes that were looked at.

    Attributes:
        policy_digest: SHA-256 of the policy that judged it, as signed.
        dtypes: In which dtypes of a case, as signed.
    """

    candidate: Candidate
    policy_digest: str
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A kernel that may not run here, and why."""

    why: str


def trust(
    approved: Approved, operator: Operator, ring: Keyring, here: Here, policies: Collection[str] | None
) -> Trusted | Refused:
    """Looks at everything that is signed of a kernel.

    Args:
        policies: Digests of the policies whose verdicts are enough; None takes any policy's `production-safe`.
    """
    attestation = approved.attestation
    try:
        pair = opened_pair(attestation.candidate, attestation.test_result, attestation.summary, ring)
    except AttestationError as error:
        return Refused(f"its attestation is not believed: {error}")
    if hashlib.sha256(approved.source).hexdigest() != pair.digest:  # before anything reads it
        return Refused("its source is not the one that was signed: the digests differ")
    parsed = parse_candidate(approved.source, f"{approved.digest[:12]}.py", {operator.name: operator})
    if isinstance(parsed, Unreadable):
        return Refused(f"its source is no candidate: {parsed.problem.detail}")
    summary = pair.summary.predicate
    policy = summary.policy.digest.sha256 if summary.policy.digest is not None else ""
    why = _verdict_lacks(pair, operator) or _policy_lacks(policy, policies) or platform_lacks(pair, here)
    dtypes = verified_dtypes(pair)
    if why is not None or isinstance(dtypes, str):
        return Refused(why or str(dtypes))
    return Trusted(parsed, policy, dtypes)


def _verdict_lacks(pair: Pair, operator: Operator) -> str | None:
    facts, result = pair.test_result.predicate.kernelgate, pair.summary.predicate.verificationResult
    if facts.operator != operator.name:
        return f"it was judged as '{facts.operator}'"
    if facts.tier != Tier.PRODUCTION_SAFE.value or not facts.allowed or result != "PASSED":
        return f"its signed verdict is {facts.tier}{'' if facts.allowed else ', and not allowed'}"
    return None


def _policy_lacks(digest: str, policies: Collection[str] | None) -> str | None:
    if policies is None or digest in policies:
        return None
    return f"it was judged by the policy {digest[:12]}, which is not among those that are enough here"


def platform_lacks(pair: Pair, here: Here) -> str | None:
    """Says why signed evidence is not about what kernels run on here; None where it is."""
    signed = pair.test_result.predicate.kernelgate.platforms
    if signed is None:
        return "its attestation does not say on what it was measured: sign the run again"
    measured: Mapping[str, str | None] = {"gpu": signed.gpu, "interpreter": signed.interpreter}
    if measured[here.runs_on] != here.platform:
        return f"its verdict holds for {measured[here.runs_on]}; here is {here.platform}"
    return None


def verified_dtypes(pair: Pair) -> tuple[str, ...] | str:
    """Returns in which dtypes of a case the signed verdict holds, or why nobody knows."""
    signed = pair.test_result.predicate.kernelgate.dtypes
    return signed or "its attestation does not say in which dtypes its verdict holds: sign the run again"
