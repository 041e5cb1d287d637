"""Rows as the contract's types, and back: what a column means is said here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, cast

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Select, func, or_, select

from pipeline.registry.contract import (
    Approved,
    Attestation,
    Channel,
    Event,
    EventKind,
    Numbers,
    Place,
    Platform,
    Serving,
)
from pipeline.registry.tables import ATTESTATIONS, CHANNELS, EVENTS, KERNELS, PLACEMENTS

PAGE: Final = 200
_NUMBERS: Final = TypeAdapter(Numbers)
_TYPES: Final = (
    (("source", "test_result", "summary"), bytes),
    (("digest", "operator", "entry", "architecture", "tier", "run", "candidate", "key_id", "policy", "policy_digest",
      "operator_digest", "evidence_digest", "device", "cuda", "driver", "torch", "triton", "numbers"), str),
)  # fmt: skip
_OF_KERNEL: Final = (KERNELS.c.entry, KERNELS.c.source, KERNELS.c.revoked)


def attested(*conditions: Any) -> Select[Any]:
    """A query for attestations with their kernels, the newest first."""
    joined = ATTESTATIONS.join(KERNELS, KERNELS.c.digest == ATTESTATIONS.c.digest)
    return select(ATTESTATIONS, *_OF_KERNEL).select_from(joined).where(*conditions).order_by(ATTESTATIONS.c.id.desc())


def approved_of(row: Row[Any]) -> Approved:
    """A kernel with its attestation."""
    return Approved(attestation_of(row), row.stored_at, row.revoked)


def attestation_of(row: Row[Any]) -> Attestation:
    """An attestation with its kernel's source.

    Raises:
        TypeError, ValueError: somebody wrote into the row what no attestation is.
    """
    _check_types(row)
    return Attestation(
        digest=row.digest, operator=row.operator, entry=row.entry, source=row.source, run=row.run,
        candidate=row.candidate, test_result=row.test_result, summary=row.summary, key_id=row.key_id,
        signed_at=row.signed_at, tier=row.tier, policy=row.policy, policy_digest=row.policy_digest,
        operator_digest=row.operator_digest, evidence_digest=row.evidence_digest, platform=_platform(row),
        numbers=_NUMBERS.validate_json(row.numbers),
    )  # fmt: skip


def _check_types(row: Row[Any]) -> None:
    wrong = [name for names, kind in _TYPES for name in names if not isinstance(getattr(row, name), kind)]
    if wrong:
        raise TypeError(f"of another type than they have: {', '.join(wrong)}")


def attestation_row(attestation: Attestation, at: datetime) -> dict[str, Any]:
    """What is inserted; of the kernel only its digest."""
    platform = attestation.platform
    return {
        **{
            name: getattr(attestation, name)
            for name in (
                "digest", "operator", "tier", "run", "candidate", "key_id", "policy", "policy_digest",
                "operator_digest", "evidence_digest", "signed_at", "test_result", "summary",
            )
        },
        **{
            name: getattr(platform, name)
            for name in ("architecture", "device", "cuda", "driver", "torch", "triton", "image")
        },
        "allowed": True,
        "numbers": _NUMBERS.dump_json(attestation.numbers).decode(),
        "stored_at": at,
        "summary_digest": summary_digest(attestation),
    }  # fmt: skip


def summary_digest(attestation: Attestation) -> str:
    """What tells one attestation from another."""
    return hashlib.sha256(attestation.summary).hexdigest()


def newest_of_each(after: int, *, revoked: bool) -> Select[Any]:
    """A query for a page of kernels on each architecture with their newest attestation, behind that of id `after`."""
    later = ATTESTATIONS.alias()
    is_newest = ~(
        select(later.c.id)
        .where(
            later.c.digest == ATTESTATIONS.c.digest,
            later.c.architecture == ATTESTATIONS.c.architecture,
            later.c.id > ATTESTATIONS.c.id,
        )
        .exists()
    )
    wanted = (ATTESTATIONS.c.id > after, is_newest, *(() if revoked else (~KERNELS.c.revoked,)))
    return attested(*wanted).order_by(None).order_by(ATTESTATIONS.c.id).limit(PAGE)


def served(connection: Connection) -> Iterator[Serving]:
    """What every channel serves, with the newest attestation."""
    own = ATTESTATIONS.alias()
    newest = (
        select(func.max(own.c.id))
        .where(own.c.digest == CHANNELS.c.digest, own.c.architecture == CHANNELS.c.architecture)
        .scalar_subquery()
    )
    query = (
        select(CHANNELS.c.channel, PLACEMENTS.c.placed_at, *(ATTESTATIONS.c[name] for name in _SHOWN))
        .join(PLACEMENTS, PLACEMENTS.c.id == CHANNELS.c.placement)
        .join(ATTESTATIONS, ATTESTATIONS.c.id == newest)
        .order_by(CHANNELS.c.operator, CHANNELS.c.architecture, CHANNELS.c.channel)
    )
    for row in connection.execute(query):
        place = Place(row.operator, row.architecture, row.channel)
        yield Serving(place, row.digest, row.placed_at, row.policy, row.key_id, _platform(row))


_SHOWN: Final = (
    "operator", "architecture", "digest", "policy", "key_id", "device", "cuda", "driver", "torch", "triton", "image",
)  # fmt: skip


def event_of(row: Row[Any]) -> Event:
    """A line of the log."""
    place = None
    if row.operator is not None and row.architecture is not None and row.channel is not None:
        place = Place(row.operator, row.architecture, cast(Channel, row.channel))
    return Event(
        number=row.number, at=row.at, actor=row.actor, kind=cast(EventKind, row.kind), digest=row.digest,
        place=place, reason=row.reason, replaced=row.replaced, serves=row.serves, run=row.run,
        case_digest=row.case_digest,
    )  # fmt: skip


def events_query(
    after: int, limit: int, digest: str | None, kind: EventKind | None, *, newest: bool, moved: bool
) -> Select[Any]:
    """A query for events; the newest come in reverse."""
    query = select(EVENTS).where(EVENTS.c.number > after).limit(limit)
    if digest is not None:
        columns = (EVENTS.c.digest, EVENTS.c.replaced, EVENTS.c.serves) if moved else (EVENTS.c.digest,)
        query = query.where(or_(*(column == digest for column in columns)))
    if kind is not None:
        query = query.where(EVENTS.c.kind == kind)
    return query.order_by(EVENTS.c.number.desc() if newest else EVENTS.c.number)


def _platform(row: Row[Any]) -> Platform:
    return Platform(row.device, row.architecture, row.cuda, row.driver, row.torch, row.triton, row.image)
