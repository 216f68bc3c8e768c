"""Appeals: their numbers and their read model."""

from migrations.sql_files import run_beside

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
