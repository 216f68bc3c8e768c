"""What the events of an appeal mean to clocks."""

from dataclasses import replace
from typing import Final

from domain.appeal import Appeal
from domain.service_levels.marks import CaseFacts, Marked, begins, mark, reads

APPEAL_RECEIVED: Final = mark(
    "appeal_received", "appeal received from the regulator", "收到监管部门转来的申诉"
)
APPEAL_ANSWERED: Final = mark(
    "appeal_answered", "appeal answered to the regulator", "已答复监管部门"
)
APPEAL_WITHDRAWN: Final = mark("appeal_withdrawn", "appeal withdrawn", "申诉撤回")


@begins(Appeal.Received)
def _received(event: Appeal.Received) -> Marked:
    facts = CaseFacts(
        kind=Appeal.KIND,
        number=event.number,
        department=event.department,
        region=event.region,
        outlet=event.outlet,
        category=event.cause.value,
        partner=event.partner,
    )
    return Marked((APPEAL_RECEIVED,), facts)


@reads(Appeal.LiabilityDetermined)
def _liability_determined(event: Appeal.LiabilityDetermined, facts: CaseFacts) -> Marked:
    return Marked((), replace(facts, department=event.department or facts.department))


@reads(Appeal.Answered)
def _answered(_event: Appeal.Answered, facts: CaseFacts) -> Marked:
    return Marked((APPEAL_ANSWERED,), facts)


@reads(Appeal.Withdrawn)
def _withdrawn(_event: Appeal.Withdrawn, facts: CaseFacts) -> Marked:
    return Marked((APPEAL_WITHDRAWN,), facts)
