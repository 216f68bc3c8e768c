"""Calendars as commands, the shipped content against two other sources, and notices as files."""

import csv
import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from math import radians, sin
from pathlib import Path
from typing import Any, Final

import chinese_calendar
import pytest

from application.calendar_files import CalendarFileError, read_calendar_file
from application.calendars import (
    CorrectCalendar,
    FoundCalendar,
    PublishCalendarYear,
    ShipCalendar,
    read_calendars,
)
from application.permissions import Caller
from application.shipped_calendars import (
    FESTIVALS,
    NAMES,
    SHIPPED,
    WEEKENDS,
    english_name,
    statutory_days,
)
from domain.calendar import CalendarFacts
from domain.errors import InvalidValueError, NotFoundError, Rule
from domain.roles import PersonId, Role
from domain.service_levels.calendar_book import CalendarBook
from domain.service_levels.calendars import (
    CHINA,
    DayKind,
    SpecialDay,
    WorkingCalendar,
    YearState,
    calendar_id,
)

ADMIN = Caller("admin", PersonId("admin-1"), Role.ADMINISTRATOR)
SYSTEM = Caller("system", PersonId("system"), Role.SYSTEM)
ROOT = Path(__file__).resolve().parents[2]
NOTICES = ROOT.parent / "shared" / "data" / "holiday_cn_2007_2026.csv"
SOUTH = CalendarFacts("south", "South", "南方", base=CHINA)
HEADER = "date,name,is_off_day"


def days_from(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def book_of(office: Any) -> CalendarBook:
    book: CalendarBook = office._runner.run(read_calendars(office.stores[0]))
    return book


def ship(office: Any, code: str = CHINA, **call: Any) -> Any:
    return office.do(ShipCalendar(calendar=code), SYSTEM, **call)


@pytest.fixture(scope="module")
def shipped() -> WorkingCalendar:
    """The shipped calendar without a log."""
    days = {d.day: d for year in SHIPPED[CHINA].years for d in year.days()}
    return WorkingCalendar(CHINA, 0, days.values())


# Commands


def test_what_is_shipped_is_there_once_and_a_second_start_stores_nothing(office: Any) -> None:
    for code in SHIPPED:
        ship(office, code)
    before = office.count()
    for code in SHIPPED:
        ship(office, code)
        ship(office, code, door=1)

    assert office.count() == before
    book = book_of(office)
    published = [y.year for y in book.years(CHINA) if y.state is YearState.PUBLISHED]
    foreseen = [y.year for y in book.years(CHINA) if y.state is YearState.FORESEEN]
    assert published == list(range(2004, published[-1] + 1))
    assert published[-1] >= 2026
    assert foreseen == list(range(published[-1] + 1, 2037))
    assert book.calendar(CHINA).version == len(published) + len(foreseen)
    assert book.calendar(WEEKENDS).version == 0
    assert sorted(book) == [CHINA, WEEKENDS]
    assert "国务院办公厅关于2024年部分节假日安排的通知" in (book.source(CHINA, 33, 2024) or "")
    assert "795" in (book.source(CHINA, 33, 2036) or "")


def test_a_start_adds_only_the_years_that_are_missing(office: Any) -> None:
    facts = SHIPPED[CHINA].facts
    office.do(FoundCalendar(facts=facts), ADMIN)
    own = (SpecialDay(date(2004, 5, 1), DayKind.HOLIDAY, "", "劳动节"),)
    office.do(PublishCalendarYear(calendar=CHINA, year=2004, days=own, source="ours"), ADMIN)
    ship(office)

    book = book_of(office)
    assert book.source(CHINA, book.calendar(CHINA).version, 2004) == "ours"
    assert book.calendar(CHINA).works(date(2004, 5, 3))
    assert not book.calendar(CHINA).works(date(2005, 5, 3))


def test_the_notice_of_a_foreseen_year_is_published_and_shipping_leaves_it(office: Any) -> None:
    ship(office)
    last = max(y.year for y in book_of(office).years(CHINA) if y.state is YearState.PUBLISHED)
    day = SpecialDay(date(last + 1, 1, 1), DayKind.HOLIDAY, "New Year's Day", "元旦")
    publish = PublishCalendarYear(calendar=CHINA, year=last + 1, days=(day,), source="notice")
    office.do(publish, ADMIN)
    before = office.count()
    ship(office)

    assert office.count() == before
    book = book_of(office)
    assert book.state(CHINA, book.calendar(CHINA).version, last + 1) is YearState.PUBLISHED


def test_a_chain_of_calendars_has_an_end(office: Any) -> None:
    ship(office)
    chain = [CHINA, *(f"c{number}" for number in range(1, 6))]
    orders = [
        FoundCalendar(facts=CalendarFacts(code, code, "层", base=base))
        for base, code in itertools.pairwise(chain)
    ]
    for order in orders[:4]:
        office.do(order, ADMIN)
    before = office.count()
    for door in (0, 1):
        with pytest.raises(InvalidValueError) as refusal:
            office.do(orders[4], ADMIN, door=door)
        assert refusal.value == InvalidValueError("base", Rule.TOO_DEEP, "4")
    office.do(orders[3], ADMIN)

    assert office.count() == before
    assert not book_of(office).calendar("c4").works(date(2026, 10, 1))


def test_a_calendar_extends_one_that_exists(office: Any) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        office.do(FoundCalendar(facts=SOUTH), ADMIN)
    assert refusal.value == InvalidValueError("base", Rule.NO_SUCH_CALENDAR)

    ship(office)
    assert office.do(FoundCalendar(facts=SOUTH), ADMIN).result == calendar_id("south")
    day = SpecialDay(date(2026, 5, 20), DayKind.COMPANY, "", "司庆")
    office.do(PublishCalendarYear(calendar="south", year=2026, days=(day,), source="hr"), ADMIN)
    office.do(
        CorrectCalendar(
            calendar="south", days=(), cleared=(day.day,), source="hr", reason="cancelled"
        ),
        ADMIN,
    )
    assert office.topics(calendar_id("south")) == [
        *("calendar.founded", "calendar.year_published", "calendar.days_corrected")
    ]
    book = book_of(office)
    version = book.calendar(CHINA).version + 2
    assert book.calendar("south").version == version
    assert [book.calendar("south", v).works(day.day) for v in (version - 1, version)] == [
        False,
        True,
    ]


def test_days_are_noted_only_in_a_calendar_that_exists(office: Any) -> None:
    for command in (
        PublishCalendarYear(calendar="south", year=2026, days=(), source="hr"),
        CorrectCalendar(calendar="south", days=(), source="hr", reason="late"),
    ):
        with pytest.raises(NotFoundError) as refusal:
            office.do(command, ADMIN)
        assert refusal.value == NotFoundError("calendar", "south")
    with pytest.raises(NotFoundError):
        ship(office, "south")


# The shipped days


@pytest.mark.skipif(not NOTICES.exists(), reason="the list to compare with is not on this machine")
def test_every_shipped_day_is_the_one_of_the_notices(shipped: WorkingCalendar) -> None:
    with NOTICES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    noticed = {date.fromisoformat(row["date"]): row["is_off_day"] == "False" for row in rows}
    compared = list(days_from(date(2007, 1, 1), date(2026, 12, 31)))

    differing = [
        day for day in compared if shipped.works(day) is not noticed.get(day, day.weekday() < 5)
    ]
    assert len(compared) == 7305
    assert differing == []  # two sources, kept by different people, agree on every day


def test_every_shipped_day_is_the_one_of_the_package(shipped: WorkingCalendar) -> None:
    for day in days_from(date(2004, 1, 1), date(2026, 12, 31)):
        assert shipped.works(day) is chinese_calendar.is_workday(day), day
        assert (shipped.kind(day) is DayKind.IN_LIEU) is chinese_calendar.is_in_lieu(day), day


def test_every_shipped_day_has_a_name_in_both_languages(shipped: WorkingCalendar) -> None:
    assert {(d.name_en, d.name_zh) for d in shipped.special.values()} - {*NAMES.values()} == {
        ("National Day and Mid-Autumn Festival", "国庆节、中秋节")
    }


@pytest.mark.skipif(not NOTICES.exists(), reason="the list to compare with is not on this machine")
def test_every_real_notice_is_taken_as_a_file(office: Any, tmp_path: Path) -> None:
    with NOTICES.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    office.do(FoundCalendar(facts=CalendarFacts("own", "Own", "自有")), ADMIN)
    for year in range(2007, 2027):
        path = tmp_path / f"{year}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(row for row in rows if row[3] in {"notice_year", str(year)})
        days = tuple(read_calendar_file(path).days)
        office.do(PublishCalendarYear(calendar="own", year=year, days=days, source="csv"), ADMIN)

    own = book_of(office).calendar("own")
    for day in days_from(date(2007, 1, 1), date(2026, 12, 31)):
        assert own.works(day) is chinese_calendar.is_workday(day), day


# Festivals, computed from the sky: J. Meeus, Astronomical Algorithms, chapters 25 and 49

_EPOCH: Final = datetime(2000, 1, 1, 12)  # noqa: DTZ001  Beijing time is reckoned by hand
_JULIAN: Final = 2451545.0
_DYNAMICAL_SECONDS: Final = 74
_PERIODIC: Final = (
    # amplitude, power of the eccentricity, multiples of M, M', F
    *((-0.40720, 0, 0, 1, 0), (0.17241, 1, 1, 0, 0), (0.01608, 0, 0, 2, 0)),
    *((0.01039, 0, 0, 0, 2), (0.00739, 1, -1, 1, 0), (-0.00514, 1, 1, 1, 0)),
    *((0.00208, 2, 2, 0, 0), (-0.00111, 0, 0, 1, -2), (-0.00057, 0, 0, 1, 2)),
    *((0.00056, 1, 1, 2, 0), (-0.00042, 0, 0, 3, 0), (0.00042, 1, 1, 0, 2)),
    *((0.00038, 1, 1, 0, -2), (-0.00024, 1, -1, 2, 0), (-0.00007, 0, 2, 1, 0)),
)
_PLANETARY: Final = (
    *((299.77, 0.107408, 325), (251.88, 0.016321, 165), (251.83, 26.651886, 164)),
    *((349.42, 36.412478, 126), (84.66, 18.206239, 110), (141.74, 53.303771, 62)),
    *((207.14, 2.453732, 60), (154.84, 7.306860, 56), (34.52, 27.261239, 47)),
    *((207.19, 0.121824, 42), (291.34, 1.844379, 40), (161.72, 24.198154, 37)),
    *((239.56, 25.513099, 35), (331.55, 3.592518, 23)),
)


def new_moon(lunation: int) -> date:
    """Return the day in Beijing of a new moon; to less than a minute, in this century."""
    t = lunation / 1236.85
    e = 1 - 0.002516 * t
    sun = 2.5534 + 29.10535670 * lunation
    moon = 201.5643 + 385.81693528 * lunation + 0.0107582 * t * t
    latitude = 160.7108 + 390.67050284 * lunation - 0.0016118 * t * t
    node = 124.7746 - 1.56375588 * lunation
    at = 2451550.09766 + 29.530588861 * lunation + 0.00015437 * t * t
    at += sum(
        size * e**power * sin(radians(a * sun + b * moon + c * latitude))
        for size, power, a, b, c in _PERIODIC
    )
    at -= 0.00017 * sin(radians(node))
    at += sum(1e-6 * size * sin(radians(a + b * lunation)) for a, b, size in _PLANETARY)
    beijing = timedelta(days=at - _JULIAN, hours=8, seconds=-_DYNAMICAL_SECONDS)
    return (_EPOCH + beijing).date()


def longitude(day: date) -> float:
    """Return where the sun stands on the ecliptic when a day begins in Beijing, in degrees."""
    begins = datetime(day.year, day.month, day.day) - timedelta(hours=8)  # noqa: DTZ001
    t = (begins - _EPOCH + timedelta(seconds=_DYNAMICAL_SECONDS)) / timedelta(days=36525)
    mean = radians(357.52911 + 35999.05029 * t)
    centre = (1.914602 - 0.004817 * t) * sin(mean) + 0.019993 * sin(2 * mean)
    node = radians(125.04 - 1934.136 * t)
    true = 280.46646 + 36000.76983 * t + centre + 0.000289 * sin(3 * mean)
    return (true - 0.00569 - 0.00478 * sin(node)) % 360


def passes(first: date, after: date, degrees: int) -> bool:
    """Say whether the sun passes a longitude from the begin of one day to that of another."""
    return (longitude(after) - degrees) % 360 < (longitude(after) - longitude(first)) % 360


def lunar_year(year: int) -> dict[int, date]:
    """Return the first day of the lunar months 1 to 10: the 11th holds the winter solstice.

    Of thirteen months between two solstices the first without a principal term is a leap month.
    """
    around = int((year - 2000) * 12.3685)
    moons = [new_moon(n) for n in range(around - 15, around + 16)]
    months = list(itertools.pairwise(moons))
    eleventh = [n for n, (a, b) in enumerate(months) if passes(a, b, 270)]
    (begin,) = (n for n in eleventh if months[n][0].year == year - 1)
    end = eleventh[eleventh.index(begin) + 1]
    found: dict[int, date] = {}
    number, leap = 11, end - begin == 12
    for first, after in months[begin + 1 : end]:
        if not leap and not any(passes(first, after, d) for d in range(0, 360, 30)):
            leap = True
            continue
        number = number % 12 + 1
        found[number] = first
    return found


def qingming(year: int) -> date:
    """Return the day in whose course the sun passes 15 degrees."""
    days = days_from(date(year, 4, 2), date(year, 4, 8))
    (found,) = (day for day in days if passes(day, day + timedelta(days=1), 15))
    return found


def festivals(year: int) -> tuple[date, date, date, date]:
    months = lunar_year(year)
    fifth, fifteenth = timedelta(days=4), timedelta(days=14)
    return months[1], qingming(year), months[5] + fifth, months[8] + fifteenth


def test_the_festivals_that_are_foreseen_are_those_of_the_sky() -> None:
    assert {year: festivals(year) for year in FESTIVALS} == FESTIVALS


def test_the_computation_finds_the_festivals_that_are_known(shipped: WorkingCalendar) -> None:
    names = ("春节", "清明节", "端午节", "中秋节")
    for year in range(2008, 2027):  # before 2008 Qingming and the others were no days off
        for day, name in zip(festivals(year), names, strict=True):
            special = shipped.special.get(day)
            assert not shipped.works(day), (day, name)
            if special is None:  # a Saturday that the package does not list
                assert day == date(2012, 6, 23)
            elif special.name_zh != name:  # on National Day
                assert (day, special.name_zh) == (date(2020, 10, 1), "国庆节")


@pytest.mark.parametrize("year", FESTIVALS)
def test_a_foreseen_year_has_the_days_that_the_regulation_gives(year: int) -> None:
    days = statutory_days(year)
    coinciding = sum("、" in day.name_zh for day in days)

    assert len(days) + coinciding == 13
    assert coinciding == (year in {2028, 2031})
    assert {d.kind for d in days} == {DayKind.HOLIDAY}
    spring = [d.day for d in days if d.name_zh == "春节"]
    assert spring == list(days_from(spring[0], spring[0] + timedelta(days=3)))


def test_the_regulation_gives_days_that_the_notices_since_2025_gave(
    shipped: WorkingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    for year in (2025, 2026):
        monkeypatch.setitem(FESTIVALS, year, festivals(year))  # type: ignore[arg-type]
        for special in statutory_days(year):
            known = shipped.special[special.day]
            assert known.kind is DayKind.HOLIDAY, special
            assert known.name_zh in special.name_zh


# Files


def written(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "notice.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_file_tells_days_by_weekday_and_regulation(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "2027-10-01,国庆节,True",
        "2027-10-02,国庆节,TRUE",
        "2027-10-04,国庆节,true",
        "2027-10-09,国庆节,False",
        "2027-10-12,国庆节,False",
        "2031-10-01,国庆节、中秋节,True",
        "2027-05-20,司庆,True",
    )
    found = read_calendar_file(path)

    assert [(d.day.day, d.kind) for d in found.days] == [
        (1, DayKind.HOLIDAY),
        (2, DayKind.HOLIDAY),
        (4, DayKind.IN_LIEU),
        (9, DayKind.MAKE_UP),
        (12, DayKind.WORKING),
        (1, DayKind.HOLIDAY),
        (20, DayKind.IN_LIEU),
    ]
    assert found.days[0].name_en == "National Day"
    assert found.days[5].name_en == "National Day and Mid-Autumn Festival"
    assert found.days[6].name_en == english_name("司庆") == ""
    assert found.line_of(date(2027, 10, 4)) == 4
    assert found.line_of(date(2027, 10, 3)) == 4
    assert found.line_of(date(2033, 1, 1)) == 8


def test_a_file_may_say_the_kind_and_the_english_name(tmp_path: Path) -> None:
    header = f"{HEADER},kind,name_en,other"
    path = written(tmp_path, "2027-05-20,司庆,True,company,Founding,x", header=f"\ufeff{header}")

    assert read_calendar_file(path).days == [
        SpecialDay(date(2027, 5, 20), DayKind.COMPANY, "Founding", "司庆")
    ]


def test_in_a_correction_a_date_alone_clears_the_day(tmp_path: Path) -> None:
    path = written(tmp_path, "2027-10-04,,", "", "2027-10-05,国庆节,True")

    found = read_calendar_file(path, clearing=True)
    assert (found.cleared, [d.day for d in found.days]) == (
        [date(2027, 10, 4)],
        [date(2027, 10, 5)],
    )
    with pytest.raises(CalendarFileError, match=r"^2: not_in_list: is_off_day"):
        read_calendar_file(path)


@pytest.mark.parametrize(
    ("lines", "header", "says"),
    [
        (["2027-10-01,国庆节,True"], "date,name", "1: required: missing columns: is_off_day"),
        ([], HEADER, "1: required: the file has no day"),
        (["2027-10-01,国庆节,True", "1.10.2027,国庆节,True"], HEADER, "3: not_a_date: "),
        (["2027-02-29,国庆节,True"], HEADER, "2: not_a_date: "),
        (["2027-10-01,国庆节,yes"], HEADER, "2: not_in_list: is_off_day must be True or False"),
        (["2027-10-01,,True"], HEADER, "2: day_named: name must not be empty"),
        (["2027-10-01,国庆节"], HEADER, "2: columns: 2 fields under 3 columns"),
        (['2027-10-01,"国庆节,True'], HEADER, "csv: "),
        (["2027-10-01,国庆节,True,feast"], f"{HEADER},kind", "2: not_in_list: kind must be one"),
        (["2027-10-01,国庆节,True,make_up"], f"{HEADER},kind", "2: kind_of_day: make_up is at"),
    ],
)
def test_a_file_that_is_no_notice_is_refused_with_line_and_rule(
    tmp_path: Path, lines: list[str], header: str, says: str
) -> None:
    with pytest.raises(CalendarFileError) as refusal:
        read_calendar_file(written(tmp_path, *lines, header=header))

    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notice.csv"
    path.write_bytes(b"date,name,is_off_day\n2027-10-01,\xff\xfe,True\n")
    with pytest.raises(CalendarFileError, match="utf_8"):
        read_calendar_file(path)
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(CalendarFileError, match="1: too_long"):
        read_calendar_file(path)


def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(CalendarFileError, match="1: too_long"):
        read_calendar_file(Path("/dev/zero"))
