"""Every rating, whatever was rated: the raw material of the satisfaction figures."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.complaint import Complaint
from domain.shipment import Shipment
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class RatingRow:
    """A score from 1 to 5 of a delivery (kind ``delivery``) or of a complaint's handling."""

    position: int
    kind: str
    subject: UUID
    reference: str | None
    score: int
    rated_at: datetime
    import_source: str | None


@dataclass(slots=True)
class RatingTextsRow:
    """What the customer wrote beside the score."""

    position: int
    customer: UUID
    title: str | None
    comment: str | None


RATINGS = Table("ratings", RatingRow, key="position")
RATING_TEXTS = Table("rating_texts", RatingTextsRow, key="position", schema="read_personal")


class RatingsProjection(Projection):
    """Keeps ``read.ratings`` and ``read_personal.rating_texts``."""

    name = "ratings"
    tables = (RATINGS, RATING_TEXTS)
    reveals = True

    @on(
        Shipment.DeliveryRated,
        en="The customer rated the delivery {score} of 5",
        zh="客户对派送评分{score}分（满分5分）",
    )
    def delivery_rated(self, event: Shipment.DeliveryRated, entry: Entry, batch: Batch) -> None:
        """Add the rating of a delivery."""
        _add(event, "delivery", event.reference, entry, batch)

    @on(Complaint.HandlingRated)
    def handling_rated(self, event: Complaint.HandlingRated, entry: Entry, batch: Batch) -> None:
        """Add the rating of a handling."""
        _add(event, "handling", None, entry, batch)


def _add(
    event: Shipment.DeliveryRated | Complaint.HandlingRated,
    kind: str,
    reference: str | None,
    entry: Entry,
    batch: Batch,
) -> None:
    batch.put(
        RATINGS,
        RatingRow(
            position=entry.position,
            kind=kind,
            subject=event.originator_id,
            reference=reference,
            score=event.score,
            rated_at=event.meta.occurred_at,
            import_source=event.meta.source.name,
        ),
    )
    texts = [getattr(event, name, None) for name in ("title", "comment")]
    written = [text for text in texts if text is not None]
    if written:
        batch.put(
            RATING_TEXTS,
            RatingTextsRow(
                position=entry.position,
                customer=written[0].subject,
                title=batch.reveal(event, "title") if kind == "delivery" else None,
                comment=batch.reveal(event, "comment"),
            ),
        )
