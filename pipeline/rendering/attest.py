"""How keys and attestations look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from pipeline.attestation.keys import KeyEntry, Keyring
from pipeline.attestation.run_files import ATTESTATIONS
from pipeline.attestation.signing import Attested
from pipeline.attestation.verifying import Verified
from pipeline.rendering.fitted_table import FittedTable
from sandbox.printable import printable

KEYID_SHOWN: Final = 12
_STYLES: Final = {"active": "green", "retired": "yellow", "revoked": "bold red"}


def print_made(entry: KeyEntry, private: Path, keyring: Path, console: Console) -> None:
    """Prints where the two halves of a new key are, and what to do with them."""
    console.print(Text(f"key {entry.keyid[:KEYID_SHOWN]} made"))
    console.print(Text(f"private: {private}; keep it from everybody, and out of the repository"))
    console.print(Text(f"public: in {keyring}; commit it, and let code owners guard it"))


def print_keyring(ring: Keyring, console: Console) -> None:
    """Prints the keys of a keyring."""
    table = FittedTable("key", "made", "status", "until", "reason")
    for entry in ring.keys:
        status = Text(entry.status, _STYLES[entry.status])
        until = "-" if entry.until is None else str(entry.until)
        table.add_row(entry.keyid[:KEYID_SHOWN], str(entry.made), status, until, Text(entry.reason or "-"))
    console.print(table)


def print_attested(attested: Sequence[Attested], folder: Path, console: Console) -> None:
    """Prints what was signed."""
    if not attested:
        console.print(Text(f"nothing to sign: run {folder.name} was about no candidate"))
        return
    table = FittedTable("candidate", "verdict", "let through")
    for one in attested:
        table.add_row(Text(one.candidate), one.verdict.tier.value, "yes" if one.verdict.allowed else "no")
    console.print(table)
    console.print(Text(f"{len(attested)} signed; {folder / ATTESTATIONS}"))


def print_verified(verified: Sequence[Verified], console: Console) -> None:
    """Prints what was found out about each candidate."""
    table = FittedTable("candidate", "believed", "verdict", "key", "signed", "why not")
    for one in verified:
        believed = Text("yes", "green") if one.problem is None else Text("no", "bold red")
        tier = "-" if one.tier is None else f"{one.tier}{'' if one.allowed else ', denied'}"
        signed = "-" if one.signed_at is None else f"{one.signed_at:%Y-%m-%d %H:%M}"
        key = "-" if one.keyid is None else one.keyid[:KEYID_SHOWN]
        table.add_row(Text(printable(one.candidate)), believed, tier, key, signed, Text(printable(one.problem or "-")))
    console.print(table)
    wrong = sum(one.problem is not None for one in verified)
    again = ", verdicts made again from evidence" if any(one.rejudged for one in verified) else ""
    console.print(Text(f"{len(verified) - wrong} of {len(verified)} are believed{again}"))


def verified_as_json(verified: Sequence[Verified]) -> str:
    """Returns the same as JSON."""
    entries = [
        {
            "candidate": one.candidate,
            "believed": one.problem is None,
            "problem": one.problem,
            "tier": one.tier,
            "allowed": one.allowed,
            "keyid": one.keyid,
            "signed_at": None if one.signed_at is None else one.signed_at.isoformat(),
            "rejudged": one.rejudged,
        }
        for one in verified
    ]
    return json.dumps({"schema_version": 1, "candidates": entries}, indent=2) + "\n"
