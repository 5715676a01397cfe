"""What Alembic runs: the migrations on the connection that `ledger_schema.upgrade` hands over, in its transaction."""

from alembic import context

from resources.ledger_schema import VERSION_TABLE
from resources.ledger_tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
