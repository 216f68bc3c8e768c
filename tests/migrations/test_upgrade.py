"""The schema on a database that is not ours, by a user who is no superuser."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from api.database import Database, DatabaseUnusableError, _prepare
from api.embedded_postgres import EmbeddedPostgres
from application.eventstore.subject_keys import MasterKey
from migrations.upgrade import current_revision, newest_revision, upgrade


@pytest.fixture
def tenant(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """A fresh database and a user who may log in and nothing else; (admin's, user's) conninfo."""
    name, user = f"t_{uuid4().hex}", f"u_{uuid4().hex}"
    admin = postgres.conninfo(dbname="postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(user)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield postgres.conninfo(dbname=name), postgres.conninfo(dbname=name, user=user)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(user)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


def allow(admin: str, user: str) -> None:
    """Give what the error's text asks for; the roles may exist already in this cluster."""
    named = sql.Identifier(psycopg.conninfo.conninfo_to_dict(user)["user"] or "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(named))
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                sql.Identifier(connection.info.dbname), named
            )
        )
        for role in ("redress_owner", "redress_writer", "redress_reader"):
            # As PostgreSQL does for whoever creates a role: a member that may not act as it.
            connection.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, SET FALSE, INHERIT FALSE").format(
                    sql.Identifier(role), named
                )
            )


def test_a_user_who_may_create_roles_and_schemas_can_migrate(tenant: tuple[str, str]) -> None:
    admin, user = tenant
    allow(admin, user)

    assert upgrade(user)

    assert current_revision(user) == newest_revision()
    assert not upgrade(user)


def test_a_user_who_may_not_is_told_in_one_line(tenant: tuple[str, str], master: MasterKey) -> None:
    _, user = tenant

    with pytest.raises(DatabaseUnusableError, match="must be allowed to create") as refused:
        _prepare(Database(user, None, master), migrate=True)

    assert "\n" not in str(refused.value)


def test_a_second_master_key_is_refused_before_anything_is_stored(
    database: str, master: MasterKey
) -> None:
    _prepare(Database(database, None, master), migrate=True)

    with pytest.raises(DatabaseUnusableError, match="master key"):
        _prepare(Database(database, None, MasterKey(bytes(32))), migrate=True)
