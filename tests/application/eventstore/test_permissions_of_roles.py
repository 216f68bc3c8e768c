"""What the three roles of the database may not do, whatever the program asks for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from api.bootstrap import as_role

Connect = Callable[[str], psycopg.Connection[Any]]

_APPEND: LiteralString = """
SELECT last_position FROM log.append(ARRAY[gen_random_uuid()], ARRAY['\\x00'::bytea],
    ARRAY['\\x01'::bytea], ARRAY[1], ARRAY[1], ARRAY[gen_random_uuid()], ARRAY[1::bigint],
    ARRAY['t'], ARRAY['\\x7b7d'::bytea])
"""
_KEEP: LiteralString = """
SELECT keys.keep(ARRAY[gen_random_uuid()], ARRAY[1], ARRAY['m'], ARRAY['\\x00'::bytea])
"""


@pytest.fixture
def connect(database: str) -> Iterator[Connect]:
    """Connect in a role to a database with one event, one idempotency row and one key."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_APPEND)
        connection.execute(_KEEP)
    with ExitStack() as stack:
        yield lambda role: stack.enter_context(
            psycopg.connect(as_role(database, role), autocommit=True)
        )


WRITER_MUST_NOT: list[LiteralString] = [
    "INSERT INTO log.stored_events VALUES (gen_random_uuid(), 1, 't', '', 9, now())",
    "UPDATE log.stored_events SET state = ''",
    "UPDATE log.stored_events SET recorded_at = now()",
    "DELETE FROM log.stored_events",
    "TRUNCATE log.stored_events",
    "LOCK TABLE log.stored_events IN EXCLUSIVE MODE",
    "LOCK TABLE log.stored_events IN ROW EXCLUSIVE MODE",
    "ALTER TABLE log.stored_events DISABLE TRIGGER ALL",
    "DROP TABLE log.stored_events",
    "CREATE TABLE log.other ()",
    "UPDATE log.snapshots SET state = ''",
    "INSERT INTO process.idempotency VALUES (gen_random_uuid(), '', '', 1, now())",
    "UPDATE process.idempotency SET result = ''",
    "UPDATE process.idempotency SET request_hash = ''",
    "TRUNCATE process.idempotency",
    "INSERT INTO keys.subject_keys VALUES (gen_random_uuid(), 1, 'm', '')",
    "UPDATE keys.subject_keys SET wrapped = ''",
    "DELETE FROM keys.subject_keys",
    (
        "INSERT INTO ops.api_keys VALUES"
        " (gen_random_uuid(), 'p', 'd', 'administrator', 'h', NULL, NULL, now(), NULL)"
    ),
    "UPDATE ops.api_keys SET revoked_at = NULL",
    "DELETE FROM ops.api_keys",
    "ALTER FUNCTION log.append SET lock_timeout = '0'",
]
READER_MUST_NOT: list[LiteralString] = [
    "SELECT state FROM log.stored_events",
    "SELECT state FROM log.snapshots",
    "SELECT wrapped FROM keys.subject_keys",
    "SELECT result FROM process.idempotency",
    "SELECT digest FROM ops.api_keys",
    "DELETE FROM process.idempotency",
    "UPDATE ops.projection_positions SET position = 0",
    "INSERT INTO ops.projection_positions VALUES ('p', 1)",
    "DELETE FROM ops.parked_events",
    "SELECT nextval('process.complaint_numbers')",
    "CREATE TABLE read.other ()",
    _APPEND,
    _KEEP,
]


def refused(connection: psycopg.Connection[Any], statement: LiteralString) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except InsufficientPrivilege:
        return True
    return False


def allowed(connection: psycopg.Connection[Any], statements: list[LiteralString]) -> list[str]:
    return [statement for statement in statements if not refused(connection, statement)]


def test_the_writer_changes_nothing_but_through_the_two_functions(connect: Connect) -> None:
    assert allowed(connect("redress_writer"), WRITER_MUST_NOT) == []


def test_the_reader_changes_nothing_and_reads_neither_log_nor_keys(connect: Connect) -> None:
    assert allowed(connect("redress_reader"), READER_MUST_NOT) == []


def test_the_writer_appends_reads_and_keeps_keys(connect: Connect) -> None:
    writer = connect("redress_writer")
    assert writer.execute(_APPEND).fetchone() == (1,)
    assert writer.execute(_KEEP).fetchone() == (1,)
    for table, rows in (
        ("log.stored_events", 2),
        ("process.idempotency", 2),
        ("keys.subject_keys", 2),
    ):
        found = writer.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert found == (rows,)


def test_the_writer_drops_idempotency_rows_that_are_old(connect: Connect) -> None:
    cursor = connect("redress_writer").execute("DELETE FROM process.idempotency")
    assert cursor.rowcount == 1


def test_nobody_else_may_append(connect: Connect, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for function in ("log.append", "keys.keep"):
            row = connection.execute(
                "SELECT proacl::text FROM pg_proc WHERE oid = %s::regproc", [function]
            ).fetchone()
            assert row is not None
            granted = {entry.split("=")[0] for entry in row[0].strip("{}").split(",")}
            assert granted == {"redress_owner", "redress_writer"}  # "" would be everybody
    assert refused(connect("redress_reader"), _APPEND)


def test_roles_do_not_log_in(connect: Connect) -> None:
    row = connect("redress_reader").execute(
        "SELECT count(*), bool_or(rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole)"
        " FROM pg_roles WHERE rolname LIKE 'redress\\_%'"
    )
    assert row.fetchone() == (3, False)


def test_every_definer_function_has_a_search_path_of_its_own(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT oid::regprocedure::text, proconfig FROM pg_proc WHERE prosecdef"
            " AND pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
    assert len(rows) >= 3
    for name, config in rows:
        paths = [entry for entry in config or [] if entry.startswith("search_path=")]
        assert paths, name
