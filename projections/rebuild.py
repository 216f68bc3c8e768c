"""Build a read model anew beside the live one, then swap: readers never see a half-built model."""

from collections.abc import Callable
from time import sleep
from typing import Any, Final, LiteralString

from psycopg import Connection, errors, sql

from projections.engine import (
    LIVE_SCHEMAS,
    PROJECTED_CHANNEL,
    Feed,
    Opener,
    Projection,
    Projector,
    search_path,
)
from projections.tables import Table

_SHADOW_SCHEMA: Final = "rebuild"
_BATCH_EVENTS: Final = 2000
_LOCK_CLASS: Final = 1_651_861_612
_SWAP_LOCK_TIMEOUT: LiteralString = "SET LOCAL lock_timeout = '10s'"
# Shorter than the time after which PostgreSQL looks for deadlocks: readers who lock the same tables
# in another order are let through, never chosen as victims.
_READERS_LOCK_TIMEOUT: LiteralString = "SET LOCAL lock_timeout = '200ms'"
_READERS_TRIES: Final = 50
_READERS_PAUSE_SECONDS: Final = 0.1
_MAX_POSITION: LiteralString = "SELECT coalesce(max(notification_id), 0) FROM log.stored_events"
_INDEXES: LiteralString = """
SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisprimary
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = %s::regclass
    AND (i.indisprimary OR pg_get_indexdef(i.indexrelid, 1, TRUE) IS NOT DISTINCT FROM %s) = %s
"""
# What guards the rows of tables: also policies of other tables that ask these. Written out by
# PostgreSQL with all schemas, because no live one is in the search path.
_SECURITY: LiteralString = """
SELECT DISTINCT p.polrelid::regclass::text, p.polname::text,
    concat_ws(' ',
        format('CREATE POLICY %%I ON %%s', p.polname, p.polrelid::regclass),
        'AS ' || CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'
            WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
        'TO ' || (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ')
            FROM unnest(p.polroles) AS r),
        'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
FROM pg_policy AS p
    JOIN pg_depend AS d ON d.classid = 'pg_policy'::regclass AND d.objid = p.oid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY(%s::regclass[])
ORDER BY 1, 2
"""


class RebuildRunningError(Exception):
    """Somebody else rebuilds the same read model."""


def rebuild(
    connection: Connection[Any],
    projection: Projection,
    feed: Feed,
    opener: Opener,
    *,
    on_progress: Callable[[int, int], None] = lambda _position, _last: None,
) -> int:
    """Rebuild one read model from the whole log while the live one serves; return its position.

    ``connection``: autocommit, as ``redress_owner``. Progress is reported as (position, last).
    """
    name, shadow = projection.name, f"{_SHADOW_SCHEMA}:{projection.name}"
    if not _one(connection, "SELECT pg_try_advisory_lock(%s, hashtext(%s))", _LOCK_CLASS, name):
        raise RebuildRunningError(name)
    try:
        with connection.transaction():
            _drop_shadow(connection, projection, shadow)
            _create_shadow(connection, projection)
        connection.execute(search_path([_SHADOW_SCHEMA]))
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET enable_seqscan = off")  # as use_live_tables does, and why
        projector = Projector(connection, feed, opener, batch_events=_BATCH_EVENTS)
        last = _one(connection, _MAX_POSITION)
        while reached := projector.advance(projection, tracked_as=shadow):
            on_progress(reached, max(reached, last))
        return _swap(connection, projection, shadow, projector)
    finally:
        _drop_shadow(connection, projection, shadow)
        connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_LOCK_CLASS, name])
        connection.execute("RESET enable_seqscan")
        connection.execute(search_path(LIVE_SCHEMAS))


def _drop_shadow(connection: Connection[Any], projection: Projection, shadow: str) -> None:
    """Remove what this rebuild, or one that was killed, left."""
    for table in projection.tables:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_shadow(table)))
    connection.execute("DELETE FROM ops.projection_positions WHERE projection = %s", [shadow])
    connection.execute("DELETE FROM ops.parked_events WHERE projection = %s", [shadow])


def _create_shadow(connection: Connection[Any], projection: Projection) -> None:
    for table in projection.tables:
        connection.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING INDEXES)").format(
                _shadow(table), _live(table)
            )
        )
        _create_indexes(connection, table, for_filling=True)


def _create_indexes(connection: Connection[Any], table: Table[Any], *, for_filling: bool) -> None:
    """Give the shadow the indexes of the live table, under the same names.

    Filling needs the primary key and, where rows are loaded by their stream, what begins with it;
    the others are built faster when everything is there.
    """
    live = f"{table.schema}.{table.name}"
    rows = connection.execute(_INDEXES, [live, table.stream, for_filling]).fetchall()
    for name, definition, is_constraint in rows:
        shadowed = definition.replace(f" ON {live} ", f" ON {_SHADOW_SCHEMA}.{table.name} ", 1)
        connection.execute(shadowed)
        if is_constraint:
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD PRIMARY KEY USING INDEX {}").format(
                    _shadow(table), sql.Identifier(name)
                )
            )


def _swap(
    connection: Connection[Any], projection: Projection, shadow: str, projector: Projector
) -> int:
    """Stop the live projector at its position's row, catch up, and change places."""
    name = projection.name
    for table in projection.tables:
        _create_indexes(connection, table, for_filling=False)
        connection.execute(sql.SQL("ANALYZE {}").format(_shadow(table)))
    with connection.transaction():
        connection.execute(_SWAP_LOCK_TIMEOUT)
        connection.execute(
            "INSERT INTO ops.projection_positions (projection, position) VALUES (%s, 0)"
            " ON CONFLICT DO NOTHING",
            [name],
        )
        live = _one(
            connection,
            "SELECT position FROM ops.projection_positions WHERE projection = %s FOR UPDATE",
            name,
        )
        while projector.advance(projection, tracked_as=shadow):
            pass
        reached = _one(
            connection,
            "SELECT coalesce((SELECT position FROM ops.projection_positions"
            " WHERE projection = %s), 0)",
            shadow,
        )
        assert reached >= live  # positions only ever grow, and the live one stands still
        policies = _lock_out_readers(connection, projection)
        for guarded, policy, _ in policies:
            connection.execute(
                sql.SQL("DROP POLICY {} ON {}").format(
                    sql.Identifier(policy), sql.Identifier(*guarded.split("."))
                )
            )
        for table in projection.tables:
            connection.execute(sql.SQL("DROP TABLE {}").format(_live(table)))
            connection.execute(
                sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(
                    _shadow(table), sql.Identifier(table.schema)
                )
            )
            _grant(connection, table)
        for _, _, definition in policies:
            connection.execute(definition)
        connection.execute("DELETE FROM ops.parked_events WHERE projection = %s", [name])
        connection.execute(
            "UPDATE ops.parked_events SET projection = %s WHERE projection = %s", [name, shadow]
        )
        connection.execute(
            "UPDATE ops.projection_positions SET position = %s, moved_at = clock_timestamp()"
            " WHERE projection = %s",
            [reached, name],
        )
        connection.execute("SELECT pg_notify(%s, %s)", [PROJECTED_CHANNEL, f"{name} {reached}"])
    return int(reached)


def _lock_out_readers(
    connection: Connection[Any], projection: Projection
) -> list[tuple[str, str, LiteralString]]:
    """Take all live tables for the rest of the transaction, and those whose policies ask them.

    Returns these policies: table, name, definition.
    """
    live = [f"{table.schema}.{table.name}" for table in projection.tables]
    policies = connection.execute(_SECURITY, [live]).fetchall()
    names = sorted({*live, *(guarded for guarded, _, _ in policies)})
    tables = sql.SQL(", ").join(sql.Identifier(*name.split(".")) for name in names)
    for tries_left in reversed(range(_READERS_TRIES)):
        try:
            with connection.transaction():
                connection.execute(_READERS_LOCK_TIMEOUT)
                connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
            break
        except errors.LockNotAvailable:
            if not tries_left:
                raise
            sleep(_READERS_PAUSE_SECONDS)
    return policies


def _grant(connection: Connection[Any], table: Table[Any]) -> None:
    live = _live(table)
    connection.execute(
        sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").format(live)
    )
    connection.execute(
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO redress_writer").format(live)
    )
    connection.execute(sql.SQL("GRANT SELECT ON {} TO redress_reader").format(live))


def _live(table: Table[Any]) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)


def _shadow(table: Table[Any]) -> sql.Identifier:
    return sql.Identifier(_SHADOW_SCHEMA, table.name)


def _one(connection: Connection[Any], statement: LiteralString, *parameters: Any) -> Any:
    row = connection.execute(statement, parameters).fetchone()
    assert row is not None
    return row[0]
