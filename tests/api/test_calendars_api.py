"""Calendars over HTTP: what everybody who reads may see, and what an administrator changes."""

from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_dispatcher
from application.calendars import ship_calendars
from application.dispatch import Call
from application.permissions import Caller
from domain.roles import PersonId, Role
from domain.service_levels.calendars import calendar_id
from tests.api.cases import has_chinese
from tests.api.conftest import ZONE
from tests.api.test_compiler import BothWays, callers

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = Call(caller=Caller("system", PersonId("system"), Role.SYSTEM))
LIST = """{ calendars { id code name zh: name(lang: ZH) base weekend needsNotices version
  years { year state stateLabel(lang: ZH) source } } }"""
DAYS = """query D($year: Int!) { calendars { code days(year: $year) {
  day kind kindLabel zhKind: kindLabel(lang: ZH) name zh: name(lang: ZH) works } } }"""
SOUTH = {"code": "south", "nameEn": "South", "nameZh": "南方"}


def day(day: str, kind: str = "HOLIDAY", zh: str = "国庆节", en: str = "") -> dict[str, str]:
    return {"day": day, "kind": kind, "nameZh": zh, "nameEn": en}


def done(api: Any, name: str, **given: Any) -> None:
    answer = api.command(name, given, "administrator")
    assert answer["__typename"] == "CalendarPayload", answer
    assert answer["calendar"]["id"]


def refused(api: Any, name: str, **given: Any) -> tuple[str, str | None]:
    """Give a command that is refused in both languages, and return what is refused by which rule.

    Nothing is stored.
    """
    before = api.events()
    english, chinese = (
        api.command(name, given, "administrator", Accept_Language=lang) for lang in ("en", "zh")
    )
    assert api.events() == before
    assert has_chinese(chinese.pop("message"))
    assert not has_chinese(english.pop("message"))
    assert english == chinese
    return " ".join([english["__typename"], *([english["field"]] if "field" in english else [])]), (
        english["rule"]
    )


def asked(api: Any, query: str, role: str = "auditor", **variables: Any) -> dict[str, Any]:
    ((last,),) = api.rows("SELECT max(notification_id) FROM log.stored_events")
    found = api.graphql(query, variables, role, Redress_After=str(last))["calendars"]
    return {calendar.pop("code"): calendar for calendar in found}


def days_of(api: Any, code: str, year: int, **options: Any) -> list[tuple[Any, ...]]:
    found = asked(api, DAYS, year=year, **options)[code]["days"]
    return [(each["day"], each["kind"], each["zh"], each["works"]) for each in found]


async def ship(api: Any) -> None:
    async with open_dispatcher(api.database.conninfo, api.database.master, zone=ZONE) as dispatcher:
        await ship_calendars(dispatcher, SYSTEM)


def test_the_compiler_and_ordinary_execution_tell_the_same(api: Any) -> None:
    api.run(ship(api))
    done(api, "foundCalendar", **SOUTH | {"base": "cn", "weekend": []})
    given = {"calendar": "south", "year": 2026, "days": [day("2026-05-20", "COMPANY", "司庆")]}
    done(api, "publishCalendarYear", **given | {"source": 'a "notice" \\ 通知'})
    everything = """query D($year: Int!) { calendars { __typename id code name zh: name(lang: ZH)
      base weekend needsNotices version years { year state stateLabel source }
      days(year: $year) { day kind kindLabel(lang: ZH) name zh: name(lang: ZH) works } } }"""
    both = BothWays(api)

    for name, role in callers().items():
        for year in (2026, 2007, 0):
            compiled, ordinary = both.ask(everything, {"year": year}, role)
            assert compiled.body == ordinary.body, name
            refused_to = name in {"customer", "operator"}
            assert (compiled.path == "compiled") is not refused_to, name


@pytest.mark.parametrize("role", ["front_desk", "partner", "auditor"])
def test_everybody_who_reads_sees_the_shipped_calendars(api: Any, role: str) -> None:
    assert asked(api, LIST, role) == {}
    api.run(ship(api))

    found = asked(api, LIST, role)
    assert list(found) == ["cn", "weekends"]
    cn = found["cn"]
    assert (cn["name"], cn["zh"]) == ("Official Chinese calendar", "中国法定工作日历")
    assert (cn["base"], cn["weekend"], cn["needsNotices"]) == (None, [5, 6], True)
    assert cn["version"] == len(cn["years"])
    assert [year["year"] for year in cn["years"]] == list(range(2004, 2037))
    by_year = {year["year"]: year for year in cn["years"]}
    assert (by_year[2026]["state"], by_year[2026]["stateLabel"]) == ("PUBLISHED", "已公布")
    assert by_year[2036]["state"] == "FORESEEN"
    assert "国务院办公厅关于2026年" in by_year[2026]["source"]
    assert found["weekends"] | {"id": ""} == {
        "id": "",
        "name": "Monday to Friday, no holidays",
        "zh": "周一至周五（不含节假日）",
        "base": None,
        "weekend": [5, 6],
        "needsNotices": False,
        "version": 0,
        "years": [],
    }


def test_a_year_shows_its_special_days_in_order_and_in_both_languages(api: Any) -> None:
    api.run(ship(api))

    found = asked(api, DAYS, year=2026)["cn"]["days"]
    assert [each["day"] for each in found] == sorted(each["day"] for each in found)
    by_day = {each["day"]: each for each in found}
    assert by_day["2026-02-14"] == {
        "day": "2026-02-14",
        "kind": "MAKE_UP",
        "kindLabel": "make-up working day",
        "zhKind": "补班日",
        "name": "Spring Festival",
        "zh": "春节",
        "works": True,
    }
    assert by_day["2026-02-20"]["kind"] == "IN_LIEU"
    assert {each["works"] for each in found if each["kind"] != "MAKE_UP"} == {False}
    december = [each[0] for each in days_of(api, "cn", 2007) if each[0] > "2007-12"]
    assert december == ["2007-12-29", "2007-12-30", "2007-12-31"]
    for none in (2003, 2037, -1, 2**31 - 1):
        assert days_of(api, "cn", none) == []


def test_a_calendar_is_founded_published_and_corrected(api: Any) -> None:
    done(api, "foundCalendar", **SOUTH | {"weekend": [6], "needsNotices": True})
    holidays = [day("2026-10-02"), day("2026-10-01", en="National Day")]
    done(api, "publishCalendarYear", calendar="south", year=2026, days=holidays, source="gov.cn/1")
    correction = {
        "calendar": "south",
        "days": [day("2026-10-03")],
        "cleared": ["2026-10-01"],
        "source": "gov.cn/2",
        "reason": "moved by a day",
    }
    done(api, "correctCalendar", **correction)

    south = asked(api, LIST)["south"]
    assert (south["version"], south["weekend"], south["needsNotices"]) == (2, [6], True)
    assert [(y["year"], y["source"]) for y in south["years"]] == [(2026, "gov.cn/1; gov.cn/2")]
    assert days_of(api, "south", 2026) == [
        ("2026-10-02", "HOLIDAY", "国庆节", False),
        ("2026-10-03", "HOLIDAY", "国庆节", False),
    ]
    before = api.events()
    done(api, "foundCalendar", **SOUTH | {"weekend": [6], "needsNotices": True})
    done(api, "correctCalendar", **correction)
    assert api.events() == before, "the same again changes nothing"
    history = api.graphql(
        "query H($id: ID!) { caseHistory(caseId: $id) { topic reason sentence(lang: ZH) } }",
        {"id": str(calendar_id("south"))},
        "auditor",
    )["caseHistory"]
    assert [(entry["sentence"], entry["reason"]) for entry in history] == [
        ("建立日历：南方", None),
        ("公布2026年日历：gov.cn/1", None),
        ("更正日历：gov.cn/2", "moved by a day"),
    ]


def test_a_notice_takes_back_what_was_foreseen_and_no_longer_holds(api: Any) -> None:
    api.run(ship(api))
    (first, *_) = (y["year"] for y in asked(api, LIST)["cn"]["years"] if y["state"] != "PUBLISHED")
    new_year = day(f"{first}-01-01", zh="元旦")
    done(api, "publishCalendarYear", calendar="cn", year=first, days=[new_year], source="gov.cn")

    assert days_of(api, "cn", first) == [(f"{first}-01-01", "HOLIDAY", "元旦", False)]
    assert len(days_of(api, "cn", first + 1)) >= 12
    state = {y["year"]: y["state"] for y in asked(api, LIST)["cn"]["years"]}
    assert (state[first], state[first + 1]) == ("PUBLISHED", "FORESEEN")


def test_the_version_of_a_calendar_counts_the_one_that_it_extends(api: Any) -> None:
    api.run(ship(api))
    done(api, "foundCalendar", **SOUTH | {"base": "cn"})
    anniversary = day("2026-05-20", "COMPANY", "司庆", "Founding day")
    done(api, "publishCalendarYear", calendar="south", year=2026, days=[anniversary], source="hr")

    found = asked(api, LIST)
    assert found["south"]["version"] == found["cn"]["version"] + 1
    assert found["south"]["base"] == "cn"
    assert days_of(api, "south", 2026) == [("2026-05-20", "COMPANY", "司庆", False)]


def test_a_calendar_of_ones_own_extends_another_as_the_guide_says(api: Any) -> None:
    guide = (ROOT / "docs" / "guides" / "service-levels.md").read_text(encoding="utf-8")
    assert "`foundCalendar` with a `base`, then `correctCalendar`" in guide
    api.run(ship(api))
    done(api, "foundCalendar", **SOUTH | {"base": "cn"})
    anniversary = day("2026-05-20", "COMPANY", "司庆", "Founding day")
    at_work = day("2026-10-02", "WORKING", "值班", "On duty")
    correction = {"calendar": "south", "days": [anniversary, at_work], "source": "hr"}
    done(api, "correctCalendar", **correction, reason="the company's own days")

    assert days_of(api, "south", 2026) == [
        ("2026-05-20", "COMPANY", "司庆", False),
        ("2026-10-02", "WORKING", "值班", True),
    ]
    found = asked(api, LIST)
    assert [(y["year"], y["source"]) for y in found["south"]["years"]] == [(2026, "hr")]
    assert found["south"]["version"] == found["cn"]["version"] + 2


def test_a_chain_of_calendars_has_an_end(api: Any) -> None:
    api.run(ship(api))
    for base, code in pairwise(["cn", "a", "b", "c", "d"]):
        done(api, "foundCalendar", **SOUTH | {"code": code, "base": base})

    assert refused(api, "foundCalendar", **SOUTH | {"base": "d"}) == (
        "InvalidValue base",
        "too_deep",
    )


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"code": "South"}, ("InvalidValue code", "key_format")),
        ({"base": "south"}, ("InvalidValue base", "other_than_itself")),
        ({"base": "none"}, ("InvalidValue base", "no_such_calendar")),
        ({"weekend": [0, 1, 2, 3, 4, 5, 6]}, ("InvalidValue weekend", "no_working_day")),
        ({"weekend": [-(2**31)]}, ("InvalidValue weekend", "out_of_range")),
        ({"nameZh": "\x00"}, ("InvalidValue nameZh", "control_characters")),
    ],
)
def test_what_is_no_calendar_is_refused(
    shared: Any, given: dict[str, Any], refusal: tuple[str, str]
) -> None:
    assert refused(shared, "foundCalendar", **SOUTH | given) == refusal


@pytest.fixture(scope="module")
def north(shared: Any) -> Any:
    """A calendar with one published year."""
    names = {"code": "north", "nameEn": "North", "nameZh": "北方"}
    done(shared, "foundCalendar", **names, needsNotices=True)
    holidays = [day("2026-10-01"), day("2026-10-02")]
    done(shared, "publishCalendarYear", calendar="north", year=2026, days=holidays, source="gov.cn")
    return shared


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"calendar": "none"}, ("NotFound", None)),
        ({"calendar": "No!"}, ("InvalidValue calendar", "key_format")),
        ({"year": 2026}, ("InvalidValue year", "published_already")),
        ({"year": 2028}, ("InvalidValue days", "outside_year")),
        ({"year": 2029, "days": []}, ("InvalidValue year", "year_gap")),
        ({"year": 2**31 - 1, "days": []}, ("InvalidValue year", "out_of_range")),
        ({"source": " "}, ("InvalidValue source", "required")),
        ({"days": [day("2027-10-01"), day("2027-10-01")]}, ("InvalidValue days", "day_once")),
        ({"days": [day("2027-10-01", zh="")]}, ("InvalidValue days", "day_named")),
        ({"days": [day("2027-10-01", "MAKE_UP")]}, ("InvalidValue days", "kind_of_day")),
        (
            {"days": [day(f"2027-10-0{n}") for n in (1, 2, 3, 5, 6, 7)]},
            ("InvalidValue days", "holiday_gap"),
        ),
    ],
)
def test_what_is_no_notice_is_refused(
    north: Any, given: dict[str, Any], refusal: tuple[str, str]
) -> None:
    notice = {"calendar": "north", "year": 2027, "days": [day("2027-10-01")], "source": "gov.cn"}
    if given.get("year") == 2026:
        given = given | {"days": [day("2026-10-01")]}

    assert refused(north, "publishCalendarYear", **notice | given) == refusal


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"reason": None}, ("InvalidValue reason", "required")),
        ({"days": [day("2028-10-01")]}, ("InvalidValue days", "year_unknown")),
        ({"cleared": ["2026-10-03"]}, ("InvalidValue cleared", "day_once")),
    ],
)
def test_what_is_no_correction_is_refused(
    north: Any, given: dict[str, Any], refusal: tuple[str, str]
) -> None:
    correction = {
        "calendar": "north",
        "days": [day("2026-10-03")],
        "source": "gov.cn",
        "reason": "late",
    }
    assert refused(north, "correctCalendar", **correction | given) == refusal


def test_a_date_that_is_none_is_an_error_of_the_request(shared: Any) -> None:
    document = """mutation M($i: PublishCalendarYearInput!) { publishCalendarYear(input: $i) {
      __typename } }"""
    before = shared.events()
    for wrong in ("2026-02-30", "tomorrow", "", 5, None):
        given = {"calendar": "cn", "year": 2026, "source": "x", "days": [day("x") | {"day": wrong}]}
        assert shared.errors(document, {"i": given}, "administrator")
    assert shared.events() == before


def test_days_are_named_by_the_calendar_date_that_the_caller_gave(api: Any) -> None:
    done(api, "foundCalendar", **SOUTH)
    edges = [day("2025-12-31", zh="元旦"), day("2026-01-01", zh="元旦")]
    done(api, "publishCalendarYear", calendar="south", year=2026, days=edges, source="gov.cn")

    assert [each[0] for each in days_of(api, "south", 2025)] == ["2025-12-31"]
    assert [each[0] for each in days_of(api, "south", 2026)] == [date(2026, 1, 1).isoformat()]
