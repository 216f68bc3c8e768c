"""What a resolver can reach: the caller, the dispatcher, the read models."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from graphql import GraphQLError
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from strawberry.dataloader import DataLoader
from strawberry.types import Info

from api.case_state import PastRows, case_at
from api.graphql.reach import CASES, REACHED, cases_within, within
from api.positions import Positions
from application.desk import EventStore
from application.dispatch import Dispatcher
from application.permissions import Caller, Reach, permitted, reach, scope_text
from domain.errors import NotPermittedError
from projections.paging import Condition
from projections.tables import Table

_SET_SCOPE: LiteralString = "SELECT set_config('redress.scope', %s, true)"
UNAUTHENTICATED: Final = "UNAUTHENTICATED"
FORBIDDEN: Final = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the server."""

    store: EventStore
    dispatcher: Dispatcher
    read_pool: AsyncConnectionPool[Any]
    positions: Positions


@dataclass
class Context:
    """One request."""

    services: Services
    optional_caller: Caller | None
    lang: str = "en"
    idempotency_key: str | None = None
    after_position: int | None = None
    status: int = 200
    """The status of the answer, where a refusal has one of its own."""
    _loaders: dict[str, DataLoader[Any, Any]] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        """Who calls; an error for the client if nobody said who they are."""
        if self.optional_caller is None:
            raise GraphQLError(
                "an API key is needed: send Authorization: Bearer <key>"
                if self.lang == "en"
                else "需要API密钥：请发送 Authorization: Bearer <密钥>",
                extensions={"code": UNAUTHENTICATED},
            )
        return self.optional_caller

    @property
    def event_store(self) -> EventStore:
        """The log itself, for what no read model keeps: the past."""
        return self.services.store

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of business rules."""
        return self.event_store.zone

    def reach(self, operation: str) -> Reach:
        """Return what a read may show to the caller; or refuse."""
        try:
            return reach(self.caller, operation)
        except NotPermittedError as error:
            raise GraphQLError(
                f"the role {error.role} may not read {operation}"
                if self.lang == "en"
                else f"角色{error.role}无权查询{operation}",
                extensions={"code": FORBIDDEN},
            ) from None

    def may(self, operation: str) -> bool:
        """Say whether the caller has a permission at all."""
        return self.optional_caller is not None and permitted(self.optional_caller, operation)

    @property
    def scope(self) -> str:
        """What row-level security lets the caller see."""
        return scope_text(self.optional_caller)

    def within(self, operation: str, table: Table[Any]) -> list[Condition]:
        """Return the conditions that hold for the rows within the caller's reach; or refuse."""
        return within(table, self.reach(operation))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Lend a connection that can only read, and only what the caller may see."""
        async with self.services.read_pool.connection() as connection, connection.transaction():
            await connection.execute(_SET_SCOPE, [self.scope])
            yield connection

    def loader(self, table: Table[Any]) -> DataLoader[Any, Any]:
        """Return this request's loader of rows by key: one query for all that are asked for.

        A row out of the caller's reach is not there.
        """
        if table.name not in self._loaders:

            async def load(keys: list[Any]) -> list[Any]:
                async with self.reading() as connection:
                    rows = await table.fetch(connection, keys)
                if table.name in REACHED:
                    rows = await self._reached(table, rows)
                return [rows.get(key) for key in keys]

            self._loaders[table.name] = DataLoader(load_fn=load)
        return self._loaders[table.name]

    def rows_of(self, table: Table[Any]) -> DataLoader[Any, Any]:
        """Return this request's loader of all rows of a stream, in the order of their keys."""
        name = f"{table.name} of a stream"
        if name not in self._loaders:

            async def load(streams: list[Any]) -> list[Any]:
                async with self.reading() as connection:
                    rows = await table.fetch_streams(connection, streams)
                return [rows[stream] for stream in streams]

            self._loaders[name] = DataLoader(load_fn=load)
        return self._loaders[name]

    async def _reached(self, table: Table[Any], rows: dict[Any, Any]) -> dict[Any, Any]:
        """Leave the rows that the caller reaches, themselves or by their case."""
        reached = REACHED[table.name]
        reach = self.reach(reached.operation)
        if reach.everything:
            return rows
        if reached.case is None:
            return {k: row for k, row in rows.items() if reach.covers(row, reached.belongings)}
        cases = {key: getattr(row, reached.case) for key, row in rows.items()}
        async with self.reading() as connection:
            shown = set(await cases_within(connection, set(cases.values()), CASES, reach))
        return {key: row for key, row in rows.items() if cases[key] in shown}

    async def seen(
        self, table: Table[Any], key: UUID, past: PastRows | None
    ) -> tuple[Any, PastRows | None]:
        """Return a row as it stands; or, beside the rows of a past moment, as it stood then.

        Who may not see it as it stands may not see it as it stood.
        """
        if past is None:
            return await self.loader(table).load(key), None
        reach = self.reach(REACHED[table.name].operation)
        if not reach.everything and await self.loader(table).load(key) is None:
            return None, None
        personal = self.may("personalData")
        then = await case_at(self.event_store, key, past.moment, personal=personal)
        return (None, None) if then is None else (then.row, then.rows)

    async def changed(self, table: Table[Any], key: UUID, position: int) -> Any:
        """Return the row that a command changed, once the read models have seen it."""
        await self.services.positions.wait_for(position)
        self._loaders.clear()  # what was read for an earlier mutation of the request is old
        return await self.loader(table).load(key)


ApiInfo = Info[Context, None]
