"""What Postgres refuses, since version 0001: who goes around this program with SQL is refused, too.

Whoever owns the tables may drop a trigger. A team that wants more gives its programs a role that does not own them:
docs/how-to/promote-a-kernel.md has the grants.

What must hold between two tables while two sessions write is held by foreign keys (`registry_channels`), which no
isolation level gets around; triggers say it in words.
"""

from __future__ import annotations

from typing import Final

LEAP: Final = 1_000_000  # as far as a restore goes on; numbers must not come to their end
_FIXED: Final = ("registry_attestations", "registry_placements", "registry_cases", "registry_events")


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN {body} END $body$"


def _trigger(name: str, when: str, table: str, function: str, each: str = "ROW") -> str:
    return f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"


STATEMENTS: Final = (
    _function(
        "registry_refuse_change", "RAISE EXCEPTION 'registry: % is never changed, only added to', TG_TABLE_NAME;"
    ),
    *(_trigger(f"{table}_change", "BEFORE UPDATE OR DELETE", table, "registry_refuse_change") for table in _FIXED),
    *(
        _trigger(f"{table}_truncate", "BEFORE TRUNCATE", table, "registry_refuse_change", "STATEMENT")
        for table in (*_FIXED, "registry_kernels")
    ),
    _function(
        "registry_refuse_order",
        "IF NEW.number < (SELECT max(number) FROM registry_events) THEN"
        " RAISE EXCEPTION 'registry: an event comes after all others'; END IF;"
        f" IF NEW.number > {LEAP} + (SELECT coalesce(max(number), 0) FROM registry_events) THEN"
        " RAISE EXCEPTION 'registry: an event comes next after the others'; END IF; RETURN NEW;",
    ),
    _trigger("registry_events_order", "BEFORE INSERT", "registry_events", "registry_refuse_order"),
    _function(
        "registry_refuse_kernel",
        """
        IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'registry: a kernel is never deleted'; END IF;
        IF OLD.revoked OR NOT NEW.revoked OR (NEW.digest, NEW.operator, NEW.entry, NEW.source)
            IS DISTINCT FROM (OLD.digest, OLD.operator, OLD.entry, OLD.source) THEN
            RAISE EXCEPTION 'registry: of a kernel nothing changes but that it is revoked, for ever';
        END IF;
        IF EXISTS (SELECT 1 FROM registry_channels c WHERE c.digest = OLD.digest) THEN
            RAISE EXCEPTION 'registry: a channel points to the kernel that is revoked';
        END IF;
        RETURN NEW;
        """,
    ),
    _trigger("registry_kernels_change", "BEFORE UPDATE OR DELETE", "registry_kernels", "registry_refuse_kernel"),
    _function(
        "registry_refuse_channel",
        """
        IF NOT EXISTS (SELECT 1 FROM registry_attestations a WHERE a.id = NEW.attestation AND a.digest = NEW.digest
            AND a.operator = NEW.operator AND a.architecture = NEW.architecture
            AND a.tier = 'production-safe' AND a.allowed) THEN
            RAISE EXCEPTION 'registry: a channel needs a passing production-safe attestation of its kernel';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM registry_kernels k WHERE k.digest = NEW.digest AND NOT k.revoked) THEN
            RAISE EXCEPTION 'registry: a channel can not point to a revoked kernel';
        END IF;
        RETURN NEW;
        """,
    ),
    _trigger("registry_channels_servable", "BEFORE INSERT OR UPDATE", "registry_channels", "registry_refuse_channel"),
)
