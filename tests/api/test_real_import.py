"""Real orders, imported, asked back over GraphQL and compared with the file itself."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
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


def test_what_was_imported_is_what_the_file_says(
    api: Any, tmp_path: Path, full_volume: bool
) -> None:
    with gzip.open(ORDERS, "rt", encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        rows = list(reader)[: None if full_volume else 400]
    data = tmp_path / "orders.csv"
    with data.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, reader.fieldnames or [])
        writer.writeheader()
        writer.writerows(rows)

    def take_over() -> int:
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

        imported: int = api.run(run())
        (position,) = api.rows("SELECT max(notification_id) FROM log.stored_events")[0]
        api.graphql("{ viewer { role } }", None, "auditor", Redress_After=str(position))
        return imported

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
