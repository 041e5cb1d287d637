"""What a registry of approved kernels holds and does; whoever serves, exports or verifies again uses this alone.

A kernel is approved for an architecture by an attestation: two envelopes (`pipeline.attestation`) that say
production-safe of its bytes. A channel of an operator and an architecture serves one approved kernel or none. What
happened is in a log that grows and is never changed; it is ordered by number, because clocks jump.

The registry is not what makes a kernel trusted. Whoever writes to the database could write bytes of their own, so who
runs a kernel opens its envelopes with a keyring of its own (`pipeline.attestation.pairs`) and compares the digest of
the source; the other fields of `Approved` are for people and for look-ups.

Nothing heavy is imported here: SQLAlchemy comes when a registry is opened. The types are in `records`, and have their
names here, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pipeline.errors import RegistryUnavailable
from pipeline.registry.records import (
    CASE_CAP_BYTES,
    CHANNELS,
    Approved,
    Attestation,
    Channel,
    Event,
    EventKind,
    Moved,
    Numbers,
    Place,
    Platform,
    Proof,
    Revocation,
    RuntimeKind,
    Serving,
    Timing,
)
from pipeline.reporting import Report

__all__ = [
    "CASE_CAP_BYTES",
    "CHANNELS",
    "Approved",
    "Attestation",
    "Channel",
    "Event",
    "EventKind",
    "Moved",
    "Numbers",
    "Place",
    "Platform",
    "Proof",
    "Registry",
    "Revocation",
    "RuntimeKind",
    "Serving",
    "Timing",
    "open_registry",
]


class Registry(Protocol):
    """A registry that was opened.

    Every call is one transaction: it happened whole, or it raised and nothing happened. Calls from several threads and
    processes are fine; who writes waits for who writes, some seconds at most. Digests are whole (64 digits).

    Raises (every call):
        RegistryUnavailable: it stays locked, is full, or does not answer.
        RegistryError: what was asked for is not there.
    """

    def serving(self, operator: str, architecture: str, channel: Channel) -> Approved | None:
        """What the channel serves; never a revoked kernel."""
        ...

    def places(self) -> tuple[Serving, ...]:
        """All that is served, in order of operator, architecture and channel."""
        ...

    def approved(self, digest: str, architecture: str | None = None) -> Approved | None:
        """That kernel with its newest attestation, for an architecture or for any; revoked ones, too."""
        ...

    def approvals(self, digest: str) -> tuple[Approved, ...]:
        """That kernel on each architecture, in their order, with its newest attestation there; revoked ones, too."""
        ...

    def all_approved(self, *, revoked: bool = False) -> Iterator[Approved]:
        """Each kernel on each architecture with its newest attestation; without revoked ones, or with them."""
        ...

    def digests(self) -> frozenset[str]:
        """Of every kernel, also of those that are known as revoked alone and have no attestation here."""
        ...

    def is_revoked(self, digest: str) -> bool:
        """Whether that kernel was revoked; False for one that was never promoted."""
        ...

    def attestations(self, digest: str, architecture: str, *, limit: int | None = None) -> tuple[Attestation, ...]:
        """What was attested of a kernel on an architecture, the newest first: machines differ in their drivers.

        Args:
            limit: So many at most; None: all of it.
        """
        ...

    def find(self, beginning: str) -> str:
        """The digest that begins so.

        Raises:
            RegistryError: none does, or more than one.
        """
        ...

    def promote(self, attestation: Attestation, channel: Channel, *, actor: str, reason: str = "") -> Moved:
        """Stores an attestation, and lets a channel serve its kernel; where it serves that already, it goes on.

        `event` is None where nothing was new; 'verified-again' where only the attestation was.

        Raises:
            PromotionDenied: the attestation does not say production-safe, or the kernel is revoked.
        """
        ...

    def promote_stored(
        self, digest: str, architecture: str, channel: Channel, *, actor: str, reason: str = ""
    ) -> Moved:
        """The same with what is stored already, such as a kernel that another channel serves.

        Raises:
            PromotionDenied: the kernel is revoked.
            RegistryError: there is no such kernel on that architecture.
        """
        ...

    def renew(self, attestation: Attestation, *, actor: str, reason: str = "") -> Event | None:
        """Stores a newer attestation of a kernel that is there; its channels stay. None where it is there already.

        Raises:
            PromotionDenied: it does not say production-safe, or the kernel is revoked.
            RegistryError: there is no such kernel.
        """
        ...

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
        """Lets a channel serve what it served before, past what was revoked since; nothing where there was nothing.

        Args:
            serving: Only where it still serves this kernel; otherwise nothing happens, and `event` is None. Of several
                processes that see one kernel fail, one rolls it back.
            case: What shows it, at most `CASE_CAP_BYTES`.

        Raises:
            RegistryError: it serves nothing.
        """
        ...

    def revoke(self, digest: str, reason: str, actor: str, proof: Proof | None = None) -> Revocation:
        """Takes a kernel from every channel, for ever, which serve what they served before it, in one transaction.

        Raises:
            RegistryError: there is no such kernel, or it is revoked already.
        """
        ...

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
        """Adds an event to the log.

        Args:
            case: A replayable case, as a run folder stores one, at most `CASE_CAP_BYTES`; stored once, however often.
        """
        ...

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
        """Events with higher numbers than `after`, in order; with `newest` the last `limit` of them, in order, too.

        Args:
            digest: Only those about this kernel; with `moved` those, too, in which a channel took or left it because of
                another one, which no index finds: for people who ask.
        """
        ...

    def case(self, case_digest: str) -> bytes:
        """The bytes of a case that an event has.

        Raises:
            RegistryError: there is none.
        """
        ...

    def close(self) -> None:
        """Gives its connections back."""
        ...


def open_registry(url: str, report: Report | None = None) -> Registry:
    """Opens a registry that is there.

    Args:
        url: A path, `sqlite:///PATH` or `postgresql://…`.
        report: Hears what is waited for, where that is longer than two seconds; called from a thread of its own.

    Raises:
        RegistryError: there is none, it is of another version, or is something else.
        RegistryUnavailable: it does not answer, or a package of the extra `registry` is missing.
    """
    try:
        from pipeline.registry.opening import opened
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "pipeline":
            raise
        raise RegistryUnavailable(
            f"a registry needs the package '{error.name}': pip install 'kernelgate[registry]'"
        ) from None
    return opened(url, report)
