"""Who works on a case: people of the responsible department, never the one complained about."""

from dataclasses import dataclass
from random import Random
from typing import Final

from application.demonstration.company import (
    CLAIMS,
    CUSTOMER_SERVICE,
    HEAD_OFFICE,
    MARKETING,
    OPERATIONS,
    QUALITY,
    TECHNOLOGY,
    TRANSIT,
)
from application.demonstration.people import Roster, Worker, demonstrator
from application.demonstration.phrases import pick
from application.demonstration.stories import Story
from domain.categories import Category
from domain.complaint_words import Channel, Severity
from domain.roles import PersonId, Role

_C = Category
_RESPONSIBLE: Final = {
    _C.DELAY: (OPERATIONS, TRANSIT),
    _C.LOSS: (TRANSIT, CLAIMS),
    _C.DAMAGE: (CLAIMS, TRANSIT),
    _C.COURIER_ATTITUDE: (OPERATIONS, QUALITY),
    _C.AGENT_ATTITUDE: (QUALITY, OPERATIONS),
    _C.WAYBILL_ERROR: (OPERATIONS, CUSTOMER_SERVICE),
    _C.ADDRESS_ERROR: (CUSTOMER_SERVICE, OPERATIONS),
    _C.SUGGESTION: (MARKETING, OPERATIONS),
    _C.ENQUIRY: (CUSTOMER_SERVICE, MARKETING),
    _C.PRODUCT_QUALITY: (QUALITY, MARKETING),
    _C.DELIVERY: (OPERATIONS, CUSTOMER_SERVICE),
    _C.AFTER_SALE: (CLAIMS, CUSTOMER_SERVICE),
    _C.COMMUNICATION: (CUSTOMER_SERVICE, QUALITY),
    _C.SYSTEM_FAILURE: (TECHNOLOGY, CUSTOMER_SERVICE),
    _C.ABNORMAL_ORDER: (MARKETING, TECHNOLOGY),
    _C.ACCOUNT_SECURITY: (TECHNOLOGY, QUALITY),
}
"""The department that usually has it, and the one that has it else."""
_USUALLY: Final = 0.75


@dataclass(frozen=True, slots=True)
class Team:
    """The people of a case, each with a part of their own.

    ``customer`` is who takes down what the customer decides: a partner does so itself.
    """

    department: str
    other_department: str
    intake: Worker
    head: Worker
    handler: Worker
    investigator: Worker
    manager: Worker
    caller: Worker
    rater: Worker
    customer: Worker


def team_for(story: Story, roster: Roster, chance: Random) -> Team:
    """Choose who works on a case."""
    department, other = _RESPONSIBLE[story.category]
    if chance.random() > _USUALLY:
        department, other = other, department
    avoid: set[PersonId] = set()
    if story.taken_down.accused is not None:
        avoid.add(story.taken_down.accused)

    def one(role: Role, unit: str) -> Worker:
        chosen = roster.one(chance, role, unit, story.at, avoid)
        avoid.add(chosen.id)
        return chosen

    intake = one(Role.FRONT_DESK, CUSTOMER_SERVICE)
    caller = one(Role.FRONT_DESK, CUSTOMER_SERVICE)
    rater = one(pick(chance, (Role.FRONT_DESK, Role.ACCOUNT_AGENT)), CUSTOMER_SERVICE)
    head = one(Role.DEPARTMENT_HEAD, CUSTOMER_SERVICE)
    major = story.taken_down.severity is Severity.MAJOR
    manager = one(Role.DEPARTMENT_HEAD, HEAD_OFFICE.code if major else department)
    customer = caller
    if story.taken_down.channel is Channel.PARTNER_API:
        customer = rater = demonstrator(Role.PARTNER)
    return Team(
        department=department,
        other_department=other,
        intake=intake,
        head=head,
        handler=one(Role.BACK_OFFICE, department),
        investigator=one(Role.INVESTIGATOR, department),
        manager=manager,
        caller=caller,
        rater=rater,
        customer=customer,
    )
