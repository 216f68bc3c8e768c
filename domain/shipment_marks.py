"""What the events of a shipment mean to clocks: orders of key accounts (source 4, 12)."""

from dataclasses import replace
from typing import Final

from domain.service_levels.marks import CaseFacts, Marked, begins, mark, reads
from domain.shipment import MilestoneKind, Shipment

ORDERED: Final = mark("ordered", "ordered", "下单")
ORDER_REVIEWED: Final = mark("order_reviewed", "order processed", "订单已处理")
_MARK_OF: Final = {
    MilestoneKind.ORDERED: ORDERED,
    MilestoneKind.ORDER_REVIEWED: ORDER_REVIEWED,
}


@begins(Shipment.Opened)
def _opened(event: Shipment.Opened) -> Marked | None:
    if event.partner is None:  # orders are promised to key accounts only
        return None
    return Marked((), CaseFacts(kind=Shipment.KIND, number=event.waybill, partner=event.partner))


@reads(Shipment.FactsRecorded)
def _facts_recorded(event: Shipment.FactsRecorded, facts: CaseFacts) -> Marked:
    return Marked((), replace(facts, region=event.facts.region, outlet=event.facts.outlet))


@reads(Shipment.MilestoneRecorded)
def _milestone_recorded(event: Shipment.MilestoneRecorded, facts: CaseFacts) -> Marked | None:
    set_mark = _MARK_OF.get(event.milestone.kind)
    return None if set_mark is None else Marked((set_mark,), facts)
