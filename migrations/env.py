"""How Alembic is run: on the connection, in the locked transaction, that app/storage/schema.py hands over."""

from alembic import context

from app.storage.partial_indexes import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=context.config.attributes["connection"].dialect.name == "sqlite",
    transactional_ddl=False,  # the transaction is schema.py's, with the lock
)
context.run_migrations()
