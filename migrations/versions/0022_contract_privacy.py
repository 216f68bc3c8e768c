"""Service-level policies are contracts: partners are shown their own, and that of everybody."""

from migrations.sql_files import run_beside

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
