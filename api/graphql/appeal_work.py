"""The commands about appeals in the schema."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.appeals import Appeal, appeal_type
from api.graphql.commands import carry_out
from api.graphql.context import ApiInfo
from api.graphql.nodes import as_uuid
from api.graphql.refusals import result_union
from api.graphql.scalars import Long
from application.appeals import (
    AnswerAppeal,
    DetermineAppealLiability,
    ReceiveAppeal,
    RecordAppealFinding,
    SettleAppeal,
    WithdrawAppeal,
)
from application.dispatch import Command
from domain.appeal import AppealAuthority, AppealLiability
from domain.categories import Category
from domain.complaint_words import Measure, RuleSource
from domain.errors import (
    AlreadyAppealedError,
    ConflictOfInterestError,
    DomainError,
    MergedCaseError,
    UnitNotOpenError,
)
from domain.text import code
from projections.appeals import APPEALS


@strawberry.type(description="An appeal changed.")
class AppealPayload:
    """The appeal, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(description="The appeal after the change.")
    async def appeal(self, info: ApiInfo) -> Appeal | None:
        """Return the appeal as the command left it, or later."""
        row = await info.context.changed(APPEALS, self.key, self.position)
        return None if row is None else appeal_type(row)


@strawberry.input
class ReceiveAppealInput:
    """About which complaint, from whom, under which reference of theirs, and what it says.

    The reference of an authority that is none of the named ones begins with its name.
    """

    complaint_id: strawberry.ID
    authority: AppealAuthority
    reference: str
    cause: Category
    facts: str
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class AppealInput:
    """Which appeal, when and why."""

    appeal_id: strawberry.ID
    occurred_at: datetime | None = None
    reason: str | None = None


@strawberry.input
class RecordAppealFindingInput(AppealInput):
    """Whether it is valid (成立), and why."""

    valid: bool
    finding: str


@strawberry.input
class DetermineAppealLiabilityInput(AppealInput):
    """Who is liable, by which rule; the department that is responsible takes over."""

    liability: AppealLiability
    rule_source: RuleSource
    rule: str
    department: str | None = None


@strawberry.input
class SettleAppealInput(AppealInput):
    """What is done about it; money is paid by a claim."""

    measures: list[Measure]
    note: str | None = None


@strawberry.input
class AnswerAppealInput(AppealInput):
    """What the authority is told."""

    answer: str


def _common(given: AppealInput) -> dict[str, Any]:
    return {
        "appeal": as_uuid(given.appeal_id, field="appealId"),
        "occurred_at": given.occurred_at,
        "reason": given.reason,
    }


def _receive(given: ReceiveAppealInput) -> ReceiveAppeal:
    return ReceiveAppeal(
        complaint=as_uuid(given.complaint_id, field="complaintId"),
        authority=given.authority,
        reference=given.reference,
        cause=given.cause,
        facts=given.facts,
        occurred_at=given.occurred_at,
        reason=given.reason,
    )


def _determine(given: DetermineAppealLiabilityInput) -> DetermineAppealLiability:
    department = given.department
    return DetermineAppealLiability(
        **_common(given),
        liability=given.liability,
        department=None if department is None else code(department, field="department"),
        rule_source=given.rule_source,
        rule=given.rule,
    )


def _command(
    name: str,
    description: str,
    given: type,
    build: Callable[[Any], Command[UUID]],
    *refusals: type[DomainError],
) -> Any:
    async def resolve(info: ApiInfo, input: Any) -> Any:  # noqa: A002  the schema's word
        return await carry_out(
            info,
            lambda: build(input),
            lambda key, position: AppealPayload(key=key, position=Long(position)),
        )

    resolve.__annotations__["input"] = given
    return strawberry.mutation(
        resolver=resolve,
        description=description,
        graphql_type=result_union(
            f"{name}Result", AppealPayload, ConflictOfInterestError, *refusals
        ),
    )


@strawberry.type
class Mutation:
    """Commands about appeals."""

    receive_appeal = _command(
        "ReceiveAppeal",
        "Take in an appeal that an authority handed on, once per reference of the authority.",
        ReceiveAppealInput,
        _receive,
        AlreadyAppealedError,
        MergedCaseError,
    )
    record_appeal_finding = _command(
        "RecordAppealFinding",
        "Say whether the appeal is valid, and why.",
        RecordAppealFindingInput,
        lambda given: RecordAppealFinding(
            **_common(given), valid=given.valid, finding=given.finding
        ),
    )
    determine_appeal_liability = _command(
        "DetermineAppealLiability",
        "Say who is liable for a valid appeal, by which rule, and which department is responsible.",
        DetermineAppealLiabilityInput,
        _determine,
        UnitNotOpenError,
    )
    settle_appeal = _command(
        "SettleAppeal",
        "Say what is done about a valid appeal.",
        SettleAppealInput,
        lambda given: SettleAppeal(
            **_common(given), measures=tuple(given.measures), note=given.note
        ),
    )
    answer_appeal = _command(
        "AnswerAppeal",
        "Tell the authority the outcome: that it is not valid, or what was done about it.",
        AnswerAppealInput,
        lambda given: AnswerAppeal(**_common(given), answer=given.answer),
    )
    withdraw_appeal = _command(
        "WithdrawAppeal",
        "Note that the customer withdrew the appeal with the authority.",
        AppealInput,
        lambda given: WithdrawAppeal(**_common(given)),
    )
