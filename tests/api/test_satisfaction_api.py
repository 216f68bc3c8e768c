"""Satisfaction over HTTP: groups, their figures, the window, and who may see whose."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scipy.stats import binomtest

from projections.satisfaction import figures

FIELDS = "count scores mean csat csatLow csatHigh"
QUERY = f"""
query S($by: SatisfactionGroup!, $from: DateTime, $to: DateTime, $kind: RatingKind,
        $source: String) {{
  satisfaction(groupBy: $by, from: $from, to: $to, kind: $kind, importSource: $source) {{
    groups {{ key label {FIELDS} }} total {{ {FIELDS} }}
  }}
}}
"""
NOTHING = {
    "count": 0,
    "scores": [0, 0, 0, 0, 0],
    **dict.fromkeys(("mean", "csat", "csatLow", "csatHigh")),
}


class Company:
    """What shops and staff do, and what they are told about satisfaction."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._ratings = 0
        self.position = 0

    def shipment(self, waybill: str, role: str = "front_desk", **facts: str) -> None:
        self._done("recordShipment", {"waybill": waybill} | facts, role)

    def rate(self, waybill: str, *scores: int, at: str | None = None) -> None:
        for score in scores:
            self._ratings += 1
            given = {"waybill": waybill, "reference": f"r{self._ratings}", "score": score}
            self._done("rateDelivery", given | ({} if at is None else {"occurredAt": at}))

    def handled(self, score: int, **received: str) -> None:
        """Let a complaint be answered at first contact, and its handling be rated."""
        complaint = {"complaintId": self._api.receive("back_office", **received)["id"]}
        self._done("registerComplaint", complaint, "back_office")
        self._done("answerComplaint", complaint | {"answer": "x"}, "back_office")
        self._done("closeComplaint", complaint, "back_office")
        self._done("rateHandling", complaint | {"score": score}, "account_agent")

    def ask(self, by: str, role: str = "auditor", **given: Any) -> Any:
        headers = {"Redress_After": str(self.position)}
        variables = {"by": by} | given
        return self._api.graphql(QUERY, variables, role, **headers)["satisfaction"]

    def counts(self, by: str, role: str = "auditor", **given: Any) -> dict[str | None, int]:
        """Return the sizes of the groups; their sum is always that of the total."""
        found = self.ask(by, role, **given)
        counts = {group["key"]: group["count"] for group in found["groups"]}
        assert len(counts) == len(found["groups"])
        assert sum(counts.values()) == found["total"]["count"]
        return counts

    def _done(self, name: str, given: dict[str, Any], role: str = "front_desk") -> None:
        answer = self._api.command(name, given, role)
        assert "position" in answer, answer
        self.position = answer["position"]


@pytest.fixture
def company(api: Any) -> Company:
    return Company(api)


# Figures


def test_the_figures_of_a_group(company: Company) -> None:
    company.shipment("SF000001", region="east")
    company.rate("SF000001", 1, 3, 3, 4, 4, 5, 5, 5, 5, 5)

    (east,) = company.ask("REGION")["groups"]

    assert (east["key"], east["label"]) == ("east", None)
    assert (east["count"], east["scores"]) == (10, [1, 0, 2, 2, 5])
    assert (east["mean"], east["csat"]) == (4.0, 0.7)
    # Wilson's interval of 7 of 10, as textbooks print it.
    assert east["csatLow"] == pytest.approx(0.3968, abs=5e-5)
    assert east["csatHigh"] == pytest.approx(0.8922, abs=5e-5)


def test_the_total_is_that_of_all_ratings(company: Company) -> None:
    for number, region in enumerate(("east", "west"), 1):
        company.shipment(f"SF00000{number}", region=region)
        company.rate(f"SF00000{number}", number, 5)

    found = company.ask("REGION")

    assert [group["count"] for group in found["groups"]] == [2, 2]
    assert found["total"]["scores"] == [1, 1, 0, 0, 2]
    assert (found["total"]["mean"], found["total"]["csat"]) == (3.25, 0.5)


def test_without_ratings_there_are_no_groups_and_no_figures(company: Company) -> None:
    for by in ("REGION", "OUTLET", "DEPARTMENT", "CATEGORY", "MONTH"):
        assert company.ask(by) == {"groups": [], "total": NOTHING}


def test_the_interval_is_that_of_the_statistics_library() -> None:
    pairs = [(k, n) for n in (*range(1, 30), 97, 1000, 12_345) for k in {0, 1, n // 3, n - 1, n}]

    found = figures([[n - k, 0, 0, 0, k] for k, n in pairs])

    for (k, n), one in zip(pairs, found, strict=True):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert one.csat == k / n
        assert one.csat_low == pytest.approx(expected.low, abs=1e-14)
        assert one.csat_high == pytest.approx(expected.high, abs=1e-14)
        assert (one.csat_low == 0.0, one.csat_high == 1.0) == (k == 0, k == n)
    assert figures([]) == []


# Groups


def test_groups_are_ordered_by_their_key_and_the_unknown_one_is_last(company: Company) -> None:
    for number, outlet in enumerate(("b", "a", "B", "网点"), 1):
        company.shipment(f"SF00000{number}", outlet=outlet)
        company.rate(f"SF00000{number}", 5)
    company.shipment("SF000009")
    company.rate("SF000009", 2, 3)

    assert list(company.counts("OUTLET").items()) == [
        *(("B", 1), ("a", 1), ("b", 1), ("网点", 1)),
        (None, 2),
    ]


def test_a_delivery_is_counted_where_the_latest_facts_put_it(company: Company) -> None:
    company.shipment("SF000001")
    company.rate("SF000001", 5, 1)
    assert company.counts("REGION") == {None: 2}

    company.shipment("SF000001", region="east", outlet="e1")
    assert company.counts("REGION") == {"east": 2}

    company.shipment("SF000001", region="west", outlet="w1")
    assert company.counts("REGION") == {"west": 2}
    assert company.counts("OUTLET") == {"w1": 2}


def test_a_handling_is_counted_under_its_category(company: Company) -> None:
    company.handled(4, category="ENQUIRY", region="east", outlet="e1")
    company.handled(5, category="SUGGESTION", region="east")
    company.shipment("SF000001", region="east")
    company.rate("SF000001", 1)

    found = company.ask("CATEGORY")
    assert [group["key"] for group in found["groups"]] == ["ENQUIRY", "SUGGESTION", None]
    assert [group["label"] for group in found["groups"]] == ["enquiry", "suggestion", None]
    assert company.counts("REGION") == {"east": 3}
    assert company.counts("OUTLET") == {"e1": 1, None: 2}
    assert company.counts("DEPARTMENT", kind="HANDLING") == {None: 2}
    assert company.counts("CATEGORY", kind="HANDLING") == {"ENQUIRY": 1, "SUGGESTION": 1}
    assert company.counts("CATEGORY", kind="DELIVERY") == {None: 1}


def test_a_category_has_its_name_in_both_languages(company: Company, api: Any) -> None:
    company.handled(4, category="ENQUIRY")

    query = "{ satisfaction(groupBy: CATEGORY) { groups { zh: label(lang: ZH) en: label } } }"
    found = api.graphql(query, None, "auditor", Redress_After=str(company.position))

    assert found["satisfaction"]["groups"] == [{"zh": "咨询", "en": "enquiry"}]


def test_a_month_is_that_of_the_business_time_zone(company: Company) -> None:
    company.shipment("SF000001")
    for at in (
        "2017-10-31T15:59:59.999999Z",  # in Shanghai still October
        "2017-10-31T16:00:00Z",
        "2017-11-30T15:59:59.999999Z",
        "2018-02-01T00:00:00+08:00",
        "2018-01-31T23:59:59+08:00",
    ):
        company.rate("SF000001", 5, at=at)

    found = company.counts("MONTH")

    assert list(found.items()) == [
        *(("2017-10", 1), ("2017-11", 2), ("2018-01", 1)),
        ("2018-02", 1),
    ]


# The window


def test_the_window_is_half_open(company: Company) -> None:
    company.shipment("SF000001", region="east")
    times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    for score, at in enumerate(times, 1):
        company.rate("SF000001", score, at=at)

    def scores(**window: str) -> Any:
        for by in ("REGION", "MONTH"):
            total = company.ask(by, **window)["total"]
        return total["scores"][:3]

    assert scores() == [1, 1, 1]
    assert scores(**{"from": times[1]}) == [0, 1, 1]
    assert scores(to=times[1]) == [1, 0, 0]
    assert scores(**{"from": times[0]}, to=times[2]) == [1, 1, 0]
    assert scores(**{"from": times[1]}, to=times[1]) == [0, 0, 0]
    assert scores(**{"from": "0001-01-01T00:00:00Z"}, to="9999-12-31T23:59:59Z") == [1, 1, 1]
    just_after = (datetime.fromisoformat(times[1]) + timedelta(microseconds=1)).isoformat()
    assert scores(**{"from": just_after}) == [0, 0, 1]
    assert scores(to=just_after) == [1, 1, 0]


def test_a_window_that_ends_before_it_begins_is_an_error_that_names_the_field(api: Any) -> None:
    window = {"by": "REGION", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T23:59:59Z"}

    (error,) = api.errors(QUERY, window, "auditor")

    assert error["message"] == "to must not lie before from"
    assert error["extensions"] == {"code": "INVALID_VALUE", "rule": "before", "field": "to"}


def test_only_a_source_is_asked_for(company: Company, api: Any) -> None:
    company.shipment("SF000001")
    company.rate("SF000001", 5)

    assert company.counts("REGION", source="olist") == {}
    for source in ("a\x00b", "x" * 500):
        (error,) = api.errors(QUERY, {"by": "REGION", "source": source}, "auditor")
        assert error["extensions"]["field"] == "importSource"


# Who may see whose


def test_a_partner_sees_its_own_shipments_and_complaints_only(company: Company) -> None:
    company.shipment("SF000001", "partner", region="east")
    company.shipment("SF000002", "other_partner", region="east")
    company.shipment("SF000003", region="west")
    for number in (1, 2, 3):
        company.rate(f"SF00000{number}", number)
    company.handled(4, category="ENQUIRY", region="east")

    assert company.ask("REGION", "partner")["total"]["scores"] == [1, 0, 0, 0, 0]
    assert company.counts("REGION", "partner") == {"east": 1}
    assert company.counts("REGION", "other_partner") == {"east": 1}
    assert sum(company.counts("MONTH", "partner").values()) == 1
    assert company.counts("REGION", "department_head") == {"east": 3, "west": 1}


def test_a_partner_sees_how_its_complaints_were_handled(company: Company, api: Any) -> None:
    complaint = {"complaintId": api.receive("partner", category="ENQUIRY")["id"]}
    company._done("registerComplaint", complaint, "back_office")
    company._done("answerComplaint", complaint | {"answer": "x"}, "back_office")
    company._done("closeComplaint", complaint, "back_office")
    company._done("rateHandling", complaint | {"score": 5}, "partner")

    assert company.counts("CATEGORY", "partner") == {"ENQUIRY": 1}
    assert company.counts("CATEGORY", "other_partner") == {}


def test_customers_and_strangers_see_nothing(api: Any) -> None:
    for role in ("customer", "operator"):
        assert api.code(QUERY, {"by": "REGION"}, role) == "FORBIDDEN"
    assert api.code(QUERY, {"by": "REGION"}, None) == "UNAUTHENTICATED"


def test_a_group_is_one_of_the_list(api: Any) -> None:
    assert api.errors(QUERY, {"by": "SCORE"}, "auditor")
    assert api.errors("{ satisfaction { total { count } } }", None, "auditor")


def test_a_rating_of_now_is_in_this_month(company: Company) -> None:
    company.shipment("SF000001")
    before = datetime.now(UTC)
    company.rate("SF000001", 5)
    shanghai = {(at + timedelta(hours=8)).strftime("%Y-%m") for at in (before, datetime.now(UTC))}

    assert set(company.counts("MONTH")) <= shanghai
