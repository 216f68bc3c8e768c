"""The versions of the complaint policy, and the owner and limit of each step in them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.complaint_policy import ComplaintPolicy
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class ComplaintPolicyRow:
    """A version; its id is the policy's, a colon, and the version's number."""

    id: str
    policy: UUID
    version: int
    effective_from: datetime
    adopted_at: datetime
    adopted_by: str
    reopen_days: int
    notice_working_days: int


@dataclass(slots=True)
class PolicyStepRow:
    """Who is responsible for a step in a version; its id is the version's, a colon, the step."""

    id: str
    version_id: str
    step: str
    owner: str
    hours: int


COMPLAINT_POLICIES = Table("complaint_policies", ComplaintPolicyRow)
POLICY_STEPS = Table("policy_steps", PolicyStepRow)


class ComplaintPoliciesProjection(Projection):
    """Keeps ``read.complaint_policies`` and ``read.policy_steps``."""

    name = "complaint_policies"
    tables = (COMPLAINT_POLICIES, POLICY_STEPS)

    @on(
        ComplaintPolicy.Adopted,
        en="Version {number} of the complaint policy adopted",
        zh="投诉处理政策第{number}版获批",
    )
    def adopted(self, event: ComplaintPolicy.Adopted, _entry: Entry, batch: Batch) -> None:
        """Add the version."""
        terms, version_id = event.terms, f"{event.originator_id}:{event.number}"
        batch.put(
            COMPLAINT_POLICIES,
            ComplaintPolicyRow(
                id=version_id,
                policy=event.originator_id,
                version=event.number,
                effective_from=event.effective_from,
                adopted_at=event.meta.occurred_at,
                adopted_by=event.meta.actor,
                reopen_days=terms.reopen_days,
                notice_working_days=terms.notice_working_days,
            ),
        )
        for limit in terms.steps:
            step = limit.step.value
            batch.put(
                POLICY_STEPS,
                PolicyStepRow(
                    f"{version_id}:{step}", version_id, step, limit.owner.value, limit.hours
                ),
            )
