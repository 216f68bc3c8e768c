"""Shipments as they stand, and their milestones."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.shipment import Shipment
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ShipmentRow:
    """A shipment, with its last milestone by business time; amounts in minor units."""

    id: UUID
    waybill: str
    partner: str | None
    partner_reference: str | None
    service_class: str | None
    origin: str | None
    destination: str | None
    region: str | None
    outlet: str | None
    ordered_at: datetime | None
    accepted_at: datetime | None
    promised_by: datetime | None
    delivered_at: datetime | None
    fee_minor: int | None
    surcharges_minor: int | None
    declared_value_minor: int | None
    currency: str | None
    insured: bool
    customer: UUID | None
    last_milestone: str | None
    last_milestone_at: datetime | None
    import_source: str | None
    opened_at: datetime
    version: int


@dataclass(slots=True)
class MilestoneRow:
    """One step of a shipment's way."""

    position: int
    shipment: UUID
    kind: str
    place: str | None
    occurred_at: datetime


SHIPMENTS = Table("shipments", ShipmentRow)
MILESTONES = Table("milestones", MilestoneRow, key="position")


class ShipmentsProjection(Projection):
    """Keeps ``read.shipments`` and ``read.milestones``."""

    name = "shipments"
    tables = (SHIPMENTS, MILESTONES)
    keyed = (SHIPMENTS,)

    @on(
        Shipment.Opened,
        en="File opened for waybill {waybill}",
        zh="为运单{waybill}建档",
    )
    def opened(self, event: Shipment.Opened, _entry: Entry, batch: Batch) -> None:
        """Insert the shipment."""
        batch.put(
            SHIPMENTS,
            ShipmentRow(
                id=event.originator_id,
                waybill=event.waybill,
                partner=event.partner,
                partner_reference=None,
                service_class=None,
                origin=None,
                destination=None,
                region=None,
                outlet=None,
                ordered_at=None,
                accepted_at=None,
                promised_by=None,
                delivered_at=None,
                fee_minor=None,
                surcharges_minor=None,
                declared_value_minor=None,
                currency=None,
                insured=False,
                customer=None,
                last_milestone=None,
                last_milestone_at=None,
                import_source=event.meta.source.name,
                opened_at=event.meta.occurred_at,
                version=event.originator_version,
            ),
        )

    @on(
        Shipment.FactsRecorded,
        en="Facts recorded by the transport system",
        zh="运输系统登记运单信息",
    )
    def facts_recorded(self, event: Shipment.FactsRecorded, _entry: Entry, batch: Batch) -> None:
        """Replace the facts."""
        row = batch.change(SHIPMENTS, event.originator_id)
        facts = event.facts
        amounts = [m for m in (facts.fee, facts.surcharges, facts.declared_value) if m is not None]
        row.service_class = None if facts.service_class is None else facts.service_class.value
        row.origin, row.destination = facts.origin, facts.destination
        row.region, row.outlet = facts.region, facts.outlet
        row.accepted_at, row.promised_by = facts.accepted_at, facts.promised_by
        row.fee_minor = None if facts.fee is None else facts.fee.amount_minor
        row.surcharges_minor = None if facts.surcharges is None else facts.surcharges.amount_minor
        row.declared_value_minor = (
            None if facts.declared_value is None else facts.declared_value.amount_minor
        )
        row.currency = amounts[0].currency if amounts else None
        row.insured = facts.insured
        row.customer = facts.customer
        row.partner_reference = facts.partner_reference
        row.version = event.originator_version

    @on(
        Shipment.MilestoneRecorded,
        en="Milestone: {milestone.kind.en}",
        zh="节点：{milestone.kind.zh}",
    )
    def milestone_recorded(
        self, event: Shipment.MilestoneRecorded, entry: Entry, batch: Batch
    ) -> None:
        """Add the milestone; it becomes the last one unless it is older."""
        row = batch.change(SHIPMENTS, event.originator_id)
        at, kind = event.meta.occurred_at, event.milestone.kind.value
        if row.last_milestone_at is None or at >= row.last_milestone_at:
            row.last_milestone, row.last_milestone_at = kind, at
        if kind == "ordered" and (row.ordered_at is None or at < row.ordered_at):
            row.ordered_at = at
        row.version = event.originator_version
        batch.put(
            MILESTONES,
            MilestoneRow(entry.position, event.originator_id, kind, event.milestone.place, at),
        )

    @on(Shipment.Delivered, en="Delivered", zh="已送达")
    def delivered(self, event: Shipment.Delivered, entry: Entry, batch: Batch) -> None:
        """Note the delivery, which is a milestone, too."""
        row = batch.change(SHIPMENTS, event.originator_id)
        at = row.delivered_at = event.meta.occurred_at
        if row.last_milestone_at is None or at >= row.last_milestone_at:
            row.last_milestone, row.last_milestone_at = "delivered", at
        row.version = event.originator_version
        batch.put(
            MILESTONES, MilestoneRow(entry.position, event.originator_id, "delivered", None, at)
        )
