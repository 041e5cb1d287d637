"""Verifies attestations: signature, key, digests of all files, and on demand the verdict itself from the evidence.

Nothing is believed before it has been looked at, and in this order: the envelope's form, the signature, the key; then
what the two statements say of each other; then every file that they name and every file that is there; then the verdict
that is stored, and with `rejudge` the one that the evidence gives today. The first thing that is wrong ends a
candidate.

Which candidates there are is known from the folders, the summary and the envelopes, whichever of them are left: no file
of a run need be whole for it to be said what was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pipeline.attestation.keys import Keyring
from pipeline.attestation.pairs import Pair, opened_pair
from pipeline.attestation.run_files import ATTESTATIONS, digests_of, names_of, signed_names
from pipeline.errors import AttestationError, StoredRunError
from pipeline.runs.rejudging import Rejudged, rejudge
from pipeline.runs.stored import StoredCandidate, candidate_names, read_run
from runners.operators.model import Operator

CAP_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found out about a candidate's attestations.

    Attributes:
        problem: Why they are not believed; None where they are.
        tier: By the word of the statement; None where that could not be read. `allowed`, `keyid` and `signed_at`
            likewise.
        rejudged: Whether the verdict came out of the evidence again; False where nobody asked for it.
    """

    candidate: str
    problem: str | None
    tier: str | None = None
    allowed: bool | None = None
    keyid: str | None = None
    signed_at: datetime | None = None
    rejudged: bool = False


def verify_run(
    folder: Path, ring: Keyring, operators: Mapping[str, Operator], *, rejudges: bool = False, only: str | None = None
) -> tuple[Verified, ...]:
    """Verifies the attestations of every candidate of a run folder.

    Args:
        only: The folder of the one candidate to verify; None takes all that the run has, attested or not.

    Raises:
        StoredRunError: it is no run folder, or has no (such) candidate.
    """
    names = sorted({*candidate_names(folder), *signed_names(folder)})
    if not names:
        raise StoredRunError(f"{folder} is no run folder, or its run holds no candidate: there is nothing to verify")
    if only is not None and only not in names:
        raise StoredRunError(f"run {folder.name} has no candidate '{only}'; it has {', '.join(names)}")
    chosen = names if only is None else [only]
    verified = [_verified(folder, name, ring, operators, rejudges=rejudges) for name in chosen]
    return (*verified, *(_strangers(folder, set(names)) if only is None else ()))


def _verified(folder: Path, name: str, ring: Keyring, operators: Mapping[str, Operator], *, rejudges: bool) -> Verified:
    try:
        pair = _opened(folder, name, ring)
        _fit(folder, name, pair)
        stored = _stored(folder, name, pair)
        if rejudges:
            _again(folder, stored, operators)
    except (AttestationError, StoredRunError) as error:
        return Verified(name, str(error))
    facts, summary = pair.test_result.predicate.kernelgate, pair.summary.predicate
    return Verified(name, None, facts.tier, facts.allowed, pair.keyid, summary.timeVerified, rejudged=rejudges)


def _strangers(folder: Path, known: set[str]) -> tuple[Verified, ...]:
    """Whatever else lies among the attestations, or in the run folder."""
    names = {name for one in known for name in names_of(one)}
    odd = [path.name for path in sorted((folder / ATTESTATIONS).glob("*")) if path.name not in names]
    there = [
        path.name for path in sorted(folder.iterdir()) if path.is_dir() and path.name not in {*known, ATTESTATIONS}
    ]
    return tuple(Verified(name, "it belongs to no candidate of the run") for name in (*odd, *there))


def _opened(folder: Path, name: str, ring: Keyring) -> Pair:
    first, second = (_bytes(folder / ATTESTATIONS / each) for each in names_of(name))
    return opened_pair(name, first, second, ring)


def _fit(folder: Path, name: str, pair: Pair) -> None:
    facts = pair.test_result.predicate.kernelgate
    if facts.candidate != name or facts.run != folder.name:
        raise AttestationError(f"it is about {facts.run}/{facts.candidate}, and lies in {folder.name}/{name}")
    named = {one.name: one.digest.sha256 for one in facts.files if one.name is not None and one.digest is not None}
    there = digests_of(folder, name)
    missing, added = sorted(named.keys() - there.keys()), sorted(there.keys() - named.keys())
    changed = sorted(path for path in named.keys() & there.keys() if named[path] != there[path])
    for what, paths in (("is missing", missing), ("was changed", changed), ("was added", added)):
        if paths:
            more = f", and {len(paths) - 1} more" if len(paths) > 1 else ""
            raise AttestationError(f"{paths[0]} {what} since it was signed{more}")


def _stored(folder: Path, name: str, pair: Pair) -> StoredCandidate:
    """The stored candidate, once the statements say the same of it as its files."""
    (entry,) = read_run(folder.parent, str(folder.absolute()), name).candidates
    if not isinstance(entry, StoredCandidate):
        raise AttestationError(entry.problem)
    facts, summary, verdict = pair.test_result.predicate.kernelgate, pair.summary.predicate, entry.verdict
    policy = summary.policy.digest.sha256 if summary.policy.digest is not None else None
    said = (facts.tier, facts.allowed, summary.verificationResult == "PASSED", policy)
    if said != (verdict.tier.value, verdict.allowed, verdict.allowed, verdict.policy_digest):
        raise AttestationError("the statements and verdict.json say different things")
    if pair.digest != entry.evidence.candidate.digest:
        raise AttestationError("the statements are about another candidate than the evidence")
    return entry


def _again(folder: Path, stored: StoredCandidate, operators: Mapping[str, Operator]) -> None:
    (entry,) = rejudge(read_run(folder.parent, str(folder.absolute()), stored.name), None, operators).entries
    if not isinstance(entry, Rejudged):
        raise AttestationError(entry.problem)
    if entry.differs:
        raise AttestationError(
            f"its evidence gives the verdict {entry.judged.verdict.tier.value} today, or other findings; signed is "
            f"{stored.verdict.tier.value}"
        )


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(CAP_BYTES + 1)
    except FileNotFoundError:
        raise AttestationError(f"there is no {path.name}: it was not signed (kernelgate attest sign)") from None
    except OSError as error:
        raise AttestationError(f"{path} can't be read: {error.strerror or error}") from None
