"""Words by which complaints are found."""

from migrations.sql_files import run_beside

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
