"""What SQLite refuses, since version 0001: who goes around this program with SQL is refused, too.

SQLite has no users: whoever may write the file may also drop a trigger. That shows in the schema, and is not what these
are for; they are for mistakes and for programs that know no better.

An INSERT OR REPLACE deletes without a trigger for deletions, so a number or digest that is there is refused before
it. Foreign keys hold only for connections that ask for them, so triggers say it all again.
"""

from __future__ import annotations

from typing import Final

_KEYS: Final = {
    "registry_attestations": "id",
    "registry_placements": "id",
    "registry_cases": "digest",
    "registry_events": "number",
    "registry_kernels": "digest",
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
            f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})",
            f"{table} is never changed, only added to",
        )
        for table, key in _KEYS.items()
    ),
    _refusal(
        "registry_events_order",
        "AFTER INSERT",
        "registry_events",
        "NEW.number < (SELECT max(number) FROM registry_events)",
        "an event comes after all others",
    ),
    _refusal("registry_kernels_delete", "BEFORE DELETE", "registry_kernels", "", "a kernel is never deleted"),
    _refusal(
        "registry_kernels_update",
        "BEFORE UPDATE",
        "registry_kernels",
        "OLD.revoked OR NOT NEW.revoked OR NEW.digest IS NOT OLD.digest OR NEW.operator IS NOT OLD.operator"
        " OR NEW.entry IS NOT OLD.entry OR NEW.source IS NOT OLD.source",
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
        for name, condition, message in (
            ("evidence", _NOT_SERVABLE, "a channel needs a passing production-safe attestation of its kernel"),
            ("revoked", _REVOKED, "a channel can not point to a revoked kernel"),
        )
    ),
)
