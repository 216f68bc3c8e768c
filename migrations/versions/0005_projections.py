"""Positions of read models and parked events."""

from migrations.sql_files import run_beside

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
