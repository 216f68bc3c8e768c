"""The event log and its only door."""

from migrations.sql_files import run_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
