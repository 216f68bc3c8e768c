"""Who may ask, order and follow what through GraphQL, written down independently of the code.

What each role may order stands in ``tests/application/test_permissions.py``.
"""

from base64 import b64encode
from typing import Any

from domain.roles import Role
from tests.api.cases import COMMANDS, NOBODY
from tests.api.conftest import complaint_input
from tests.api.test_policies_api import TERMS

OUTSIDE = {Role.CUSTOMER, Role.OPERATOR}
READERS = set(Role) - OUTSIDE - {Role.SYSTEM}
STAFF = READERS - {Role.PARTNER}
EVERYBODY = READERS | OUTSIDE


def named(kind: str) -> str:
    return b64encode(f"{kind}:{NOBODY}".encode()).decode()


# Every question, and who may ask it.
QUESTIONS: dict[str, tuple[str, set[Role]]] = {
    "viewer": ("viewer { role }", EVERYBODY),
    "node": (f'node(id: "{named("Complaint")}") {{ id }}', READERS),
    "nodes": (f'nodes(ids: ["{named("Shipment")}"]) {{ id }}', READERS),
    "categories": ("categories { __typename }", READERS),
    "complaint": (f'complaint(id: "{NOBODY}") {{ id }}', READERS),
    "complaints": ("complaints { totalCount }", READERS),
    "complaintCounts": ("complaintCounts { count }", READERS),
    "complaintPolicies": ("complaintPolicies { totalCount }", READERS),
    "serviceLevelPolicies": ("serviceLevelPolicies { totalCount }", READERS),
    "clockMarks": ("clockMarks { code }", READERS),
    "calendars": ("calendars { code }", READERS),
    "workQueue": ("workQueue { totalCount }", READERS),
    "ratings": ("ratings { totalCount }", READERS),
    "satisfaction": ("satisfaction(groupBy: REGION) { total { count } }", READERS),
    "shipment": ('shipment(waybill: "SF0000000") { id }', READERS),
    "shipments": ("shipments { totalCount }", READERS),
    "caseHistory": (f'caseHistory(caseId: "{NOBODY}") {{ topic }}', READERS),
    "caseState": (f'caseState(caseId: "{NOBODY}", asOf: {{position: 1}}) {{ kind }}', READERS),
    "improvements": ("improvements { totalCount }", STAFF),
    "appeal": (f'appeal(id: "{NOBODY}") {{ id }}', STAFF),
    "appeals": ("appeals { totalCount }", STAFF),
    "appealCounts": ("appealCounts(groupBy: MONTH) { received }", STAFF),
    "slaClocks": ("slaClocks { totalCount }", READERS),
    "slaCompliance": ("slaCompliance(groupBy: CLOCK) { groups { met } }", READERS),
    "complaintAgeing": ("complaintAgeing(groupBy: STATE) { count }", READERS),
    "explainDeadline": (f'explainDeadline(clockId: "{NOBODY}") {{ arithmetic }}', READERS),
    "notices": ("notices { totalCount }", STAFF),
    "unit": ('unit(kind: REGION, code: "east") { id }', STAFF),
    "units": ("units { totalCount }", STAFF),
    "person": ('person(person: "agent-1") { id }', STAFF),
    "staff": ("staff { totalCount }", STAFF),
}
NODES = {
    "Complaint": READERS,
    "Shipment": READERS,
    "SlaClock": READERS,
    **dict.fromkeys(("Appeal", "Improvement", "Notice", "Unit", "Person", "Appointment"), STAFF),
}
_ACTION = {"improvementId": NOBODY}
_APPEAL = {"appealId": NOBODY}
_UNIT = {"kind": "OUTLET", "code": "lake"}
_LATER = {"startsAt": "2999-01-01T00:00:00Z"}
# Every subscription, and who may follow something by it.
SUBSCRIPTIONS = {"caseChanged": READERS, "clockAlerts": READERS}
ORDERS: dict[str, dict[str, Any]] = {
    **{name: {"complaintId": NOBODY} | given for name, given in COMMANDS.items()},
    "receiveComplaint": complaint_input(),
    "adoptComplaintPolicy": TERMS | {"effectiveFrom": "2000-01-01T00:00:00Z"},
    "adoptServiceLevelPolicy": {
        "code": "shop",
        "nameEn": "shop",
        "nameZh": "店",
        "timeZone": "Asia/Shanghai",
        "clocks": [],
        "effectiveFrom": "2000-01-01T00:00:00Z",
    },
    "endServiceLevelPolicy": {"code": "nowhere", "effectiveFrom": "2999-01-01T00:00:00Z"},
    "rebaseServiceLevels": {"caseId": NOBODY, "policy": "default", "reason": "contract"},
    "foundCalendar": {"code": "south", "nameEn": "South", "nameZh": "南方"},
    "publishCalendarYear": {"calendar": "none", "year": 2026, "days": [], "source": "notice"},
    "correctCalendar": {"calendar": "none", "source": "notice", "reason": "late"},
    "raiseImprovement": {
        "complaintId": NOBODY,
        "department": "hub",
        "owner": "agent-5",
        "dueAt": "2999-01-01T00:00:00Z",
        "task": "增派车辆",
    },
    "noteImprovementProgress": _ACTION | {"progress": "half"},
    "rescheduleImprovement": _ACTION | {"dueAt": "2999-01-01T00:00:00Z", "reason": "late"},
    "handOverImprovement": _ACTION | {"owner": "agent-6"},
    "completeImprovement": _ACTION | {"result": "done"},
    "cancelImprovement": _ACTION | {"reason": "no"},
    "receiveAppeal": {
        "complaintId": NOBODY,
        "authority": "OTHER",
        "reference": "7",
        "cause": "DELAY",
        "facts": "未答复",
    },
    "recordAppealFinding": _APPEAL | {"valid": True, "finding": "属实"},
    "determineAppealLiability": _APPEAL
    | {"liability": "SHARED", "ruleSource": "LAW", "rule": "art. 27"},
    "settleAppeal": _APPEAL | {"measures": ["APOLOGY"]},
    "answerAppeal": _APPEAL | {"answer": "已办"},
    "withdrawAppeal": _APPEAL,
    "resolveNoticeDoubt": {"noticeId": NOBODY, "delivered": True},
    "foundUnit": _UNIT | {"nameEn": "Lake", "nameZh": "湖"},
    "renameUnit": {"unit": _UNIT, "nameEn": "Lake", "nameZh": "湖"},
    "moveUnit": {"unit": _UNIT, "parent": {"kind": "REGION", "code": "east"}},
    "closeUnit": {"unit": {"kind": "REGION", "code": "nowhere"}},
    "joinStaff": {"person": "agent-9"},
    "appointPerson": {"person": "nobody", "role": "FINANCE", "unit": _UNIT} | _LATER,
    "endAppointment": {"person": "nobody", "number": 1, "endsAt": "2999-01-01T00:00:00Z"},
    "recordShipment": {"waybill": "SF5550001"},
    "recordMilestone": {"waybill": "SF5550002", "kind": "ORDERED"},
    "recordDelivery": {"waybill": "SF5550003"},
    "rateDelivery": {"waybill": "SF5550004", "reference": "r", "score": 5},
}
"""Every command with what it needs, about what there is not."""
