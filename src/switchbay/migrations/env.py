"""Alembic's entry point: runs the migrations on the connection that the caller opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, render_as_batch=False, transaction_per_migration=False)
context.run_migrations()
