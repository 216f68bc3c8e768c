"""Calendars: notices and corrections, what is refused, and every version as it was."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.aggregate import DomainEvent
from domain.calendar import MOST_BASES, Calendar, CalendarFacts, CalendarState
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.service_levels.calendar_book import CalendarBook
from domain.service_levels.calendars import DayKind, SpecialDay, YearState, calendar_id
from domain.service_levels.deadlines import Basis, Target, deadline

CN = CalendarFacts("cn", "Chinese", "中国", needs_notices=True)
COMPANY = CalendarFacts("south", "South", "南方", base="cn")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def off(*days: str, name: str = "国庆节", kind: DayKind = DayKind.HOLIDAY) -> list[SpecialDay]:
    return [SpecialDay(date.fromisoformat(day), kind, "", name) for day in days]


def made_up(*days: str, name: str = "国庆节") -> list[SpecialDay]:
    return off(*days, name=name, kind=DayKind.MAKE_UP)


def october(year: int, *numbers: int) -> list[SpecialDay]:
    return off(*(f"{year}-10-{number:02}" for number in numbers))


def founded(facts: CalendarFacts = CN) -> Any:
    return lambda calendar, meta: calendar.found(facts, meta)


def published(year: int, days: list[SpecialDay], source: str = "notice") -> Any:
    return lambda calendar, meta: calendar.publish(year, days, source, meta)


def foreseen(year: int, days: list[SpecialDay], source: str = "law") -> Any:
    return lambda calendar, meta: calendar.foresee(year, days, source, meta)


def correction(
    days: list[SpecialDay], *cleared: str, source: str = "later", reason: str | None = "extended"
) -> Any:
    gone = [date.fromisoformat(day) for day in cleared]
    return lambda calendar, meta: calendar.correct(days, gone, source, replace(meta, reason=reason))


class Log:
    """Events of several calendars in one order, and the book that folds them."""

    def __init__(self, scenario: Any) -> None:
        self.meta = scenario.meta()
        self.book = CalendarBook()
        self.position = 0
        self._calendars: dict[str, Calendar] = {}

    def note(self, code: str, *steps: Any) -> "Log":
        calendar = self._calendars.setdefault(code, Calendar(calendar_id(code)))
        for step in steps:
            step(calendar, self.meta)
            for event in calendar.collect_events():
                self.position += 10
                self.book.apply(event, self.position)
        return self


@pytest.fixture
def log(scenario: Any) -> Log:
    return Log(scenario)


# What is recorded


def test_a_calendar_is_founded_once(scenario: Any) -> None:
    facts = replace(CN, weekend=(6, 5, 6))
    event: DomainEvent = scenario.event(
        Calendar.Founded,
        code="cn",
        name_en="Chinese",
        name_zh="中国",
        weekend=(5, 6),
        base=None,
        needs_notices=True,
        depth=0,
    )
    scenario(Calendar).when(founded(facts)).then(event)
    scenario(Calendar).given(founded()).when(founded()).then()
    scenario(Calendar).given(founded()).when(founded(COMPANY)).refused(
        WrongStateError("found", CalendarState.FOUNDED)
    )


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"code": "CN"}, ("code", Rule.KEY_FORMAT)),
        ({"code": ""}, ("code", Rule.KEY_FORMAT)),
        ({"code": "x" * 41}, ("code", Rule.KEY_FORMAT)),
        ({"base": "a b"}, ("base", Rule.KEY_FORMAT)),
        ({"base": "cn"}, ("base", Rule.OTHER_THAN_ITSELF)),
        ({"weekend": (7,)}, ("weekend", Rule.OUT_OF_RANGE, "0-6")),
        ({"weekend": (-1,)}, ("weekend", Rule.OUT_OF_RANGE, "0-6")),
        ({"weekend": tuple(range(7))}, ("weekend", Rule.NO_WORKING_DAY)),
        ({"name_zh": " "}, ("nameZh", Rule.REQUIRED)),
        ({"name_en": "x" * 101}, ("nameEn", Rule.TOO_LONG, "100")),
    ],
)
def test_what_is_no_calendar_is_refused(
    scenario: Any, facts: dict[str, Any], refusal: tuple[str, ...]
) -> None:
    scenario(Calendar).when(founded(replace(CN, **facts))).refused(InvalidValueError(*refusal))


def test_calendars_extend_one_another_to_a_limit(scenario: Any) -> None:
    def at(depth: int) -> Any:
        return lambda calendar, meta: calendar.found(COMPANY, meta, depth=depth)

    calendar = Calendar(calendar_id("south"))
    at(MOST_BASES)(calendar, scenario.meta())
    assert calendar.depth == MOST_BASES == 4

    scenario(Calendar).when(at(MOST_BASES + 1)).refused(
        InvalidValueError("base", Rule.TOO_DEEP, "4")
    )


@pytest.mark.parametrize(("base", "depth"), [(None, 0), ("cn", 1)])
def test_a_calendar_of_the_time_before_depths_counts_its_base(
    scenario: Any, base: str | None, depth: int
) -> None:
    event = Calendar.Founded(
        originator_id=calendar_id("south"),
        originator_version=1,
        meta=scenario.meta(),
        code="south",
        name_en="South",
        name_zh="南方",
        weekend=(5, 6),
        needs_notices=False,
        base=base,
    )

    assert event.mutate(None).depth == depth


@pytest.mark.parametrize("step", [published(2026, []), foreseen(2026, []), correction([])])
def test_nothing_is_noted_in_a_calendar_that_was_never_founded(scenario: Any, step: Any) -> None:
    calendar = Calendar(calendar_id("cn"))

    with pytest.raises(WrongStateError):
        step(calendar, scenario.meta())


def test_every_event_with_days_is_a_revision(scenario: Any) -> None:
    days = october(2026, 1, 2)
    fields = {"days": tuple(days), "originator_version": 2}
    scenario(Calendar).given(founded()).when(published(2026, days[::-1])).then(
        scenario.event(Calendar.YearPublished, year=2026, source="notice", revision=1, **fields)
    )
    scenario(Calendar).given(founded()).when(foreseen(2027, days := october(2027, 1))).then(
        scenario.event(Calendar.YearForeseen, year=2027, days=tuple(days), source="law", revision=1)
    )
    step = correction(october(2026, 3), "2026-10-02")
    scenario(Calendar).given(founded(), published(2026, october(2026, 2))).when(
        step, reason="extended"
    ).then(
        scenario.event(
            Calendar.DaysCorrected,
            days=tuple(october(2026, 3)),
            cleared=(date(2026, 10, 2),),
            source="later",
            revision=2,
            meta=scenario.meta(reason="extended"),
        )
    )


def test_the_same_again_changes_nothing(scenario: Any) -> None:
    days = october(2026, 1, 2)
    for known, again in (
        (published(2026, days), published(2026, days[::-1], "another source")),
        (foreseen(2026, days), foreseen(2026, days)),
    ):
        scenario(Calendar).given(founded(), known).when(again).then()
    given = [founded(), published(2026, days), correction(october(2026, 3), "2026-10-01")]
    scenario(Calendar).given(*given).when(given[-1]).then()


def test_a_published_year_is_only_corrected(scenario: Any) -> None:
    given = [founded(), published(2026, october(2026, 1, 2))]
    refusal = InvalidValueError("year", Rule.PUBLISHED_ALREADY, "2026")

    scenario(Calendar).given(*given).when(published(2026, october(2026, 1))).refused(refusal)
    scenario(Calendar).given(*given).when(foreseen(2026, october(2026, 1))).refused(refusal)


def test_a_notice_takes_the_place_of_what_was_foreseen(log: Log) -> None:
    log.note("cn", founded(), foreseen(2026, october(2026, 1, 2)))
    assert log.book.state("cn", 1, 2026) is YearState.FORESEEN
    log.note("cn", published(2026, [*october(2026, 1), *made_up("2026-09-27")]))

    now = log.book.calendar("cn")
    assert log.book.state("cn", 2, 2026) is YearState.PUBLISHED
    assert now.works(date(2026, 10, 2))
    assert now.kind(date(2026, 9, 27)) is DayKind.MAKE_UP
    assert log.book.source("cn", 2, 2026) == "notice"
    assert log.book.source("cn", 1, 2026) == "law"


def test_a_year_names_each_of_its_sources_once(log: Log) -> None:
    log.note("cn", founded(), published(2026, october(2026, 1), "gov.cn/12"))
    for number, source in ((2, "gov.cn/1"), (3, "gov.cn/1"), (4, "gov.cn/12")):
        log.note("cn", correction(october(2026, number), source=source))

    assert log.book.source("cn", 4, 2026) == "gov.cn/12; gov.cn/1"


# What is refused


@pytest.mark.parametrize(
    ("days", "rule", "about"),
    [
        (october(2026, 1, 1), Rule.DAY_ONCE, "2026-10-01"),
        (october(2026, 1) + made_up("2026-10-01"), Rule.DAY_ONCE, "2026-10-01"),
        (off("2026-10-01", name=" "), Rule.DAY_NAMED, "2026-10-01"),
        (off("2027-01-01"), Rule.OUTSIDE_YEAR, "2027-01-01"),
        (off("2025-12-24"), Rule.OUTSIDE_YEAR, "2025-12-24"),
        (made_up("2026-10-09"), Rule.KIND_OF_DAY, "2026-10-09"),
        (off("2026-10-04", kind=DayKind.IN_LIEU), Rule.KIND_OF_DAY, "2026-10-04"),
        (off("2026-10-09", kind=DayKind.WEEKEND), Rule.KIND_OF_DAY, "2026-10-09"),
        (off("2026-10-10", kind=DayKind.WORKING), Rule.KIND_OF_DAY, "2026-10-10"),
        (october(2026, 1, 2, 3, 5, 6, 7), Rule.HOLIDAY_GAP, "2026-10-04"),
        (october(2026, 1, 2, 3, 5, 6) + made_up("2026-10-04"), Rule.HOLIDAY_GAP, "2026-10-04"),
        (october(2026, 1, 5), Rule.HOLIDAY_GAP, "2026-10-02"),
    ],
)
def test_a_list_of_days_that_cannot_be_a_notice_is_refused(
    scenario: Any, days: list[SpecialDay], rule: str, about: str
) -> None:
    refusal = InvalidValueError("days", rule, about)
    scenario(Calendar).given(founded()).when(published(2026, days)).refused(refusal)
    scenario(Calendar).given(founded()).when(foreseen(2026, days)).refused(refusal)


@pytest.mark.parametrize(
    "days",
    [
        october(2026, 1, 2, 3, 4, 5),
        made_up("2025-12-27", "2025-12-28", name="元旦") + off("2026-01-01", name="元旦"),
        off("2026-04-03", "2026-04-06", name="清明节"),  # the weekend between is not listed
        october(2017, 1, 2, 3, 5) + off("2017-10-04", name="中秋节"),
        off("2026-03-02", "2026-09-01", name="公司日", kind=DayKind.COMPANY),
        off("2026-10-09", name="开工", kind=DayKind.WORKING),
    ],
)
def test_a_list_of_days_that_may_be_a_notice_is_taken(
    scenario: Any, days: list[SpecialDay]
) -> None:
    calendar, year = Calendar(calendar_id("cn")), days[-1].day.year
    founded()(calendar, scenario.meta())
    calendar.publish(year, days, "notice", scenario.meta())

    assert calendar.year_state(year) is YearState.PUBLISHED


@pytest.mark.parametrize(
    ("year", "limit"), [(2029, "2028"), (2024, "2025"), (1969, "1970-2199"), (2200, "1970-2199")]
)
def test_no_year_is_left_out(scenario: Any, year: int, limit: str) -> None:
    given = [founded(), published(2026, []), published(2027, [])]
    rule = Rule.OUT_OF_RANGE if "-" in limit else Rule.YEAR_GAP

    scenario(Calendar).given(*given).when(published(year, [])).refused(
        InvalidValueError("year", rule, limit)
    )
    scenario(Calendar).given(*given).when(foreseen(year, [])).refused(
        InvalidValueError("year", rule, limit)
    )


def test_years_that_are_only_foreseen_do_not_bridge_a_gap(scenario: Any) -> None:
    given = [founded(), published(2026, []), foreseen(2027, []), foreseen(2028, [])]

    scenario(Calendar).given(*given).when(published(2028, [])).refused(
        InvalidValueError("year", Rule.YEAR_GAP, "2027")
    )


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        (correction(october(2026, 3), reason=None), ("reason", Rule.REQUIRED)),
        (correction(october(2026, 3), source=""), ("source", Rule.REQUIRED)),
        (correction(october(2028, 3)), ("days", Rule.YEAR_UNKNOWN, "2028-10-03")),
        (correction([], "2028-10-03"), ("days", Rule.YEAR_UNKNOWN, "2028-10-03")),
        (correction(october(2026, 3), "2026-10-03"), ("cleared", Rule.DAY_ONCE, "2026-10-03")),
        (correction(made_up("2026-10-09")), ("days", Rule.KIND_OF_DAY, "2026-10-09")),
        (correction([], "2026-10-02"), ("days", Rule.HOLIDAY_GAP, "2026-10-02")),
        (correction(october(2026, 5)), ("days", Rule.HOLIDAY_GAP, "2026-10-04")),
    ],
)
def test_a_correction_needs_a_reason_a_source_and_a_year_that_stays_whole(
    scenario: Any, step: Any, refusal: tuple[str, ...]
) -> None:
    given = [founded(), published(2026, october(2026, 1, 2, 3)[:3])]
    scenario(Calendar).given(*given).when(step).refused(InvalidValueError(*refusal))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (COMPANY, YearState.PUBLISHED),
        (replace(COMPANY, base=None), YearState.PUBLISHED),
        (replace(COMPANY, needs_notices=True), YearState.FORESEEN),
    ],
    ids=["beside its base", "without notices", "before its own notice"],
)
def test_a_calendar_with_other_days_than_notices_begins_a_year_by_a_correction(
    log: Log, facts: CalendarFacts, state: YearState
) -> None:
    log.note("cn", founded(), published(2026, october(2026, 1)))
    days = off("2026-05-20", "2028-05-20", name="司庆", kind=DayKind.COMPANY)
    log.note("south", founded(facts), correction(days, "2026-05-21"))

    south = log.book.calendar("south")
    assert [south.kind(day.day) for day in days] == [DayKind.COMPANY] * 2
    assert [(y.year, y.state, y.source) for y in log.book.years("south")] == [
        (2026, state, "later"),
        (2028, state, "later"),
    ]
    assert south.works(date(2026, 10, 1)) is (facts.base is None)
    before = log.position
    log.note("south", correction(days))
    assert log.position == before, "the same again changes nothing"


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        (
            correction(off("1969-05-20", kind=DayKind.COMPANY)),
            ("year", Rule.OUT_OF_RANGE, "1970-2199"),
        ),
        (correction([], "2026-05-20"), ("days", Rule.YEAR_UNKNOWN, "2026-05-20")),
    ],
)
def test_a_correction_begins_no_year_for_nothing(
    scenario: Any, step: Any, refusal: tuple[str, ...]
) -> None:
    scenario(Calendar).given(founded(COMPANY)).when(step).refused(InvalidValueError(*refusal))


def test_a_day_of_december_that_a_notice_lists_is_corrected_in_that_notice(log: Log) -> None:
    days = off("2026-01-01", name="元旦") + made_up("2025-12-28", name="元旦")
    log.note("cn", founded(), published(2025, []), published(2026, days))
    log.note("cn", correction([], "2025-12-28"))

    assert not log.book.calendar("cn").works(date(2025, 12, 28))
    assert log.book.source("cn", 3, 2026) == "notice; later"
    assert log.book.source("cn", 3, 2025) == "notice"


# Versions


def test_a_version_is_what_was_known_at_a_position(log: Log) -> None:
    log.note("cn", founded(), published(2026, october(2026, 1, 2)), correction(october(2026, 3)))

    assert [log.book.version_at("cn", at) for at in (9, 19, 20, 29, 30, 99)] == [0, 0, 1, 1, 2, 2]
    day = date(2026, 10, 2)
    assert [log.book.calendar("cn", version).works(day) for version in (0, 1)] == [True, False]
    assert log.book.calendar("cn") is log.book.calendar("cn", 2)
    assert log.book.calendar("cn").version == 2
    assert log.book.names("cn") == ("Chinese", "中国")
    assert list(log.book) == ["cn"]
    for unknown in (("cn", 3), ("cn", -1), ("north", 0)):
        with pytest.raises(KeyError):
            log.book.calendar(*unknown)


def test_what_a_calendar_does_not_say_itself_its_base_says(log: Log) -> None:
    anniversary = off("2026-05-20", name="司庆", kind=DayKind.COMPANY)
    at_work = off("2026-10-02", name="值班", kind=DayKind.WORKING)
    log.note("cn", founded(), published(2026, october(2026, 1, 2)))
    log.note("south", founded(replace(COMPANY, weekend=(6,))), published(2026, []))
    log.note("south", correction(anniversary + at_work))

    south = log.book.calendar("south")
    assert not south.works(date(2026, 10, 1))
    assert south.works(date(2026, 10, 2))
    assert south.kind(date(2026, 5, 20)) is DayKind.COMPANY
    assert south.works(date(2026, 10, 10)), "its own weekend is the Sunday only"
    assert south.settled == frozenset({2026})
    assert log.book.source("south", 3, 2026) == "notice; later; notice"


def test_the_version_changes_with_the_base_and_the_old_one_stays(log: Log) -> None:
    log.note("cn", founded(), published(2026, october(2026, 1, 2)))
    log.note("south", founded(COMPANY))
    before = log.position
    version = log.book.version_at("south", before)
    old = log.book.calendar("south")
    log.note("cn", correction(october(2026, 3)))
    log.note("south", published(2026, off("2026-05-20", kind=DayKind.COMPANY)))

    assert (version, old.version) == (1, 1)
    assert log.book.version_at("south", log.position) == 3
    assert log.book.version_at("south", before) == 1
    monday = date(2026, 10, 5)
    assert log.book.calendar("south", 1) is old
    friday_before = date(2026, 10, 2)
    assert [log.book.calendar("south", v).working_day(friday_before, 1) for v in (1, 2, 3)] == [
        monday
    ] * 3
    assert [log.book.calendar("south", v).kind(date(2026, 10, 3)) for v in (1, 2)] == [
        DayKind.WEEKEND,
        DayKind.HOLIDAY,
    ]
    assert [log.book.calendar("south", v).works(date(2026, 5, 20)) for v in (2, 3)] == [True, False]


def test_a_calendar_is_as_settled_as_the_one_that_it_extends(log: Log) -> None:
    log.note("cn", founded(), published(2026, []), foreseen(2027, october(2027, 1)))
    log.note("south", founded(COMPANY), published(2026, []), published(2027, []))
    log.note("plain", founded(CalendarFacts("plain", "Plain", "普通")))
    log.note("own", founded(replace(COMPANY, code="own", needs_notices=True)))

    book = log.book
    assert book.calendar("plain").settled is None
    assert book.calendar("south").settled == frozenset({2026})
    assert book.calendar("own").settled == frozenset()
    assert book.state("south", 4, 2027) is YearState.FORESEEN
    assert book.state("own", 2, 2027) is YearState.FORESEEN
    assert book.state("own", 2, 2028) is None


# January 2020: the notice of November 2019, and the extension of 27 January 2020

SPRING_2020 = [
    *off(*(f"2020-01-{n}" for n in range(24, 31)), name="春节"),
    *made_up("2020-01-19", "2020-02-01", name="春节"),
]
EXTENSION = correction(
    off("2020-01-31", "2020-02-01", "2020-02-02", name="春节"),
    source="国务院办公厅关于延长2020年春节假期的通知",
    reason="the Spring Festival holiday was extended to 2 February",
)


def test_the_extension_of_january_2020_moves_deadlines_and_the_old_ones_stay_known(
    log: Log,
) -> None:
    log.note("cn", founded(), published(2020, SPRING_2020), EXTENSION)
    before, after = log.book.calendar("cn", 1), log.book.calendar("cn", 2)

    first = date(2020, 1, 18)
    days = [first + timedelta(days=n) for n in range(19)]
    moved = {day for day in days if before.works(day) is not after.works(day)}
    assert moved == {date(2020, 1, 31), date(2020, 2, 1)}
    assert before.kind(date(2020, 2, 1)) is DayKind.MAKE_UP
    assert (before.working_days(first, days[-1]), after.working_days(first, days[-1])) == (10, 8)

    received = datetime(2020, 1, 22, 2, 0, tzinfo=UTC)  # Wednesday, 10:00 in Shanghai
    target = Target(Basis.WORKING_DAYS, 3)
    due = [deadline(target, received, SHANGHAI, each).due_at for each in (before, after)]
    assert due == [
        datetime(2020, 2, 1, 16, 0, tzinfo=UTC),  # 24:00 of 1 February
        datetime(2020, 2, 4, 16, 0, tzinfo=UTC),  # 24:00 of 4 February
    ]
    assert log.book.source("cn", 2, 2020) == "notice; 国务院办公厅关于延长2020年春节假期的通知"
