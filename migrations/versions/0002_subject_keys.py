"""Keys of data subjects."""

from migrations.sql_files import run_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
