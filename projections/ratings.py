"""Every rating, whatever was rated, with what it is grouped by: the satisfaction figures' material.

Facts and ratings come in any order. A delivery's rating always stands under the latest facts of its
shipment; a handling's rating keeps what the complaint was when it was rated.
"""

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
    region: str | None
    outlet: str | None
    department: str | None
    category: str | None


@dataclass(slots=True)
class RatedRow:
    """What the next rating of a shipment or complaint will be grouped by."""

    id: UUID
    region: str | None
    outlet: str | None
    department: str | None
    category: str | None


@dataclass(slots=True)
class RatingTextsRow:
    """What the customer wrote beside the score."""

    position: int
    customer: UUID
    title: str | None
    comment: str | None


RATINGS = Table("ratings", RatingRow, key="position", stream="subject")
RATED = Table("rated", RatedRow)
RATING_TEXTS = Table("rating_texts", RatingTextsRow, key="position", schema="read_personal")


class RatingsProjection(Projection):
    """Keeps ``read.ratings``, ``read.rated`` and ``read_personal.rating_texts``."""

    name = "ratings"
    tables = (RATINGS, RATED, RATING_TEXTS)
    keyed = (RATINGS, RATED)
    reveals = frozenset({Shipment.DeliveryRated.TOPIC, Complaint.HandlingRated.TOPIC})

    @on(Shipment.FactsRecorded)
    def facts_recorded(self, event: Shipment.FactsRecorded, _entry: Entry, batch: Batch) -> None:
        """Take over region and outlet, for the ratings that are there already, too."""
        region, outlet = event.facts.region, event.facts.outlet
        known = batch.find(RATED, event.originator_id)
        if known is not None and (known.region, known.outlet) == (region, outlet):
            return
        batch.put(RATED, RatedRow(event.originator_id, region, outlet, None, None))
        for rating in batch.change_all(RATINGS, event.originator_id):
            rating.region, rating.outlet = region, outlet

    @on(
        Shipment.DeliveryRated,
        en="The customer rated the delivery {score} of 5",
        zh="客户对派送评分{score}分（满分5分）",
    )
    def delivery_rated(self, event: Shipment.DeliveryRated, entry: Entry, batch: Batch) -> None:
        """Add the rating of a delivery."""
        _add(event, "delivery", event.reference, entry, batch)

    @on(Complaint.Received)
    def received(self, event: Complaint.Received, _entry: Entry, batch: Batch) -> None:
        """Note where the complaint comes from and what it is about."""
        batch.put(
            RATED,
            RatedRow(event.originator_id, event.region, event.outlet, None, event.category.value),
        )

    @on(Complaint.Reclassified)
    def reclassified(self, event: Complaint.Reclassified, _entry: Entry, batch: Batch) -> None:
        """Note what it is about after all."""
        batch.change(RATED, event.originator_id).category = event.category.value

    @on(Complaint.Assigned)
    def assigned(self, event: Complaint.Assigned, _entry: Entry, batch: Batch) -> None:
        """Note the department."""
        batch.change(RATED, event.originator_id).department = event.department

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
    rated = batch.find(RATED, event.originator_id)  # None: a shipment without facts so far
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
            region=None if rated is None else rated.region,
            outlet=None if rated is None else rated.outlet,
            department=None if rated is None else rated.department,
            category=None if rated is None else rated.category,
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
