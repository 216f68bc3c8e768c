"""Scopes, rotation and last use of API keys; sessions."""

from migrations.sql_files import run_beside

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
