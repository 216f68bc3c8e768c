"""Calendars in the schema: which days people work, and by which notice."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import Row, answers, listed, many, reads, relation, text_in
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, expression, in_text
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import global_id
from api.graphql.refusals import result_union
from api.graphql.scalars import Lang, Long, label
from application.calendars import CorrectCalendar, FoundCalendar, PublishCalendarYear
from domain.calendar import CalendarFacts
from domain.service_levels.calendars import DayKind, SpecialDay, YearState
from projections.calendars import (
    CALENDAR_DAYS,
    CALENDAR_YEARS,
    CALENDARS,
    CalendarDayRow,
    CalendarRow,
    CalendarYearRow,
)
from projections.paging import Condition, Listing, Order, Window


@strawberry.type(description="A year of a calendar: how sure its days are, and by which notice.")
class CalendarYear:
    """A year."""

    year: int
    state: YearState
    source: str

    @strawberry.field
    def state_label(self, lang: Lang = Lang.EN) -> str:
        """Name the state."""
        return label(self.state, lang)


@strawberry.type(description="A day that differs from its weekday, or has a name.")
class CalendarDay:
    """A special day."""

    row: strawberry.Private[CalendarDayRow]
    day: date
    kind: DayKind
    works: bool

    @strawberry.field
    def kind_label(self, lang: Lang = Lang.EN) -> str:
        """Name the kind."""
        return label(self.kind, lang)

    @strawberry.field(description="What the day is called in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.row.name_zh if lang is Lang.ZH else self.row.name_en


@strawberry.type(
    description="Which days people work. What a calendar extends (base) says what it does not say"
    " itself; weekend: weekdays, Monday is 0."
)
class Calendar:
    """A calendar."""

    row: strawberry.Private[CalendarRow]
    id: strawberry.ID
    code: str
    base: str | None
    weekend: list[int]
    needs_notices: bool
    version: int

    @strawberry.field(description="The calendar's name in a language.")
    def name(self, lang: Lang = Lang.EN) -> str:
        """Return the name."""
        return self.row.name_zh if lang is Lang.ZH else self.row.name_en

    @strawberry.field(description="The years that it knows itself.")
    async def years(self, info: ApiInfo) -> list[CalendarYear]:
        """Return the years in order."""
        rows: list[CalendarYearRow] = await info.context.rows_of(CALENDAR_YEARS).load(self.row.id)
        return [copied(CalendarYear, row, state=YearState(row.state)) for row in rows]

    @strawberry.field(description="The special days of a year that it names itself.")
    async def days(self, info: ApiInfo, year: int) -> list[CalendarDay]:
        """Return the days in order."""
        conditions = [
            Condition("calendar", "=", self.row.id),
            Condition("year", "=", year),
            Condition("in_force", "is", value=True),
        ]
        listing = Listing(CALENDAR_DAYS, conditions, Order("day"), Window())
        async with info.context.reading() as connection:
            rows = await listing.all(connection)
        return [
            CalendarDay(
                row=row, day=date.fromisoformat(row.day), kind=DayKind(row.kind), works=row.works
            )
            for row in rows
        ]


async def _calendars(context: Context) -> list[Calendar]:
    context.reach("calendars")
    async with context.reading() as connection:
        rows = await Listing(CALENDARS, [], Order("code"), Window()).all(connection)
    by_code = {row.code: row for row in rows}
    return [
        copied(
            Calendar,
            row,
            row=row,
            id=global_id("Calendar", row.id),
            weekend=[int(weekday) for weekday in row.weekend.split()],
            version=_version_of(row, by_code),
        )
        for row in rows
    ]


def _version_of(row: CalendarRow, by_code: Mapping[str, CalendarRow]) -> int:
    """Return the version: a calendar changes with the one that it extends."""
    base = None if row.base is None else by_code.get(row.base)
    return row.revision + (0 if base is None else _version_of(base, by_code))


# The same as SQL


def _version(row: Row, _selected: Selected, _planning: Any) -> Json:
    return expression(
        "(WITH RECURSIVE chain AS ("
        f"SELECT {row['base']} AS base, {row['revision']} AS revision"
        " UNION ALL SELECT c.base, c.revision FROM read.calendars AS c, chain"
        " WHERE c.code = chain.base) SELECT sum(revision)::int4::text FROM chain)"
    )


def _weekend(row: Row, _selected: Selected, _planning: Any) -> Json:
    return expression(f"'[' || replace({row['weekend']}, ' ', ',') || ']'")


def _day(row: Row, _selected: Selected, _planning: Any) -> Json:
    return in_text(row["day"], required=True)


def _days(row: Row, selected: Selected, planning: Any) -> Json:
    given = planning.given(selected)
    target = planning.row(CALENDAR_DAYS)
    found = planning.object("CalendarDay", target, selected.sets)

    def of_year(binding: Any) -> str:
        return str(binding.parameter(given.values(binding)["year"], "int8"))

    conditions = f"{target['calendar']} = {row['id']} AND {target['in_force']}"
    source = f"{target.source(relation(CALENDAR_DAYS))} WHERE {conditions} AND {target['year']} = "
    return listed(found, target, "day", [source, of_year])


def _all(selected: Selected, planning: Any) -> Json:
    target = planning.row(CALENDARS)
    found = planning.object("Calendar", target, selected.sets)

    def permitted(binding: Any) -> str:
        binding.context.reach("calendars")
        return "true"

    source = f"{target.source(relation(CALENDARS))} WHERE "
    return listed(found, target, "code", [source, permitted])


reads("CalendarYear", CALENDAR_YEARS)
reads("CalendarDay", CALENDAR_DAYS, day=_day, name=text_in("name_en", "name_zh"))
reads(
    "Calendar",
    CALENDARS,
    name=text_in("name_en", "name_zh"),
    version=_version,
    weekend=_weekend,
    years=many("CalendarYear", "calendar", "year"),
    days=_days,
)
answers("calendars", _all)


@strawberry.type
class Query:
    """Questions about calendars."""

    @strawberry.field(description="The calendars by their codes.")
    async def calendars(self, info: ApiInfo) -> list[Calendar]:
        """List."""
        return await _calendars(info.context)


@strawberry.type(description="A calendar changed.")
class CalendarPayload:
    """The calendar, once the read models have seen it, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The calendar after the change.")
    async def calendar(self, info: ApiInfo) -> Calendar | None:
        """Return the calendar as the command left it, or later."""
        await info.context.changed(CALENDARS, self.key, self.position)
        found = await _calendars(info.context)
        return next((calendar for calendar in found if calendar.row.id == self.key), None)


@strawberry.input
class SpecialDayInput:
    """A day that differs from its weekday, or has a name; the Chinese name is needed."""

    day: date
    kind: DayKind
    name_zh: str
    name_en: str = ""


@strawberry.input
class FoundCalendarInput:
    """The calendar; base: the code of the one that it extends; weekend: weekdays, Monday is 0."""

    code: str
    name_en: str
    name_zh: str
    weekend: list[int] = strawberry.field(default_factory=lambda: [5, 6])
    base: str | None = None
    needs_notices: bool = False
    reason: str | None = None


@strawberry.input
class PublishCalendarYearInput:
    """The days that the notice of a year lists; source: where it is to be read."""

    calendar: str
    year: int
    days: list[SpecialDayInput]
    source: str
    reason: str | None = None


@strawberry.input
class CorrectCalendarInput:
    """The days that are otherwise, and those that are no longer special; the reason is needed."""

    calendar: str
    days: list[SpecialDayInput] = strawberry.field(default_factory=list)
    cleared: list[date] = strawberry.field(default_factory=list)
    source: str
    reason: str | None = None


def _found(given: FoundCalendarInput) -> FoundCalendar:
    facts = CalendarFacts(
        code=given.code,
        name_en=given.name_en,
        name_zh=given.name_zh,
        weekend=tuple(given.weekend),
        base=given.base,
        needs_notices=given.needs_notices,
    )
    return FoundCalendar(facts=facts, reason=given.reason)


def _special(days: list[SpecialDayInput]) -> tuple[SpecialDay, ...]:
    return tuple(SpecialDay(day.day, day.kind, day.name_en, day.name_zh) for day in days)


def _publish(given: PublishCalendarYearInput) -> PublishCalendarYear:
    return PublishCalendarYear(
        calendar=given.calendar,
        year=given.year,
        days=_special(given.days),
        source=given.source,
        reason=given.reason,
    )


def _correct(given: CorrectCalendarInput) -> CorrectCalendar:
    return CorrectCalendar(
        calendar=given.calendar,
        days=_special(given.days),
        cleared=tuple(given.cleared),
        source=given.source,
        reason=given.reason,
    )


def _payload(key: UUID, position: int) -> CalendarPayload:
    return CalendarPayload(key=key, position=Long(position))


@strawberry.type
class Mutation:
    """Commands about calendars."""

    @strawberry.mutation(
        description="Found a calendar; the same facts again change nothing.",
        graphql_type=result_union("FoundCalendarResult", CalendarPayload),
    )
    async def found_calendar(self, info: ApiInfo, input: FoundCalendarInput) -> Any:  # noqa: A002
        """Found."""
        return await carry_out(info, lambda: _found(input), _payload)

    @strawberry.mutation(
        description="Publish the days of a year; the same days again change nothing.",
        graphql_type=result_union("PublishCalendarYearResult", CalendarPayload),
    )
    async def publish_calendar_year(self, info: ApiInfo, input: PublishCalendarYearInput) -> Any:  # noqa: A002
        """Publish."""
        return await carry_out(info, lambda: _publish(input), _payload)

    @strawberry.mutation(
        description="Correct days of years that are known.",
        graphql_type=result_union("CorrectCalendarResult", CalendarPayload),
    )
    async def correct_calendar(self, info: ApiInfo, input: CorrectCalendarInput) -> Any:  # noqa: A002
        """Correct."""
        return await carry_out(info, lambda: _correct(input), _payload)
