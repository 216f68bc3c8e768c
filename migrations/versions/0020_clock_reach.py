"""The clocks of appeals are seen with the appeals, and alerts of clocks are found by position."""

from migrations.sql_files import run_beside

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
