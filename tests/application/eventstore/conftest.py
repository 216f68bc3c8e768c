"""Fixtures of the event store's tests; the proxy loses replies of the database on purpose."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.bootstrap import as_role
from domain.metadata import Metadata, Source, SourceKind
from domain.roles import PersonId, Role


@pytest.fixture
def writer_conninfo(database: str) -> str:
    """The connection string of a fresh database in the writer's role."""
    return as_role(database, "redress_writer")


@pytest.fixture
def meta() -> Metadata:
    """Somebody did something at noon."""
    return Metadata(
        occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        actor=PersonId("desk-1"),
        role=Role.FRONT_DESK,
        correlation=UUID(int=7),
        source=Source(SourceKind.API),
    )


@pytest.fixture
def rewrite_append(database: str) -> Callable[[dict[str, str]], None]:
    """Replace parts of ``log.append`` in the test's own database: what a safeguard prevents."""

    def rewrite(changes: dict[str, str]) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            row = connection.execute("SELECT pg_get_functiondef('log.append'::regproc)").fetchone()
            assert row is not None
            definition: str = row[0]
            for old, new in changes.items():
                assert definition.count(old) == 1, f"log.append has no longer: {old}"
                definition = definition.replace(old, new)
            connection.execute(sql.SQL(definition))

    return rewrite


class Proxy:
    """Stands between a client and the database and loses what it is told to lose.

    ``plan`` is asked before each append is forwarded, with its ordinal from 1 on. "pass" forwards
    everything; "cut" forwards the request, waits until the database has answered, hence committed,
    and cuts the connection without the reply; "tear" does the same after half of the reply;
    "refuse" cuts before the request is forwarded; "freeze" keeps the reply for ever.
    ``plan_other`` is asked in the same way about every other statement.
    """

    def __init__(self, server: str, plan: Callable[[int], str]) -> None:
        self.plan = plan
        self.plan_other: Callable[[int], str] = lambda _: "pass"
        self.appends = 0
        self.others = 0
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        server, forth = await asyncio.open_unix_connection(self._server)
        try:
            await self._serve(client, back, server, forth)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            forth.close()
            back.close()
            self._tasks.discard(task)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> None:
        size = await client.readexactly(4)
        forth.write(size + await client.readexactly(int.from_bytes(size) - 4))
        await self._pass_reply(server, back)
        names: set[bytes] = set()
        request, kind = b"", ""
        while True:
            head = await client.readexactly(5)
            body = await client.readexactly(int.from_bytes(head[1:]) - 4)
            request += head + body
            if head[:1] == b"P" and b"log.append" in body:
                names.add(body.split(b"\0")[0])
            elif head[:1] == b"B":
                kind = "append" if body.split(b"\0")[1] in names else "other"
            elif head[:1] in b"SQX":
                action = self._decide(kind)
                if action == "refuse":
                    return
                forth.write(request)
                request, kind = b"", ""
                if action == "pass":
                    await self._pass_reply(server, back)
                    continue
                reply = await self._reply(server)
                if action == "freeze":
                    await client.read()  # until the client hangs up
                elif action == "tear":
                    back.write(reply[: len(reply) // 2])
                    await back.drain()
                return

    def _decide(self, kind: str) -> str:
        if kind == "append":
            self.appends += 1
            return self.plan(self.appends)
        if kind == "other":
            self.others += 1
            return self.plan_other(self.others)
        return "pass"

    async def _pass_reply(self, server: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        back.write(await self._reply(server))
        await back.drain()

    async def _reply(self, server: asyncio.StreamReader) -> bytes:
        """Read up to ReadyForQuery, which follows the COMMIT."""
        reply = b""
        while True:
            head = await server.readexactly(5)
            body = await server.readexactly(int.from_bytes(head[1:]) - 4)
            reply += head + body
            if head[:1] == b"Z":
                return reply


Proxied = Callable[[str, Callable[[int], str]], AbstractAsyncContextManager[tuple[str, Proxy]]]


@pytest.fixture
def proxied() -> Proxied:
    """Open a proxy before a database; gives the connection string that leads through it."""

    @asynccontextmanager
    async def open_proxy(
        conninfo: str, plan: Callable[[int], str]
    ) -> AsyncIterator[tuple[str, Proxy]]:
        parts = conninfo_to_dict(conninfo)
        # The proxy runs as the tests' user, who is not always the server's.
        parts.pop("requirepeer", None)
        name = f".s.PGSQL.{parts['port']}"
        proxy = Proxy(str(Path(str(parts["host"]), name)), plan)
        with tempfile.TemporaryDirectory(prefix="proxy-", dir="/tmp") as folder:
            listening = await asyncio.start_unix_server(proxy.serve, Path(folder, name))
            try:
                yield make_conninfo("", **{**parts, "host": folder}), proxy
            finally:
                listening.close()
                await proxy.stop()
                with suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        await listening.wait_closed()

    return open_proxy
