"""The rules of the product as its log would tell them: shipped calendars and policies."""

from datetime import UTC, datetime
from typing import Any

from application.shipped_calendars import SHIPPED
from domain.calendar import Calendar
from domain.service_level_policy import ServiceLevelPolicy, policy_id
from domain.service_levels.calendars import calendar_id
from domain.service_levels.rules import Rules
from domain.service_levels.standard import standard_terms
from tests.domain.conftest import META

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
ZONE = "Asia/Shanghai"


def shipped() -> list[Any]:
    """Return the events that the shipped content makes."""
    events: list[Any] = []
    for code, content in SHIPPED.items():
        calendar = Calendar(calendar_id(code))
        calendar.found(content.facts, META)
        for year in content.missing(calendar.years):
            record = calendar.publish if year.published else calendar.foresee
            record(year.year, year.days(), year.source, META)
        events += calendar.collect_events()
    for code, terms in standard_terms(ZONE).items():
        policy = ServiceLevelPolicy(policy_id(code))
        policy.adopt(code, terms, EARLIEST, META)
        events += policy.collect_events()
    return events


def shipped_rules() -> tuple[Rules, int]:
    """Return the rules, and the position of the last event that told them."""
    rules, events = Rules(), shipped()
    for position, event in enumerate(events, start=1):
        rules.apply(event, position)
    return rules, len(events)
