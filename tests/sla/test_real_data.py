"""Clocks of real orders, imported, beside deadlines and figures computed from the raw file.

The deadlines are walked to day by day over the published calendar, in plain loops; nothing of the
product is asked how.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from api.bootstrap import open_dispatcher, open_event_store
from application.imports.mapping import read_mapping
from application.imports.run import run_import
from application.permissions import Caller
from application.timekeeping.run import Timekeeper
from domain.roles import PersonId, Role
from tests.api.clocks import load_content
from tests.api.conftest import ZONE, api, settings
from tests.api.test_compliance_as_of import projected
from tests.api.test_real_import import OLIST, ORDERS, SAO_PAULO, everything, rows

HOLIDAYS = ORDERS.parent / "holiday_cn_2007_2026.csv"
CHINA = timezone(timedelta(hours=8))
DAY = timedelta(days=1)
ANSWERED = 'answered_at = "review_answer_timestamp"'
FIGURES = "met metLate breached running paused cancelled total rate medianSeconds p90Seconds"
QUERY = f"""query C($by: SlaComplianceGroup!) {{
  slaCompliance(groupBy: $by, importSource: "olist", historical: true) {{
    groups {{ clock key {FIGURES} }} total {{ clock {FIGURES} }} }} }}"""
Judged = dict[str, Any]

__all__ = ["api", "rows", "settings"]
"""The fixtures of the API and of the import, which these tests begin with."""
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not ORDERS.exists(), reason="the trial data is not here"),
]


@pytest.fixture(scope="module")
def days() -> dict[date, bool]:
    """Whether people work on the days of the notices."""
    with HOLIDAYS.open(encoding="utf-8", newline="") as source:
        return {
            date.fromisoformat(row["date"]): row["is_off_day"] == "False"
            for row in csv.DictReader(source)
        }


def working_day(days: dict[date, bool], day: date, number: int) -> date:
    """Walk to the working day of this number after a day."""
    while number:
        day += DAY
        if days.get(day, day.isoweekday() <= 5):
            number -= 1
    return day


def deadlines(days: dict[date, bool], received: datetime) -> dict[str, datetime]:
    start = received.astimezone(CHINA).date()
    ends = {
        "forwarding": working_day(days, start, 1),
        "answer": working_day(days, start, 3),
        "legal_answer": start + 7 * DAY,
    }
    found = {
        clock: datetime(day.year, day.month, day.day, tzinfo=CHINA) + DAY
        for clock, day in ends.items()
    }
    return found | {"first_feedback": received + timedelta(hours=24)}


def instant(local: str) -> datetime | None:
    if not local:
        return None
    return datetime.strptime(local, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SAO_PAULO).astimezone(UTC)


def judged(
    rows: list[dict[str, str]], days: dict[date, bool], *, answers: bool
) -> Iterator[Judged]:
    """Return what must be known of each clock of each bad review; ``answers``: they were told."""
    for row in rows:
        if not row["review_score"] or float(row["review_score"]) > 2:
            continue
        received = instant(row["review_creation_date"])
        assert received is not None
        answered = instant(row["review_answer_timestamp"]) if answers else None
        for clock, due in deadlines(days, received).items():
            outcome = "breached"
            if answered is not None:
                outcome = "met" if answered <= due else "metLate"
            yield {
                "clock": clock,
                "waybill": row["order_id"],
                "started": received,
                "due": due.astimezone(UTC),
                "outcome": outcome,
                "seconds": None if answered is None else (answered - received).total_seconds(),
                "REGION": row["customer_state"],
                "CATEGORY": "DELIVERY",
                "SEVERITY": "GENERAL",
                "MONTH": received.astimezone(CHINA).strftime("%Y-%m"),
            }


def figures(clocks: list[Judged]) -> dict[str, Any]:
    outcomes = [clock["outcome"] for clock in clocks]
    took = sorted(int(c["seconds"]) for c in clocks if c["seconds"] is not None)
    return {
        **{outcome: outcomes.count(outcome) for outcome in ("met", "metLate", "breached")},
        **dict.fromkeys(("running", "paused", "cancelled"), 0),
        "total": len(clocks),
        "rate": outcomes.count("met") / len(clocks),
        "medianSeconds": took[-(-len(took) // 2) - 1] if took else None,
        "p90Seconds": took[-(-9 * len(took) // 10) - 1] if took else None,
    }


def expected(clocks: list[Judged], by: str | None) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for clock in clocks:
        groups[clock["clock"], "" if by is None else clock[by]].append(clock)
    return [
        {"clock": name} | ({} if by is None else {"key": key}) | figures(groups[name, key])
        for name, key in sorted(groups)
    ]


Takeover = Callable[[Path], None]


@pytest.fixture
def take_over(api: Any, tmp_path: Path, rows: list[dict[str, str]]) -> Takeover:
    """Import the orders by a mapping, under the shipped policies; the timers look at them once."""
    data = tmp_path / "orders.csv"
    with data.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    opened = (api.database.conninfo, api.database.master)

    async def run(mapping: Path) -> None:
        async with open_dispatcher(*opened, zone=ZONE) as dispatcher:
            caller = Caller("cli", PersonId("cli"), Role.ADMINISTRATOR)
            summary = await run_import(dispatcher, read_mapping(mapping), [data], caller=caller)
            assert summary.rejected == 0
        async with open_event_store(*opened, zone=ZONE) as store:
            await Timekeeper(store, lambda: datetime.now(UTC), grace=timedelta(0)).settle()

    def taken_over(mapping: Path) -> None:
        load_content(api)
        api.run(run(mapping))
        projected(api)

    return taken_over


def agree(api: Any, clocks: list[Judged]) -> None:
    """Compare every clock, and the figures of every grouping."""
    found = everything(
        api, "slaClocks", "clock state startedAt dueAt provisional complaint { waybill }"
    )
    assert sorted(
        (node["clock"], node["complaint"]["waybill"], node["startedAt"], node["dueAt"],
         node["state"], node["provisional"])
        for node in found
    ) == sorted(
        (clock["clock"], clock["waybill"], _text(clock["started"]), _text(clock["due"]),
         {"metLate": "MET_LATE"}.get(clock["outcome"], clock["outcome"].upper()), False)
        for clock in clocks
    )  # fmt: skip
    for by in ("REGION", "CATEGORY", "SEVERITY", "MONTH"):
        told = api.graphql(QUERY, {"by": by}, "auditor")["slaCompliance"]
        assert told["groups"] == expected(clocks, by)
        assert told["total"] == expected(clocks, None)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_every_deadline_of_imported_complaints_is_that_of_the_published_calendar(
    api: Any,
    rows: list[dict[str, str]],
    days: dict[date, bool],
    take_over: Takeover,
) -> None:
    take_over(OLIST)
    clocks = list(judged(rows, days, answers=False))
    assert clocks
    agree(api, clocks)


def test_answers_that_were_imported_meet_their_clocks_when_the_file_says(
    api: Any,
    rows: list[dict[str, str]],
    days: dict[date, bool],
    take_over: Takeover,
    tmp_path: Path,
) -> None:
    variant = tmp_path / "answered.toml"
    variant.write_text(f"{OLIST.read_text(encoding='utf-8')}\n{ANSWERED}\n", encoding="utf-8")
    take_over(variant)
    clocks = list(judged(rows, days, answers=True))
    assert {clock["outcome"] for clock in clocks} >= {"met", "metLate"}
    agree(api, clocks)
