"""What SQLite refuses, since version 0001: who goes around this program with SQL is refused, too.

SQLite has no users: whoever may write the file may also drop a trigger. That shows in the schema, and is not what these
are for; they are for mistakes and for programs that know no better.

An INSERT OR REPLACE or UPDATE OR REPLACE deletes without a trigger for deletions, and by any of a table's keys: what is
there under one of them is refused before it, and SQLite's own `rowid` is a key, too. Foreign keys hold only for
connections that ask for them, so triggers say it all again.
"""

from __future__ import annotations

from typing import Final

LEAP: Final = 1_000_000  # as far as a restore goes on; numbers must not come to their end
_KEYS: Final = {
    "registry_attestations": ("id", "summary_digest"),
    "registry_placements": ("id",),
    "registry_cases": ("digest", "rowid"),
    "registry_events": ("number",),
    "registry_kernels": ("digest", "rowid"),
}
_FIXED: Final = tuple(table for table in _KEYS if table != "registry_kernels")


def _refusal(name: str, when: str, table: str, condition: str, message: str) -> str:
    return (
        f"CREATE TRIGGER {name} {when} ON {table} {f'WHEN {condition} ' if condition else ''}"
        f"BEGIN SELECT RAISE(ABORT, 'registry: {message}'); END"
    )


_NOT_SERVABLE: Final = """NOT EXISTS (
    SELECT 1 FROM registry_attestations a WHERE a.id = NEW.attestation AND a.digest = NEW.digest
    AND a.operator = NEW.operator AND a.architecture = NEW.architecture AND a.tier = 'production-safe' AND a.allowed)"""
_NOT_PLACED: Final = """NOT EXISTS (
    SELECT 1 FROM registry_placements p WHERE p.id = NEW.placement AND p.digest = NEW.digest
    AND p.attestation = NEW.attestation AND p.operator = NEW.operator AND p.architecture = NEW.architecture
    AND p.channel = NEW.channel)"""
_REVOKED: Final = "NOT EXISTS (SELECT 1 FROM registry_kernels k WHERE k.digest = NEW.digest AND NOT k.revoked)"

STATEMENTS: Final = (
    *(
        _refusal(f"{table}_{kind.lower()}", f"BEFORE {kind}", table, "", f"{table} is never changed, only added to")
        for table in _FIXED
        for kind in ("UPDATE", "DELETE")
    ),
    *(
        _refusal(
            f"{table}_replace",
            "BEFORE INSERT",
            table,
            " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})" for key in keys),
            f"{table} is never changed, only added to",
        )
        for table, keys in _KEYS.items()
    ),
    _refusal(
        "registry_events_order",
        "AFTER INSERT",
        "registry_events",
        "NEW.number < (SELECT max(number) FROM registry_events)",
        "an event comes after all others",
    ),
    _refusal(
        "registry_events_leap",
        "AFTER INSERT",
        "registry_events",
        f"NEW.number > {LEAP} + coalesce((SELECT max(number) FROM registry_events WHERE number < NEW.number), 0)",
        "an event comes next after the others",
    ),
    _refusal("registry_kernels_delete", "BEFORE DELETE", "registry_kernels", "", "a kernel is never deleted"),
    _refusal(
        "registry_kernels_update",
        "BEFORE UPDATE",
        "registry_kernels",
        "OLD.revoked OR NOT NEW.revoked OR NEW.digest IS NOT OLD.digest OR NEW.operator IS NOT OLD.operator"
        " OR NEW.entry IS NOT OLD.entry OR NEW.source IS NOT OLD.source OR NEW.rowid IS NOT OLD.rowid",
        "of a kernel nothing changes but that it is revoked, for ever",
    ),
    _refusal(
        "registry_kernels_revoke",
        "BEFORE UPDATE",
        "registry_kernels",
        "NEW.revoked AND EXISTS (SELECT 1 FROM registry_channels c WHERE c.digest = OLD.digest)",
        "a channel points to the kernel that is revoked",
    ),
    *(
        _refusal(f"registry_channels_{name}_{kind.lower()}", f"BEFORE {kind}", "registry_channels", condition, message)
        for kind in ("INSERT", "UPDATE")
        for name, condition, message in (  # the last one made speaks first
            ("placement", _NOT_PLACED, "a channel points to a placement of its own"),
            ("evidence", _NOT_SERVABLE, "a channel needs a passing production-safe attestation of its kernel"),
            ("revoked", _REVOKED, "a channel can not point to a revoked kernel"),
        )
    ),
)
