"""Cases as they stood, in the schema."""

from datetime import datetime
from uuid import UUID

import strawberry

from api.case_state import PastCase, case_at
from api.graphql.audit import moment_of
from api.graphql.complaints import Complaint, complaint_type
from api.graphql.context import ApiInfo
from api.graphql.nodes import as_uuid
from api.graphql.reach import CASES, cases_within
from api.graphql.scalars import AsOf, Long
from api.graphql.shipments import Shipment, shipment_type
from domain import complaint, shipment


@strawberry.type(
    description="A case as it stood: version counts its events until then; position, occurredAt and"
    " recordedAt are those of the last of them in log order."
)
class CaseState:
    """A case at a moment; of its objects just the one is there that the kind names."""

    past: strawberry.Private[PastCase]
    case_id: UUID
    kind: str
    version: int
    position: Long
    occurred_at: datetime
    recorded_at: datetime

    @strawberry.field(description="The complaint as it stood, if the case is one.")
    def complaint(self) -> Complaint | None:
        """Return the complaint."""
        past = self.past
        if past.kind != complaint.Complaint.KIND:
            return None
        return complaint_type(past.row, past.rows)

    @strawberry.field(description="The shipment as it stood, if the case is one.")
    def shipment(self) -> Shipment | None:
        """Return the shipment."""
        past = self.past
        if past.kind != shipment.Shipment.KIND:
            return None
        return shipment_type(past.row, past.rows)


def _state(past: PastCase) -> CaseState:
    return CaseState(
        past=past,
        case_id=past.id,
        kind=past.kind,
        version=past.version,
        position=Long(past.last.position),
        occurred_at=past.last.event.meta.occurred_at,
        recorded_at=past.last.recorded_at,
    )


@strawberry.type
class Query:
    """Questions about the past."""

    @strawberry.field(
        description="A case as it stood at a past moment; null if by that clock there was none yet."
    )
    async def case_state(
        self, info: ApiInfo, case_id: strawberry.ID, as_of: AsOf
    ) -> CaseState | None:
        """Return the state."""
        context = info.context
        reach = context.reach("caseState")
        case = as_uuid(case_id, field="caseId")
        if not reach.everything:  # who may not see it as it stands may not see it as it stood
            async with context.reading() as connection:
                if not await cases_within(connection, [case], CASES, reach):
                    return None
        past = await case_at(
            context.event_store, case, moment_of(as_of), personal=context.may("personalData")
        )
        return None if past is None else _state(past)
