"""Commands about the clocks of cases."""

from dataclasses import dataclass, replace
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from domain.case_clocks import CaseClocks, clocks_id
from domain.complaint import Complaint
from domain.errors import InvalidValueError, MergedCaseError, NotFoundError, Rule
from domain.metadata import PolicyVersion
from domain.service_level_policy import ServiceLevelPolicy, policy_code, policy_id


@dataclass(frozen=True, kw_only=True, slots=True)
class RebaseServiceLevels(Command[UUID]):
    """Put a complaint under the version of a policy that is in force; the reason is needed."""

    complaint: UUID
    policy: str


@handles(RebaseServiceLevels)
async def rebase_service_levels(command: RebaseServiceLevels, desk: Desk) -> UUID:
    """Find case and version, and note it in the record of the case's clocks."""
    case = await desk.consult(Complaint, command.complaint)
    if not case.version:
        raise NotFoundError(Complaint.KIND, str(command.complaint))
    if case.merged_into is not None:
        raise MergedCaseError(case.id, case.merged_into)
    case.refuse_accused(desk.meta.actor)
    code = policy_code(command.policy, field="policy")
    policy = await desk.consult(ServiceLevelPolicy, policy_id(code))
    period = policy.in_force(desk.meta.occurred_at)
    if period is None:
        raise InvalidValueError("policy", Rule.NOT_THERE)
    clocks = await desk.load_or_blank(CaseClocks, clocks_id(case.id))
    meta = replace(desk.meta, policy=PolicyVersion(policy.id, period.number))
    clocks.rebase(case.id, code, period.number, meta)
    desk.save(clocks)
    return case.id
