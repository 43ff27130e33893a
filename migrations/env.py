"""How Alembic is run: on the connection and in the locked transaction of app/storage/db/migrations.py."""

from alembic import context

from app.storage.tables.partial_indexes import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    transactional_ddl=False,  # the transaction is that of app/storage/db/migrations.py, with the lock
)
context.run_migrations()
