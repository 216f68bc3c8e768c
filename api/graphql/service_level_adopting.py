"""How service-level policies are adopted and ended through the schema."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out
from api.graphql.context import ApiInfo
from api.graphql.refusals import result_union
from api.graphql.scalars import Long
from api.graphql.service_level_policies import ServiceLevelPolicy, policy_type
from application.service_level_policies import AdoptServiceLevelPolicy, EndServiceLevelPolicy
from domain.errors import LooserThanLawError, NoRoleAtThatTimeError, UnitNotOpenError
from domain.roles import PersonId
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.terms import (
    AlertCause,
    AlertStep,
    ClockTerms,
    DepartmentCalendar,
    Recipient,
    ServiceLevelTerms,
)
from projections.paging import Condition, Listing, Order, Window
from projections.service_level_policies import SERVICE_LEVEL_POLICIES


@strawberry.input
class AlertStepInput:
    """A step of an alert chain; person only for a step that reaches a named person."""

    cause: AlertCause
    to: Recipient
    patience_minutes: int
    person: str | None = None


@strawberry.input
class ClockTermsInput:
    """A clock; target is in seconds or days, as basis says; warnPercent null: no warning."""

    code: str
    name_en: str
    name_zh: str
    basis: Basis
    target: int
    starts_on: list[str]
    stops_on: list[str]
    calendar: str
    source_en: str
    source_zh: str
    pauses: bool = False
    cancels_on: list[str] = strawberry.field(default_factory=list)
    lapses_on: list[str] = strawberry.field(default_factory=list)
    warn_percent: int | None = 80
    alerts: list[AlertStepInput] = strawberry.field(default_factory=list)


@strawberry.input
class DepartmentCalendarInput:
    """A department that counts days by a calendar of its own."""

    department: str
    calendar: str


@strawberry.input
class AdoptServiceLevelPolicyInput:
    """The whole next version; it takes effect a minute from now at the earliest, the first ever."""

    code: str
    effective_from: datetime
    name_en: str
    name_zh: str
    time_zone: str
    clocks: list[ClockTermsInput]
    accounts: list[str] = strawberry.field(default_factory=list)
    department_calendars: list[DepartmentCalendarInput] = strawberry.field(default_factory=list)
    reason: str | None = None


@strawberry.input
class EndServiceLevelPolicyInput:
    """Which policy ends, and when: a minute from now at the earliest."""

    code: str
    effective_from: datetime
    reason: str | None = None


@strawberry.type(description="A service-level policy changed.")
class ServiceLevelPolicyPayload:
    """The version, once the read models have seen it, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The version that was adopted last.")
    async def service_level_policy(self, info: ApiInfo) -> ServiceLevelPolicy | None:
        """Return the version as the command left it, or a later one."""
        await info.context.services.positions.wait_for(self.position)
        of_policy = [Condition("policy", "=", self.key)]
        order = Order("version", descending=True)
        listing = Listing(SERVICE_LEVEL_POLICIES, of_policy, order, Window(first=1))
        async with info.context.reading() as connection:
            page = await listing.page(connection)
        return policy_type(page.rows[0]) if page.rows else None


def _payload(key: UUID, position: int) -> ServiceLevelPolicyPayload:
    return ServiceLevelPolicyPayload(key=key, position=Long(position))


def _clock_terms(given: ClockTermsInput) -> ClockTerms:
    return ClockTerms(
        code=given.code,
        name_en=given.name_en.strip(),
        name_zh=given.name_zh.strip(),
        target=Target(given.basis, given.target),
        starts_on=tuple(given.starts_on),
        stops_on=tuple(given.stops_on),
        calendar=given.calendar,
        source_en=given.source_en.strip(),
        source_zh=given.source_zh.strip(),
        pauses=given.pauses,
        cancels_on=tuple(given.cancels_on),
        lapses_on=tuple(given.lapses_on),
        warn_percent=given.warn_percent,
        alerts=tuple(
            AlertStep(
                step.cause,
                step.to,
                step.patience_minutes,
                None if step.person is None else PersonId(step.person),
            )
            for step in given.alerts
        ),
    )


def _adopt(given: AdoptServiceLevelPolicyInput) -> AdoptServiceLevelPolicy:
    terms = ServiceLevelTerms(
        name_en=given.name_en.strip(),
        name_zh=given.name_zh.strip(),
        time_zone=given.time_zone,
        clocks=tuple(_clock_terms(clock) for clock in given.clocks),
        accounts=tuple(given.accounts),
        department_calendars=tuple(
            DepartmentCalendar(own.department.strip(), own.calendar)
            for own in given.department_calendars
        ),
    )
    return AdoptServiceLevelPolicy(
        code=given.code, terms=terms, effective_from=given.effective_from, reason=given.reason
    )


@strawberry.type
class Mutation:
    """Commands about the policies."""

    @strawberry.mutation(
        description="Adopt the next version of a service-level policy, or a new policy.",
        graphql_type=result_union(
            "AdoptServiceLevelPolicyResult",
            ServiceLevelPolicyPayload,
            LooserThanLawError,
            UnitNotOpenError,
            NoRoleAtThatTimeError,
        ),
    )
    async def adopt_service_level_policy(
        self,
        info: ApiInfo,
        input: AdoptServiceLevelPolicyInput,  # noqa: A002  the schema's word
    ) -> Any:
        """Adopt."""
        return await carry_out(info, lambda: _adopt(input), _payload)

    @strawberry.mutation(
        description="Let the policy of a contract end: later cases fall under the default one.",
        graphql_type=result_union("EndServiceLevelPolicyResult", ServiceLevelPolicyPayload),
    )
    async def end_service_level_policy(
        self,
        info: ApiInfo,
        input: EndServiceLevelPolicyInput,  # noqa: A002  the schema's word
    ) -> Any:
        """End."""

        def build() -> EndServiceLevelPolicy:
            return EndServiceLevelPolicy(
                code=input.code, effective_from=input.effective_from, reason=input.reason
            )

        return await carry_out(info, build, _payload)
