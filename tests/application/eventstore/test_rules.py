"""Rules are read from the log by their index, once, and without what cannot be used."""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.calendars import FoundCalendar, PublishCalendarYear
from application.eventstore.rules import LeftOut, RuleReader
from application.permissions import Caller
from domain.aggregate import DomainEvent
from domain.calendar import OF_CALENDARS, CalendarFacts
from domain.roles import PersonId, Role
from domain.service_levels.calendars import calendar_id
from domain.service_levels.recipients import StaffBook
from domain.service_levels.rules import Rules

ADMIN = Caller("admin", PersonId("admin-1"), Role.ADMINISTRATOR)
TOPICS = [event.TOPIC for event in OF_CALENDARS]


class Told:
    """Notes what a reader tells; refuses the event at one position."""

    def __init__(self, office: Any, refused: int | None = None) -> None:
        self._office = office
        self._refused = refused
        self.heard: list[tuple[str, int]] = []
        self.reader = RuleReader(office.stores[0].mapper, TOPICS, self._take)

    def _take(self, event: DomainEvent, position: int) -> None:
        if position == self._refused:
            raise ValueError("refused")
        self.heard.append((event.TOPIC, position))

    def read(self, *until: int, times: int = 1) -> list[LeftOut]:
        async def read_once() -> list[LeftOut]:
            async with self._office.stores[0].pool.connection() as connection:
                return await self.reader.read(connection, *until)

        async def read_at_once() -> list[LeftOut]:
            found = await asyncio.gather(*(read_once() for _ in range(times)))
            return [left for each in found for left in each]

        left: list[LeftOut] = self._office._runner.run(read_at_once())
        return left


def found(office: Any, code: str) -> UUID:
    office.do(FoundCalendar(facts=CalendarFacts(code, "North", "北方")), ADMIN)
    for year in (2026, 2027):
        office.do(PublishCalendarYear(calendar=code, year=year, days=(), source="notice"), ADMIN)
    return calendar_id(code)


def test_rules_are_told_in_log_order_and_each_of_them_once(office: Any) -> None:
    found(office, "north")
    told = Told(office)

    assert told.read(2) == []
    assert told.heard == list(zip(TOPICS[:2], (1, 2), strict=True))
    assert told.read(times=5) == []
    found(office, "south")
    assert told.read() == []
    assert [position for _, position in told.heard] == [1, 2, 3, 4, 5, 6]


def test_what_cannot_be_used_is_left_out_with_what_comes_behind_it(office: Any) -> None:
    north, _ = found(office, "north"), found(office, "south")
    told = Told(office, refused=2)

    refused, behind = told.read()

    assert (refused.position, refused.stream, refused.topic) == (2, north, TOPICS[1])
    assert str(refused.error) == "refused"
    assert behind == LeftOut(3, north, TOPICS[1], None)
    assert [position for _, position in told.heard] == [1, 4, 5, 6]
    office.do(PublishCalendarYear(calendar="north", year=2028, days=(), source="notice"), ADMIN)
    assert told.read() == [LeftOut(7, north, TOPICS[1], None)]


@pytest.mark.parametrize("topics", [TOPICS, Rules.TOPICS, Rules.TOPICS | StaffBook.TOPICS])
def test_whatever_is_remembered_of_the_log_is_found_by_the_index_of_rules(
    database: str, office: Any, topics: Any
) -> None:
    reader = RuleReader(office.stores[0].mapper, topics, lambda _event, _position: None)
    with psycopg.connect(database) as connection:
        (index,) = connection.execute(
            "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%split_part%'"
        ).fetchone() or ("",)
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(b"EXPLAIN " + reader.select.as_bytes(None), [0, 1], binary=True)
        assert index in "".join(row[0] for row in plan.fetchall())
