"""How many appeals there are: counted apart, by region, department, cause or month."""

from typing import Any

import pytest

from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from tests.api.appeals import ANSWERED, REJECTED, VALID, issue, led, received
from tests.api.cases import ASSIGNED, safely, taken

FIGURES = ("received", "valid", "notValid", "open", "answered", "withdrawn")
COUNTS = f"""query C($by: AppealGroup!, $from: DateTime, $to: DateTime) {{
  appealCounts(groupBy: $by, from: $from, to: $to) {{
    key en: label zh: label(lang: ZH) {" ".join(FIGURES)} }} MORE }}"""
WAYS = {"compiled": "", "ordinary": "categories { __typename }"}
"""A root field that the compiler leaves alone has the whole request answered ordinarily."""
HUB = UnitKey(UnitKind.DEPARTMENT, "hub")


@pytest.fixture(scope="module")
def counted(shared: Any) -> Any:
    """Six appeals about two cases, one of them in the hub, east; four of January, two of March."""
    cases = (
        taken(shared, ASSIGNED, region="east", occurredAt="2026-01-02T00:00:00Z"),
        taken(shared, occurredAt="2026-01-02T00:00:00Z"),
    )
    january, march = "2026-01-31T15:59:59Z", "2026-02-28T16:00:00Z"  # local midnight is at 16:00
    for case, at, cause, steps in (
        (0, january, "LOSS", ANSWERED),
        (0, january, "DELAY", REJECTED),
        (0, january, "LOSS", [("withdrawAppeal", {})]),
        (1, january, "LOSS", VALID),
        (1, march, "DELAY", REJECTED[:1]),
        (1, march, "DELAY", []),
    ):
        led(shared, received(shared, cases[case], cause=cause, occurredAt=at), steps)
    issue(shared, head_hub=(Role.DEPARTMENT_HEAD, (HUB,)))
    return shared


def counts(api: Any, way: str, by: str, role: str = "auditor", **span: str) -> dict[Any, list[int]]:
    document = COUNTS.replace("MORE", WAYS[way])
    response = api.post(document, {"by": by} | span, role)
    assert response.headers["redress-path"] == way
    found = response.json()["data"]["appealCounts"]
    return {group["key"]: [group[name] for name in FIGURES] for group in found}


HUB_FIGURES = [3, 1, 1, 0, 2, 1]
NOBODYS_FIGURES = [3, 1, 1, 3, 0, 0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("REGION", {"east": HUB_FIGURES, None: NOBODYS_FIGURES}),
        ("DEPARTMENT", {"hub": HUB_FIGURES, None: NOBODYS_FIGURES}),
        ("CAUSE", {"DELAY": [3, 0, 2, 2, 1, 0], "LOSS": [3, 2, 0, 1, 1, 1]}),
        ("MONTH", {"2026-01": [4, 2, 1, 1, 2, 1], "2026-03": [2, 0, 1, 2, 0, 0]}),
    ],
)
def test_appeals_are_counted_by_their_group_and_their_outcome(
    counted: Any, way: str, by: str, wanted: dict[Any, list[int]]
) -> None:
    found = counts(counted, way, by)

    assert found == wanted
    assert list(found) == list(wanted), "in the order of the keys, the unknown one last"


@pytest.mark.parametrize("way", WAYS)
def test_appeals_are_counted_that_were_received_within_a_span(counted: Any, way: str) -> None:
    def totals(**span: str) -> int:
        return sum(figures[0] for figures in counts(counted, way, "MONTH", **span).values())

    march = "2026-02-28T16:00:00Z"
    assert totals(**{"from": march}) == 2
    assert totals(to=march) == 4
    assert totals(**{"from": "2026-02-01T00:00:00Z", "to": march}) == 0


def test_a_span_that_ends_before_it_begins_is_an_error(counted: Any) -> None:
    span = {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    for more in WAYS.values():
        document = COUNTS.replace("MORE", more)
        (error,) = safely(counted, document, {"by": "MONTH"} | span)["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "INVALID_VALUE",
            "to",
        )


@pytest.mark.parametrize("way", WAYS)
def test_a_head_counts_the_appeals_of_its_department(counted: Any, way: str) -> None:
    assert counts(counted, way, "DEPARTMENT", "head_hub") == {"hub": HUB_FIGURES}


@pytest.mark.parametrize("way", WAYS)
def test_a_cause_is_named_in_both_languages(counted: Any, way: str) -> None:
    document = COUNTS.replace("MORE", WAYS[way])
    found = counted.graphql(document, {"by": "CAUSE"})["appealCounts"]
    named = [(group["key"], group["en"], group["zh"]) for group in found]
    assert named == [("DELAY", "delay", "延误"), ("LOSS", "loss", "丢失")]
    (first, *_) = counted.graphql(document, {"by": "REGION"})["appealCounts"]
    assert (first["en"], first["zh"]) == ("east", "east")
