"""The tables, as queries see them; `migrations` makes them, with what the database itself refuses.

Kernels, attestations, placements, cases and events are only ever added to; of a kernel one column changes, once:
`revoked`. `registry_channels` alone is changed: it points to the placement that serves. A placement names the one
before it, so what a channel served is a chain that a rollback walks back.

Names begin with `registry_`, so that a team can have them beside Prefect's in one database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA: Final = "0001"
VERSION_TABLE: Final = "registry_version"
METADATA: Final = MetaData()
NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up integers alone


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC; SQLite has no time zones and keeps it without."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As the database keeps it."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As it was."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


KERNELS: Final = Table(
    "registry_kernels",
    METADATA,
    _text("digest", primary_key=True),
    _text("operator"),
    _text("entry"),
    Column("source", LargeBinary, nullable=False),
    Column("revoked", Boolean, nullable=False),
    UniqueConstraint("digest", "revoked", name="registry_kernel_state"),
    CheckConstraint("length(digest) = 64", name="registry_kernel_digest"),
)
ATTESTATIONS: Final = Table(
    "registry_attestations",
    METADATA,
    Column("id", NUMBER, Identity(), primary_key=True),
    Column("digest", Text, ForeignKey(KERNELS.c.digest), nullable=False),
    *map(_text, ("operator", "architecture", "tier")),
    Column("allowed", Boolean, nullable=False),
    *map(_text, ("run", "candidate", "key_id", "policy", "policy_digest", "operator_digest", "evidence_digest")),
    *map(_text, ("device", "cuda", "driver", "torch", "triton")),
    Column("image", Text),
    _text("numbers"),
    Column("signed_at", UtcTime, nullable=False),
    Column("stored_at", UtcTime, nullable=False),
    _text("summary_digest"),
    Column("test_result", LargeBinary, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    UniqueConstraint("summary_digest", name="registry_attestation_once"),
    UniqueConstraint("id", "digest", "operator", "architecture", "tier", "allowed", name="registry_attestation_facts"),
    Index("registry_attestations_of", "digest", "architecture", "id"),
    sqlite_autoincrement=True,
)
PLACEMENTS: Final = Table(
    "registry_placements",
    METADATA,
    Column("id", NUMBER, Identity(), primary_key=True),
    *map(_text, ("operator", "architecture", "channel")),
    Column("digest", Text, ForeignKey(KERNELS.c.digest), nullable=False),
    Column("attestation", NUMBER, ForeignKey(ATTESTATIONS.c.id), nullable=False),
    Column("previous", NUMBER, ForeignKey("registry_placements.id")),
    Column("placed_at", UtcTime, nullable=False),
    UniqueConstraint(
        "id", "operator", "architecture", "channel", "digest", "attestation", name="registry_placement_facts"
    ),
    CheckConstraint("channel IN ('canary', 'stable')", name="registry_placement_channel"),
    CheckConstraint("previous < id", name="registry_placement_order"),
    sqlite_autoincrement=True,
)
CHANNELS: Final = Table(
    "registry_channels",
    METADATA,
    *(_text(name, primary_key=True) for name in ("operator", "architecture", "channel")),
    Column("placement", NUMBER, nullable=False),
    _text("digest"),
    Column("attestation", NUMBER, nullable=False),
    # constants that let foreign keys say what a channel may point to, free of races at every isolation level
    _text("tier"),
    Column("allowed", Boolean, nullable=False),
    Column("revoked", Boolean, nullable=False),
    CheckConstraint("tier = 'production-safe' AND allowed AND NOT revoked", name="registry_channel_serves"),
    ForeignKeyConstraint(
        ["placement", "operator", "architecture", "channel", "digest", "attestation"],
        [PLACEMENTS.c[name] for name in ("id", "operator", "architecture", "channel", "digest", "attestation")],
        name="registry_channel_placement",
    ),
    ForeignKeyConstraint(
        ["attestation", "digest", "operator", "architecture", "tier", "allowed"],
        [ATTESTATIONS.c[name] for name in ("id", "digest", "operator", "architecture", "tier", "allowed")],
        name="registry_channel_attestation",
    ),
    ForeignKeyConstraint(["digest", "revoked"], [KERNELS.c.digest, KERNELS.c.revoked], name="registry_channel_revoked"),
    Index("registry_channels_of", "digest"),
)
CASES: Final = Table(
    "registry_cases", METADATA, _text("digest", primary_key=True), Column("bytes", LargeBinary, nullable=False)
)
EVENTS: Final = Table(
    "registry_events",
    METADATA,
    Column("number", NUMBER, Identity(), primary_key=True),
    Column("at", UtcTime, nullable=False),
    *map(_text, ("actor", "kind")),
    *(Column(name, Text) for name in ("digest", "operator", "architecture", "channel")),
    _text("reason"),
    *(Column(name, Text) for name in ("replaced", "serves", "run")),
    Column("case_digest", Text, ForeignKey(CASES.c.digest)),
    Index("registry_events_of", "digest", "number"),
    sqlite_autoincrement=True,
)
TABLES: Final = (KERNELS, ATTESTATIONS, PLACEMENTS, CHANNELS, CASES, EVENTS)
