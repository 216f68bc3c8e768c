"""The product's deadlines against those that were worked by hand from the notices."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from domain.service_levels.deadlines import Deadline, Pause, Step, Target, deadline, explain
from tests.sla.hand_worked import Row
from tests.sla.oracle_calendar import CHINA, CHINA_2020_JANUARY, CHINA_2020_NOVEMBER
from tests.sla.product_calendars import BASES, product_calendar
from tests.sla.reading_rows import CALENDARS, ROWS, instant, pauses_of, target_of, wall

PRODUCT_CALENDARS = {name: product_calendar(plain) for name, plain in CALENDARS.items()}
BY_ID = {row.id: row for row in ROWS}


def asked(row: Row) -> tuple[Target, datetime, ZoneInfo, list[Pause]]:
    amount, unit = target_of(row)
    pauses = [Pause(since, until) for since, until in pauses_of(row)]
    start = instant(row.start, row.zone)
    return Target(BASES[unit], amount), start, ZoneInfo(row.zone), pauses


def answer(row: Row) -> Deadline:
    target, start, zone, pauses = asked(row)
    return deadline(target, start, zone, PRODUCT_CALENDARS[row.calendar], pauses)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_deadline_is_what_was_worked_by_hand(row: Row) -> None:
    found = answer(row)
    local = found.due_at.astimezone(ZoneInfo(row.zone)).replace(tzinfo=None)
    assert (local, found.due_at) == (wall(row.due), instant(row.due_utc, "UTC")), row.why
    assert found.provisional is row.provisional
    rolled = instant(f"{row.rolled} 24:00", row.zone) if row.rolled else None
    assert found.rolled_to == rolled
    assert found.left is None


@pytest.mark.parametrize(
    "row", [row for row in ROWS if target_of(row)[1] != "seconds"], ids=lambda row: row.id
)
def test_the_explanation_ends_on_the_day_that_was_worked_by_hand(row: Row) -> None:
    target, start, zone, pauses = asked(row)
    days = explain(target, start, zone, PRODUCT_CALENDARS[row.calendar], pauses)
    last = row.due.partition(" ")[0]
    if row.due.endswith(" 24:00"):
        assert days[-1].day.isoformat() == last
    else:  # a midnight that did not exist: the next day began at 01:00
        assert days[-1].day < wall(row.due).date()
    assert days[0].day == start.astimezone(zone).date()
    assert days[0].step is Step.START
    assert days[-1].step is Step.DUE


def test_the_table_is_long_and_its_rows_are_told_apart() -> None:
    assert len(BY_ID) == len(ROWS) >= 65
    assert all(len(row.why.split()) >= 3 for row in ROWS)


@pytest.mark.parametrize("year", ["sf2026", "sf2025"])
def test_three_working_days_can_end_after_the_seven_days_of_the_law(year: str) -> None:
    working, legal = BY_ID[f"{year}-3wd-friday-before"], BY_ID[f"{year}-7cd-friday-before"]
    assert working.start == legal.start
    assert answer(working).due_at > answer(legal).due_at


def test_a_revised_notice_moves_a_deadline() -> None:
    before, after = BY_ID["sf2020-3wd-as-first-announced"], BY_ID["sf2020-3wd-as-extended"]
    assert before.start == after.start
    assert answer(before).due_at < answer(after).due_at


@pytest.mark.parametrize("plain", [CHINA, CHINA_2020_NOVEMBER, CHINA_2020_JANUARY])
def test_the_typed_notices_are_consistent(plain: object) -> None:
    assert isinstance(plain, type(CHINA))
    assert not plain.worked & set(plain.off)
    assert all(day.isoweekday() > 5 for day in plain.worked)


def test_an_open_pause_keeps_what_is_left() -> None:
    row = BY_ID["3wd-paused-before-resumed-after-spring-festival"]
    target, start, zone, pauses = asked(row)
    paused = [Pause(pauses[0].since)]
    found = deadline(target, start, zone, PRODUCT_CALENDARS[row.calendar], paused)
    assert found.left == 2
    assert found.due_at == instant("2026-02-13 24:00", row.zone)


def test_an_open_pause_keeps_the_seconds_that_are_left() -> None:
    row = BY_ID["30min-paused-in-the-last-half-minute"]
    target, start, zone, pauses = asked(row)
    paused = [Pause(pauses[0].since)]
    found = deadline(target, start, zone, PRODUCT_CALENDARS[row.calendar], paused)
    assert found.left == 30
