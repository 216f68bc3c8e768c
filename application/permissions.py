"""Who may do what to which objects: one static table, deny by default (architecture.md 9.10).

Operations are named as in GraphQL: mutations as their command, reads as their query.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

import orjson

from domain.errors import NotPermittedError
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role


class Relation(Enum):
    """To which objects a permission reaches; the wider one contains the narrower."""

    OWN = "own"  # what a partner brought in, or what a person handles
    UNITS = "units"  # also what belongs to the caller's departments, regions and outlets
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: ``principal`` scopes idempotency keys, ``actor`` is the person on record.

    ``units`` are those whose objects the caller works on, None for the whole company;
    ``operations`` narrow what the role may do, None for no narrowing.
    """

    principal: str
    actor: PersonId
    role: Role
    units: frozenset[UnitKey] | None = None
    operations: frozenset[str] | None = None

    @property
    def partner(self) -> str | None:
        """The partner that this caller is, if it is one."""
        return self.principal if self.role is Role.PARTNER else None


Way = Literal["partner", "person", "department", "region", "outlet"]
"""A way in which an object belongs to somebody."""

_WAY_OF_UNIT: Final[Mapping[UnitKind, Way]] = {
    UnitKind.DEPARTMENT: "department",
    UnitKind.REGION: "region",
    UnitKind.OUTLET: "outlet",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """The objects that a caller reaches: everything, or what belongs to one of these names."""

    everything: bool = False
    partner: str | None = None
    person: str | None = None
    departments: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    outlets: frozenset[str] = frozenset()

    def names(self, way: Way) -> frozenset[str]:
        """Return the names to which an object must belong in this way."""
        if way == "partner":
            return frozenset({self.partner} if self.partner else ())
        if way == "person":
            return frozenset({self.person} if self.person else ())
        return {"department": self.departments, "region": self.regions, "outlet": self.outlets}[way]

    def covers(self, found: Any, belongings: Mapping[Way, str]) -> bool:
        """Say whether an object is within reach; ``belongings``: its attribute for each way."""
        return self.everything or any(
            _attribute(found, path) in self.names(way) for way, path in belongings.items()
        )


EVERYTHING: Final = Reach(everything=True)


def _attribute(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


Grants = Mapping[Role, Relation]


def _any(*roles: Role) -> Grants:
    return dict.fromkeys(roles, Relation.ANY)


def _units(*roles: Role) -> Grants:
    return dict.fromkeys(roles, Relation.UNITS)


def _all(*grants: Grants) -> Grants:
    return {role: granted for some in grants for role, granted in some.items()}


_OWN: Final[Grants] = {Role.PARTNER: Relation.OWN}
_DESK: Final = _all(
    _any(Role.FRONT_DESK), _units(Role.BACK_OFFICE, Role.ACCOUNT_AGENT, Role.DEPARTMENT_HEAD)
)
"""Who leads cases: the front desk all of them, the others those of their units."""
_CASEWORK: Final = _all(_DESK, _units(Role.INVESTIGATOR))
_WHOLE_STAFF: Final = _any(*(set(Role) - {Role.PARTNER, Role.CUSTOMER, Role.OPERATOR}))
_CASE_READERS: Final = _all(_WHOLE_STAFF, _CASEWORK)
_CARRIAGE: Final = _all(
    _any(Role.FRONT_DESK, Role.BACK_OFFICE, Role.DEPARTMENT_HEAD), _units(Role.ACCOUNT_AGENT)
)
"""Shipments know regions and outlets, but no departments."""
_RECORDERS: Final = _all(_CARRIAGE, _any(Role.ADMINISTRATOR, Role.SYSTEM), _OWN)
_LEADERS: Final = _all(_units(Role.DEPARTMENT_HEAD), _any(Role.COMPLIANCE))
_APPEALS: Final = _all(_units(Role.BACK_OFFICE, Role.DEPARTMENT_HEAD), _any(Role.COMPLIANCE))
"""Who works on appeals: the front desk only takes them in."""
_ORGANISERS: Final = _any(Role.ADMINISTRATOR, Role.SYSTEM)
_APPOINTERS: Final = _any(Role.ADMINISTRATOR, Role.DEPARTMENT_HEAD, Role.SYSTEM)

PERMISSIONS: Final[Mapping[str, Grants]] = {
    # shipments
    "recordShipment": _RECORDERS,
    "recordMilestone": _RECORDERS,
    "recordDelivery": _RECORDERS,
    "rateDelivery": _all(_CARRIAGE, _any(Role.SYSTEM), _OWN),
    "importShipment": _ORGANISERS,
    # complaints
    "receiveComplaint": _all(_DESK, _any(Role.SYSTEM), _OWN),
    "registerComplaint": _DESK,
    "declineComplaint": _DESK,
    "assignComplaint": _DESK,
    "answerComplaint": _CASEWORK,
    "closeComplaint": _DESK,
    "rateHandling": _all(_any(Role.FRONT_DESK), _units(Role.ACCOUNT_AGENT), _OWN),
    "startInvestigation": _CASEWORK,
    "recordInvestigation": _CASEWORK,
    "proposeResolution": _CASEWORK,
    "agreeResolution": _all(_DESK, _OWN),
    "rejectResolution": _all(_DESK, _OWN),
    "carryOutRemedy": _DESK,
    "followUpComplaint": _DESK,
    "waitForCustomer": _CASEWORK,
    "resumeComplaint": _CASEWORK,
    "reopenComplaint": _DESK,
    "disputeAnswer": _all(_DESK, _OWN),
    "withdrawComplaint": _all(_DESK, _OWN),
    "mergeComplaint": _DESK,
    "addEvidence": _all(_CASEWORK, _OWN),
    "supersedeEvidence": _CASEWORK,
    "linkComplaint": _CASEWORK,
    "reclassifyComplaint": _CASEWORK,
    "reassessSeverity": _DESK,
    "markUrgency": _DESK,
    "nameAccused": _CASEWORK,
    "escalateComplaint": _DESK,
    "giveFeedback": _CASEWORK,
    "seekCompensation": _all(_CASEWORK, _OWN),
    "settleChecklistItem": _CASEWORK,
    "recordQualityStep": _CASEWORK,
    "importComplaint": _ORGANISERS,
    "adoptComplaintPolicy": _any(Role.ADMINISTRATOR),
    "shipComplaintPolicy": _any(Role.SYSTEM),
    # service levels
    "adoptServiceLevelPolicy": _any(Role.ADMINISTRATOR),
    "endServiceLevelPolicy": _any(Role.ADMINISTRATOR),
    "shipServiceLevelPolicies": _any(Role.SYSTEM),
    "rebaseServiceLevels": _all(_LEADERS, _any(Role.ADMINISTRATOR)),
    # calendars
    "foundCalendar": _any(Role.ADMINISTRATOR),
    "publishCalendarYear": _any(Role.ADMINISTRATOR),
    "correctCalendar": _any(Role.ADMINISTRATOR),
    "shipCalendar": _any(Role.SYSTEM),
    # improvement actions
    "raiseImprovement": _all(_DESK, _any(Role.COMPLIANCE)),
    "noteImprovementProgress": _all(_CASEWORK, _any(Role.COMPLIANCE)),
    "rescheduleImprovement": _LEADERS,
    "handOverImprovement": _LEADERS,
    "completeImprovement": _all(_CASEWORK, _any(Role.COMPLIANCE)),
    "cancelImprovement": _LEADERS,
    # appeals
    "receiveAppeal": _DESK,
    "recordAppealFinding": _APPEALS,
    "determineAppealLiability": _APPEALS,
    "settleAppeal": _APPEALS,
    "answerAppeal": _APPEALS,
    "withdrawAppeal": _all(_DESK, _any(Role.COMPLIANCE)),
    # organisation
    "foundUnit": _ORGANISERS,
    "renameUnit": _ORGANISERS,
    "moveUnit": _ORGANISERS,
    "closeUnit": _ORGANISERS,
    "joinStaff": _APPOINTERS,
    "appointPerson": _APPOINTERS,
    "endAppointment": _APPOINTERS,
    "units": _WHOLE_STAFF,
    "staff": _WHOLE_STAFF,
    # notices
    "queueNotice": _any(Role.SYSTEM),
    "recordNoticeSent": _any(Role.SYSTEM),
    "recordNoticeFailed": _any(Role.SYSTEM),
    "recordNoticeInDoubt": _any(Role.SYSTEM),
    "resolveNoticeDoubt": _any(Role.FRONT_DESK, Role.ADMINISTRATOR),
    "notices": _CASE_READERS,
    # keys
    "issueApiKey": _any(Role.ADMINISTRATOR, Role.OPERATOR),
    "revokeApiKey": _any(Role.ADMINISTRATOR, Role.OPERATOR),
    # reads
    "shipments": _all(_WHOLE_STAFF, _units(Role.ACCOUNT_AGENT), _OWN),
    "complaints": _all(_CASE_READERS, _OWN),
    "workQueue": _all(_CASE_READERS, _OWN),
    "improvements": _CASE_READERS,
    "appeals": _CASE_READERS,
    "complaintPolicies": _all(_WHOLE_STAFF, _OWN),
    "serviceLevelPolicies": _all(_WHOLE_STAFF, _OWN),
    "calendars": _all(_WHOLE_STAFF, _OWN),
    "slaClocks": _all(_CASE_READERS, _OWN),
    "slaCompliance": _all(_CASE_READERS, _OWN),
    "explainDeadline": _all(_CASE_READERS, _OWN),
    "ratings": _all(_CASE_READERS, _OWN),
    "satisfaction": _all(_CASE_READERS, _OWN),
    "caseHistory": _all(_CASE_READERS, _OWN),
    "caseState": _all(_CASE_READERS, _OWN),
    "personalData": _all(_CASEWORK, _any(Role.CLAIMS_OFFICER, Role.COMPLIANCE, Role.AUDITOR), _OWN),
    "systemState": _any(Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR),
}


def relation(caller: Caller, operation: str) -> Relation:
    """Return how far the caller's permission reaches; NotPermittedError if there is none."""
    granted = PERMISSIONS.get(operation, {}).get(caller.role)
    narrowed = caller.operations is not None and operation not in caller.operations
    if granted is None or narrowed:
        raise NotPermittedError(operation, caller.role)
    return granted


def permitted(caller: Caller, operation: str) -> bool:
    """Say whether the caller has the permission at all."""
    try:
        relation(caller, operation)
    except NotPermittedError:
        return False
    return True


def reach(caller: Caller, operation: str) -> Reach:
    """Return the objects that the operation may touch; NotPermittedError if it may none."""
    return reach_of(caller, relation(caller, operation))


def reach_of(caller: Caller, granted: Relation) -> Reach:
    """Return the objects that stand in this relation to the caller."""
    if granted is Relation.ANY:
        return EVERYTHING
    if caller.partner is not None:
        return Reach(partner=caller.partner)
    if granted is Relation.OWN:
        return Reach(person=caller.actor)
    if caller.units is None or any(u.kind is UnitKind.HEAD_OFFICE for u in caller.units):
        return EVERYTHING
    codes: dict[Way, set[str]] = {way: set() for way in _WAY_OF_UNIT.values()}
    for unit in caller.units:
        way = _WAY_OF_UNIT.get(unit.kind)
        if way is not None:  # no object names a branch
            codes[way].add(unit.code)
    return Reach(
        person=caller.actor,
        departments=frozenset(codes["department"]),
        regions=frozenset(codes["region"]),
        outlets=frozenset(codes["outlet"]),
    )


def scope_text(caller: Caller | None) -> str:
    """Return what the database itself may show to a caller, for its setting ``redress.scope``.

    It is the second wall (migrations/versions/0014_row_security.sql): as wide as anything that the
    role may read of an object, whatever the operation; empty for who may read nothing.
    """
    if caller is None or caller.role not in PERMISSIONS["complaints"]:
        return ""
    cases = reach_of(caller, PERMISSIONS["complaints"][caller.role])
    shipments = reach_of(caller, PERMISSIONS["shipments"][caller.role])
    scope: dict[str, Any] = {"personal": permitted(caller, "personalData")}
    if caller.partner is None:
        scope["staff"] = True
    if shipments.everything:
        scope["shipments"] = "any"
    if cases.everything:
        scope["reach"] = "any"
    else:
        scope |= {
            "partner": cases.partner,
            "person": cases.person,
            "departments": sorted(cases.departments),
            "regions": sorted(cases.regions),
            "outlets": sorted(cases.outlets),
        }
    return orjson.dumps(scope).decode()
