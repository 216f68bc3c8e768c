"""What the commands about complaints are given, and how one becomes a mutation."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import carry_out
from api.graphql.complaints import Complaint, complaint_type
from api.graphql.context import ApiInfo
from api.graphql.nodes import as_uuid
from api.graphql.refusals import result_union
from api.graphql.scalars import Long
from application.dispatch import Command
from domain.errors import ConflictOfInterestError, DomainError, MergedCaseError
from projections.complaints import COMPLAINTS


@strawberry.type(description="A complaint changed.")
class ComplaintPayload:
    """The complaint, once the read models have seen the change, and the position of the change."""

    key: strawberry.Private[UUID]
    position: Long

    @strawberry.field(
        description="The complaint after the change; null, with an error, if the read models are"
        " late: the change is stored all the same."
    )
    async def complaint(self, info: ApiInfo) -> Complaint | None:
        """Return the complaint as the command left it, or later."""
        row = await info.context.changed(COMPLAINTS, self.key, self.position)
        return None if row is None else complaint_type(row)


def _payload(key: UUID, position: int) -> ComplaintPayload:
    return ComplaintPayload(key=key, position=Long(position))


@strawberry.input
class ComplaintInput:
    """Which complaint, when and why."""

    complaint_id: strawberry.ID
    occurred_at: datetime | None = None
    reason: str | None = None


def common(given: ComplaintInput) -> dict[str, Any]:
    """Return what every command about a complaint begins with."""
    return {
        "complaint": as_uuid(given.complaint_id, field="complaintId"),
        "occurred_at": given.occurred_at,
        "reason": given.reason,
    }


def given_or_none(value: str | None, parse: Callable[..., Any], field: str) -> Any:
    """Check an optional text."""
    return None if value is None else parse(value, field=field)


def complaint_command(
    name: str,
    description: str,
    given: type,
    build: Callable[[Any], Command[UUID]],
    *own: type[DomainError],
) -> Any:
    """Make a mutation of a command: ``build`` makes the command of its input.

    ``own`` are the refusals of this command beside those of every command about a case.
    """

    async def resolve(info: ApiInfo, input: Any) -> Any:  # noqa: A002  the schema's word
        return await carry_out(info, lambda: build(input), _payload)

    resolve.__annotations__["input"] = given
    refusals = (ConflictOfInterestError, MergedCaseError, *own)
    return strawberry.mutation(
        resolver=resolve,
        description=description,
        graphql_type=result_union(f"{name}Result", ComplaintPayload, *refusals),
    )
