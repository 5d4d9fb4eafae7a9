"""Alembic's entry: migrations always run on a connection that Attune hands in."""

from alembic import context
from sqlmodel import SQLModel

import service.db.tables  # noqa: F401  # so that the metadata knows every table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
