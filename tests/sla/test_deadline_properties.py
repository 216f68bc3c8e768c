"""What holds of every deadline, whatever the calendar, the zone, the target and the pauses."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.service_levels.deadlines import Basis, Pause, Step, Target, deadline, explain
from tests.sla.oracle import due_at
from tests.sla.oracle_calendar import CHINA, WEEKENDS, PlainCalendar
from tests.sla.product_calendars import BASES, product_calendar

UNITS = {basis: unit for unit, basis in BASES.items()}
DAY = timedelta(days=1)
FIRST, LAST = datetime(2025, 11, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)

Question = tuple[Target, datetime, ZoneInfo, PlainCalendar, list[Pause]]

zones = st.sampled_from(
    ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "America/Havana", "UTC"]
).map(ZoneInfo)
instants = st.integers(0, int((LAST - FIRST).total_seconds())).map(
    lambda seconds: FIRST + timedelta(seconds=seconds)
)
days = st.dates(date(2025, 11, 1), date(2027, 6, 1))
in_days = st.builds(
    Target, st.sampled_from([Basis.WORKING_DAYS, Basis.CALENDAR_DAYS]), st.integers(1, 15)
)
working_days = st.builds(Target, st.just(Basis.WORKING_DAYS), st.integers(1, 15))
elapsed = st.builds(Target, st.just(Basis.ELAPSED), st.integers(1, 3 * 86_400))
targets = st.one_of(in_days, elapsed)


@st.composite
def made_up(draw: st.DrawFn) -> PlainCalendar:
    """Make up a calendar with long holidays and make-up days, of which some years are published."""
    off: dict[date, str] = {}
    for first in draw(st.lists(days, max_size=4)):
        length = draw(st.integers(1, 10))
        off |= {first + n * DAY: "a holiday" for n in range(length)}
    weekend = days.filter(lambda day: day.isoweekday() > 5)
    worked = draw(st.frozensets(weekend, max_size=8)) - off.keys()
    published = draw(st.none() | st.frozensets(st.sampled_from([2025, 2026, 2027, 2028])))
    return PlainCalendar("made up", off, worked, published)


calendars = st.one_of(st.just(CHINA), st.just(WEEKENDS), made_up())


@st.composite
def asked(draw: st.DrawFn, of: st.SearchStrategy[Target] = targets, most: int = 3) -> Question:
    """Draw a question; each pause begins before the deadline of its time."""
    target, start, zone, plain = draw(of), draw(instants), draw(zones), draw(calendars)
    pauses: list[Pause] = []
    calendar = product_calendar(plain)
    earliest = start
    for _ in range(draw(st.integers(0, most))):
        due = deadline(target, start, zone, calendar, pauses).due_at
        if earliest >= due:
            break
        since = earliest + timedelta(
            seconds=draw(st.integers(0, max(int((due - earliest).total_seconds()) - 1, 0)))
        )
        until = since + timedelta(seconds=draw(st.integers(0, 10 * 86_400)))
        pauses.append(Pause(since, until))
        earliest = until
    return target, start, zone, plain, pauses


def due_of(
    target: Target,
    start: datetime,
    zone: ZoneInfo,
    plain: PlainCalendar,
    pauses: Sequence[Pause] = (),
) -> datetime:
    return deadline(target, start, zone, product_calendar(plain), pauses).due_at


def last_day(due: datetime, zone: ZoneInfo) -> date:
    return (due - timedelta(seconds=1)).astimezone(zone).date()


def moved_with_none_left(
    target: Target, start: datetime, zone: ZoneInfo, plain: PlainCalendar, pauses: list[Pause]
) -> int:
    """Count the pauses that began on the last day and ended on a later one."""
    calendar = product_calendar(plain)
    found = 0
    for number, pause in enumerate(pauses):
        assert pause.until is not None
        opened = [*pauses[:number], Pause(pause.since)]
        left = deadline(target, start, zone, calendar, opened).left
        later = pause.until.astimezone(zone).date() > pause.since.astimezone(zone).date()
        found += left == 0 and later
    return found


# Against the naive walk


@given(asked())
def test_the_product_and_the_naive_walk_agree(question: Question) -> None:
    target, start, zone, plain, pauses = question
    walked = due_at(
        {"amount": target.amount, "unit": UNITS[target.basis]},
        start,
        zone,
        plain,
        [(pause.since, pause.until) for pause in pauses if pause.until is not None],
    )
    assert due_of(*question) == walked


# Order


@given(targets, instants, instants, zones, calendars)
def test_a_later_start_never_ends_earlier(
    target: Target, one: datetime, other: datetime, zone: ZoneInfo, plain: PlainCalendar
) -> None:
    earlier, later = sorted([one, other])
    assert due_of(target, earlier, zone, plain) <= due_of(target, later, zone, plain)


@given(asked(), st.integers(0, 10))
def test_a_longer_target_never_ends_earlier(question: Question, more: int) -> None:
    target, start, zone, plain, pauses = question
    longer = replace(target, amount=target.amount + more)
    assert due_of(*question) <= due_of(longer, start, zone, plain, pauses)


@given(asked())
def test_pausing_never_shortens(question: Question) -> None:
    target, start, zone, plain, pauses = question
    dues = [due_of(target, start, zone, plain, pauses[:n]) for n in range(len(pauses) + 1)]
    assert dues == sorted(dues)


@given(asked(), days)
def test_a_further_day_off_never_makes_a_deadline_earlier(question: Question, day: date) -> None:
    target, start, zone, plain, pauses = question
    more = replace(plain, off={**plain.off, day: "one more"}, worked=plain.worked - {day})
    assert due_of(target, start, zone, plain, pauses) <= due_of(target, start, zone, more, pauses)


# Days


@given(working_days, instants, zones, calendars)
def test_exactly_the_target_of_working_days_lies_between_start_and_deadline(
    target: Target, start: datetime, zone: ZoneInfo, plain: PlainCalendar
) -> None:
    day, end = start.astimezone(zone).date(), last_day(due_of(target, start, zone, plain), zone)
    counted = 0
    while day < end:
        day += DAY
        counted += plain.works(day)
    assert counted == target.amount


@given(asked(working_days))
def test_the_day_of_a_deadline_in_working_days_is_worked(question: Question) -> None:
    _, _, zone, plain, _ = question
    assert plain.works(last_day(due_of(*question), zone))


@given(asked(in_days))
def test_a_deadline_in_days_is_the_end_of_a_local_day(question: Question) -> None:
    zone, due = question[2], due_of(*question)
    assert last_day(due, zone) < due.astimezone(zone).date()


@given(asked(st.builds(Target, st.just(Basis.CALENDAR_DAYS), st.integers(1, 15))))
def test_only_a_deadline_on_a_day_off_shows_where_it_would_roll(question: Question) -> None:
    target, start, zone, plain, pauses = question
    found = deadline(target, start, zone, product_calendar(plain), pauses)
    day = last_day(found.due_at, zone)
    if plain.works(day):
        assert found.rolled_to is None
        return
    while not plain.works(day):
        day += DAY
    assert found.rolled_to is not None
    assert found.rolled_to > found.due_at
    assert last_day(found.rolled_to, zone) == day


@given(asked(elapsed))
def test_elapsed_time_adds_exactly_the_target_and_the_pauses(question: Question) -> None:
    target, start, _, _, pauses = question
    waited = sum((p.until - p.since for p in pauses if p.until is not None), timedelta())
    assert due_of(*question) - start == timedelta(seconds=target.amount) + waited


# Years that are not published


@given(asked())
def test_a_deadline_is_provisional_exactly_when_it_counts_in_an_unpublished_year(
    question: Question,
) -> None:
    target, start, zone, plain, pauses = question
    found = deadline(target, start, zone, product_calendar(plain), pauses)
    years = range(start.astimezone(zone).year, last_day(found.due_at, zone).year + 1)
    unpublished = plain.published is not None and not plain.published.issuperset(years)
    assert found.provisional is (unpublished and target.basis is Basis.WORKING_DAYS)


@given(asked(working_days), st.frozensets(days, max_size=20))
def test_what_is_not_provisional_does_not_move_when_a_year_is_published(
    question: Question,
    announced: frozenset[date],
) -> None:
    target, start, zone, plain, pauses = question
    assume(plain.published is not None)
    assert plain.published is not None
    found = deadline(target, start, zone, product_calendar(plain), pauses)
    new = {day: "announced" for day in announced if day.year not in plain.published}
    extended = replace(plain, off={**plain.off, **new}, worked=plain.worked - new.keys())
    if not found.provisional:
        assert due_of(target, start, zone, extended, pauses) == found.due_at


# Explanations


@given(asked())
def test_an_explanation_names_every_local_day_once_and_ends_on_the_last(question: Question) -> None:
    target, start, zone, plain, pauses = question
    explained = explain(target, start, zone, product_calendar(plain), pauses)
    due = due_of(*question)
    end = due.astimezone(zone).date() if target.basis is Basis.ELAPSED else last_day(due, zone)
    first = start.astimezone(zone).date()
    assert [day.day for day in explained] == [
        first + n * DAY for n in range((end - first).days + 1)
    ]
    assert (explained[0].step is Step.START) is (target.basis is not Basis.ELAPSED)
    assert len(explained) == 1 or explained[-1].step is Step.DUE
    assert all(day.kind.works is plain.works(day.day) for day in explained)
    assert all(day.name_en == plain.off.get(day.day, "") for day in explained)


@given(asked(in_days))
def test_an_explanation_counts_up_to_the_target(question: Question) -> None:
    target, start, zone, plain, pauses = question
    explained = explain(target, start, zone, product_calendar(plain), pauses)
    assert explained[-1].number == target.amount
    before = 0
    for day in explained:
        counts = day.step in {Step.COUNTED, Step.DUE}
        assert before <= day.number <= before + counts
        assert counts or day.number == before
        before = day.number


@given(asked(in_days, most=1), st.integers(0, 20 * 86_400))
def test_an_explanation_of_a_paused_clock_adds_up_with_what_is_left(
    question: Question, after: int
) -> None:
    target, start, zone, plain, pauses = question
    due = due_of(*question)
    since = max([start + timedelta(seconds=after), *[p.until for p in pauses if p.until]])
    assume(since < due)
    assume(not moved_with_none_left(*question))
    calendar = product_calendar(plain)
    paused = [*pauses, Pause(since)]
    found = deadline(target, start, zone, calendar, paused)
    assert found.left is not None
    assert explain(target, start, zone, calendar, paused)[-1].number + found.left == target.amount
