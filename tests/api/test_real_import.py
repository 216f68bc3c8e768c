"""Real orders, imported, asked back over GraphQL and compared with the file itself."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.bootstrap import open_dispatcher
from application.imports.mapping import read_mapping
from application.imports.run import run_import
from application.permissions import Caller
from domain.roles import PersonId, Role

ROOT = Path(__file__).parents[2]
ORDERS = ROOT.parent / "shared" / "data" / "olist_orders_3000.csv.gz"
OLIST = ROOT / "docs" / "import" / "olist.toml"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
BUSINESS = ZoneInfo("Asia/Shanghai")
NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %, from a printed table

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not ORDERS.exists(), reason="the trial data is not here"),
]


def instant(local: str) -> str | None:
    if not local:
        return None
    at = datetime.strptime(local, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SAO_PAULO)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minor(amount: str) -> int | None:
    return int((Decimal(amount) * 100).to_integral_value()) if amount else None


def everything(api: Any, field: str, selection: str) -> Iterator[dict[str, Any]]:
    """Walk a whole connection, page by page."""
    after = None
    while True:
        answer = api.graphql(
            f'query($after: String) {{ {field}(filter: {{importSource: "olist"}}, first: 500,'
            f" after: $after) {{ totalCount edges {{ node {{ {selection} }} }}"
            " pageInfo { hasNextPage endCursor } } }",
            {"after": after},
            "auditor",
        )[field]
        for edge in answer["edges"]:
            yield edge["node"] | {"total": answer["totalCount"]}
        if not answer["pageInfo"]["hasNextPage"]:
            return
        after = answer["pageInfo"]["endCursor"]


@pytest.fixture
def rows(full_volume: bool) -> list[dict[str, str]]:
    """The orders of the file, all of them at full volume."""
    with gzip.open(ORDERS, "rt", encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))[: None if full_volume else 400]


@pytest.fixture
def take_over(api: Any, tmp_path: Path, rows: list[dict[str, str]]) -> Callable[[], int]:
    """Import the orders, and return how much was new."""
    data = tmp_path / "orders.csv"
    with data.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    def imported() -> int:
        async def run() -> int:
            async with open_dispatcher(
                api.database.conninfo, api.database.master, zone=SAO_PAULO
            ) as dispatcher:
                caller = Caller("cli", PersonId("cli"), Role.ADMINISTRATOR)
                summary = await run_import(dispatcher, read_mapping(OLIST), [data], caller=caller)
            assert summary.rejected == 0
            return (
                summary.imported.shipments + summary.imported.complaints + summary.imported.ratings
            )

        new: int = api.run(run())
        (position,) = api.rows("SELECT max(notification_id) FROM log.stored_events")[0]
        api.graphql("{ viewer { role } }", None, "auditor", Redress_After=str(position))
        return new

    return imported


def test_what_was_imported_is_what_the_file_says(
    api: Any, rows: list[dict[str, str]], take_over: Callable[[], int]
) -> None:
    assert take_over() > 0
    assert take_over() == 0

    shipments = {
        node["waybill"]: node
        for node in everything(
            api,
            "shipments",
            "waybill orderedAt acceptedAt promisedBy deliveredAt destination region"
            " fee { amountMinor currency } declaredValue { amountMinor }",
        )
    }
    assert set(shipments) == {row["order_id"] for row in rows}
    for row in rows:
        node = shipments[row["order_id"]]
        assert node["total"] == len(shipments)
        assert node["orderedAt"] == instant(row["order_purchase_timestamp"])
        assert node["acceptedAt"] == instant(row["order_delivered_carrier_date"])
        assert node["promisedBy"] == instant(row["order_estimated_delivery_date"])
        assert node["deliveredAt"] == instant(row["order_delivered_customer_date"])
        assert node["destination"] == row["customer_city"]
        assert (node["fee"] or {}).get("amountMinor") == minor(row["freight_sum"])
        assert (node["declaredValue"] or {}).get("amountMinor") == minor(row["item_price_sum"])

    reviews = [row for row in rows if row["review_score"]]
    ratings = sorted(
        (node["score"], node["ratedAt"], node["title"], node["comment"])
        for node in nullable(everything(api, "ratings", "score ratedAt title comment"))
    )
    assert ratings == sorted(
        (
            int(float(row["review_score"])),
            instant(row["review_creation_date"]) or "",
            row["review_comment_title"].strip(),
            row["review_comment_message"].strip(),
        )
        for row in reviews
    )

    complaints = list(
        everything(api, "complaints", "receivedAt historical state importSource waybill facts")
    )
    bad = [row for row in reviews if float(row["review_score"]) <= 2]
    assert sorted((c["waybill"], c["receivedAt"]) for c in complaints) == sorted(
        (row["order_id"], instant(row["review_creation_date"]) or "") for row in bad
    )
    assert all(c["historical"] and c["state"] == "RECEIVED" for c in complaints)
    said = {row["order_id"]: row["review_comment_message"].strip() for row in bad}
    assert all(said[c["waybill"]] in c["facts"] for c in complaints)


def nullable(nodes: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Read a text that nobody wrote as an empty one."""
    for node in nodes:
        yield {name: "" if value is None else value for name, value in node.items()}


def wilson(satisfied: int, ratings: int) -> tuple[float, float]:
    """Return the shares p that lie just so far from the observed one that a test at 5 % rejects.

    (observed - p)² = z² p (1 - p) / n, an equation of the second degree in p.
    """
    observed, z2 = satisfied / ratings, NORMAL_QUANTILE**2 / ratings
    a, b, c = 1 + z2, -(2 * observed + z2), observed**2
    root = sqrt(max(b * b - 4 * a * c, 0.0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def expected_figures(scores: list[int]) -> dict[str, Any]:
    satisfied = sum(score >= 4 for score in scores)
    low, high = wilson(satisfied, len(scores))
    return {
        "count": len(scores),
        "scores": [scores.count(score) for score in (1, 2, 3, 4, 5)],
        "mean": pytest.approx(sum(scores) / len(scores), abs=1e-12),
        "csat": pytest.approx(satisfied / len(scores), abs=1e-12),
        "csatLow": pytest.approx(low, abs=1e-9),
        "csatHigh": pytest.approx(high, abs=1e-9),
    }


def test_satisfaction_with_what_was_imported_is_what_the_file_says(
    api: Any, rows: list[dict[str, str]], take_over: Callable[[], int]
) -> None:
    take_over()
    by_group: dict[str, dict[str, list[int]]] = {
        "REGION": defaultdict(list),
        "MONTH": defaultdict(list),
    }
    scores, times = [], []
    for row in rows:
        if row["review_score"]:
            score = int(float(row["review_score"]))
            at = datetime.strptime(row["review_creation_date"], "%Y-%m-%d %H:%M:%S").replace(
                tzinfo=SAO_PAULO
            )
            by_group["REGION"][row["customer_state"]].append(score)
            by_group["MONTH"][at.astimezone(BUSINESS).strftime("%Y-%m")].append(score)
            scores.append(score)
            times.append(at)

    query = """query S($by: SatisfactionGroup!, $from: DateTime, $to: DateTime) {
      satisfaction(groupBy: $by, from: $from, to: $to, importSource: "olist", kind: DELIVERY) {
        groups { key label count scores mean csat csatLow csatHigh }
        total { count scores mean csat csatLow csatHigh } } }"""
    for group, expected in by_group.items():
        found = api.graphql(query, {"by": group}, "auditor")["satisfaction"]

        assert found["groups"] == [
            {"key": key, "label": None} | expected_figures(expected[key])
            for key in sorted(expected)
        ]
        assert found["total"] == expected_figures(scores)

    first, last = sorted(times)[len(times) // 3], sorted(times)[-len(times) // 3]
    window = {"by": "REGION", "from": first.isoformat(), "to": last.isoformat()}
    found = api.graphql(query, window, "auditor")["satisfaction"]
    within = [s for s, at in zip(scores, times, strict=True) if first <= at < last]
    assert 0 < len(within) < len(scores)
    assert found["total"] == expected_figures(within)
