"""The clocks of cases: read models, and what the timers keep."""

from migrations.sql_files import run_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
