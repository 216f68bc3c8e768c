"""Commands about the policies of service levels, and the content that is shipped."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from application.desk import Desk
from application.dispatch import EARLIEST, Command, handles
from application.organisation import checked_time_zone, require_unit
from application.staff import require_role
from domain.calendar import Calendar
from domain.errors import InvalidValueError, Rule
from domain.organisation import UnitKind
from domain.service_level_policy import ServiceLevelPolicy, policy_code, policy_id
from domain.service_levels.calendars import calendar_id
from domain.service_levels.standard import standard_terms
from domain.service_levels.terms import ServiceLevelTerms


@dataclass(frozen=True, kw_only=True, slots=True)
class AdoptServiceLevelPolicy(Command[UUID]):
    """Adopt the next version of a policy, or the first one of a new policy."""

    code: str
    terms: ServiceLevelTerms
    effective_from: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EndServiceLevelPolicy(Command[UUID]):
    """Let a policy end, because its contract does."""

    code: str
    effective_from: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ShipServiceLevelPolicies(Command[None]):
    """Adopt the shipped policies, those of them that have no version yet."""

    time_zone: str


@handles(AdoptServiceLevelPolicy)
async def adopt_service_level_policy(command: AdoptServiceLevelPolicy, desk: Desk) -> UUID:
    """Adopt terms all of whose names are known: calendars, time zone, departments, people."""
    code = policy_code(command.code, field="code")
    checked_time_zone(command.terms.time_zone)
    policy = await desk.load_or_blank(ServiceLevelPolicy, policy_id(code))
    policy.adopt(code, command.terms, _instant(command.effective_from), desk.meta)
    if policy.pending_events:
        await _require_known(command.terms, desk)
    desk.save(policy)
    return policy.id


@handles(EndServiceLevelPolicy)
async def end_service_level_policy(command: EndServiceLevelPolicy, desk: Desk) -> UUID:
    """Load, end, save."""
    code = policy_code(command.code, field="code")
    policy = await desk.load(ServiceLevelPolicy, policy_id(code))
    policy.end(_instant(command.effective_from), desk.meta)
    desk.save(policy)
    return policy.id


@handles(ShipServiceLevelPolicies)
async def ship_service_level_policies(command: ShipServiceLevelPolicies, desk: Desk) -> None:
    """Adopt the shipped terms for all times before the company's own."""
    for code, terms in standard_terms(command.time_zone).items():
        policy = await desk.load_or_blank(ServiceLevelPolicy, policy_id(code))
        if not policy.version:
            policy.adopt(code, terms, EARLIEST, desk.meta)
        desk.save(policy)


async def _require_known(terms: ServiceLevelTerms, desk: Desk) -> None:
    """Refuse a name that leads nowhere now; later closings and leavings are the chain's matter."""
    for clock in terms.clocks:
        await _require_calendar(desk, clock.calendar, f"clocks.{clock.code}.calendar")
        for step in clock.alerts:
            if step.person is not None:
                await require_role(desk, step.person, desk.meta.occurred_at)
    for own in terms.department_calendars:
        await require_unit(desk, UnitKind.DEPARTMENT, own.department, desk.meta.occurred_at)
        await _require_calendar(desk, own.calendar, "departmentCalendars.calendar")


async def _require_calendar(desk: Desk, code: str, field: str) -> None:
    calendar = await desk.consult(Calendar, calendar_id(code))
    if not calendar.version:
        raise InvalidValueError(field, Rule.NOT_THERE)


def _instant(at: datetime) -> datetime:
    """Return an instant in UTC; the far past is a typing error."""
    if at.tzinfo is None:
        raise InvalidValueError("effectiveFrom", Rule.NO_TIME_ZONE)
    if at < EARLIEST:
        raise InvalidValueError("effectiveFrom", Rule.BEFORE, EARLIEST.date().isoformat())
    return at.astimezone(UTC)
