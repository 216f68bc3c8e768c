"""Compensation that is asked for, and the service levels of contracts, at complaints."""

from migrations.sql_files import run_beside

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
