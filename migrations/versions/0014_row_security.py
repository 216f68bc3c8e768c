"""Row-level security on all read models."""

from migrations.sql_files import run_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
