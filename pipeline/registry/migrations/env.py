"""What Alembic runs: the migrations, on the connection that the caller has begun a transaction on."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    target_metadata=None,
)
context.run_migrations()
