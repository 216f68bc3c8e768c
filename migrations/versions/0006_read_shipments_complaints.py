"""Read models of shipments, complaints, ratings and histories."""

from migrations.sql_files import run_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
