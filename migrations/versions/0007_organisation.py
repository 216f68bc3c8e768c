"""Read models of units, staff and appointments."""

from migrations.sql_files import run_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
