"""Stories of the demonstration: who complains of what, when, and what turns out to be the case.

A story follows from the seed and its number alone, so that it is the same in a company of any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Final

from application.complaints import ReceivedComplaint
from application.demonstration.clock import DAY, HOUR, Clock
from application.demonstration.company import CUSTOMER_SERVICE, PLACES, Place
from application.demonstration.parcels import LATE, Parcel, days_without, open_place, parcel
from application.demonstration.people import Roster
from application.demonstration.phrases import (
    Resolution,
    Told,
    Weights,
    Wording,
    pick,
    weighed,
    weights,
    wording,
)
from domain.categories import CATEGORIES, Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, Severity
from domain.identifiers import Waybill
from domain.notifying import Language
from domain.roles import PersonId, Role
from domain.standard_texts import STANDARD_TEXTS, Purpose

SPAN_DAYS: Final = 730
"""Over so many days before its end the demonstration is played."""

_C = Category
_CATEGORIES: Final = weights({
    _C.DELAY: 24, _C.DELIVERY: 20, _C.LOSS: 12, _C.DAMAGE: 12, _C.COURIER_ATTITUDE: 8,
    _C.AGENT_ATTITUDE: 3, _C.ADDRESS_ERROR: 3, _C.WAYBILL_ERROR: 1.5, _C.ENQUIRY: 4,
    _C.SUGGESTION: 2, _C.COMMUNICATION: 2.5, _C.AFTER_SALE: 2.5, _C.SYSTEM_FAILURE: 1.5,
    _C.ABNORMAL_ORDER: 1.5, _C.PRODUCT_QUALITY: 1.5, _C.ACCOUNT_SECURITY: 1,
})  # fmt: skip
_CHANNELS: Final = weights({
    Channel.PHONE: 30, Channel.MOBILE_APP: 22, Channel.HOTLINE: 15, Channel.WEB_CHAT: 12,
    Channel.EMAIL: 6, Channel.SOCIAL_MEDIA: 5, Channel.COUNTER: 4, Channel.SMS: 3,
    Channel.PARTNER_API: 2.5, Channel.FAX: 0.5,
})  # fmt: skip
_SEVERITIES: Final = weights({Severity.GENERAL: 84, Severity.SERIOUS: 14, Severity.MAJOR: 2})
_SEVERITIES_OF_LOSS: Final = weights(
    {Severity.GENERAL: 55, Severity.SERIOUS: 38, Severity.MAJOR: 7}
)
_MISTAKEN_FOR: Final = {
    _C.DELAY: (_C.COMMUNICATION, _C.DELIVERY),
    _C.DELIVERY: (_C.COURIER_ATTITUDE, _C.ADDRESS_ERROR, _C.LOSS),
    _C.LOSS: (_C.DELAY, _C.DELIVERY),
    _C.DAMAGE: (_C.PRODUCT_QUALITY, _C.AFTER_SALE),
    _C.COURIER_ATTITUDE: (_C.DELIVERY,),
    _C.ADDRESS_ERROR: (_C.DELAY, _C.DELIVERY),
    _C.AFTER_SALE: (_C.DAMAGE,),
    _C.PRODUCT_QUALITY: (_C.DAMAGE,),
    _C.ABNORMAL_ORDER: (_C.SYSTEM_FAILURE,),
}
"""As what a complaint may be taken down before it is known what it is really about."""

_CHINESE: Final = 0.7
_MISTAKEN: Final = 0.05
_URGENT: Final = 0.06
_REGULAR: Final = 0.08
_REGULARS: Final = 2000
_WITH_WAYBILL: Final = 0.6
"""Of the categories that can do without; together with the others some 75 %."""
_NOT_AT_HAND: Final = 0.05
"""Some have a shipment, but not its number; the staff find it."""

SHOWN: Final[dict[ComplaintState, float]] = {
    ComplaintState.RECEIVED: 0.3,
    ComplaintState.REGISTERED: 0.6,
    ComplaintState.ASSIGNED: 3.6,
    ComplaintState.INVESTIGATING: 4.4,
    ComplaintState.PROPOSED: 6.3,
    ComplaintState.AGREED: 7.5,
    ComplaintState.ANSWERED: 8.6,
    ComplaintState.REMEDIED: 10.4,
    ComplaintState.FOLLOWED_UP: 14.5,
    ComplaintState.WAITING: 5.4,
    ComplaintState.DECLINED: 9.3,
    ComplaintState.WITHDRAWN: 12.5,
    ComplaintState.CLOSED: 45.4,
}
"""The first stories show every state, from so many days before the end: no company is too small."""
_SHOWN: Final = tuple(SHOWN.items())
_SHOWING: Final = {
    ComplaintState.WAITING: frozenset({"waiting"}),
    ComplaintState.DECLINED: frozenset({"declined_though_no_complaint"}),
    ComplaintState.WITHDRAWN: frozenset({"withdrawn"}),
}
_DUPLICATES_EVERY: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A complaint as it happened.

    With ``turns`` it takes just these and goes fast, else whichever chance brings; ``ends_in`` is
    the state in which it is left, else it goes on to the demonstration's end.
    """

    number: int
    at: int
    language: Language
    taken_down: ReceivedComplaint
    category: Category
    parcel: Parcel | None
    finding: str
    resolution: Resolution
    outlet: str
    turns: frozenset[str] | None = None
    ends_in: ComplaintState | None = None

    @property
    def words(self) -> Wording:
        """What is said in the customer's language."""
        return wording(self.language)

    @property
    def is_complaint(self) -> bool:
        """Say whether it is about something that went wrong."""
        return CATEGORIES[self.category].is_complaint

    def answer(self) -> str:
        """Begin with the standard text, as the staff do."""
        standard = STANDARD_TEXTS[self.category][Purpose.ANSWER]
        text = standard.zh if self.language is Language.ZH else standard.en
        waybill = "" if self.parcel is None else self.parcel.waybill
        return text.format(outcome=self.resolution.plan, waybill=waybill)


def is_duplicate(number: int) -> bool:
    """Say whether a story is the same customer's once more: that of the number before."""
    return number % _DUPLICATES_EVERY == len(SHOWN)


def digest(seed: int, number: int) -> int:
    """Return the number from which all chances of a story follow."""
    return int.from_bytes(blake2b(f"{seed}/{number}".encode(), digest_size=8).digest(), "big")


class Calendar:
    """On which days how many complain: growth, quiet Sundays, the peaks of the year."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._days: Weights[int] = weights({day: self._weight(day) for day in range(-SPAN_DAYS, 0)})

    def _weight(self, day: int) -> float:
        date = self._clock.date_of(day * DAY)
        weight = 1.2 + 0.4 * day / SPAN_DAYS
        if date.weekday() == 6:  # noqa: PLR2004  Sunday
            weight *= 0.75
        peaks = {(11, 11): 14, (6, 18): 10, (1, 20): 20}  # online sales, Spring Festival
        for (month, first), days in peaks.items():
            if 0 <= (date - date.replace(month=month, day=first)).days < days:
                weight *= 1.7
        return weight

    def received(self, seed: int, number: int) -> int:
        """Return when the complaint of a number comes in."""
        drawn = Random(digest(seed, number) ^ 1)  # noqa: S311  the same for the same seed
        if number < len(_SHOWN):
            return int(-_SHOWN[number][1] * DAY)
        at = weighed(drawn, self._days) * DAY
        if is_duplicate(number + 1):
            at = min(at, -6 * DAY)  # both are there before the demonstration ends
        # By day rather than by night, most in the late morning.
        hour = 7.5 + 14 * drawn.betavariate(2.2, 2.8)
        return at + int(hour * HOUR)


class Stories:
    """Tells the story of every number."""

    def __init__(self, seed: int, clock: Clock, roster: Roster) -> None:
        self.seed = seed
        self._clock = clock
        self._roster = roster
        self._calendar = Calendar(clock)

    def received(self, number: int) -> int:
        """Return when the complaint of a number comes in."""
        return self._calendar.received(self.seed, number)

    def story(self, number: int, chance: Random) -> Story:
        """Tell the story of a number."""
        ends_in = _SHOWN[number][0] if number < len(_SHOWN) else None
        language = Language.ZH if chance.random() < _CHINESE else Language.EN
        category = _category(chance, ends_in)
        at = self.received(number)
        turns = None if ends_in is None else _SHOWING.get(ends_in, frozenset())
        return self.told(
            number,
            chance,
            at=at,
            language=language,
            category=category,
            turns=turns,
            ends_in=ends_in,
        )

    def told(
        self,
        number: int,
        chance: Random,
        *,
        at: int,
        language: Language,
        category: Category,
        turns: frozenset[str] | None = None,
        ends_in: ComplaintState | None = None,
        waybill: Waybill | None = None,
        places: Sequence[Place] = PLACES,
    ) -> Story:
        """Tell a story about a category in a language; with a waybill if one is given."""
        words = wording(language)
        told = pick(chance, words.about[category].told)
        finding = pick(chance, told.findings)
        sent = None
        if waybill is not None or _has_waybill(chance, category):
            sent = parcel(
                chance,
                waybill or Waybill(f"GY{100000000 + 37 * number}"),
                at,
                category,
                clock=self._clock,
                words=words,
                arrived=told.arrived,
                places=places,
            )
        place = open_place(chance, places, at) if sent is None else sent.destination
        origin = pick(chance, places) if sent is None else sent.origin
        slots = _slots(chance, language, words, origin, place)
        if sent is not None and category in LATE:
            slots["days"] = str(days_without(sent, at))
        return Story(
            number=number,
            at=at,
            language=language,
            taken_down=self._taken_down(
                chance, number, at, language, category, told, place, sent, slots
            ),
            category=category,
            parcel=sent,
            finding=finding.text.format_map(slots),
            resolution=pick(chance, finding.resolutions),
            outlet=slots["outlet"],
            turns=turns,
            ends_in=ends_in,
        )

    def duplicate(self, story: Story, chance: Random, at: int) -> Story:
        """Tell the story of the next number: the same complaint, once more, on another channel."""
        channel = Channel.HOTLINE if story.taken_down.channel is Channel.PHONE else Channel.PHONE
        words = story.words
        again = replace(
            story.taken_down,
            channel=channel,
            facts=f"{story.taken_down.facts} {words.some(chance, 'moods')}",
            partner_reference=None,
        )
        return replace(
            story, number=story.number + 1, at=at, taken_down=again, turns=frozenset(), ends_in=None
        )

    def _taken_down(
        self,
        chance: Random,
        number: int,
        at: int,
        language: Language,
        category: Category,
        told: Told,
        place: Place,
        sent: Parcel | None,
        slots: dict[str, str],
    ) -> ReceivedComplaint:
        words = wording(language)
        channel = weighed(chance, _CHANNELS)
        name, contact, reference = _customer(chance, self.seed, language, words, channel)
        taken_as = category
        if category in _MISTAKEN_FOR and chance.random() < _MISTAKEN:
            taken_as = pick(chance, _MISTAKEN_FOR[category])
        severity = weighed(
            chance, _SEVERITIES_OF_LOSS if category is Category.LOSS else _SEVERITIES
        )
        return ReceivedComplaint(
            channel=channel,
            category=taken_as,
            severity=severity if CATEGORIES[category].is_complaint else Severity.GENERAL,
            urgent=chance.random() < _URGENT,
            complainant=name,
            contact=contact,
            customer_reference=reference,
            subject=pick(chance, told.subjects).format_map(slots),
            facts=_facts(chance, language, words, category, told, slots),
            request=pick(chance, words.about[category].wishes),
            waybill=None if sent is None or chance.random() < _NOT_AT_HAND else sent.waybill,
            region=place.region,
            outlet=place.outlet,
            accused=self._accused(chance, category, at),
            partner_reference=f"KA-{number:06}" if channel is Channel.PARTNER_API else None,
            language=language,
        )

    def _accused(self, chance: Random, category: Category, at: int) -> PersonId | None:
        """Name who is complained about, where it is known at once."""
        if category is Category.AGENT_ATTITUDE and chance.random() < 0.9:  # noqa: PLR2004
            return self._roster.one(chance, Role.FRONT_DESK, CUSTOMER_SERVICE, at, DEMONSTRATORS).id
        known = {Category.COURIER_ATTITUDE: 0.85, Category.DELIVERY: 0.15}.get(category, 0)
        if chance.random() < known:
            return courier(chance)
        return None


DEMONSTRATORS: Final = frozenset(
    PersonId(person) for person in ("demo.front.1", "demo.front.2", "demo.front_desk")
)
"""Nobody complains about those with whose keys newcomers try the system."""


def courier(chance: Random) -> PersonId:
    """Return the id of a courier; couriers are no users of the system."""
    return PersonId(f"courier.{int(chance.random() * 3000):04}")


def _category(chance: Random, ends_in: ComplaintState | None) -> Category:
    """Return what it is about; what is to show a later state is a complaint."""
    if ends_in is ComplaintState.DECLINED:
        return Category.SUGGESTION
    while True:
        category = weighed(chance, _CATEGORIES)
        if ends_in is None or CATEGORIES[category].is_complaint:
            return category


def _has_waybill(chance: Random, category: Category) -> bool:
    needed = "{waybill}" in STANDARD_TEXTS[category][Purpose.ANSWER].zh
    return needed or (CATEGORIES[category].is_complaint and chance.random() < _WITH_WAYBILL)


def _slots(
    chance: Random, language: Language, words: Wording, origin: Place, place: Place
) -> dict[str, str]:
    street = 1 + int(chance.random() * 280)
    chinese = language is Language.ZH
    return {
        "days": str(2 + int(chance.random() * 7)),
        "hours": str(2 + int(chance.random() * 28)),
        "item": words.name(chance, "items"),
        "origin": origin.city if chinese else origin.city_en,
        "destination": place.city if chinese else place.city_en,
        "outlet": place.outlet if chinese else place.outlet_en,
        "street": f"示例路{street}号" if chinese else f"{street} Sample Road",
    }


def _facts(
    chance: Random,
    language: Language,
    words: Wording,
    category: Category,
    told: Told,
    slots: dict[str, str],
) -> str:
    facts = [told.happened]
    if CATEGORIES[category].is_complaint:
        for kind, likely in (("efforts", 0.7), ("moods", 0.8)):
            if chance.random() < likely:
                facts.append(words.some(chance, kind))
    return ("" if language is Language.ZH else " ").join(facts).format_map(slots)


def _customer(
    chance: Random, seed: int, language: Language, words: Wording, channel: Channel
) -> tuple[str, str | None, str | None]:
    """Return name, contact and reference; regulars come again, each always the same."""
    if channel is Channel.PARTNER_API:
        return words.name(chance, "accounts"), "service@example.com", None
    reference = None
    if chance.random() < _REGULAR:
        regular = int(chance.random() * _REGULARS)
        reference = f"{language.value}-{regular:04}"
        chance = Random(digest(seed, -1 - regular))  # noqa: S311  who they are, not what they say
    given, surname = words.name(chance, "given"), words.name(chance, "surnames")
    mark = int(chance.random() * 10000)
    if language is Language.ZH:
        name = surname + given
        contacts = (f"1380000{mark:04}", f"1380000{mark:04}", f"user{mark}@example.com")
    else:
        name = f"{given} {surname}"
        mailbox = f"{given}.{surname}{mark % 100}@example.com".lower()
        contacts = (mailbox, mailbox, f"+44 7700 900{mark % 1000:03}")
    told = channel not in {Channel.SOCIAL_MEDIA, Channel.COUNTER} or chance.random() < 0.6  # noqa: PLR2004
    return name, pick(chance, contacts) if told or reference else None, reference
