"""The registry in a database: each call one transaction."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from pipeline.errors import RegistryError
from pipeline.registry import changing
from pipeline.registry.changing import SHOWN, Line
from pipeline.registry.contract import (
    Approved,
    Attestation,
    Channel,
    Event,
    EventKind,
    Moved,
    Place,
    Proof,
    Revocation,
    RuntimeKind,
    Serving,
)
from pipeline.registry.opening import Database
from pipeline.registry.rows import (
    PAGE,
    approved_of,
    attestation_of,
    attested,
    event_of,
    events_query,
    newest_of_each,
    served,
)
from pipeline.registry.tables import ATTESTATIONS, CASES, CHANNELS, KERNELS


class SqlRegistry:
    """As `contract.Registry` says."""

    def __init__(self, database: Database) -> None:
        """Takes over the database; `close` gives it back."""
        self._database = database

    def serving(self, operator: str, architecture: str, channel: Channel) -> Approved | None:
        """What the channel serves; never a revoked kernel."""
        query = attested(
            CHANNELS.c.operator == operator,
            CHANNELS.c.architecture == architecture,
            CHANNELS.c.channel == channel,
            CHANNELS.c.digest == ATTESTATIONS.c.digest,
            ATTESTATIONS.c.architecture == architecture,
            KERNELS.c.revoked.is_(False),
        ).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
            return None if row is None else approved_of(row)

    def places(self) -> tuple[Serving, ...]:
        """All that is served, in order of operator, architecture and channel."""
        with self._database.reading() as connection:
            return tuple(served(connection))

    def approved(self, digest: str, architecture: str | None = None) -> Approved | None:
        """That kernel with its newest attestation, for an architecture or for any; revoked ones, too."""
        wanted = [ATTESTATIONS.c.digest == digest]
        if architecture is not None:
            wanted.append(ATTESTATIONS.c.architecture == architecture)
        with self._database.reading() as connection:
            row = connection.execute(attested(*wanted).limit(1)).first()
            return None if row is None else approved_of(row)

    def approvals(self, digest: str) -> tuple[Approved, ...]:
        """That kernel on each architecture, in their order, with its newest attestation there; revoked ones, too."""
        with self._database.reading() as connection:
            rows = connection.execute(attested(ATTESTATIONS.c.digest == digest)).all()
            newest = {row.architecture: row for row in reversed(rows)}
            return tuple(approved_of(newest[architecture]) for architecture in sorted(newest))

    def all_approved(self, *, revoked: bool = False) -> Iterator[Approved]:
        """Each kernel on each architecture with its newest attestation; without revoked ones, or with them."""
        after, full = 0, True
        while full:  # a transaction a page: whoever walks through them may take hours
            with self._database.reading() as connection:
                rows = connection.execute(newest_of_each(after, revoked=revoked)).all()
                approved = list(map(approved_of, rows))
            yield from approved
            after, full = (rows[-1].id, len(rows) == PAGE) if rows else (after, False)

    def digests(self) -> frozenset[str]:
        """Of every kernel, also of those that are known as revoked alone and have no attestation here."""
        with self._database.reading() as connection:
            return frozenset(connection.execute(select(KERNELS.c.digest)).scalars())

    def attestations(self, digest: str, architecture: str, *, limit: int | None = None) -> tuple[Attestation, ...]:
        """What was attested of a kernel on an architecture, the newest first."""
        query = attested(ATTESTATIONS.c.digest == digest, ATTESTATIONS.c.architecture == architecture).limit(limit)
        with self._database.reading() as connection:
            return tuple(map(attestation_of, connection.execute(query)))

    def find(self, beginning: str) -> str:
        """The digest that begins so."""
        query = select(KERNELS.c.digest).where(KERNELS.c.digest.startswith(beginning, autoescape=True)).limit(3)
        with self._database.reading() as connection:
            found = connection.execute(query).scalars().all() if beginning else []
        if len(found) != 1:
            count = {0: "no kernel", 2: "2 kernels"}.get(len(found), "more than 2 kernels")
            verb = "begin" if found else "begins"
            raise RegistryError(f"{count} of the registry {self._database.name} {verb} with '{beginning[:64]}'")
        return str(found[0])

    def is_revoked(self, digest: str) -> bool:
        """Whether that kernel was revoked; False for one that was never promoted."""
        with self._database.reading() as connection:
            return bool(connection.execute(select(KERNELS.c.revoked).where(KERNELS.c.digest == digest)).scalar())

    def promote(self, attestation: Attestation, channel: Channel, *, actor: str, reason: str = "") -> Moved:
        """Stores an attestation, and lets a channel serve its kernel; where it serves that already, it goes on."""
        place = Place(attestation.operator, attestation.architecture, channel)
        with self._database.writing() as connection:
            return changing.promote(connection, attestation, place, actor, reason)

    def promote_stored(
        self, digest: str, architecture: str, channel: Channel, *, actor: str, reason: str = ""
    ) -> Moved:
        """The same with what is stored already, such as a kernel that another channel serves."""
        of = select(KERNELS.c.operator).where(KERNELS.c.digest == digest)
        with self._database.writing() as connection:
            operator = connection.execute(of).scalar()
            if operator is None:
                raise RegistryError(f"the registry {self._database.name} has no kernel {digest[:SHOWN]}")
            return changing.serve(connection, digest, Place(operator, architecture, channel), actor, reason)

    def renew(self, attestation: Attestation, *, actor: str, reason: str = "") -> Event | None:
        """Stores a newer attestation of a kernel that is there; its channels stay. None where it is there already."""
        with self._database.writing() as connection:
            return changing.renew(connection, attestation, actor, reason)

    def rollback(
        self,
        operator: str,
        architecture: str,
        channel: Channel,
        reason: str,
        actor: str,
        *,
        serving: str | None = None,
        case: bytes | None = None,
    ) -> Moved:
        """Lets a channel serve what it served before, past what was revoked since; nothing where there was nothing."""
        place = Place(operator, architecture, channel)
        with self._database.writing() as connection:
            return changing.rollback(connection, place, actor, reason, serving, case)

    def revoke(self, digest: str, reason: str, actor: str, proof: Proof | None = None) -> Revocation:
        """Takes a kernel from every channel, for ever, which serve what they served before it, in one transaction."""
        with self._database.writing() as connection:
            return changing.revoke(connection, digest, actor, reason, proof or Proof())

    def record(
        self,
        kind: RuntimeKind,
        digest: str | None,
        *,
        actor: str,
        reason: str,
        place: Place | None = None,
        run: str | None = None,
        case: bytes | None = None,
    ) -> Event:
        """Adds an event to the log."""
        with self._database.writing() as connection:
            return changing.add_event(connection, Line(kind, digest, actor, reason, place, run=run, case=case))

    def events(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        digest: str | None = None,
        kind: EventKind | None = None,
        newest: bool = False,
        moved: bool = False,
    ) -> tuple[Event, ...]:
        """Events with higher numbers than `after`, in order; with `newest` the last `limit` of them, in order, too."""
        query = events_query(after, limit, digest, kind, newest=newest, moved=moved)
        with self._database.reading() as connection:
            found = [event_of(row) for row in connection.execute(query)]
        return tuple(reversed(found)) if newest else tuple(found)

    def case(self, case_digest: str) -> bytes:
        """The bytes of a case that an event has."""
        with self._database.reading() as connection:
            found = connection.execute(select(CASES.c.bytes).where(CASES.c.digest == case_digest)).scalar()
        if found is None:
            raise RegistryError(f"the registry {self._database.name} has no case {case_digest[:SHOWN]}")
        return bytes(found)

    def close(self) -> None:
        """Gives its connections back."""
        self._database.engine.dispose()
