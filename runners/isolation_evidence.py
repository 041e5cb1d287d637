"""In what a candidate was run, as evidence."""

from __future__ import annotations

from runners.record import Record


class LimitEvidence(Record):
    """One limit of the sandbox as observed from inside, or one layer besides.

    Attributes:
        name: Which limit or layer.
        holds: Whether it was seen to hold.
        observed: What was seen, in words.
    """

    name: str
    holds: bool
    observed: str


class IsolationEvidence(Record):
    """In what the candidate was run, each limit proven from inside.

    Attributes:
        isolation: Kind of sandbox.
        engine: The container engine and its version.
        runtime: The runtime under it.
        image: Digest or name of the runner image.
        limits: Each limit that was tried from inside.
        layers: What only some machines have besides limits: a kernel of its own, a user namespace, AppArmor, a
            rootless engine. Evidence from before they were looked at has none.
    """

    isolation: str
    engine: str
    runtime: str
    image: str
    limits: tuple[LimitEvidence, ...]
    layers: tuple[LimitEvidence, ...] = ()
