"""What changes a registry, in a transaction that is alone in writing: kernels come, channels move, events are added.

A channel points to a placement, and each placement to the one before it. A rollback follows that chain past what was
revoked, and past the kernel that it rolls back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy import delete as delete_from

from pipeline.errors import PromotionDenied, RegistryError
from pipeline.registry.contract import CASE_CAP_BYTES, Attestation, Event, EventKind, Moved, Place, Proof, Revocation
from pipeline.registry.rows import attestation_row, event_of, summary_digest
from pipeline.registry.tables import ATTESTATIONS, CASES, CHANNELS, EVENTS, KERNELS, PLACEMENTS

PRODUCTION: Final = "production-safe"
SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """An event to be: what `Event` says, without its number and time."""

    kind: EventKind
    digest: str | None
    actor: str
    reason: str
    place: Place | None = None
    replaced: str | None = None
    serves: str | None = None
    run: str | None = None
    case: bytes | None = None


def add_event(connection: Connection, line: Line, number: int | None = None) -> Event:
    """Adds it; its case is stored once.

    Args:
        number: None takes the next one.

    Raises:
        RegistryError: the case is too large.
    """
    place = line.place
    row = {
        "at": datetime.now(UTC), "actor": line.actor, "kind": line.kind, "digest": line.digest,
        "operator": place and place.operator, "architecture": place and place.architecture,
        "channel": place and place.channel, "reason": line.reason, "replaced": line.replaced, "serves": line.serves,
        "run": line.run, "case_digest": _kept(connection, line.case),
    }  # fmt: skip
    if number is not None:
        row["number"] = number
    return event_of(connection.execute(insert(EVENTS).values(row).returning(EVENTS)).one())


def _kept(connection: Connection, case: bytes | None) -> str | None:
    if case is None:
        return None
    if len(case) > CASE_CAP_BYTES:
        raise RegistryError(
            f"a case of {len(case)} bytes is larger than {CASE_CAP_BYTES >> 20} MiB; nothing was stored"
        )
    digest = hashlib.sha256(case).hexdigest()
    if connection.execute(select(CASES.c.digest).where(CASES.c.digest == digest)).first() is None:
        connection.execute(insert(CASES).values(digest=digest, bytes=case))
    return digest


def promote(connection: Connection, attestation: Attestation, place: Place, actor: str, reason: str) -> Moved:
    """As `Registry.promote`."""
    is_new = _stored(connection, attestation)
    moved = serve(connection, attestation.digest, place, actor, reason, attestation.run)
    if moved.event is None and is_new:
        event = add_event(
            connection,
            Line("verified-again", attestation.digest, actor, reason, place, serves=moved.now, run=attestation.run),
        )
        return Moved(place, moved.before, moved.now, event)
    return moved


def renew(connection: Connection, attestation: Attestation, actor: str, reason: str) -> Event | None:
    """As `Registry.renew`."""
    _known(connection, attestation.digest)
    if not _stored(connection, attestation):
        return None
    return add_event(connection, Line("verified-again", attestation.digest, actor, reason, run=attestation.run))


def serve(connection: Connection, digest: str, place: Place, actor: str, reason: str, run: str | None = None) -> Moved:
    """Lets a channel serve a kernel that is stored."""
    if _known(connection, digest):
        raise PromotionDenied(f"kernel {digest[:SHOWN]} is revoked: the log says why (kernelgate registry show)")
    attestation = connection.execute(
        select(ATTESTATIONS.c.id, ATTESTATIONS.c.operator)
        .where(ATTESTATIONS.c.digest == digest, ATTESTATIONS.c.architecture == place.architecture)
        .order_by(ATTESTATIONS.c.id.desc())
    ).first()
    if attestation is None or attestation.operator != place.operator:
        raise RegistryError(f"kernel {digest[:SHOWN]} has no attestation as {place.operator} on {place.architecture}")
    channel = connection.execute(select(CHANNELS).where(_at(place))).first()
    before = None if channel is None else channel.digest
    if before == digest:
        return Moved(place, before, digest, None)
    placement = connection.execute(
        insert(PLACEMENTS)
        .values(
            **_columns(place), digest=digest, attestation=attestation.id, placed_at=datetime.now(UTC),
            previous=None if channel is None else channel.placement,
        )
        .returning(PLACEMENTS)
    ).one()  # fmt: skip
    _point(connection, place, placement)
    event = add_event(connection, Line("promoted", digest, actor, reason, place, before, digest, run))
    return Moved(place, before, digest, event)


def rollback(
    connection: Connection, place: Place, actor: str, reason: str, serving: str | None = None, case: bytes | None = None
) -> Moved:
    """As `Registry.rollback`."""
    channel = connection.execute(select(CHANNELS).where(_at(place))).first()
    before = None if channel is None else channel.digest
    if serving is not None and before != serving:
        return Moved(place, before, before, None)
    if channel is None:
        raise RegistryError(f"{place.channel} of {place.operator} on {place.architecture} serves nothing")
    earlier = _earlier(connection, channel)
    if earlier is None:
        connection.execute(delete_from(CHANNELS).where(_at(place)))
    else:
        _point(connection, place, earlier)
    now = None if earlier is None else earlier.digest
    event = add_event(connection, Line("rolled-back", before, actor, reason, place, before, now, case=case))
    return Moved(place, before, now, event)


def revoke(connection: Connection, digest: str, actor: str, reason: str, proof: Proof) -> Revocation:
    """As `Registry.revoke`."""
    if _known(connection, digest):
        raise RegistryError(f"kernel {digest[:SHOWN]} is revoked already: kernelgate registry show says why")
    event = add_event(connection, Line("revoked", digest, actor, reason, run=proof.run, case=proof.case))
    places = connection.execute(select(CHANNELS).where(CHANNELS.c.digest == digest)).all()
    moved = tuple(
        rollback(connection, Place(row.operator, row.architecture, row.channel), actor, f"revoked: {reason}")
        for row in places
    )
    connection.execute(update(KERNELS).where(KERNELS.c.digest == digest).values(revoked=True))
    return Revocation(digest, event, moved)


def _earlier(connection: Connection, channel: Any) -> Any:
    """The placement before that of a channel, past revoked kernels and the one that it serves.

    A chain that was broken or bent ends where it is: whoever takes a kernel away must not wait for its mending.
    """
    query = select(PLACEMENTS, KERNELS.c.revoked).join(KERNELS, KERNELS.c.digest == PLACEMENTS.c.digest)
    step = connection.execute(query.where(PLACEMENTS.c.id == channel.placement)).first()
    while step is not None and (step.revoked or step.digest == channel.digest):
        if step.previous is None or step.previous >= step.id:
            return None
        step = connection.execute(query.where(PLACEMENTS.c.id == step.previous)).first()
    return step


def _point(connection: Connection, place: Place, placement: Any) -> None:
    target = {
        "placement": placement.id, "digest": placement.digest, "attestation": placement.attestation,
        "tier": PRODUCTION, "allowed": True, "revoked": False,
    }  # fmt: skip
    if connection.execute(update(CHANNELS).where(_at(place)).values(target)).rowcount == 0:
        connection.execute(insert(CHANNELS).values(**_columns(place), **target))


def _stored(connection: Connection, attestation: Attestation) -> bool:
    """Stores a kernel and its attestation; says whether the attestation is new.

    Raises:
        PromotionDenied: it does not say production-safe, or the kernel is revoked.
    """
    if attestation.tier != PRODUCTION:
        raise PromotionDenied(f"kernel {attestation.digest[:SHOWN]} is {attestation.tier}, and not {PRODUCTION}")
    if hashlib.sha256(attestation.source).hexdigest() != attestation.digest:
        raise PromotionDenied(f"the source of kernel {attestation.digest[:SHOWN]} has another digest")
    there = connection.execute(
        select(KERNELS.c.operator, KERNELS.c.revoked).where(KERNELS.c.digest == attestation.digest)
    ).first()
    if there is None:
        connection.execute(
            insert(KERNELS).values(
                digest=attestation.digest, operator=attestation.operator, entry=attestation.entry,
                source=attestation.source, revoked=False,
            )
        )  # fmt: skip
    elif there.revoked:
        raise PromotionDenied(
            f"kernel {attestation.digest[:SHOWN]} is revoked: the log says why (kernelgate registry show)"
        )
    elif there.operator != attestation.operator:
        raise RegistryError(f"kernel {attestation.digest[:SHOWN]} is there as {there.operator}")
    known = select(ATTESTATIONS.c.id).where(ATTESTATIONS.c.summary_digest == summary_digest(attestation))
    if connection.execute(known).first() is not None:
        return False
    connection.execute(insert(ATTESTATIONS).values(attestation_row(attestation, datetime.now(UTC))))
    return True


def _known(connection: Connection, digest: str) -> bool:
    """Whether a kernel that is there is revoked.

    Raises:
        RegistryError: it is not there.
    """
    revoked = connection.execute(select(KERNELS.c.revoked).where(KERNELS.c.digest == digest)).scalar()
    if revoked is None:
        raise RegistryError(f"the registry has no kernel {digest[:SHOWN]}")
    return bool(revoked)


def _columns(place: Place) -> dict[str, str]:
    return {"operator": place.operator, "architecture": place.architecture, "channel": place.channel}


def _at(place: Place) -> ColumnElement[bool]:
    return (
        (CHANNELS.c.operator == place.operator)
        & (CHANNELS.c.architecture == place.architecture)
        & (CHANNELS.c.channel == place.channel)
    )
