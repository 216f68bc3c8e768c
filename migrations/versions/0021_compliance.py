"""Row-level security of clocks by the kind of their case."""

from migrations.sql_files import run_beside

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
