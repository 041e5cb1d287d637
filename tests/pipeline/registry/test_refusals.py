"""What the database itself refuses, said to it in SQL by somebody who goes around this program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from signed_runs import variant
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from pipeline.errors import RegistryUnavailable
from pipeline.registry.contract import Attestation, Registry, open_registry
from pipeline.registry.opening import database_at

ME = "somebody"
ROLES = ("kernelgate_runtime", "kernelgate_promoter")


@pytest.fixture
def engine(where: str) -> Iterator[Engine]:
    """The database without anything of ours between: in SQLite without foreign keys, too, as in its shell."""
    url = database_at(where).engine.url if "://" in where else f"sqlite:///{where}"
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def two(registry: Registry, attested: Attestation) -> tuple[Attestation, Attestation]:
    """One that serves, and a revoked one."""
    bad = variant(attested, 1)
    registry.promote(bad, "canary", actor=ME)
    registry.revoke(bad.digest, "wrong", ME)
    registry.promote(attested, "stable", actor=ME)
    registry.record("mismatch", attested.digest, actor=ME, reason="why", case=b"case")
    return attested, bad


def ids(connection: Connection, digest: str) -> dict[str, object]:
    attestation = connection.execute(
        text("SELECT id FROM registry_attestations WHERE digest = :digest"), {"digest": digest}
    ).scalar()
    placement = connection.execute(
        text("SELECT id FROM registry_placements WHERE digest = :digest"), {"digest": digest}
    ).scalar()
    return {"digest": digest, "attestation": attestation, "placement": placement}


POINT = (
    "INSERT INTO registry_channels (operator, architecture, channel, placement, digest, attestation, tier, allowed,"
    " revoked) VALUES ('relu', 'sm_90', 'canary', :placement, :digest, :attestation, 'production-safe', true, false)"
)
COPIED = (
    "architecture, run, candidate, key_id, policy, policy_digest, operator_digest, evidence_digest, device, cuda,"
    " driver, torch, triton, numbers, signed_at, stored_at, test_result, summary"
)
REPOINT = "UPDATE registry_channels SET digest = :digest, attestation = :attestation, placement = :placement"


def refused(engine: Engine, statement: str, about: str, **values: object) -> str:
    """What the database says to it."""
    with pytest.raises(DBAPIError) as raised, engine.begin() as connection:
        connection.execute(text(statement), ids(connection, about) | values)
    return str(raised.value.orig)


def test_a_channel_can_not_point_to_a_revoked_kernel(
    engine: Engine, registry: Registry, two: tuple[Attestation, Attestation]
) -> None:
    right, bad = two
    for statement in (POINT, REPOINT):
        assert "registry: a channel can not point to a revoked kernel" in refused(engine, statement, bad.digest)
    found = registry.serving("relu", "sm_90", "stable")
    assert found is not None
    assert found.digest == right.digest


def test_a_kernel_that_serves_can_not_be_revoked_beside_its_channels(
    engine: Engine, two: tuple[Attestation, Attestation]
) -> None:
    said = refused(engine, "UPDATE registry_kernels SET revoked = true WHERE digest = :digest", two[0].digest)
    assert "registry: a channel points to the kernel that is revoked" in said


def test_a_revoked_kernel_stays_revoked_and_as_it_is(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    for change in ("SET revoked = false", "SET source = 'x'", "SET operator = 'gelu'"):
        said = refused(engine, f"UPDATE registry_kernels {change} WHERE digest = :digest", two[1].digest)
        assert "registry: of a kernel nothing changes but that it is revoked" in said
    said = refused(engine, "DELETE FROM registry_kernels WHERE digest = :digest", two[1].digest)
    assert "registry: a kernel is never deleted" in said


def test_a_channel_needs_a_passing_production_attestation(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    """An attestation row that says less, or is another operator's, made with SQL like the rest."""
    for number, less in enumerate(({"tier": "functional"}, {"allowed": False}, {"operator": "gelu"})):
        digest = str(number) * 64
        attest(engine, digest, {"tier": "production-safe", "allowed": True, "operator": "relu"} | less)
        for statement in (POINT, REPOINT):
            said = refused(engine, statement, digest)
            assert "registry: a channel needs a passing production-safe attestation" in said, less


def attest(engine: Engine, digest: str, facts: dict[str, object]) -> None:
    """Makes a kernel with an attestation and a placement."""
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO registry_kernels VALUES (:digest, :operator, 'relu', 'x', false)"),
            {"digest": digest, "operator": facts["operator"]},
        )
        connection.execute(
            text(
                f"INSERT INTO registry_attestations ({COPIED}, digest, operator, tier, allowed, summary_digest)"
                f" SELECT {COPIED}, :digest, :operator, :tier, :allowed, :digest"
                " FROM registry_attestations LIMIT 1"
            ),
            facts | {"digest": digest},
        )
        connection.execute(
            text(
                "INSERT INTO registry_placements (operator, architecture, channel, digest, attestation, placed_at)"
                " SELECT 'relu', 'sm_90', 'canary', digest, id, stored_at FROM registry_attestations"
                " WHERE digest = :digest"
            ),
            {"digest": digest},
        )


def test_a_channel_without_any_attestation_is_refused(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    said = refused(engine, POINT, two[0].digest, attestation=999)
    assert "registry: a channel needs a passing production-safe attestation" in said


TABLES = ("registry_events", "registry_attestations", "registry_placements", "registry_cases")
SAME = {"registry_events": "reason = reason", "registry_cases": "digest = digest"}


def test_what_is_only_added_to_is_neither_changed_nor_deleted(
    engine: Engine, two: tuple[Attestation, Attestation]
) -> None:
    for table in TABLES:
        said = f"registry: {table} is never changed, only added to"
        assert said in refused(engine, f"DELETE FROM {table}", two[0].digest)
        assert said in refused(engine, f"UPDATE {table} SET {SAME.get(table, 'digest = digest')}", two[0].digest)


@pytest.mark.postgres
@pytest.mark.parametrize("where", ["postgres"], indirect=True)
def test_postgres_truncates_nothing(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    for table in (*TABLES, "registry_kernels"):
        said = refused(engine, f"TRUNCATE {table} CASCADE", two[0].digest)
        assert "is never changed, only added to" in said


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
def test_sqlite_replaces_nothing(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    """INSERT OR REPLACE deletes without a trigger for deletions; recursive triggers are off by default."""
    for table in (*TABLES, "registry_kernels"):
        said = refused(engine, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}", two[0].digest)
        assert f"registry: {table} is never changed, only added to" in said


KERNEL = "INTO registry_kernels (rowid, digest, operator, entry, source, revoked) "


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"INSERT OR REPLACE {KERNEL} SELECT rowid, '{'f' * 64}', 'relu', 'relu', 'x', false"
         " FROM registry_kernels WHERE revoked",
         "registry_kernels is never changed"),
        ("UPDATE OR REPLACE registry_kernels SET revoked = true, rowid = (SELECT rowid FROM registry_kernels"
         " WHERE revoked) WHERE NOT revoked AND digest NOT IN (SELECT digest FROM registry_channels)",
         "of a kernel nothing changes"),
        ("INSERT OR REPLACE INTO registry_cases (rowid, digest, bytes) SELECT rowid, 'd', 'x' FROM registry_cases",
         "registry_cases is never changed"),
        (f"INSERT OR REPLACE INTO registry_attestations ({COPIED}, digest, operator, tier, allowed, summary_digest)"
         f" SELECT {COPIED}, digest, operator, tier, allowed, summary_digest FROM registry_attestations",
         "registry_attestations is never changed"),
    ],
)  # fmt: skip
def test_sqlite_replaces_nothing_by_another_key(
    engine: Engine, registry: Registry, attested: Attestation, two: tuple[Attestation, Attestation],
    statement: str, said: str,
) -> None:  # fmt: skip
    """A revoked kernel that was replaced by its rowid could be put back as one that is not revoked."""
    spare = variant(attested, 7)
    registry.promote(spare, "canary", actor=ME)
    registry.rollback("relu", "sm_90", "canary", "", ME)
    assert said in refused(engine, statement, two[0].digest)
    assert registry.is_revoked(two[1].digest)


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
def test_sqlite_s_channel_points_to_a_placement_of_its_own(
    engine: Engine, two: tuple[Attestation, Attestation]
) -> None:
    statement = "UPDATE registry_channels SET placement = 999"
    assert "registry: a channel points to a placement of its own" in refused(engine, statement, two[0].digest)


def test_a_placement_comes_after_the_one_before_it(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    statement = (
        "INSERT INTO registry_placements (id, operator, architecture, channel, digest, attestation, previous,"
        " placed_at) SELECT 50, operator, architecture, channel, digest, attestation, 50, placed_at"
        " FROM registry_placements WHERE digest = :digest"
    )
    assert "registry_placement_order" in refused(engine, statement, two[0].digest)


@pytest.mark.parametrize("where", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bent", ["previous = 50, id = 50", "previous = 999"])
def test_a_chain_that_was_bent_keeps_nobody_from_revoking(
    engine: Engine, registry: Registry, two: tuple[Attestation, Attestation], bent: str
) -> None:
    """By whoever owns the file: it holds for a damaged one, too."""
    right, _ = two
    with engine.begin() as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text("DROP TRIGGER registry_placements_update"))
        connection.execute(text(f"UPDATE registry_placements SET {bent} WHERE digest = :digest"),
                           {"digest": right.digest})  # fmt: skip
        connection.execute(text("DROP TRIGGER registry_channels_placement_update"))
        connection.execute(text("UPDATE registry_channels SET placement = (SELECT id FROM registry_placements"
                                " WHERE digest = :digest)"), {"digest": right.digest})  # fmt: skip
    (moved,) = registry.revoke(right.digest, "wrong", ME).moved
    assert moved.now is None


def test_the_numbers_of_events_do_not_come_to_their_end(
    engine: Engine, registry: Registry, two: tuple[Attestation, Attestation]
) -> None:
    statement = (
        "INSERT INTO registry_events (number, at, actor, kind, reason)"
        " SELECT 9223372036854775807, at, 'x', 'exported', '' FROM registry_events LIMIT 1"
    )
    assert "registry: an event comes next after the others" in refused(engine, statement, two[0].digest)
    assert registry.revoke(two[0].digest, "wrong", ME).moved


def test_an_event_can_not_be_put_before_others(engine: Engine, two: tuple[Attestation, Attestation]) -> None:
    statement = (
        "INSERT INTO registry_events (number, at, actor, kind, reason)"
        " SELECT :number, at, 'x', 'promoted', '' FROM registry_events LIMIT 1"
    )
    assert "registry: an event comes after all others" in refused(engine, statement, two[0].digest, number=-7)


def test_what_is_right_in_sql_is_taken(
    engine: Engine, registry: Registry, two: tuple[Attestation, Attestation]
) -> None:
    """The same statements with nothing wrong: these are rules, and no lock on the tables."""
    registry.promote_stored(two[0].digest, "sm_90", "canary", actor=ME)
    registry.rollback("relu", "sm_90", "canary", "", ME)
    with engine.begin() as connection:
        values = ids(connection, two[0].digest)
        values["placement"] = connection.execute(
            text("SELECT id FROM registry_placements WHERE digest = :digest AND channel = 'canary'"), values
        ).scalar()
        connection.execute(text(POINT), values)
        connection.execute(text("INSERT INTO registry_events (at, actor, kind, reason) SELECT at, 'x', 'exported', ''"
                                " FROM registry_events LIMIT 1"))  # fmt: skip
    found = registry.serving("relu", "sm_90", "canary")
    assert found is not None
    assert found.digest == two[0].digest
    assert registry.events(newest=True, limit=1)[0].actor == "x"
    assert registry.revoke(two[0].digest, "wrong", ME).moved


@pytest.mark.postgres
@pytest.mark.parametrize("where", ["postgres"], indirect=True)
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_two_sessions_of_postgres_can_not_revoke_and_promote_past_each_other(
    engine: Engine, registry: Registry, two: tuple[Attestation, Attestation], level: str
) -> None:
    """Neither sees the other's change; a foreign key does."""
    registry.promote_stored(two[0].digest, "sm_90", "canary", actor=ME)
    for channel in ("canary", "stable"):
        registry.rollback("relu", "sm_90", channel, "", ME)  # type: ignore[arg-type]
    isolated = engine.execution_options(isolation_level=level)
    with closing(isolated.connect()) as one, closing(isolated.connect()) as other:
        values = ids(other, two[0].digest)
        values["placement"] = other.execute(
            text("SELECT id FROM registry_placements WHERE digest = :digest AND channel = 'canary'"), values
        ).scalar()
        one.execute(text("UPDATE registry_kernels SET revoked = true WHERE digest = :digest"), values)
        other.execute(text("SET LOCAL lock_timeout = '300ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            other.execute(text(POINT), values)
        other.rollback()
        other.execute(text("SELECT 1"))
        one.commit()
        with pytest.raises(DBAPIError, match=r"revoked kernel|foreign key|serialize"):
            other.execute(text(POINT), values)


def test_the_migrations_make_the_tables_that_queries_see(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from pipeline.registry.tables import METADATA, SCHEMA, VERSION_TABLE

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == SCHEMA
    assert ScriptDirectory("pipeline/registry/migrations").get_current_head() == SCHEMA


GUIDE = Path(__file__).parents[3] / "docs/how-to/promote-a-kernel.md"


@pytest.mark.postgres
@pytest.mark.parametrize("where", ["postgres"], indirect=True)
def test_the_roles_of_the_guide_can_do_what_they_are_for_and_no_more(
    where: str, registry: Registry, attested: Attestation
) -> None:
    later = variant(attested, 1)
    with psycopg.connect(where, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS kernelgate_promoter, kernelgate_runtime")
        for block in re.findall(r"```text\n(.*?)```", GUIDE.read_text(), re.DOTALL):
            owner.execute(block)
    as_role = {name: where.replace("user=kernelgate", f"user={name}") for name in ROLES}
    with closing(open_registry(as_role["kernelgate_promoter"])) as promoter:
        for one in (attested, later):
            promoter.promote(one, "stable", actor=ME)
        with (
            psycopg.connect(as_role["kernelgate_promoter"]) as raw,
            pytest.raises(psycopg.Error, match="must be owner of table registry_events"),
        ):
            raw.execute("ALTER TABLE registry_events DISABLE TRIGGER ALL")
    with closing(open_registry(as_role["kernelgate_runtime"])) as runtime:
        runtime.record("mismatch", later.digest, actor=ME, reason="", case=b"case")
        assert runtime.rollback("relu", "sm_90", "stable", "", ME, serving=later.digest).now == attested.digest
        for forbidden in (
            lambda: runtime.promote(variant(attested, 2), "stable", actor=ME),
            lambda: runtime.revoke(attested.digest, "", ME),
        ):
            with pytest.raises(RegistryUnavailable, match=r"can't be written by this user .*permission denied"):
                forbidden()
        found = runtime.serving("relu", "sm_90", "stable")
        assert found is not None
        assert found.digest == attested.digest
        with (
            psycopg.connect(as_role["kernelgate_runtime"]) as raw,
            pytest.raises(psycopg.Error, match="permission denied for table registry_events"),
        ):
            raw.execute("INSERT INTO registry_events (number, at, actor, kind, reason)"
                        " SELECT max(number) + 9, now(), 'x', 'exported', '' FROM registry_events")  # fmt: skip
    with closing(open_registry(as_role["kernelgate_promoter"])) as promoter:
        assert promoter.revoke(attested.digest, "wrong", ME).moved[0].now is None
    with psycopg.connect(where, autocommit=True) as owner:
        owner.execute("DROP OWNED BY kernelgate_promoter, kernelgate_runtime")
        owner.execute("DROP ROLE kernelgate_promoter, kernelgate_runtime")
