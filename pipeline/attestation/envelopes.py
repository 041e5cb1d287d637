"""DSSE envelopes (github.com/secure-systems-lab/dsse): a payload, its type, and signatures under both.

An envelope has one form on the disk. What is signed is the payload, not the file: blanks, the order of keys or a bit
that base64 drops could be changed and the signature would still hold. So a file that is not written as this module
writes it is damaged, and a change of any byte is found.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from pipeline.attestation.keys import Keyring, is_signed_by
from pipeline.errors import AttestationError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
CAP_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope whose signature holds.

    Attributes:
        keyid: Of the key that signed it; whether that is believed is another question.
    """

    payload: bytes
    keyid: str


def seal(payload: bytes, signer: CryptoSigner) -> bytes:
    """Returns the envelope of a payload, as it is written."""
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return _written(envelope)


def unseal(data: bytes, ring: Keyring, name: str) -> Sealed:
    """Returns what is in an envelope that a key of the keyring has signed.

    Args:
        name: Of the file, for messages.

    Raises:
        AttestationError: it is damaged, of another type, or no key of the keyring has signed it.
    """
    if len(data) > CAP_BYTES:
        raise AttestationError(f"{name} is larger than {CAP_BYTES >> 20} MiB")
    envelope = _read(data, name)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise AttestationError(f"{name} holds '{envelope.payload_type[:60]}', which is no in-toto statement")
    if len(envelope.signatures) != 1:
        raise AttestationError(f"{name} has {len(envelope.signatures)} signatures; kernelgate makes one")
    ((keyid, signature),) = envelope.signatures.items()
    entry = ring.of(keyid)
    if entry is None:
        raise AttestationError(f"{name} is signed by the key {keyid[:12]}, which the keyring does not have")
    if not is_signed_by(entry, signature.signature, envelope.pae()):
        raise AttestationError(f"{name}: the signature is not that of the key {keyid[:12]} under these bytes")
    return Sealed(envelope.payload, keyid)


def _read(data: bytes, name: str) -> Envelope:
    try:
        envelope = Envelope.from_dict(json.loads(data))
        is_as_written = _written(envelope) == data
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AttestationError(f"{name} is damaged: it is no DSSE envelope") from None
    if not is_as_written:
        raise AttestationError(f"{name} is damaged: it is not written as kernelgate writes envelopes")
    return envelope


def _written(envelope: Envelope) -> bytes:
    return json.dumps(envelope.to_dict(), indent=1, sort_keys=True).encode() + b"\n"
