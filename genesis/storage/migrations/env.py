"""What Alembic runs: the migrations, on the connection and in the transaction that `genesis.storage.schema` has opened."""

from __future__ import annotations

from alembic import context

from genesis.storage.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
