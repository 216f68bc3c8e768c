"""API keys."""

from migrations.sql_files import run_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
