"""The whole life of a complaint in its read model."""

from migrations.sql_files import run_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
