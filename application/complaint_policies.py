"""Commands about the complaint policy, and the content that is shipped."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.desk import Desk
from application.dispatch import EARLIEST, Command, handles
from domain.complaint_policy import (
    COMPLAINT_POLICY,
    DEFAULT_TERMS,
    ComplaintPolicy,
    ComplaintTerms,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdoptComplaintPolicy(Command[UUID]):
    """Adopt the next version of the complaint policy."""

    terms: ComplaintTerms
    effective_from: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ShipComplaintPolicy(Command[UUID]):
    """Adopt the shipped version, unless there is a policy already."""


@handles(AdoptComplaintPolicy)
async def adopt_complaint_policy(command: AdoptComplaintPolicy, desk: Desk) -> UUID:
    """Load, adopt, save."""
    policy = await desk.load_or_blank(ComplaintPolicy, COMPLAINT_POLICY)
    policy.adopt(command.terms, command.effective_from, desk.meta)
    desk.save(policy)
    return policy.id


@handles(ShipComplaintPolicy)
async def ship_complaint_policy(_command: ShipComplaintPolicy, desk: Desk) -> UUID:
    """Adopt the shipped terms for all times before the company's own."""
    policy = await desk.load_or_blank(ComplaintPolicy, COMPLAINT_POLICY)
    if not policy.version:
        policy.adopt(DEFAULT_TERMS, EARLIEST, desk.meta)
        desk.save(policy)
    return policy.id
