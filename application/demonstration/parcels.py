"""Shipments of the demonstration: when a parcel was where, and how that fits what is complained of.

They are told by the transport system, each with all that is known of it on the last day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from application.demonstration.clock import DAY, HOUR, MINUTE, Clock
from application.demonstration.company import PLACES, Place, service_between
from application.demonstration.phrases import Wording, pick, weighed, weights
from application.shipments import ImportShipment, RatingOfDelivery
from domain.categories import Category
from domain.identifiers import Waybill
from domain.money import Money
from domain.rating import Score
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts

_DAYS: Final = {
    ServiceClass.SAME_CITY: 1,
    ServiceClass.SAME_PROVINCE: 2,
    ServiceClass.INTER_PROVINCE: 3,
    ServiceClass.HK_MACAU_TAIWAN: 5,
    ServiceClass.INTERNATIONAL: 8,
}
_FEES: Final = {
    ServiceClass.SAME_CITY: 800,
    ServiceClass.SAME_PROVINCE: 1000,
    ServiceClass.INTER_PROVINCE: 1300,
    ServiceClass.HK_MACAU_TAIWAN: 3000,
    ServiceClass.INTERNATIONAL: 12000,
}
_SCORES: Final = weights({Score(5): 60, Score(4): 22, Score(3): 10, Score(2): 5, Score(1): 3})
_SCORES_OF_LATE: Final = weights({Score(1): 30, Score(2): 35, Score(3): 25, Score(4): 10})
_LATE: Final = 0.15
LATE: Final = frozenset({Category.DELAY, Category.LOSS})
"""What is complained of only some days after the promise."""
_INSURED: Final = 0.25
_RATED: Final = 0.25
_COMMENTED: Final = 0.4


@dataclass(frozen=True, slots=True)
class Parcel:
    """A shipment with its past, in seconds before the demonstration's end."""

    waybill: Waybill
    origin: Place
    destination: Place
    service: ServiceClass
    ordered: int
    promised: int
    steps: tuple[tuple[int, MilestoneKind, str], ...]
    delivered: int | None
    fee: int
    declared: int
    insured: bool
    rated: tuple[int, Score, str | None] | None = None

    def command(self, clock: Clock) -> ImportShipment:
        """Return what the transport system tells of it."""
        facts = ShipmentFacts(
            service_class=self.service,
            origin=self.origin.city,
            destination=self.destination.city,
            region=self.destination.region,
            outlet=self.destination.outlet,
            accepted_at=clock.at(self.steps[0][0]),
            promised_by=clock.at(self.promised),
            fee=Money(self.fee, "CNY"),
            declared_value=Money(self.declared, "CNY"),
            insured=self.insured,
        )
        ratings: tuple[RatingOfDelivery, ...] = ()
        if self.rated is not None:
            at, score, comment = self.rated
            ratings = (
                RatingOfDelivery(
                    rated_at=clock.at(at), reference="app", score=score, comment=comment
                ),
            )
        return ImportShipment(
            waybill=self.waybill,
            facts=facts,
            milestones=tuple(
                (clock.at(at), Milestone(kind, place)) for at, kind, place in self.steps
            ),
            delivered_at=None if self.delivered is None else clock.at(self.delivered),
            ratings=ratings,
            occurred_at=clock.at(self.ordered),
        )


def days_without(sent: Parcel, complained: int) -> int:
    """Return for how many days the customer of a late parcel had to wait for it, or still has."""
    come = complained if sent.delivered is None else min(sent.delivered, complained)
    return max(2, (come - sent.promised) // DAY + 1)


def parcel(
    chance: Random,
    waybill: Waybill,
    complained: int,
    category: Category | None,
    *,
    clock: Clock,
    words: Wording,
    arrived: bool = False,
    places: Sequence[Place] = PLACES,
) -> Parcel:
    """Return a shipment of which somebody complains at that time, of such a category (None: no).

    ``arrived`` says of a late or lost one that it was handed over to somebody before.
    """
    destination = open_place(chance, places, complained)
    origin = pick(chance, places)
    service = service_between(origin, destination)
    days = _DAYS[service]
    late = category in LATE or chance.random() < _LATE
    # What is late is complained of some days after the promise, the rest once it has come.
    back = days + (chance.randint(3, 8) if late else chance.randint(0, 3))
    accepted = clock.polite(complained - back * DAY - chance.randint(13, 22) * HOUR)
    promised = (accepted // DAY + days + 1) * DAY  # by the end of that day
    delivered = None
    if arrived or category is not Category.LOSS:
        awaited = category is Category.DELAY and not arrived
        delivered = _delivered(chance, complained, promised, clock, late=late, awaited=awaited)
    if delivered is not None:
        delivered = max(delivered, accepted + 9 * HOUR)
    steps = [
        (accepted, MilestoneKind.PICKED_UP, origin.outlet),
        (accepted + chance.randint(2, 5) * HOUR, MilestoneKind.HUB_SCAN, f"{origin.city}中转场"),
    ]
    if delivered is not None:
        out = delivered - chance.randint(20, 150) * MINUTE
        steps.append((out, MilestoneKind.OUT_FOR_DELIVERY, destination.outlet))
    elif category is Category.LOSS:
        at = accepted + chance.randint(10, 20) * HOUR
        steps.append((at, MilestoneKind.EXCEPTION, f"{origin.city}中转场"))
    return Parcel(
        waybill=waybill,
        origin=origin,
        destination=destination,
        service=service,
        ordered=accepted - chance.randint(20, 600) * MINUTE,
        promised=promised,
        steps=tuple(steps),
        delivered=delivered,
        fee=_FEES[service] + 100 * chance.randint(0, 12),
        declared=1000 * chance.randint(5, 900),
        insured=chance.random() < _INSURED,
        rated=_rated(chance, delivered, words, late=late),
    )


def _delivered(
    chance: Random,
    complained: int,
    promised: int,
    clock: Clock,
    *,
    late: bool,
    awaited: bool,
) -> int | None:
    """Return when it was handed over, None if it is not yet."""
    if awaited:
        delivered = clock.polite(max(promised, complained) + chance.randint(5, 60) * HOUR)
        return delivered if delivered < 0 else None
    before = complained - (promised if late else complained)
    back = chance.randint(HOUR, max(2 * HOUR, min(30 * HOUR, before)))
    delivered = clock.polite(complained - back)
    return delivered if delivered < complained else delivered - DAY


def open_place(chance: Random, places: Sequence[Place], at: int) -> Place:
    """Return a place whose outlet is open at that time."""
    while True:
        place = pick(chance, places)
        if place.closed_on is None or at < -(place.closed_on + 30) * DAY:
            return place


def _rated(
    chance: Random, delivered: int | None, words: Wording, *, late: bool
) -> tuple[int, Score, str | None] | None:
    if delivered is None or chance.random() >= _RATED:
        return None
    at = delivered + chance.randint(10, 2000) * MINUTE
    if at >= 0:
        return None
    score = weighed(chance, _SCORES_OF_LATE if late else _SCORES)
    comment = None
    if chance.random() < _COMMENTED:
        comment = words.some(chance, "praise" if score > 3 else "blame")  # noqa: PLR2004  of 5
    return at, score, comment
