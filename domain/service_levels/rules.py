"""The rules that clocks follow, as the log tells them: policies, calendars, time zones.

Folded in log order: what is asked for is what was known then.
"""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.calendar import OF_CALENDARS
from domain.organisation import Unit, UnitKind, unit_id
from domain.service_level_policy import ServiceLevelPolicy
from domain.service_levels.calendar_book import CalendarBook
from domain.service_levels.policy_book import PolicyBook
from domain.service_levels.terms import ServiceLevelTerms

_CALENDARS: Final = frozenset(event.TOPIC for event in OF_CALENDARS)
_POLICIES: Final = frozenset({ServiceLevelPolicy.Adopted.TOPIC, ServiceLevelPolicy.Ended.TOPIC})
_UNITS: Final = frozenset({Unit.Founded.TOPIC, Unit.Moved.TOPIC})
UTC_ZONE: Final = "UTC"


class Rules:
    """What is known of policies, calendars and zones."""

    TOPICS: ClassVar[frozenset[str]] = _CALENDARS | _POLICIES | _UNITS
    """The events that tell it."""

    def __init__(self) -> None:
        self.calendars = CalendarBook()
        self.policies = PolicyBook()
        self._zones: dict[UUID, str | None] = {}
        self._parents: dict[UUID, UUID | None] = {}

    def apply(self, event: DomainEvent, position: int) -> None:
        """Take in an event of ``TOPICS``."""
        if event.TOPIC in _CALENDARS:
            self.calendars.apply(event, position)
        elif isinstance(event, ServiceLevelPolicy.Adopted | ServiceLevelPolicy.Ended):
            self.policies.apply(event, position)
        elif isinstance(event, Unit.Founded):
            self._zones[event.originator_id] = event.time_zone
            self._parents[event.originator_id] = event.parent
        elif isinstance(event, Unit.Moved):
            self._parents[event.originator_id] = event.parent

    def policy(self, code: str | None, partner: str | None, at: datetime) -> tuple[str | None, int]:
        """Return code and version of the policy of a case that begins; (None, 0): there is none."""
        found = self.policies.in_force(code, partner, at)
        return (None, 0) if found is None else (found.code, found.version)

    def terms(self, code: str, version: int) -> ServiceLevelTerms:
        """Return the terms of a version."""
        return self.policies.terms(code, version)

    def zone(self, outlet: str | None, region: str | None, code: str | None, version: int) -> str:
        """Return the time zone of a case: its outlet's or region's, else that of the policy."""
        for kind, unit in ((UnitKind.OUTLET, outlet), (UnitKind.REGION, region)):
            found = None if unit is None else self._zone_of(unit_id(kind, unit))
            if found is not None:
                return found
        return UTC_ZONE if code is None else self.terms(code, version).time_zone

    def _zone_of(self, unit: UUID) -> str | None:
        """Return the zone of a unit, or of the nearest above it that has one."""
        seen: set[UUID] = set()
        above: UUID | None = unit
        while above is not None and above not in seen:
            seen.add(above)
            zone = self._zones.get(above)
            if zone is not None:
                return zone
            above = self._parents.get(above)
        return None
