"""Subscriptions in the schema: what is told as soon as it happened."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

import strawberry
from strawberry.types import Info

from api.graphql.audit import CaseEntry, _entry
from api.graphql.context import Context
from api.graphql.nodes import as_uuid
from api.graphql.scalars import Long
from api.streaming.fanout import PAGE, Fanout, Followed, Reach
from domain.errors import InvalidValueError, NotFoundError, Rule
from projections.audit import CASE_ENTRIES, CaseEntryRow

_BELONGING: LiteralString = """
SELECT id, min(since) FROM (
    SELECT %(case)s::uuid AS id, 0 AS since
    UNION ALL SELECT to_id, position FROM read.case_links WHERE from_id = %(case)s
    UNION ALL SELECT from_id, position FROM read.case_links WHERE to_id = %(case)s
) AS belonging
GROUP BY id
"""
_VISIBLE: LiteralString = """
SELECT id FROM unnest(%(ids)s) AS belonging (id)
WHERE EXISTS (SELECT FROM read.case_entries WHERE case_id = id)
AND (
    %(partner)s::text IS NULL
    OR EXISTS (SELECT FROM read.complaints AS c WHERE c.id = belonging.id AND partner = %(partner)s)
    OR EXISTS (SELECT FROM read.shipments AS s WHERE s.id = belonging.id AND partner = %(partner)s)
)
"""
_PAST: Final[LiteralString] = """
FROM unnest(%(ids)s, %(since)s) AS belonging (id, since)
JOIN read.case_entries ON case_id = id AND position >= since
WHERE position > %(after)s AND position <= %(until)s
ORDER BY position
LIMIT %(page)s
"""
_SELECT_PAST: Final = f"SELECT {', '.join(CASE_ENTRIES.columns)} {_PAST}"


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
    """A case and what it is linked with, each from the event on that made the link."""

    context: Context
    root: UUID

    async def reach(self) -> Reach:
        """Look up the links and, in the caller's own scope, who of these there is."""
        partner = self.context.partner_scope("caseHistory")
        async with self.context.reading() as connection:
            belonging = await connection.execute(_BELONGING, {"case": self.root})
            since = dict(await belonging.fetchall())
            seen = await connection.execute(_VISIBLE, {"ids": [*since], "partner": partner})
            visible = frozenset(row[0] for row in await seen.fetchall())
        if self.root not in visible:
            raise NotFoundError("case", str(self.root))
        return Reach(since, visible)

    async def past(self, reach: Reach, after: int, until: int) -> list[CaseEntryRow]:
        """Read the next steps in the caller's own scope."""
        visible = [key for key in reach.since if key in reach.visible]
        asked = {
            "ids": visible,
            "since": [reach.since[key] for key in visible],
            "after": after,
            "until": until,
            "page": PAGE,
        }
        async with self.context.reading() as connection:
            found = await connection.execute(_SELECT_PAST, asked)
            return [CaseEntryRow(*row) for row in await found.fetchall()]


@strawberry.type
class Subscription:
    """What happens."""

    @strawberry.subscription(
        description="Each step of a case and of what it is linked with, once every question sees"
        " it; `after` a position: first what has happened since. Steps before a link was made are"
        " in caseHistory."
    )
    async def case_changed(
        self, info: SubscriberInfo, case_id: strawberry.ID, after: Long | None = None
    ) -> AsyncGenerator[CaseEntry, None]:
        """Tell of each step."""
        context = info.context
        followed = _Case(context, as_uuid(case_id, field="caseId"))
        async for row in context.fanout.follow(followed, context.start(after)):
            yield _entry(row)
