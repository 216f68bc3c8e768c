"""The complaint policy in the schema."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out, copied
from api.graphql.compiler.declarations import Pages, Row, answers, derived, id_of, reads
from api.graphql.context import ApiInfo, Context
from api.graphql.nodes import Connection, connection_of, global_id
from api.graphql.refusals import result_union
from api.graphql.scalars import Long
from application.complaint_policies import AdoptComplaintPolicy
from domain.complaint_life import ComplaintState
from domain.complaint_policy import ComplaintTerms, StepLimit
from domain.roles import Role
from projections.complaint_policies import (
    COMPLAINT_POLICIES,
    POLICY_STEPS,
    ComplaintPolicyRow,
)
from projections.paging import Condition, Listing, Order, Window
from projections.tables import Table


@strawberry.type(description="Who is responsible for a step, and within how many hours.")
class StepLimitType:
    """A step of a policy."""

    step: ComplaintState
    owner: Role
    hours: int


@strawberry.type(description="A version of the complaint policy.")
class ComplaintPolicy:
    """A version: in force from a moment, until the next one."""

    row: strawberry.Private[ComplaintPolicyRow]
    id: strawberry.ID
    version: int
    effective_from: datetime
    adopted_at: datetime
    adopted_by: str
    reopen_days: int
    notice_working_days: int

    @strawberry.field(description="The steps in the order of a case.")
    async def steps(self, info: ApiInfo) -> list[StepLimitType]:
        """Return the steps."""
        of_version = [Condition("version_id", "=", self.row.id)]
        async with info.context.reading() as connection:
            rows = await Listing(POLICY_STEPS, of_version, Order("id"), Window()).all(connection)
        found = {row.step: row for row in rows}
        return [
            StepLimitType(step=state, owner=Role(found[state].owner), hours=found[state].hours)
            for state in ComplaintState
            if state in found
        ]


def _policy(row: ComplaintPolicyRow) -> ComplaintPolicy:
    return copied(ComplaintPolicy, row, row=row, id=global_id("ComplaintPolicy", row.version))


def _policies(context: Context, **window: Any) -> Listing[ComplaintPolicyRow]:
    context.reach("complaintPolicies")
    order = Order("effective_from", descending=True)
    return Listing(COMPLAINT_POLICIES, [], order, Window(**window))


_STATES: Final = [state.value for state in ComplaintState]


def _steps(row: Row) -> str:
    order = " ".join(f"WHEN '{state}' THEN {place}" for place, state in enumerate(_STATES))
    return (
        f"SELECT s.step, s.owner, s.hours, CASE s.step {order} END AS place"
        f" FROM read.policy_steps AS s WHERE s.version_id = {row['id']}"
    )


@dataclass(slots=True)
class _StepRow:
    """A step of a version, at its place in the order of a case."""

    place: int
    step: str
    owner: str
    hours: int


reads("StepLimitType", Table("steps", _StepRow, key="place"))
reads(
    "ComplaintPolicy",
    COMPLAINT_POLICIES,
    id=id_of("ComplaintPolicy", "version"),
    steps=derived("StepLimitType", _steps, "place"),
)
answers("complaintPolicies", Pages("ComplaintPolicy", _policies))


@strawberry.type
class Query:
    """Questions about the policy."""

    @strawberry.field(description="The versions of the complaint policy, the newest first.")
    async def complaint_policies(
        self,
        info: ApiInfo,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ComplaintPolicy]:
        """List."""
        window = {"first": first, "after": after, "last": last, "before": before}
        listing = _policies(info.context, **window)
        return await connection_of(info, listing, ComplaintPolicy, _policy)  # type: ignore[no-any-return]


@strawberry.input
class StepLimitInput:
    """Who is responsible for a step, and within how many hours."""

    step: ComplaintState
    owner: Role
    hours: int


@strawberry.input
class AdoptComplaintPolicyInput:
    """The next version; it takes effect a minute from now at the earliest."""

    effective_from: datetime
    reopen_days: int
    notice_working_days: int
    steps: list[StepLimitInput]
    reason: str | None = None


@strawberry.type(description="The policy changed.")
class ComplaintPolicyPayload:
    """The version, once the read models have seen it, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The version that was adopted last.")
    async def complaint_policy(self, info: ApiInfo) -> ComplaintPolicy | None:
        """Return the version as the command left it, or a later one."""
        await info.context.services.positions.wait_for(self.position)
        of_policy = [Condition("policy", "=", self.key)]
        order = Order("version", descending=True)
        listing = Listing(COMPLAINT_POLICIES, of_policy, order, Window(first=1))
        async with info.context.reading() as connection:
            page = await listing.page(connection)
        return _policy(page.rows[0]) if page.rows else None


def _adopt(given: AdoptComplaintPolicyInput) -> AdoptComplaintPolicy:
    steps = tuple(StepLimit(step.step, step.owner, step.hours) for step in given.steps)
    return AdoptComplaintPolicy(
        terms=ComplaintTerms(given.reopen_days, given.notice_working_days, steps),
        effective_from=given.effective_from,
        reason=given.reason,
    )


@strawberry.type
class Mutation:
    """Commands about the policy."""

    @strawberry.mutation(
        description="Adopt the next version of the complaint policy.",
        graphql_type=result_union("AdoptComplaintPolicyResult", ComplaintPolicyPayload),
    )
    async def adopt_complaint_policy(self, info: ApiInfo, input: AdoptComplaintPolicyInput) -> Any:  # noqa: A002
        """Adopt."""
        return await carry_out(
            info,
            lambda: _adopt(input),
            lambda key, position: ComplaintPolicyPayload(key=key, position=Long(position)),
        )
