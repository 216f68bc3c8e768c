"""Compliance figures over GraphQL, by both ways of answering, beside a plain count of the rows."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest

from api.bootstrap import as_role
from api.graphql.compliance import _rate
from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from projections.engine import use_live_tables
from projections.service_levels import SLA_CLOCKS, ClockRow
from tests.api.appeals import issue
from tests.api.cases import ASSIGNED, CLOSED_AT_ONCE, safely, taken
from tests.api.clocks import breach, caught_up, load_content

WAYS = {"compiled": "", "ordinary": "categories { __typename }"}
"""A root field that the compiler leaves alone has the whole request answered ordinarily."""
COUNTS = ("met", "metLate", "breached", "running", "paused", "cancelled")
FIGURES = (*COUNTS, "cancelledLate", "total", "rate", "medianSeconds", "p90Seconds", "provisional")
QUERY = f"""query C($by: SlaComplianceGroup!, $from: DateTime, $to: DateTime, $clock: String,
    $historical: Boolean, $source: String, $department: String, $region: String, $asOf: AsOf) {{
  slaCompliance(groupBy: $by, from: $from, to: $to, clock: $clock, historical: $historical,
      importSource: $source, department: $department, region: $region, asOf: $asOf) {{
    groups {{ clock label zh: label(lang: ZH) key keyLabel zhKey: keyLabel(lang: ZH)
      {" ".join(FIGURES)} }}
    total {{ clock label {" ".join(FIGURES)} }} }} MORE }}"""
AGES = """query A($by: ComplaintAgeingGroup!, $at: DateTime) {
  complaintAgeing(groupBy: $by, at: $at) { key en: label zh: label(lang: ZH) count underOneDay
    oneToThreeDays threeToSevenDays sevenToFourteenDays fourteenToThirtyDays thirtyDaysOrMore
    oldestReceivedAt medianHours } MORE }"""
BANDS = (
    *("underOneDay", "oneToThreeDays", "threeToSevenDays", "sevenToFourteenDays"),
    *("fourteenToThirtyDays", "thirtyDaysOrMore"),
)
NAMES = {"answer": ("answer", "答复"), "first_feedback": ("first feedback", "首次反馈")}
ENUMS = {"delay": "DELAY", "loss": "LOSS", "general": "GENERAL", "major": "MAJOR"}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HUB = UnitKey(UnitKind.DEPARTMENT, "hub")
GROUPS = {
    "CLOCK": "clock",
    "DEPARTMENT": "department",
    "REGION": "region",
    "OUTLET": "outlet",
    "CATEGORY": "category",
    "SEVERITY": "severity",
    "HANDLER": "handler",
    "MONTH": "month",
    "POLICY": "policy",
}


def made_up(dice: random.Random) -> ClockRow:
    """Make up a clock; whether it fits together does not matter to who counts."""
    started = BEGAN + timedelta(hours=dice.randrange(2000))
    state = dice.choice(["met", "met", "met_late", "breached", "running", "paused", "cancelled"])
    ended = state in {"met", "met_late", "cancelled"}
    clock = dice.choice(sorted(NAMES))
    return ClockRow(
        **dict.fromkeys(
            ("rolled_to", "warn_at", "warned_at", "breached_at", "annotated_at", "annotated_by")
        ),
        **dict.fromkeys(("paused_at", "remaining", "partner")),
        id=UUID(int=dice.getrandbits(128)),
        case_id=UUID(int=dice.getrandbits(128)),
        case_kind="complaint",
        case_number="C-1",
        clock=clock,
        name_en=NAMES[clock][0],
        name_zh=NAMES[clock][1],
        number=1,
        state=state,
        live=not ended,
        basis="elapsed",
        target=3600,
        policy=dice.choice(["default", "key_account"]),
        policy_version=1,
        calendar="china",
        calendar_version=1,
        time_zone="Asia/Shanghai",
        started_at=started,
        started_by="received",
        month=started.strftime("%Y-%m"),
        due_at=started + timedelta(hours=50),
        provisional=dice.random() < 0.1,
        paused_seconds=0,
        ended_at=started + timedelta(hours=dice.randrange(100)) if ended else None,
        ended_by="answered" if ended else None,
        duration_seconds=dice.randrange(40) if ended else None,
        department=dice.choice([None, "amber", "birch"]),
        region=dice.choice([None, "north", "south"]),
        outlet=dice.choice([None, "cove", "dune"]),
        category=dice.choice(["delay", "loss"]),
        severity=dice.choice(["general", "major"]),
        handler=dice.choice([None, "ann", "bob"]),
        historical=dice.random() < 0.5,
        import_source=dice.choice([None, "acme"]),
        position=1,
    )


@pytest.fixture(scope="module")
def rows(shared: Any) -> list[ClockRow]:
    """Four hundred clocks of cases that only those see who see everything."""
    dice = random.Random(20260301)
    made = [made_up(dice) for _ in range(400)]
    writer = as_role(shared.database.conninfo, "redress_writer")
    with psycopg.connect(writer) as connection:
        use_live_tables(connection)
        SLA_CLOCKS.insert(connection, made)
    return made


def nearest_rank(durations: list[int], percent: int) -> int | None:
    """Return the smallest duration that at least so many percent do not exceed."""
    for duration in sorted(durations):
        if 100 * sum(other <= duration for other in durations) >= percent * len(durations):
            return duration
    return None


def counted(rows: Iterable[ClockRow]) -> dict[str, Any]:
    """Count plainly."""
    listed = list(rows)
    states = [row.state for row in listed]
    met, late, breached = (states.count(s) for s in ("met", "met_late", "breached"))
    took = [
        row.duration_seconds
        for row in listed
        if row.state in {"met", "met_late"} and row.duration_seconds is not None
    ]
    cancelled = [row for row in listed if row.state == "cancelled"]
    return {
        "met": met,
        "metLate": late,
        "breached": breached,
        "running": states.count("running"),
        "paused": states.count("paused"),
        "cancelled": len(cancelled),
        "cancelledLate": sum(r.ended_at is not None and r.ended_at > r.due_at for r in cancelled),
        "total": len(listed),
        "rate": met / (met + late + breached) if met + late + breached else None,
        "medianSeconds": nearest_rank(took, 50),
        "p90Seconds": nearest_rank(took, 90),
        "provisional": sum(row.provisional for row in listed),
    }


def grouped(rows: list[ClockRow], by: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    keys = {(row.clock, getattr(row, GROUPS[by])) for row in rows}
    return [
        (clock, ENUMS.get(key, key) if by in {"CATEGORY", "SEVERITY"} else key, counted(found))
        for clock, key in sorted(keys, key=lambda k: (k[0], k[1] is None, k[1] or ""))
        if (found := [r for r in rows if r.clock == clock and getattr(r, GROUPS[by]) == key])
    ]


def compliance(api: Any, way: str, by: str, role: str = "auditor", **given: Any) -> Any:
    response = api.post(QUERY.replace("MORE", WAYS[way]), {"by": by} | given, role)
    answer = response.json()
    assert "errors" not in answer, answer["errors"]
    assert response.headers["redress-path"] == way
    return answer["data"]["slaCompliance"]


def told(found: Any) -> list[tuple[str, str | None, dict[str, Any]]]:
    return [
        (group["clock"], group.get("key"), {name: group[name] for name in FIGURES})
        for group in found
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", GROUPS)
def test_the_figures_of_each_group_are_those_of_a_plain_count(
    shared: Any, rows: list[ClockRow], way: str, by: str
) -> None:
    found = compliance(shared, way, by)

    assert told(found["groups"]) == grouped(rows, by)
    totals = grouped(rows, "CLOCK")
    assert told(found["total"]) == [(clock, None, figures) for clock, _, figures in totals]


WINDOW = ("2026-01-20T00:00:00+00:00", "2026-02-20T00:00:00+00:00")
FILTERS: dict[str, tuple[dict[str, Any], Callable[[ClockRow], bool]]] = {
    "from": ({"from": WINDOW[0]}, lambda r: r.started_at.isoformat() >= WINDOW[0]),
    "to": ({"to": WINDOW[1]}, lambda r: r.started_at.isoformat() < WINDOW[1]),
    "clock": ({"clock": "answer"}, lambda r: r.clock == "answer"),
    "imported": ({"historical": True}, lambda r: r.historical),
    "own": ({"historical": False}, lambda r: not r.historical),
    "source": ({"source": "acme"}, lambda r: r.import_source == "acme"),
    "department": ({"department": "amber"}, lambda r: r.department == "amber"),
    "region": ({"region": "south"}, lambda r: r.region == "south"),
    "nothing": ({"region": "nowhere"}, lambda _: False),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FILTERS)
def test_only_the_clocks_that_are_asked_for_are_counted(
    shared: Any, rows: list[ClockRow], way: str, name: str
) -> None:
    given, meant = FILTERS[name]
    chosen = [row for row in rows if meant(row)]
    assert len(chosen) < len(rows)

    assert told(compliance(shared, way, "MONTH", **given)["groups"]) == grouped(chosen, "MONTH")


@pytest.mark.parametrize("way", WAYS)
def test_what_starts_with_the_window_is_inside_and_what_starts_as_it_ends_is_not(
    shared: Any, rows: list[ClockRow], way: str
) -> None:
    at = rows[0].started_at
    since = compliance(shared, way, "CLOCK", **{"from": at.isoformat()})["total"]
    until = compliance(shared, way, "CLOCK", to=at.isoformat())["total"]

    assert sum(figures["total"] for figures in since) == sum(r.started_at >= at for r in rows)
    assert sum(figures["total"] for figures in until) == sum(r.started_at < at for r in rows)


@pytest.mark.parametrize("way", WAYS)
def test_clocks_and_keys_are_named_in_both_languages(
    shared: Any, rows: list[ClockRow], way: str
) -> None:
    assert rows
    for group in compliance(shared, way, "CLOCK")["groups"]:
        assert (group["label"], group["zh"]) == NAMES[group["clock"]]
        assert (group["keyLabel"], group["zhKey"]) == NAMES[group["clock"]]
    named = {
        (g["key"], g["keyLabel"], g["zhKey"]) for g in compliance(shared, way, "CATEGORY")["groups"]
    }
    assert named == {("DELAY", "delay", "延误"), ("LOSS", "loss", "丢失")}
    regions = compliance(shared, way, "REGION")["groups"]
    assert {(g["key"], g["keyLabel"]) for g in regions} == {
        ("north", "north"), ("south", "south"), (None, None),
    }  # fmt: skip


def test_a_window_that_ends_before_it_begins_is_an_error(shared: Any) -> None:
    window = {"from": WINDOW[1], "to": WINDOW[0]}
    for more in WAYS.values():
        (error,) = safely(shared, QUERY.replace("MORE", more), {"by": "CLOCK"} | window)["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "INVALID_VALUE",
            "to",
        )


def test_a_share_is_written_alike_however_small_it_is(shared: Any) -> None:
    dice = random.Random(7)
    pairs = [(1, 0), (0, 1), (0, 0), (1, 99_999), (1, 100_000), (1, 2**31 - 2), (3, 9_999)]
    pairs += [(dice.randrange(1, 9), dice.randrange(10 ** dice.randrange(1, 9))) for _ in range(99)]
    for met, late in pairs:
        row: Any = {"met": str(met), "met_late": str(late), "breached": "0"}
        nothing: Any = None
        written = "".join(map(str, _rate(row, nothing, nothing).pieces()))
        ((text,),) = shared.rows(f"SELECT {written}")
        rate = met / (met + late) if met + late else None
        assert text == orjson.dumps(rate).decode(), (met, late)


# Who sees what


@pytest.fixture(scope="module")
def cases(shared: Any) -> dict[str, str]:
    """A partner's case, one of the hub whose answer is overdue, one that was closed at once."""
    load_content(shared)
    issue(shared, head_hub=(Role.DEPARTMENT_HEAD, (HUB,)))
    made = {
        "partner": taken(shared, role="partner", occurredAt="2026-03-01T00:00:00Z"),
        "hub": taken(shared, ASSIGNED, occurredAt="2026-03-02T00:00:00Z"),
        "closed": taken(shared, CLOSED_AT_ONCE, occurredAt="2026-03-03T00:00:00Z"),
    }
    caught_up(shared)
    breach(shared, made["hub"], "answer")
    return made


@pytest.mark.parametrize("way", WAYS)
def test_a_partner_sees_the_figures_of_its_own_cases(
    shared: Any, cases: dict[str, str], rows: list[ClockRow], way: str
) -> None:
    assert cases
    assert rows
    found = compliance(shared, way, "CLOCK", "partner")["total"]
    assert {f["clock"]: (f["running"] + f["breached"], f["total"]) for f in found} == dict.fromkeys(
        ("forwarding", "first_feedback", "answer", "legal_answer"), (1, 1)
    )
    assert compliance(shared, way, "CLOCK", "other_partner") == {"groups": [], "total": []}


@pytest.mark.parametrize("way", WAYS)
def test_a_head_sees_the_figures_of_the_department(
    shared: Any, cases: dict[str, str], rows: list[ClockRow], way: str
) -> None:
    assert cases
    assert rows
    found = compliance(shared, way, "DEPARTMENT", "head_hub")["groups"]
    by_clock = {f["clock"]: f for f in found}
    assert {f["key"] for f in found} == {"hub"}
    assert (by_clock["answer"]["breached"], by_clock["answer"]["rate"]) == (1, 0.0)
    assert (by_clock["forwarding"]["met"], by_clock["forwarding"]["rate"]) == (1, 1.0)


@pytest.mark.parametrize("more", WAYS.values())
def test_figures_by_handler_are_not_for_partners(shared: Any, more: str) -> None:
    for document in (QUERY, AGES):
        for lang, word in (("en", "partners"), ("zh", "合作方")):
            asked = document.replace("MORE", more)
            (error,) = shared.errors(asked, {"by": "HANDLER"}, "partner", Accept_Language=lang)
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert word in error["message"]


# Ages


def ages(api: Any, way: str, by: str, at: str, role: str = "auditor") -> list[dict[str, Any]]:
    response = api.post(AGES.replace("MORE", WAYS[way]), {"by": by, "at": at}, role)
    assert response.headers["redress-path"] == way
    found: list[dict[str, Any]] = response.json()["data"]["complaintAgeing"]
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("at", "band", "hours"),
    [
        ("2026-03-01T00:00:00Z", "underOneDay", 0),
        ("2026-03-01T23:59:59Z", "underOneDay", 23),
        ("2026-03-02T00:00:00Z", "oneToThreeDays", 24),
        ("2026-03-04T00:00:00Z", "threeToSevenDays", 72),
        ("2026-03-07T23:59:59Z", "threeToSevenDays", 167),
        ("2026-03-08T00:00:00Z", "sevenToFourteenDays", 168),
        ("2026-03-15T00:00:00Z", "fourteenToThirtyDays", 336),
        ("2026-03-31T00:00:00Z", "thirtyDaysOrMore", 720),
    ],
)
def test_an_open_complaint_is_counted_in_the_band_of_its_age(
    shared: Any, cases: dict[str, str], way: str, at: str, band: str, hours: int
) -> None:
    assert cases
    (found,) = ages(shared, way, "DEPARTMENT", at, "partner")

    assert [found[name] for name in BANDS] == [int(name == band) for name in BANDS]
    assert (found["key"], found["count"], found["medianHours"]) == (None, 1, hours)
    assert found["oldestReceivedAt"] == "2026-03-01T00:00:00.000000Z"


@pytest.mark.parametrize("way", WAYS)
def test_only_complaints_that_are_open_and_received_by_then_have_an_age(
    shared: Any, cases: dict[str, str], way: str
) -> None:
    assert cases
    late = ages(shared, way, "STATE", "2026-03-10T00:00:00Z")
    early = ages(shared, way, "STATE", "2026-03-01T12:00:00Z")

    assert [(f["key"], f["en"], f["zh"], f["count"]) for f in late] == [
        ("ASSIGNED", "assigned", "已分派", 1),
        ("RECEIVED", "received", "已接收", 1),
    ]
    assert [(f["key"], f["count"]) for f in early] == [("RECEIVED", 1)]
    assert ages(shared, way, "STATE", "2026-02-01T00:00:00Z") == []


@pytest.mark.parametrize("way", WAYS)
def test_ages_are_those_of_now_where_no_instant_is_given(
    shared: Any, cases: dict[str, str], way: str
) -> None:
    assert cases
    document = AGES.replace("MORE", WAYS[way])
    (found,) = shared.graphql(document, {"by": "REGION"}, "partner")["complaintAgeing"]
    since = datetime.now(UTC) - datetime(2026, 3, 1, tzinfo=UTC)
    assert found["medianHours"] == since // timedelta(hours=1)
