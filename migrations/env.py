"""Alembic's entry: one transaction per migration, on the connection that ``upgrade`` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="applied",
    version_table_schema="migrations",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
