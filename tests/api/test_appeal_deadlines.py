"""By when appeals are to be answered, how many were answered late, and how many are overdue."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
import pytest

from tests.api.appeals import FOUND, REJECTED, done, received
from tests.api.cases import ASSIGNED, ago, taken, written
from tests.api.clocks import caught_up, load_content
from tests.api.conftest import ZONE
from tests.api.test_compiler import BothWays, callers

COUNTS = """query C($by: AppealGroup) { appealCounts(groupBy: $by) {
  key label received open answered withdrawn lateAnswers overdue } }"""
DUE = "{ appeals { edges { node { reference dueAt } } } }"
DAYS = 10
"""Calendar days for an answer, as the shipped policy has it."""
LONG = 40
NOW = datetime.now(ZONE)
"""One moment for all tests: midnight may pass while they run."""


def end_of_the_last_day(days_ago: int, **later: float) -> str:
    """Return when an appeal that was received so many days ago is due."""
    last_day = (NOW - timedelta(days=days_ago)).date() + timedelta(days=DAYS)
    midnight = datetime.combine(last_day + timedelta(days=1), time(), ZONE)
    return written(midnight.astimezone(UTC) + timedelta(**later))


@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    """One appeal from before there were policies, then one for each way to end or to wait."""
    east = taken(shared, ASSIGNED, region="east", occurredAt=ago(days=60))
    west = taken(shared, region="west", occurredAt=ago(days=60))

    def appealed(case: str, reference: str, days: int = LONG) -> str:
        at = written(NOW - timedelta(days=days))
        return received(shared, case, reference=reference, occurredAt=at)

    def answered(reference: str, at: str) -> None:
        appeal = appealed(east, reference)
        for name, given in REJECTED:
            done(shared, name, appealId=appeal, occurredAt=at, **given)

    appealed(west, "unclocked")
    load_content(shared)
    answered("in-time", end_of_the_last_day(LONG))
    answered("late", end_of_the_last_day(LONG, seconds=1))
    withdrawn = appealed(west, "withdrawn")
    done(shared, "withdrawAppeal", appealId=withdrawn, occurredAt=ago(days=1))
    done(shared, "recordAppealFinding", appealId=appealed(west, "overdue"), **FOUND)
    appealed(west, "waiting", days=1)
    caught_up(shared)
    return shared


def asked(api: Any, document: str, **variables: str | None) -> Any:
    """Ask the compiler and ordinary execution; both say the same."""
    compiled, ordinary = BothWays(api).ask(document, variables, callers()["auditor"])
    assert compiled.path == "compiled"
    assert compiled.body == ordinary.body
    return orjson.loads(compiled.body)["data"]


def test_an_appeal_tells_by_when_a_clock_that_was_not_cancelled_demands_an_answer(
    company: Any,
) -> None:
    edges = asked(company, DUE)["appeals"]["edges"]

    due = {edge["node"]["reference"]: edge["node"]["dueAt"] for edge in edges}
    long_ago = end_of_the_last_day(LONG)
    assert due == {
        "unclocked": None,
        "withdrawn": None,
        **dict.fromkeys(("in-time", "late", "overdue"), long_ago),
        "waiting": end_of_the_last_day(1),
    }


def test_late_answers_and_overdue_appeals_are_counted_by_group_and_together(company: Any) -> None:
    def counted(by: str | None) -> dict[str | None, list[int]]:
        names = ("received", "open", "answered", "withdrawn", "lateAnswers", "overdue")
        found = asked(company, COUNTS, by=by)["appealCounts"]
        return {group["key"]: [group[name] for name in names] for group in found}

    assert counted("REGION") == {"east": [2, 0, 2, 0, 1, 0], "west": [4, 3, 0, 1, 0, 1]}
    assert counted("CAUSE") == {"LOSS": [6, 3, 2, 1, 1, 1]}
    assert counted(None) == {None: [6, 3, 2, 1, 1, 1]}


def test_without_an_appeal_the_figures_of_all_together_are_zero(api: Any) -> None:
    assert asked(api, COUNTS)["appealCounts"] == [
        {
            "key": None,
            "label": None,
            **dict.fromkeys(("received", "open", "answered", "withdrawn"), 0),
            **dict.fromkeys(("lateAnswers", "overdue"), 0),
        }
    ]
