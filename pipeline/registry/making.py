"""Makes a registry, or brings one to this version's schema: Alembic's migrations in one transaction.

A file is made readable for its owner's group and others as the umask says, and written in WAL from then on.
"""

from __future__ import annotations

from enum import StrEnum

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from pipeline.errors import RegistryError
from pipeline.registry.faults import faults_in_words
from pipeline.registry.opening import Database, database_at, version_of
from pipeline.registry.tables import SCHEMA, VERSION_TABLE
from pipeline.reporting import Report


class Made(StrEnum):
    """What became of a registry."""

    MADE = "made"
    UPGRADED = "upgraded"
    UNCHANGED = "there already"


def make_registry(url: str, report: Report | None = None) -> Made:
    """Makes a registry where there is none, and upgrades one of an earlier version; `report` hears what is waited for.

    Raises:
        RegistryError: it is of a newer version, or the place can't hold one.
        RegistryUnavailable: the database does not answer, or can't be written.
    """
    database = database_at(url, makes=True, report=report)
    try:
        return _make(database)
    finally:
        database.engine.dispose()


def _make(database: Database) -> Made:
    if database.path is not None:
        if not database.path.absolute().parent.is_dir():
            raise RegistryError(f"the folder of the registry {database.name} is not there")
        with faults_in_words(database.name), database.waiting(), database.engine.connect() as connection:
            # outside a transaction, which `begin` would open
            connection.connection.driver_connection.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]
    with database.writing(lasts=True) as connection:
        before = version_of(connection)
        if before == SCHEMA:
            return Made.UNCHANGED
        config = Config()
        config.set_main_option("script_location", "pipeline.registry:migrations")
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise RegistryError(
                f"the registry {database.name} has the schema version {before}, this kernelgate uses {SCHEMA} "
                f"({error}): a newer kernelgate is needed"
            ) from None
        return Made.MADE if before is None else Made.UPGRADED
