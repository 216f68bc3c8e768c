"""The versions of the service-level policies, with their clocks and alert chains."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.service_level_policy import ServiceLevelPolicy
from domain.service_levels.terms import ClockTerms
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ServiceLevelPolicyRow:
    """A version; its id is the policy's, a colon, and the version's number.

    ``accounts`` are words; ``ended_at`` is from when on no version was in force, if that came next.
    """

    id: str
    policy: UUID
    code: str
    version: int
    effective_from: datetime
    adopted_at: datetime
    adopted_by: str
    name_en: str
    name_zh: str
    time_zone: str
    accounts: str
    ended_at: datetime | None


@dataclass(slots=True)
class ServiceLevelClockRow:
    """A clock of a version; its id is the version's, a colon, and its place. Marks are words."""

    id: str
    version_id: str
    place: int
    code: str
    name_en: str
    name_zh: str
    basis: str
    amount: int
    starts_on: str
    stops_on: str
    cancels_on: str
    lapses_on: str
    calendar: str
    pauses: bool
    warn_percent: int | None
    source_en: str
    source_zh: str


@dataclass(slots=True)
class ServiceLevelAlertRow:
    """A step of a clock's alert chain; its id is the clock's, a colon, and its place."""

    id: str
    clock_id: str
    place: int
    cause: str
    recipient: str
    patience_minutes: int
    person: str | None


@dataclass(slots=True)
class ServiceLevelDepartmentRow:
    """A department with days of its own; its id is the version's, a colon, and its place."""

    id: str
    version_id: str
    place: int
    department: str
    calendar: str


SERVICE_LEVEL_POLICIES = Table("service_level_policies", ServiceLevelPolicyRow, stream="policy")
SERVICE_LEVEL_CLOCKS = Table("service_level_clocks", ServiceLevelClockRow, stream="version_id")
SERVICE_LEVEL_ALERTS = Table("service_level_alerts", ServiceLevelAlertRow, stream="clock_id")
SERVICE_LEVEL_DEPARTMENTS = Table(
    "service_level_departments", ServiceLevelDepartmentRow, stream="version_id"
)


class ServiceLevelPoliciesProjection(Projection):
    """Keeps ``read.service_level_policies`` and the tables of their parts."""

    name = "service_level_policies"
    tables = (
        SERVICE_LEVEL_POLICIES,
        SERVICE_LEVEL_CLOCKS,
        SERVICE_LEVEL_ALERTS,
        SERVICE_LEVEL_DEPARTMENTS,
    )
    keyed = (SERVICE_LEVEL_POLICIES,)

    @on(
        ServiceLevelPolicy.Adopted,
        en="Version {number} of the service levels {code} adopted",
        zh="服务时限政策{code}第{number}版获批",
    )
    def adopted(self, event: ServiceLevelPolicy.Adopted, _entry: Entry, batch: Batch) -> None:
        """Add the version with all its parts."""
        terms, version_id = event.terms, _version_id(event)
        batch.put(
            SERVICE_LEVEL_POLICIES,
            ServiceLevelPolicyRow(
                id=version_id,
                policy=event.originator_id,
                code=event.code,
                version=event.number,
                effective_from=event.effective_from,
                adopted_at=event.meta.occurred_at,
                adopted_by=event.meta.actor,
                name_en=terms.name_en,
                name_zh=terms.name_zh,
                time_zone=terms.time_zone,
                accounts=" ".join(terms.accounts),
                ended_at=None,
            ),
        )
        for place, clock in enumerate(terms.clocks):
            _put_clock(batch, version_id, place, clock)
        for place, own in enumerate(terms.department_calendars):
            batch.put(
                SERVICE_LEVEL_DEPARTMENTS,
                ServiceLevelDepartmentRow(
                    id=_part_id(version_id, place),
                    version_id=version_id,
                    place=place,
                    department=own.department,
                    calendar=own.calendar,
                ),
            )

    @on(
        ServiceLevelPolicy.Ended,
        en="The service levels end at {effective_from}",
        zh="服务时限政策于{effective_from}终止",
    )
    def ended(self, event: ServiceLevelPolicy.Ended, _entry: Entry, batch: Batch) -> None:
        """Note the end of the version that was adopted last."""
        row = batch.change(SERVICE_LEVEL_POLICIES, _version_id(event))
        row.ended_at = event.effective_from


def _put_clock(batch: Batch, version_id: str, place: int, clock: ClockTerms) -> None:
    clock_id = _part_id(version_id, place)
    batch.put(
        SERVICE_LEVEL_CLOCKS,
        ServiceLevelClockRow(
            id=clock_id,
            version_id=version_id,
            place=place,
            code=clock.code,
            name_en=clock.name_en,
            name_zh=clock.name_zh,
            basis=clock.target.basis.value,
            amount=clock.target.amount,
            starts_on=" ".join(clock.starts_on),
            stops_on=" ".join(clock.stops_on),
            cancels_on=" ".join(clock.cancels_on),
            lapses_on=" ".join(clock.lapses_on),
            calendar=clock.calendar,
            pauses=clock.pauses,
            warn_percent=clock.warn_percent,
            source_en=clock.source_en,
            source_zh=clock.source_zh,
        ),
    )
    for number, step in enumerate(clock.alerts):
        batch.put(
            SERVICE_LEVEL_ALERTS,
            ServiceLevelAlertRow(
                id=_part_id(clock_id, number),
                clock_id=clock_id,
                place=number,
                cause=step.cause.value,
                recipient=step.to.value,
                patience_minutes=step.patience_minutes,
                person=step.person,
            ),
        )


def _version_id(event: ServiceLevelPolicy.Adopted | ServiceLevelPolicy.Ended) -> str:
    return f"{event.originator_id}:{event.number}"


def _part_id(whole: str, place: int) -> str:
    """Return an id that sorts by the place; nothing has more than a hundred parts."""
    return f"{whole}:{place:02}"
