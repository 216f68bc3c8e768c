"""Subscriptions in the schema: what is told as soon as it happened."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

import strawberry
from psycopg import sql
from strawberry.types import Info

from api.graphql.audit import CaseEntry, entry_type, linked_with, readable
from api.graphql.context import Context
from api.graphql.nodes import as_uuid
from api.graphql.scalars import Long
from api.streaming.fanout import PAGE, Fanout, Followed, Reach
from domain.errors import InvalidValueError, NotFoundError, Rule
from projections.audit import CASE_ENTRIES, CaseEntryRow

_EXISTS: LiteralString = "SELECT FROM read.case_entries WHERE case_id = %s LIMIT 1"
_PAST: Final = sql.SQL("""
SELECT {} FROM read.case_entries
WHERE case_id = ANY(%(ids)s) AND position > %(after)s AND position <= %(until)s
ORDER BY position
LIMIT {}
""").format(sql.SQL(", ").join(map(sql.Identifier, CASE_ENTRIES.columns)), sql.Literal(PAGE))


@dataclass(kw_only=True)
class SubscriberContext(Context):
    """One operation of a stream: it also reaches the fan-out."""

    fanout: Fanout
    last_event: int | None = None
    """The last position that the client was told of, before it lost its connection."""

    def start(self, after: int | None) -> int | None:
        """Return after which position a subscription begins; None: with what comes."""
        if after is not None and after < 0:
            raise InvalidValueError("after", Rule.OUT_OF_RANGE, "0-")
        if after is None:
            after = self.after_position
        if self.last_event is None or after is None:
            return self.last_event if after is None else after
        return max(after, self.last_event)

    def forget(self) -> None:
        """Forget what was read for an earlier message."""
        self._loaders.clear()


SubscriberInfo = Info[SubscriberContext, None]


@dataclass(frozen=True, slots=True)
class _Case(Followed):
    """A case and what it is linked with."""

    context: Context
    root: UUID

    async def reach(self) -> Reach:
        """Look up the links and, in the caller's own scope, which of these there are."""
        async with self.context.reading() as connection:
            keys = [self.root, *await linked_with(connection, self.root, [])]
            visible = frozenset(await readable(self.context, connection, keys))
            exists = await (await connection.execute(_EXISTS, [self.root])).fetchone()
        if self.root not in visible or exists is None:
            raise NotFoundError("case", str(self.root))
        return Reach(frozenset(keys), visible)

    async def past(self, reach: Reach, after: int, until: int) -> list[CaseEntryRow]:
        """Read the next steps in the caller's own scope."""
        asked = {"ids": [*reach.visible], "after": after, "until": until}
        async with self.context.reading() as connection:
            found = await connection.execute(_PAST, asked)
            return [CaseEntryRow(*row) for row in await found.fetchall()]


@strawberry.type
class Subscription:
    """What happens."""

    @strawberry.subscription(
        description="Each step of a case and of what it is linked with, as in caseHistory, once"
        " every question sees it; `after` a position: first what has happened since."
    )
    async def case_changed(
        self, info: SubscriberInfo, case_id: strawberry.ID, after: Long | None = None
    ) -> AsyncGenerator[CaseEntry, None]:
        """Tell of each step."""
        context = info.context
        followed = _Case(context, as_uuid(case_id, field="caseId"))
        async with aclosing(context.fanout.follow(followed, context.start(after))) as rows:
            async for row in rows:
                yield entry_type(row)
