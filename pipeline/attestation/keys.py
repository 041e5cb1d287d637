"""Keys that sign runs, and the keyring that says which of them are believed.

A private key is a file of its own (PEM, PKCS #8, readable by its owner alone; encrypted where KERNELGATE_KEY_PASSPHRASE
is set). The keyring is a public file, meant to be committed and guarded by code owners: whoever writes it decides whom
everybody believes.

    active    signs, and is believed
    retired   was rotated out on a day: what says that it was signed until then is believed. The day stands in the
              statement, so this holds only as long as the private key was destroyed and not stolen
    revoked   was stolen or lost: nothing that it ever signed is believed, because whoever has it can write any day

A lost key can't sign any more and nobody else has it; revoking it costs signatures. So it may be retired instead, if it
is certain that it is lost and not stolen: docs/how-to/sign-runs.md has the procedure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from pipeline.errors import AttestationError
from pipeline.reports.files import write_whole

PASSPHRASE: Final = "KERNELGATE_KEY_PASSPHRASE"
_OWNERS_ALONE: Final = 0o600
_CAP_BYTES: Final = 1 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyEntry(_Strict):
    """A public key, and whether it is believed.

    Attributes:
        keyid: SHA-256 of the public key's canonical form, as securesystemslib computes it.
        public: The key's 32 bytes in hexadecimal digits.
        until: The last day of a retired key, in UTC; None for the others.
        reason: Why it is retired or revoked; empty for an active one.
    """

    keyid: str = Field(pattern=r"^[0-9a-f]{64}$")
    public: str = Field(pattern=r"^[0-9a-f]{64}$")
    made: date
    status: Literal["active", "retired", "revoked"] = "active"
    until: date | None = None
    reason: str = Field(default="", max_length=1000)

    @property
    def key(self) -> SSlibKey:
        """The key as the library has it."""
        return SSlibKey(self.keyid, "ed25519", "ed25519", {"public": self.public})


class Keyring(_Strict):
    """The whole file."""

    version: Literal[1] = 1
    keys: tuple[KeyEntry, ...] = ()

    def of(self, keyid: str) -> KeyEntry | None:
        """Returns the entry of that key; None where there is none."""
        return next((entry for entry in self.keys if entry.keyid == keyid), None)

    def with_entry(self, entry: KeyEntry) -> Keyring:
        """Returns the same with `entry` in the place of the one with its id, or at the end."""
        others = [one for one in self.keys if one.keyid != entry.keyid]
        return Keyring(keys=(*others, entry))


def load_keyring(path: Path) -> Keyring:
    """Reads a keyring.

    Raises:
        AttestationError: it can't be read, is none, or an id is not that of its key.
    """
    if not path.exists():
        raise AttestationError(
            f"there is no keyring {path}: name one with --keyring; 'kernelgate attest keygen' makes one"
        )
    try:
        keyring = Keyring.model_validate_json(_bytes(path))
    except ValidationError as error:
        raise AttestationError(f"{path} is not a keyring: {_first(error)}") from None
    ids = [entry.keyid for entry in keyring.keys]
    for entry in keyring.keys:
        if entry_of(bytes.fromhex(entry.public), entry.made).keyid != entry.keyid or ids.count(entry.keyid) > 1:
            raise AttestationError(
                f"{path}: the key {entry.keyid[:12]} is not the one that its id names, or is there twice"
            )
    return keyring


def entry_of(public: bytes, made: date) -> KeyEntry:
    """Returns an active entry for the 32 bytes of a public key."""
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(public))
    return KeyEntry(keyid=key.keyid, public=public.hex(), made=made)


def make_key(private: Path, keyring: Path, environment: Mapping[str, str]) -> KeyEntry:
    """Makes a key, writes the private half to a new file and the public one to the keyring, and returns that.

    Raises:
        AttestationError: there is a file of that name, a folder can't be written, or the keyring is none.
    """
    ring = load_keyring(keyring) if keyring.exists() else Keyring()
    key = Ed25519PrivateKey.generate()
    passphrase = environment.get(PASSPHRASE, "")
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    entry = entry_of(key.public_key().public_bytes_raw(), datetime.now(UTC).date())
    _write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    save_keyring(keyring, ring.with_entry(entry))
    return entry


def load_signer(private: Path, environment: Mapping[str, str]) -> CryptoSigner:
    """Reads a private key.

    Raises:
        AttestationError: it can't be read, is no Ed25519 key, or the passphrase is missing or wrong.
    """
    if not private.exists():
        raise AttestationError(
            f"there is no key {private}: make one with 'kernelgate attest keygen', or name yours with --key"
        )
    passphrase = environment.get(PASSPHRASE, "")
    try:
        key = load_pem_private_key(_bytes(private), passphrase.encode() or None)
    except TypeError:  # encrypted and no passphrase, or the other way round
        has = "is not encrypted, and" if passphrase else "is encrypted, and"
        raise AttestationError(
            f"the key {private} {has} {PASSPHRASE} is {'set' if passphrase else 'not set'}"
        ) from None
    except ValueError:
        raise AttestationError(f"{private} is no private key (PEM), or {PASSPHRASE} is not its passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AttestationError(f"{private} is not an Ed25519 key: make one with kernelgate attest keygen")
    return CryptoSigner(key)


def check_signs(signer: CryptoSigner, private: Path, keyring: Path) -> None:
    """Lets a key sign unless the keyring says that it signs no more; one that is not in it is another team's affair.

    Raises:
        AttestationError: the keyring can't be read, or calls the key retired or revoked.
    """
    ring = load_keyring(keyring)
    entry = ring.of(signer.public_key.keyid)
    if entry is None or entry.status == "active":
        return
    active = ", ".join(one.keyid[:12] for one in ring.keys if one.status == "active")
    instead = f"sign with the active key {active} (--key)" if active else "make one with kernelgate attest keygen"
    raise AttestationError(
        f"the key {private} ({entry.keyid[:12]}) is {entry.status} in {keyring}, and signs no more: {entry.reason}; "
        f"{instead}"
    )


def check_believed(signer: CryptoSigner, private: Path, keyring: Path) -> None:
    """Lets a key sign that the keyring believes; for a machine that signs what others shall load.

    Raises:
        AttestationError: the keyring can't be read, does not have the key, or calls it retired or revoked.
    """
    check_signs(signer, private, keyring)
    if load_keyring(keyring).of(signer.public_key.keyid) is None:
        raise AttestationError(
            f"the key {private} ({signer.public_key.keyid[:12]}) is not in {keyring}: nobody would believe what it "
            "signs"
        )


def retire(ring: Keyring, keyid: str, until: date, reason: str) -> Keyring:
    """Returns the keyring with an active key retired.

    Raises:
        AttestationError: there is no such active key.
    """
    return ring.with_entry(
        _active(ring, keyid).model_copy(update={"status": "retired", "until": until, "reason": reason})
    )


def revoke(ring: Keyring, keyid: str, reason: str) -> Keyring:
    """Returns the keyring with a key revoked, active or retired.

    Raises:
        AttestationError: there is no such key, or it is revoked already.
    """
    entry = _named(ring, keyid)
    if entry.status == "revoked":
        raise AttestationError(f"the key {entry.keyid[:12]} is revoked already: {entry.reason}")
    return ring.with_entry(entry.model_copy(update={"status": "revoked", "until": None, "reason": reason}))


def distrust(entry: KeyEntry, signed: date) -> str | None:
    """Returns why what says that it was signed by this key on a day is not believed; None where it is."""
    if entry.status == "revoked":
        return f"its key {entry.keyid[:12]} is revoked: {entry.reason}"
    if entry.status == "retired" and entry.until is not None and signed > entry.until:
        return f"its key {entry.keyid[:12]} was retired on {entry.until}, and it says that it was signed on {signed}"
    return None


def is_signed_by(entry: KeyEntry, signature: str, data: bytes) -> bool:
    """Whether `signature` (hexadecimal digits) is this key's under `data`."""
    try:
        entry.key.verify_signature(Signature(entry.keyid, signature), data)
    except (UnverifiedSignatureError, VerificationError):
        return False
    return True


def save_keyring(path: Path, ring: Keyring) -> None:
    """Writes a keyring, whole or not at all.

    Raises:
        ReportError: it can't be written.
    """
    write_whole(path, ring.model_dump_json(indent=2) + "\n")


def _active(ring: Keyring, keyid: str) -> KeyEntry:
    entry = _named(ring, keyid)
    if entry.status != "active":
        raise AttestationError(f"the key {entry.keyid[:12]} is {entry.status} already")
    return entry


def _named(ring: Keyring, keyid: str) -> KeyEntry:
    found = [entry for entry in ring.keys if entry.keyid.startswith(keyid)] if keyid else []
    if len(found) != 1:
        known = ", ".join(entry.keyid[:12] for entry in ring.keys) or "none"
        raise AttestationError(f"{len(found)} keys of the keyring begin with '{keyid}'; it has {known}")
    return found[0]


def _write_new(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _OWNERS_ALONE)
    except FileExistsError:
        raise AttestationError(f"{path} is there already; a key is never overwritten: choose another name") from None
    except OSError as error:
        raise AttestationError(f"the key {path} can't be written: {error.strerror or error}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_CAP_BYTES)
    except OSError as error:
        raise AttestationError(f"{path} can't be read: {error.strerror or error}") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
