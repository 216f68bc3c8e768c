"""The events that tell rules (policies, calendars, units, staff), read by an index of their own."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.rows import tuple_row

from application.eventstore.codec import EventMapper
from domain.aggregate import DomainEvent

# The expression is that of the index of migration 0015.
_SELECT: Final = sql.SQL("""
SELECT notification_id, originator_id, originator_version, topic, state FROM log.stored_events
WHERE split_part(topic, '.', 1) IN ({}) AND notification_id > %b AND notification_id <= %b
ORDER BY notification_id
""")
_EVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An event that could not be used, with its error; None: it comes behind such an event."""

    position: int
    stream: UUID
    topic: str
    error: Exception | None


class RuleReader:
    """Tells rules to whoever folds them, in log order, each event once.

    What cannot be used is left out, and so is what comes behind it in its stream: as projections
    do it, so that everybody knows the same rules.
    """

    def __init__(
        self,
        mapper: EventMapper,
        topics: Collection[str],
        take: Callable[[DomainEvent, int], None],
    ) -> None:
        """``topics``: the rules; ``take``: takes in an event and its position, or raises."""
        self._mapper = mapper
        self._topics = frozenset(topics)
        self._take = take
        self._stuck: set[UUID] = set()
        self._until = 0
        kinds = sorted({topic.partition(".")[0] for topic in topics})
        self.select: Final = _SELECT.format(sql.SQL(", ").join(map(sql.Literal, kinds)))

    async def read(self, connection: AsyncConnection[Any], until: int = _EVER) -> list[LeftOut]:
        """Tell what is new in the log up to a position; return what was left out of it."""
        cursor = connection.cursor(row_factory=tuple_row, binary=True)
        await cursor.execute(self.select, [self._until, until])
        told = [self.tell(row) for row in await cursor.fetchall()]
        return [event for event in told if event is not None]

    def tell(self, row: tuple[int, UUID, int, str, bytes]) -> LeftOut | None:
        """Tell an event: its position, stream, version, topic and state; say if it is left out.

        What was told before, perhaps by another who read at the same time, is passed over.
        """
        position, stream, version, topic, state = row
        if position <= self._until:
            return None
        self._until = position
        if topic not in self._topics:
            return None
        if stream in self._stuck:
            return LeftOut(position, stream, topic, None)
        try:
            self._take(self._mapper.decode(stream, version, topic, state), position)
        except Exception as error:  # noqa: BLE001  whatever it is, the other rules hold
            self._stuck.add(stream)
            return LeftOut(position, stream, topic, error)
        return None
