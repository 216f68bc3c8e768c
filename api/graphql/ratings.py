"""Ratings in the schema."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import copied
from api.graphql.compiler.declarations import Pages, Planning, Row, answers, personal, reads
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, global_id_sql, in_text
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import Connection, connection_of, filter_text, global_id
from projections.paging import Condition, Listing, Order, Window
from projections.ratings import RATING_TEXTS, RATINGS, RatingRow, RatingTextsRow


def _text(name: str, description: str) -> Any:
    async def resolve(root: "Rating", info: ApiInfo) -> str | None:
        if not info.context.may("personalData"):
            return None
        texts: RatingTextsRow | None = await info.context.loader(RATING_TEXTS).load(
            root.row.position
        )
        return None if texts is None else getattr(texts, name)

    return strawberry.field(resolver=resolve, description=description)


@strawberry.type(description="A customer's rating of a delivery or of a complaint's handling.")
class Rating:
    """A rating; kind is delivery or handling, subjectId the id of what was rated."""

    row: strawberry.Private[RatingRow]
    id: strawberry.ID
    subject_id: strawberry.ID
    kind: str
    reference: str | None
    score: int
    rated_at: datetime
    import_source: str | None

    title: str | None = _text("title", "What the customer wrote above it.")
    comment: str | None = _text("comment", "What the customer wrote.")


def rating_type(row: RatingRow) -> Rating:
    """Return the type of a row."""
    subject: UUID = row.subject
    return copied(
        Rating,
        row,
        row=row,
        id=global_id("Rating", row.position),
        subject_id=global_id("Shipment" if row.kind == "delivery" else "Complaint", subject),
    )


def _subject(row: Row, _selected: Selected, _planning: Planning) -> Json:
    shipment, complaint = (
        global_id_sql(kind, row["subject"]) for kind in ("Shipment", "Complaint")
    )
    text = f"CASE {row['kind']} WHEN 'delivery' THEN {shipment} ELSE {complaint} END"
    return in_text(text, required=True)


reads(
    "Rating",
    RATINGS,
    subjectId=_subject,
    title=personal(RATING_TEXTS),
    comment=personal(RATING_TEXTS),
)


@strawberry.input(description="Which ratings; conditions are joined by AND.")
class RatingFilter:
    """Conditions."""

    import_source: str | None = None
    kind: str | None = None
    score: int | None = None


@strawberry.enum(description="The order of ratings: as they were recorded.")
class RatingOrder(Enum):
    """By the position in the log."""

    RECORDED_ASC = "asc"
    RECORDED_DESC = "desc"


def _ratings(
    context: Context,
    filter: RatingFilter | None,  # noqa: A002  the schema's word
    order_by: RatingOrder,
    **window: Any,
) -> Listing[RatingRow]:
    conditions = context.within("ratings", RATINGS)
    given = filter or RatingFilter()
    if given.score is not None:
        conditions.append(Condition("score", "=", given.score))
    for column, field, text in (
        ("import_source", "importSource", given.import_source),
        ("kind", "kind", given.kind),
    ):
        if text is not None:
            conditions.append(Condition(column, "=", filter_text(text, field=field)))
    order = Order("position", descending=order_by is RatingOrder.RECORDED_DESC)
    return Listing(RATINGS, conditions, order, Window(**window))


answers("ratings", Pages("Rating", _ratings))


@strawberry.type
class Query:
    """Questions about ratings."""

    @strawberry.field(description="Ratings in the order in which they were recorded.")
    async def ratings(
        self,
        info: ApiInfo,
        filter: RatingFilter | None = None,  # noqa: A002  the schema's word
        order_by: RatingOrder = RatingOrder.RECORDED_ASC,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Rating]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _ratings(info.context, filter, order_by, **window)
        return await connection_of(info, listing, Rating, rating_type)  # type: ignore[no-any-return]
