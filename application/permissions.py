"""Who may do what to which objects: one static table, deny by default (architecture.md 9.10).

Operations are named as in GraphQL: mutations as their command, reads as their query.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from domain.errors import NotPermittedError
from domain.organisation import UnitKey
from domain.roles import PersonId, Role


class Relation(Enum):
    """To which objects a permission reaches; the wider one contains the narrower."""

    OWN = "own"  # what the caller, such as a partner, brought in
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``principal`` scopes idempotency keys, ``actor`` is the person on record."""

    principal: str
    actor: PersonId
    role: Role
    units: frozenset[UnitKey] | None = None
    """Where the caller acts; None: at the head office, which is everywhere."""
    operations: frozenset[str] | None = None
    """What the key is limited to; None: all that the role allows."""

    @property
    def partner(self) -> str | None:
        """The partner that this caller is, if it is one."""
        return self.principal if self.role is Role.PARTNER else None


_DESK: Final = (Role.FRONT_DESK, Role.BACK_OFFICE, Role.ACCOUNT_AGENT, Role.DEPARTMENT_HEAD)
_STAFF: Final = tuple(r for r in Role if r not in {Role.PARTNER, Role.CUSTOMER, Role.OPERATOR})


def _any(*roles: Role) -> dict[Role, Relation]:
    return dict.fromkeys(roles, Relation.ANY)


_READ: Final = _any(*_STAFF) | {Role.PARTNER: Relation.OWN}

PERMISSIONS: Final[Mapping[str, Mapping[Role, Relation]]] = {
    # shipments
    "recordShipment": _any(*_DESK, Role.ADMINISTRATOR, Role.SYSTEM) | {Role.PARTNER: Relation.OWN},
    "recordMilestone": _any(*_DESK, Role.ADMINISTRATOR, Role.SYSTEM) | {Role.PARTNER: Relation.OWN},
    "recordDelivery": _any(*_DESK, Role.ADMINISTRATOR, Role.SYSTEM) | {Role.PARTNER: Relation.OWN},
    "rateDelivery": _any(*_DESK, Role.SYSTEM) | {Role.PARTNER: Relation.OWN},
    "importShipment": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    # complaints
    "receiveComplaint": _any(*_DESK, Role.SYSTEM) | {Role.PARTNER: Relation.OWN},
    "registerComplaint": _any(*_DESK),
    "declineComplaint": _any(*_DESK),
    "assignComplaint": _any(*_DESK),
    "answerComplaint": _any(*_DESK, Role.INVESTIGATOR),
    "closeComplaint": _any(*_DESK),
    "rateHandling": _any(Role.FRONT_DESK, Role.ACCOUNT_AGENT) | {Role.PARTNER: Relation.OWN},
    "startInvestigation": _any(*_DESK, Role.INVESTIGATOR),
    "recordInvestigation": _any(*_DESK, Role.INVESTIGATOR),
    "proposeResolution": _any(*_DESK, Role.INVESTIGATOR),
    "agreeResolution": _any(*_DESK) | {Role.PARTNER: Relation.OWN},
    "rejectResolution": _any(*_DESK) | {Role.PARTNER: Relation.OWN},
    "carryOutRemedy": _any(*_DESK),
    "followUpComplaint": _any(*_DESK),
    "waitForCustomer": _any(*_DESK, Role.INVESTIGATOR),
    "resumeComplaint": _any(*_DESK, Role.INVESTIGATOR),
    "reopenComplaint": _any(*_DESK),
    "disputeAnswer": _any(*_DESK) | {Role.PARTNER: Relation.OWN},
    "withdrawComplaint": _any(*_DESK) | {Role.PARTNER: Relation.OWN},
    "mergeComplaint": _any(*_DESK),
    "addEvidence": _any(*_DESK, Role.INVESTIGATOR) | {Role.PARTNER: Relation.OWN},
    "supersedeEvidence": _any(*_DESK, Role.INVESTIGATOR),
    "linkComplaint": _any(*_DESK, Role.INVESTIGATOR),
    "reclassifyComplaint": _any(*_DESK, Role.INVESTIGATOR),
    "reassessSeverity": _any(*_DESK),
    "markUrgency": _any(*_DESK),
    "nameAccused": _any(*_DESK, Role.INVESTIGATOR),
    "escalateComplaint": _any(*_DESK),
    "giveFeedback": _any(*_DESK, Role.INVESTIGATOR),
    "settleChecklistItem": _any(*_DESK, Role.INVESTIGATOR),
    "recordQualityStep": _any(*_DESK, Role.INVESTIGATOR),
    "adoptComplaintPolicy": _any(Role.ADMINISTRATOR),
    "shipComplaintPolicy": _any(Role.SYSTEM),
    # improvement actions
    "raiseImprovement": _any(*_DESK, Role.COMPLIANCE),
    "noteImprovementProgress": _any(*_DESK, Role.INVESTIGATOR, Role.COMPLIANCE),
    "rescheduleImprovement": _any(Role.DEPARTMENT_HEAD, Role.COMPLIANCE),
    "handOverImprovement": _any(Role.DEPARTMENT_HEAD, Role.COMPLIANCE),
    "completeImprovement": _any(*_DESK, Role.INVESTIGATOR, Role.COMPLIANCE),
    "cancelImprovement": _any(Role.DEPARTMENT_HEAD, Role.COMPLIANCE),
    "importComplaint": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    # organisation
    "foundUnit": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    "renameUnit": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    "moveUnit": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    "closeUnit": _any(Role.ADMINISTRATOR, Role.SYSTEM),
    "joinStaff": _any(Role.ADMINISTRATOR, Role.DEPARTMENT_HEAD, Role.SYSTEM),
    "appointPerson": _any(Role.ADMINISTRATOR, Role.DEPARTMENT_HEAD, Role.SYSTEM),
    "endAppointment": _any(Role.ADMINISTRATOR, Role.DEPARTMENT_HEAD, Role.SYSTEM),
    "units": _any(*_STAFF),
    "staff": _any(*_STAFF),
    # notices
    "queueNotice": _any(Role.SYSTEM),
    "recordNoticeSent": _any(Role.SYSTEM),
    "recordNoticeFailed": _any(Role.SYSTEM),
    "recordNoticeInDoubt": _any(Role.SYSTEM),
    "resolveNoticeDoubt": _any(Role.FRONT_DESK, Role.ADMINISTRATOR),
    "notices": _any(*_STAFF),
    # keys
    "issueApiKey": _any(Role.ADMINISTRATOR, Role.OPERATOR),
    "revokeApiKey": _any(Role.ADMINISTRATOR, Role.OPERATOR),
    # reads
    "shipments": _READ,
    "complaints": _READ,
    "workQueue": _READ,
    "improvements": _any(*_STAFF),
    "complaintPolicies": _READ,
    "ratings": _READ,
    "satisfaction": _READ,
    "caseHistory": _READ,
    "caseState": _READ,
    "personalData": _any(
        *_DESK, Role.INVESTIGATOR, Role.CLAIMS_OFFICER, Role.COMPLIANCE, Role.AUDITOR
    )
    | {Role.PARTNER: Relation.OWN},
    "systemState": _any(Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR),
}


def relation(caller: Caller, operation: str) -> Relation:
    """Return how far the caller's permission reaches; NotPermittedError if there is none."""
    granted = PERMISSIONS.get(operation, {}).get(caller.role)
    if granted is None:
        raise NotPermittedError(operation, caller.role)
    return granted


def permitted(caller: Caller, operation: str) -> bool:
    """Say whether the caller has the permission at all."""
    return caller.role in PERMISSIONS.get(operation, {})
