"""A company with the cases of one caller, and others that this caller must never learn of."""

from collections.abc import Iterator
from typing import Any, Final

from api.graphql.nodes import as_uuid
from application.permissions import Caller
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from tests.api.cases import CLOSED, EVIDENCE, done

OWN, THEIRS = "ownword", "theirword"
WAYBILL: Final = {OWN: "SF8880001", THEIRS: "SF8880002"}
_PLACE: Final = {OWN: ("east", "lake"), THEIRS: ("west", "hill")}
_UNIT: Final = {OWN: ("hub", "agent-1"), THEIRS: ("line", "agent-2")}
_HUB: Final = frozenset({UnitKey(UnitKind.DEPARTMENT, "hub")})
_EAST: Final = frozenset({UnitKey(UnitKind.REGION, "east")})


def caller(name: str, role: Role, **narrowed: Any) -> Caller:
    return Caller(name, PersonId(name), role, **narrowed)


CONFINED: Final = {
    "partner": caller("partner-1", Role.PARTNER),
    "head of the hub": caller("h-1", Role.DEPARTMENT_HEAD, units=_HUB),
    "investigator of the hub": caller("i-1", Role.INVESTIGATOR, units=_HUB),
    "agent of the east": caller("g-1", Role.ACCOUNT_AGENT, units=_EAST),
    "handler": caller("agent-1", Role.BACK_OFFICE, units=frozenset()),
}
"""Callers who see what is marked as their own, and nothing of the others'."""


def bring(api: Any, mark: str, role: str) -> str:
    """Let a case with all that belongs to it come in; each of its texts holds the mark."""
    region, outlet = _PLACE[mark]
    department, person = _UNIT[mark]
    waybill = {"waybill": WAYBILL[mark]}
    place = {"region": region, "outlet": outlet}
    api.command("recordShipment", waybill | place, role)
    rated = {"reference": mark, "score": 1, "title": mark, "comment": mark}
    api.command("rateDelivery", waybill | rated, role)
    texts = dict.fromkeys(("subject", "facts", "request", "complainant", "contact"), mark)
    case: str = api.receive(role, **texts, **waybill, **place)["id"]
    given: dict[str, dict[str, Any]] = {
        "assignComplaint": {"department": department, "handler": person},
        "answerComplaint": {"answer": mark},
    }
    done(api, "addEvidence", role, complaintId=case, **EVIDENCE | {"note": mark, "reference": mark})
    for command, usual in CLOSED:
        done(api, command, complaintId=case, **given.get(command, usual))
        if command == "startInvestigation":
            done(api, "recordInvestigation", complaintId=case, finding=mark)
            done(api, "nameAccused", complaintId=case, accused=f"accused-{mark}")
    done(api, "rateHandling", role, complaintId=case, score=1, comment=mark)
    raised = {"department": department, "owner": person, "dueAt": "2999-01-01T00:00:00Z"}
    done(api, "raiseImprovement", complaintId=case, task=mark, **raised)
    return case


def secrets(api: Any, case: str, mark: str) -> list[str]:
    """Return by what one would know a case in an answer: its mark, its ids and its number."""
    key = as_uuid(case, field="id")
    statement = "SELECT id::text, number, shipment::text FROM read.complaints WHERE id = %s"
    (known,) = api.rows(statement, key)
    improvements = api.rows("SELECT id::text FROM read.improvements WHERE complaint = %s", key)
    return [mark, WAYBILL[mark], case, *known, *(row[0] for row in improvements)]


def questions(mark: str, ids: dict[str, str], cursor: str, position: int) -> Iterator[str]:
    """Yield all ways in which somebody may try to learn of a case by its words and ids."""
    for key in ids.values():
        for field in (
            f'node(id: "{key}") {{ __typename id }}',
            f'nodes(ids: ["{key}", "{key}"]) {{ __typename id }}',
            f'complaint(id: "{key}") {{ id number accused subject links {{ targetId }} }}',
            f'caseHistory(caseId: "{key}") {{ position sentence reason }}',
            f'caseHistory(caseId: "{key}", linked: false) {{ position }}',
            f'caseHistory(caseId: "{key}", asOf: {{position: {position}}}) {{ position }}',
            f'caseState(caseId: "{key}", asOf: {{position: {position}}}) {{ kind version }}',
            f'caseState(caseId: "{key}", asOf: {{recordedAt: "2999-01-01T00:00:00Z"}}) {{ kind }}',
        ):
            yield f"{{ {field} }}"
    department, person = _UNIT[mark]
    region, outlet = _PLACE[mark]
    for condition in (
        f'text: "{mark}"', f'text: "accused-{mark}"', f'handler: "{person}"', f'region: "{region}"',
        f'department: "{department}"', f'outlet: "{outlet}"', f'waybill: "{WAYBILL[mark]}"',
        "state: CLOSED", "escalated: false", "urgent: false", "open: false",
        'receivedFrom: "2000-01-01T00:00:00Z"',
    ):  # fmt: skip
        page = "totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor }"
        yield f"{{ complaints(filter: {{{condition}}}) {{ {page} }} }}"
        for group in ("HANDLER", "DEPARTMENT", "REGION", "STATE"):
            counted = f"complaintCounts(groupBy: {group}, filter: {{{condition}}})"
            yield f"{{ {counted} {{ key count }} }}"
    for order in ("PRIORITY", "RECEIVED_AT_ASC", "NUMBER_DESC", "CHANGED_AT_DESC"):
        for window in ("first: 1", "last: 1", "first: 0", "last: 0", "first: 1000"):
            seen = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
            yield f"{{ complaints(orderBy: {order}, {window}) {{ {seen} }} }}"
    for side in ("first: 5, after", "last: 5, before"):
        shown = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor }"
        yield f'{{ complaints(orderBy: NUMBER_ASC, {side}: "{cursor}") {{ {shown} }} }}'
    yield f'{{ shipment(waybill: "{WAYBILL[mark]}") {{ id milestones {{ kind }} }} }}'
    yield f'{{ shipments(filter: {{region: "{region}"}}) {{ totalCount edges {{ cursor }} }} }}'
    yield f'{{ workQueue(person: "{person}") {{ totalCount }} }}'
    yield f'{{ workQueue(department: "{department}") {{ totalCount }} }}'
    yield "{ ratings(filter: {score: 1}) { totalCount edges { cursor node { id title } } } }"
    yield "{ improvements { totalCount edges { cursor } } }"
    yield "{ notices { totalCount edges { cursor } } }"
    for group in ("REGION", "DEPARTMENT", "OUTLET", "CATEGORY", "MONTH"):
        figures = "total { count mean } groups { key count }"
        yield f"{{ satisfaction(groupBy: {group}) {{ {figures} }} }}"
