"""Ratings with what they are grouped by."""

from migrations.sql_files import run_beside

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
