"""All that a registry has of one kernel."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.registry.contract import Approved, Event, Registry, Serving

EVENTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel as `kernelgate registry show` shows it.

    Attributes:
        approved: One for each architecture, with the newest attestation; empty for a kernel that is known as revoked
            alone, from a registry that a restored one replaced.
        serves: Where it serves.
        events: The newest that are about it, or moved it: another was promoted in its place, or it serves again.
    """

    digest: str
    revoked: bool
    approved: tuple[Approved, ...]
    serves: tuple[Serving, ...]
    events: tuple[Event, ...]


def looked_up(registry: Registry, beginning: str) -> Kernel:
    """Looks a kernel up by its digest or a unique beginning of it.

    Raises:
        RegistryError: there is none, or more than one.
    """
    digest = registry.find(beginning)
    return Kernel(
        digest,
        registry.is_revoked(digest),
        registry.approvals(digest),
        tuple(one for one in registry.places() if one.digest == digest),
        registry.events(digest=digest, limit=EVENTS_SHOWN, newest=True, moved=True),
    )
