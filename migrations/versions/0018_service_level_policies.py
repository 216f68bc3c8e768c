"""Read models of the service-level policies."""

from migrations.sql_files import run_beside

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
