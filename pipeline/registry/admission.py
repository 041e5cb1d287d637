"""What may be promoted: a kernel of a signed run, after all of it was looked at; or one that is stored, after its
envelopes were opened again.

The signature must be that of a key that is believed, every file the one that was signed, the verdict must come out of
the evidence again, say production-safe, and have been made by the policy that is asked for: anybody can write a policy
that lets everything through. A waiver is no evidence: what it lets through has not earned production-safe.

What is stored is what was signed: source and evidence are read once, and compared with the signed digests after that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.attestation.keys import Keyring
from pipeline.attestation.pairs import Pair, opened_pair
from pipeline.attestation.run_files import ATTESTATIONS, names_of
from pipeline.attestation.verifying import verify_run
from pipeline.errors import AttestationError, PromotionDenied, StoredRunError
from pipeline.registry.contract import Attestation, Numbers, Platform, Timing
from pipeline.runs.stored import StoredCandidate, read_run
from pipeline.supply.platforms import platform_text
from policies.policy import Policy, Tier
from runners.device_evidence import BenchmarkRow, DeviceEvidence
from runners.evidence import Evidence, PropertiesEvidence
from runners.operators.model import Operator

_DEVICE: Final = re.compile(
    r".+, (?P<architecture>sm_\d+[a-z]?|gfx[0-9a-f]+), CUDA (?P<cuda>[^,]+), driver (?P<driver>[^,]+)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A candidate of a run."""

    folder: Path
    candidate: str


def candidate_named(runs: Path, text: str) -> Named | None:
    """Finds what RUN, RUN/CANDIDATE or a path of either names; None where there is no such run.

    Raises:
        StoredRunError: the run has several candidates, and none is named.
    """
    for path in (runs / text, Path(text)):
        if (path / "policy.json").is_file():
            return _only(path)
        if (path.parent / "policy.json").is_file() and path.is_dir():
            return Named(path.parent, path.name)
    return None


def _only(folder: Path) -> Named:
    names = [entry.name for entry in read_run(folder.parent, str(folder.absolute())).candidates]
    if len(names) > 1:
        raise StoredRunError(f"run {folder.name} has {len(names)} candidates; name one: {folder.name}/{names[0]}")
    return Named(folder, names[0])


def admit(named: Named, ring: Keyring, operators: Mapping[str, Operator], policy: Policy) -> Attestation:
    """Returns what of a signed run may be promoted.

    Args:
        policy: The one that its verdict must have been made by.

    Raises:
        PromotionDenied: it is not believed, not production-safe, or made by another policy.
        StoredRunError: there is no such run or candidate.
    """
    folder, name = named.folder.absolute(), named.candidate
    (verified,) = verify_run(folder, ring, operators, rejudges=True, only=name)
    if verified.problem is not None:
        raise PromotionDenied(f"{folder.name}/{name} is not believed: {verified.problem}")
    first, second = ((folder / ATTESTATIONS / each).read_bytes() for each in names_of(name))
    pair = _opened(name, first, second, ring)
    _check_facts(pair, policy)
    (stored,) = read_run(folder.parent, str(folder), name).candidates
    if not isinstance(stored, StoredCandidate):
        raise PromotionDenied(f"{folder.name}/{name}: {stored.problem}")
    if stored.evidence_digest != _signed_file(pair, f"{name}/evidence.json"):
        raise PromotionDenied(f"{folder.name}/{name}: its evidence was changed since it was signed")
    return _attestation(pair, stored, first, second)


def check_stored(attestation: Attestation, ring: Keyring, policy: Policy) -> None:
    """Opens the envelopes of an attestation that a registry has, again: a key may have been revoked since.

    What the registry says beside them must be what they say, as far as they say it: an architecture, a key or a run may
    have been written there by anybody. Its image, its numbers and the name of the entry are not signed.

    Raises:
        PromotionDenied: as for `admit`.
    """
    pair = _opened(attestation.candidate, attestation.test_result, attestation.summary, ring)
    if pair.digest != attestation.digest or hashlib.sha256(attestation.source).hexdigest() != attestation.digest:
        raise PromotionDenied(f"what the registry has of kernel {attestation.digest[:12]} is not what was signed")
    _check_facts(pair, policy)
    wrong = ", ".join(name for name, said, signed in _said_and_signed(attestation, pair) if said != signed)
    if wrong:
        raise PromotionDenied(
            f"what the registry says of kernel {attestation.digest[:12]} is not what was signed: {wrong}"
        )


def _said_and_signed(attestation: Attestation, pair: Pair) -> Iterator[tuple[str, object, object]]:
    facts, summary, platform = pair.test_result.predicate.kernelgate, pair.summary.predicate, attestation.platform
    known = _DEVICE.fullmatch(platform.device)
    parts = None if known is None else (known["architecture"], known["cuda"], known["driver"])
    on = platform_text(platform.device, platform.torch, platform.triton)
    policy = summary.policy.digest and summary.policy.digest.sha256
    yield "platform", on, None if facts.platforms is None else facts.platforms.gpu
    yield "architecture, CUDA or driver", (platform.architecture, platform.cuda, platform.driver), parts
    yield "operator", attestation.operator, facts.operator
    yield "the operator's digest", attestation.operator_digest, facts.operator_digest
    yield "tier", attestation.tier, facts.tier
    yield (
        "policy",
        (f"urn:kernelgate:policy:{attestation.policy}", attestation.policy_digest),
        (summary.policy.uri, policy),
    )
    yield "run", (attestation.run, attestation.candidate), (facts.run, facts.candidate)
    yield "evidence", attestation.evidence_digest, _signed_file(pair, f"{facts.candidate}/evidence.json")
    yield "key", attestation.key_id, pair.keyid
    yield "time", attestation.signed_at, summary.timeVerified


def _opened(name: str, first: bytes, second: bytes, ring: Keyring) -> Pair:
    try:
        return opened_pair(name, first, second, ring)
    except AttestationError as error:
        raise PromotionDenied(f"{name} is not believed: {error}") from None


def _check_facts(pair: Pair, policy: Policy) -> None:
    facts, summary = pair.test_result.predicate.kernelgate, pair.summary.predicate
    name = f"{facts.run}/{facts.candidate}"
    if facts.tier != Tier.PRODUCTION_SAFE.value or not facts.allowed:
        denied = "" if facts.allowed else ", denied"
        raise PromotionDenied(f"{name} is {facts.tier}{denied}; production-safe is needed to serve")
    if summary.policy.digest is None or summary.policy.digest.sha256 != policy.digest:
        was = (summary.policy.uri or "another policy").rpartition(":")[2]
        raise PromotionDenied(
            f"{name} was judged by {was} as it was then, and not by {policy.name} as it is here: verify and sign it "
            "again, or name its policy with --policy"
        )


def _signed_file(pair: Pair, path: str) -> str | None:
    files = pair.test_result.predicate.kernelgate.files
    return next((one.digest.sha256 for one in files if one.name == path and one.digest is not None), None)


def _attestation(pair: Pair, stored: StoredCandidate, first: bytes, second: bytes) -> Attestation:
    facts, evidence = pair.test_result.predicate.kernelgate, stored.evidence
    entry = evidence.candidate.entry
    if facts.operator is None or facts.operator_digest is None or entry is None:
        raise PromotionDenied(f"{facts.run}/{facts.candidate} does not say which operator it was verified as")
    if evidence.candidate.digest != pair.digest:
        raise PromotionDenied(f"{facts.run}/{facts.candidate}: its source was changed since it was signed")
    return Attestation(
        digest=pair.digest, operator=facts.operator, entry=entry, source=stored.source, run=facts.run,
        candidate=facts.candidate, test_result=first, summary=second, key_id=pair.keyid,
        signed_at=pair.summary.predicate.timeVerified, tier=facts.tier, policy=stored.verdict.policy,
        policy_digest=stored.verdict.policy_digest, operator_digest=facts.operator_digest,
        evidence_digest=stored.evidence_digest, platform=_platform(evidence), numbers=_numbers(evidence),
    )  # fmt: skip


def _platform(evidence: Evidence) -> Platform:
    device = evidence.device
    known = _DEVICE.fullmatch(device.device) if isinstance(device, DeviceEvidence) else None
    if known is None or not isinstance(device, DeviceEvidence):
        raise PromotionDenied(f"{evidence.candidate.path}: its evidence does not say on which architecture it was made")
    return Platform(
        device=device.device, architecture=known["architecture"], cuda=known["cuda"], driver=known["driver"],
        torch=device.torch, triton=device.triton, image=None if device.isolation is None else device.isolation.image,
    )  # fmt: skip


def _numbers(evidence: Evidence) -> Numbers:
    properties, device = evidence.properties, evidence.device
    assert isinstance(properties, PropertiesEvidence)  # without these nothing is production-safe
    assert isinstance(device, DeviceEvidence)
    return Numbers(
        cases=properties.cases, device_cases=device.cases, replayed=device.replayed, dtypes=tuple(properties.dtypes),
        timings=tuple(map(_timing, device.benchmark.rows)),
    )  # fmt: skip


def _timing(row: BenchmarkRow) -> Timing:
    fastest = min(row.baselines, key=lambda one: one.median_ms, default=None)
    name, median_ms = (None, None) if fastest is None else (fastest.name, fastest.median_ms)
    return Timing(row.case, row.dtype, row.median_ms, row.roof_ms, name, median_ms)
