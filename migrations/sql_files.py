"""Run the plain SQL file that stands beside a migration."""

from pathlib import Path
from typing import Any

from alembic import op


def run_beside(module_file: str) -> None:
    """Run the SQL file of the same name, as it is, in the migration's transaction."""
    sql = Path(module_file).with_suffix(".sql").read_text("utf-8")
    # The driver's own connection: SQLAlchemy would take % for a placeholder.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute("SET LOCAL lock_timeout = '5s'")
    connection.execute(sql)
