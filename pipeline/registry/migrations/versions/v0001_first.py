"""The first version: tables, and what the database refuses."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.registry.migrations import first_postgres, first_sqlite

revision = "0001"
down_revision = None
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes everything."""
    _kernels()
    _attestations()
    _channels()
    _events()
    refusals = first_sqlite if op.get_bind().dialect.name == "sqlite" else first_postgres
    for statement in refusals.STATEMENTS:
        op.execute(sa.text(statement))


def _texts(*names: str, key: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False, primary_key=key) for name in names]


def _kernels() -> None:
    op.create_table(
        "registry_kernels",
        *_texts("digest", key=True),
        *_texts("operator", "entry"),
        sa.Column("source", sa.LargeBinary, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.UniqueConstraint("digest", "revoked", name="registry_kernel_state"),
        sa.CheckConstraint("length(digest) = 64", name="registry_kernel_digest"),
    )


def _attestations() -> None:
    op.create_table(
        "registry_attestations",
        sa.Column("id", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("digest", sa.Text, sa.ForeignKey("registry_kernels.digest"), nullable=False),
        *_texts("operator", "architecture", "tier"),
        sa.Column("allowed", sa.Boolean, nullable=False),
        *_texts("run", "candidate", "key_id", "policy", "policy_digest", "operator_digest", "evidence_digest"),
        *_texts("device", "cuda", "driver", "torch", "triton"),
        sa.Column("image", sa.Text),
        *_texts("numbers"),
        sa.Column("signed_at", TIME, nullable=False),
        sa.Column("stored_at", TIME, nullable=False),
        *_texts("summary_digest"),
        sa.Column("test_result", sa.LargeBinary, nullable=False),
        sa.Column("summary", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("summary_digest", name="registry_attestation_once"),
        sa.UniqueConstraint(
            "id", "digest", "operator", "architecture", "tier", "allowed", name="registry_attestation_facts"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("registry_attestations_of", "registry_attestations", ["digest", "architecture", "id"])


def _channels() -> None:
    place = ["operator", "architecture", "channel"]
    op.create_table(
        "registry_placements",
        sa.Column("id", NUMBER, sa.Identity(), primary_key=True),
        *_texts(*place),
        sa.Column("digest", sa.Text, sa.ForeignKey("registry_kernels.digest"), nullable=False),
        sa.Column("attestation", NUMBER, sa.ForeignKey("registry_attestations.id"), nullable=False),
        sa.Column("previous", NUMBER, sa.ForeignKey("registry_placements.id")),
        sa.Column("placed_at", TIME, nullable=False),
        sa.UniqueConstraint("id", *place, "digest", "attestation", name="registry_placement_facts"),
        sa.CheckConstraint("channel IN ('canary', 'stable')", name="registry_placement_channel"),
        sa.CheckConstraint("previous < id", name="registry_placement_order"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "registry_channels",
        *_texts(*place, key=True),
        sa.Column("placement", NUMBER, nullable=False),
        *_texts("digest"),
        sa.Column("attestation", NUMBER, nullable=False),
        *_texts("tier"),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.CheckConstraint("tier = 'production-safe' AND allowed AND NOT revoked", name="registry_channel_serves"),
        _reference("placement", ["placement", *place, "digest", "attestation"], "registry_placements"),
        _reference(
            "attestation",
            ["attestation", "digest", "operator", "architecture", "tier", "allowed"],
            "registry_attestations",
        ),
        sa.ForeignKeyConstraint(
            ["digest", "revoked"],
            ["registry_kernels.digest", "registry_kernels.revoked"],
            name="registry_channel_revoked",
        ),
    )
    op.create_index("registry_channels_of", "registry_channels", ["digest"])


def _reference(name: str, columns: list[str], table: str) -> sa.ForeignKeyConstraint:
    targets = [f"{table}.{'id' if column == name else column}" for column in columns]
    return sa.ForeignKeyConstraint(columns, targets, name=f"registry_channel_{name}")


def _events() -> None:
    op.create_table("registry_cases", *_texts("digest", key=True), sa.Column("bytes", sa.LargeBinary, nullable=False))
    op.create_table(
        "registry_events",
        sa.Column("number", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("at", TIME, nullable=False),
        *_texts("actor", "kind"),
        *(sa.Column(name, sa.Text) for name in ("digest", "operator", "architecture", "channel")),
        *_texts("reason"),
        *(sa.Column(name, sa.Text) for name in ("replaced", "serves", "run")),
        sa.Column("case_digest", sa.Text, sa.ForeignKey("registry_cases.digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("registry_events_of", "registry_events", ["digest", "number"])
