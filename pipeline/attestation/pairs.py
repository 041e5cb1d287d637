"""A candidate's two envelopes as bytes: signature, key, and whether they belong together. No file is looked at.

What a registry stores of an attestation is these bytes; whoever runs a kernel opens them with a keyring of its own.
What comes out is what a believed key has signed of the kernel, by its digest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.attestation.envelopes import Sealed, unseal
from pipeline.attestation.keys import Keyring, distrust
from pipeline.attestation.run_files import names_of
from pipeline.attestation.statements import SummaryStatement, TestResultStatement
from pipeline.errors import AttestationError

Statement = TypeVar("Statement", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Pair:
    """What a believed key has signed."""

    test_result: TestResultStatement
    summary: SummaryStatement
    keyid: str

    @property
    def digest(self) -> str:
        """SHA-256 of the candidate's source."""
        return self.test_result.subject[0].digest.sha256


def opened_pair(candidate: str, test_result: bytes, summary: bytes, ring: Keyring) -> Pair:
    """Opens both envelopes of the candidate whose folder in its run is called `candidate`.

    Raises:
        AttestationError: one is damaged or not signed by a key that is believed, or they are not about the same.
    """
    first, second = names_of(candidate)
    sealed = (unseal(test_result, ring, first), unseal(summary, ring, second))
    found = _statement(TestResultStatement, sealed[0], first)
    about = _statement(SummaryStatement, sealed[1], second)
    if sealed[0].keyid != sealed[1].keyid:
        raise AttestationError(f"{first} and {second} are signed by different keys")
    entry = ring.of(sealed[0].keyid)
    assert entry is not None
    why = distrust(entry, about.predicate.timeVerified.date())
    if why is not None:
        raise AttestationError(f"{second} is not believed: {why}")
    named = [(one.name, one.digest and one.digest.sha256) for one in about.predicate.inputAttestations]
    if named != [(first, hashlib.sha256(test_result).hexdigest())]:
        raise AttestationError(f"{second} is about another test result than {first}")
    if found.subject != about.subject:
        raise AttestationError(f"{first} and {second} are about different things")
    return Pair(found, about, sealed[0].keyid)


def _statement(kind: type[Statement], sealed: Sealed, name: str) -> Statement:
    try:
        return kind.model_validate_json(sealed.payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise AttestationError(
            f"{name} holds no such statement as this version makes: {where}: {first['msg']}"
        ) from None
