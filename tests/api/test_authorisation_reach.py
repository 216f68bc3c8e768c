"""How far each caller sees and acts: cases of two partners, departments, regions and outlets."""

import asyncio
from typing import Any

import pytest

from api.bootstrap import open_dispatcher
from api.graphql.nodes import as_uuid
from application.api_keys import IssueApiKey, make_key
from application.dispatch import Call
from application.notices import QueueNotice
from application.permissions import Caller
from domain.metadata import Source, SourceKind
from domain.notice import NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from tests.api.cases import CLOSED, EVIDENCE, REGISTERED, case_of, done, refused
from tests.api.conftest import OPERATOR, ZONE

SYSTEM = Call(
    caller=Caller("notices", PersonId("notices"), Role.SYSTEM), source=Source(SourceKind.SYSTEM)
)
HUB, LINE = (UnitKey(UnitKind.DEPARTMENT, code) for code in ("hub", "line"))
EAST, WEST = (UnitKey(UnitKind.REGION, code) for code in ("east", "west"))
LAKE, HILL = (UnitKey(UnitKind.OUTLET, code) for code in ("lake", "hill"))
BRANCH = UnitKey(UnitKind.BRANCH, "hub")
HOLDERS = {"one": "agent-1", "two": "agent-2"}
WORD = "琥珀"

# Who asks: the role, the units of the key, the holder; and the cases and shipments they reach.
# Of the cases one is the partner's in the hub, east, of the lake; two the other partner's in the
# line, west, of the hill; raw the company's own, which nobody has yet.
ALL = {"one", "two", "raw"}
ASKING: dict[str, tuple[Role, tuple[UnitKey, ...] | None, str, set[str], set[str]]] = {
    "desk of a unit": (Role.FRONT_DESK, (HUB,), "d-1", ALL, ALL),
    "auditor of a unit": (Role.AUDITOR, (HUB,), "d-2", ALL, ALL),
    "head of all": (Role.DEPARTMENT_HEAD, None, "h-0", ALL, ALL),
    "head of the hub": (Role.DEPARTMENT_HEAD, (HUB,), "h-1", {"one"}, ALL),
    "head of the line": (Role.DEPARTMENT_HEAD, (LINE,), "h-2", {"two"}, ALL),
    "head of both": (Role.DEPARTMENT_HEAD, (HUB, LINE), "h-3", {"one", "two"}, ALL),
    "head of a branch": (Role.DEPARTMENT_HEAD, (BRANCH,), "h-4", set(), ALL),
    "investigator in the west": (Role.INVESTIGATOR, (WEST,), "i-1", {"two"}, ALL),
    "back office of the hub": (Role.BACK_OFFICE, (HUB,), "b-1", {"one"}, ALL),
    "handler": (Role.BACK_OFFICE, (BRANCH,), "agent-2", {"two"}, ALL),
    "agent of the east": (Role.ACCOUNT_AGENT, (EAST,), "g-1", {"one"}, {"one"}),
    "agent of the hill": (Role.ACCOUNT_AGENT, (HILL,), "g-2", {"two"}, {"two"}),
    "agent of the hub": (Role.ACCOUNT_AGENT, (HUB,), "g-3", {"one"}, set()),
    "partner": (Role.PARTNER, None, "partner-1", {"one"}, {"one"}),
    "other_partner": (Role.PARTNER, None, "other_partner-1", {"two"}, {"two"}),
    "third": (Role.PARTNER, None, "third-1", set(), set()),
}


class World:
    """The cases by their names, with what belongs to them."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.cases: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        self.shipments: dict[str, str] = {}
        self.waybills = {"one": "SF7770001", "two": "SF7770002", "raw": "SF7770003"}
        self.improvements: dict[str, str] = {}
        self.notices: dict[str, str] = {}

    def build(self) -> None:
        places = {"one": ("east", "lake"), "two": ("west", "hill"), "raw": (None, None)}
        brought = {"one": "partner", "two": "other_partner", "raw": "front_desk"}
        for name, role in brought.items():
            region, outlet = places[name]
            waybill = self.waybills[name]
            facts = {"waybill": waybill, "region": region, "outlet": outlet}
            self.shipments[name] = self.api.command("recordShipment", facts, role)["shipment"]["id"]
            rating = {"waybill": waybill, "reference": "r", "score": 5, "comment": WORD}
            self.api.command("rateDelivery", rating, role)
            taken = self.api.receive(
                role, subject=WORD, waybill=waybill, region=region, outlet=outlet
            )
            self.cases[name], self.numbers[name] = taken["id"], taken["number"]
        for name, department in (("one", "hub"), ("two", "line")):
            to = {"assignComplaint": {"department": department, "handler": HOLDERS[name]}}
            for command, given in CLOSED:
                done(self.api, command, complaintId=self.cases[name], **to.get(command, given))
            done(self.api, "rateHandling", brought[name], complaintId=self.cases[name], score=1)
            raised = done(
                self.api,
                "raiseImprovement",
                complaintId=self.cases[name],
                department=department,
                owner=HOLDERS[name],
                dueAt="2999-01-01T00:00:00Z",
                task="增派车辆",
            )
            self.improvements[name] = raised["id"]
        self.api.run(self._notify())
        self.api.until(lambda: len(self.listed("notices", "front_desk")) == len(ALL))
        named = {"caseId": {case: name for name, case in self.cases.items()}}
        rows = self.api.graphql("{ notices { edges { node { id caseId } } } }")["notices"]["edges"]
        self.notices = {named["caseId"][r["node"]["caseId"]]: r["node"]["id"] for r in rows}

    async def _notify(self) -> None:
        database = self.api.database
        async with open_dispatcher(database.conninfo, database.master, zone=ZONE) as dispatcher:
            for name, case in self.cases.items():
                order = QueueNotice(
                    case=as_uuid(case, field="case"),
                    case_number=self.numbers[name],
                    occasion="v1",
                    template=NoticeTemplate.RECEIVED,
                    channel=NoticeChannel.EMAIL,
                    language=Language.ZH,
                )
                await dispatcher.execute(order, SYSTEM)
            made = {name: make_key() for name in ASKING}
            orders = [
                IssueApiKey(
                    prefix=made[name].prefix,
                    digest=made[name].digest,
                    role=role,
                    holder=PersonId(holder),
                    units=units,
                )
                for name, (role, units, holder, *_) in ASKING.items()
            ]
            await asyncio.gather(*(dispatcher.execute(order, OPERATOR) for order in orders))
            self.api.keys |= {name: key.secret for name, key in made.items()}

    def listed(self, question: str, role: str, shown: str = "id") -> list[Any]:
        """Return a field of all that a connection lists; the total is as many."""
        asked = f"{{ found: {question} {{ totalCount edges {{ node {{ {shown} }} }} }} }}"
        found = self.api.graphql(asked, None, role)["found"]
        assert found["totalCount"] == len(found["edges"])
        return [edge["node"][shown] for edge in found["edges"]]

    def seen(self, objects: dict[str, str], field: str, role: str) -> set[str]:
        """Return of which cases an object is shown when it is asked for by its id."""
        return {
            name
            for name, key in objects.items()
            if self.api.graphql(f"query Q($id: ID!) {{ found: {field} }}", {"id": key}, role)[
                "found"
            ]
        }


@pytest.fixture(scope="module")
def world(shared: Any) -> World:
    made = World(shared)
    made.build()
    return made


@pytest.mark.parametrize("who", ASKING)
def test_a_caller_sees_the_cases_within_reach_and_no_others(world: World, who: str) -> None:
    role, units, _, cases, shipments = ASKING[who]
    of_case = {key: name for name, key in world.cases.items()}
    of_shipment = {key: name for name, key in world.shipments.items()}

    found = {of_case.get(key) for key in world.listed("complaints", who)}
    assert found - {None} == cases
    searched = f'(filter: {{text: "{WORD}"}})'
    assert {of_case[key] for key in world.listed(f"complaints{searched}", who)} == cases
    assert {of_shipment[key] for key in world.listed("shipments", who)} == shipments
    for field in (
        "node(id: $id) { id }",
        "complaint(id: $id) { id }",
        "caseHistory(caseId: $id) { topic }",
        "caseState(caseId: $id, asOf: {position: 99999}) { kind }",
    ):
        assert world.seen(world.cases, field, who) == cases, field
    assert world.seen(world.shipments, "node(id: $id) { id }", who) == shipments
    # Histories and past states go by cases: those of shipments by their partner and their places.
    by_place = shipments if cases == ALL or role not in _BY_DEPARTMENT else _placed(units)
    for field in (
        "caseHistory(caseId: $id) { topic }",
        "caseState(caseId: $id, asOf: {position: 99999}) { kind }",
    ):
        assert world.seen(world.shipments, field, who) == by_place, field
    counts = world.api.graphql(f"{{ complaintCounts{searched} {{ count }} }}", None, who)
    counts = counts["complaintCounts"]
    assert sum(group["count"] for group in counts) == len(cases)
    numbers = {
        name
        for name, number in world.numbers.items()
        if world.api.graphql(
            "query Q($n: String!) { complaint(number: $n) { id } }", {"n": number}, who
        )["complaint"]
    }
    assert numbers == cases
    waybills = {
        name
        for name, waybill in world.waybills.items()
        if world.api.graphql(
            "query Q($w: String!) { shipment(waybill: $w) { id } }", {"w": waybill}, who
        )["shipment"]
    }
    assert waybills == shipments
    for name in cases:
        shown = case_of(world.api, world.cases[name], "shipment { id }", who)
        assert (shown["shipment"] is not None) is (name in shipments)


_BY_DEPARTMENT = {Role.DEPARTMENT_HEAD, Role.INVESTIGATOR, Role.BACK_OFFICE}
_OF_PERSON = {"agent-1": "one", "agent-2": "two"}
_PLACES = {EAST: "one", LAKE: "one", WEST: "two", HILL: "two"}


def _placed(units: tuple[UnitKey, ...] | None) -> set[str]:
    return {_PLACES[unit] for unit in units or () if unit in _PLACES}


@pytest.mark.parametrize("who", [w for w in ASKING if ASKING[w][0] is not Role.PARTNER])
def test_staff_see_what_belongs_to_the_cases_within_reach(world: World, who: str) -> None:
    _, units, holder, cases, _ = ASKING[who]
    departments = {"hub": "one", "line": "two"}
    improvements = (
        {"one", "two"}
        if cases == ALL
        else {departments[unit.code] for unit in units or () if unit.kind is UnitKind.DEPARTMENT}
        | ({_OF_PERSON[holder]} if holder in _OF_PERSON else set())
    )
    of_improvement = {key: name for name, key in world.improvements.items()}
    of_notice = {key: name for name, key in world.notices.items()}

    assert {of_improvement[k] for k in world.listed("improvements", who)} == improvements
    assert world.seen(world.improvements, "node(id: $id) { id }", who) == improvements
    history = "caseHistory(caseId: $id) { topic }"
    assert world.seen(world.improvements, history, who) == improvements
    assert {of_notice[k] for k in world.listed("notices", who)} == cases
    assert world.seen(world.notices, "node(id: $id) { id }", who) == cases
    assert world.seen(world.notices, history, who) == cases


@pytest.mark.parametrize("who", ASKING)
def test_ratings_and_their_figures_are_those_of_what_is_within_reach(
    world: World, who: str
) -> None:
    role, units, _, cases, shipments = ASKING[who]
    rated = cases & {"one", "two"}
    delivered = shipments if cases == ALL or role not in _BY_DEPARTMENT else _placed(units)
    subjects = [world.cases[name] for name in rated] + [world.shipments[n] for n in delivered]

    assert sorted(world.listed("ratings", who, "subjectId")) == sorted(subjects)
    figures = "{ satisfaction(groupBy: REGION) { total { count } } }"
    total = world.api.graphql(figures, None, who)["satisfaction"]["total"]["count"]
    assert total == len(subjects)


@pytest.mark.parametrize("who", ["head of the hub", "agent of the east", "partner"])
def test_what_is_out_of_reach_is_refused_as_if_it_did_not_exist(world: World, who: str) -> None:
    given = EVIDENCE | {"note": "照片"}
    for name in ("two", "raw"):
        answer = refused(world.api, "addEvidence", who, complaintId=world.cases[name], **given)
        assert answer == ("NotFound", None)


def test_a_case_that_leaves_a_callers_reach_is_not_shown_in_the_answer(
    shared: Any, world: World
) -> None:
    assert world.cases  # the keys are the world's
    case = shared.receive(region="east")["id"]
    for command, given in (*REGISTERED, ("assignComplaint", {"department": "hub"})):
        done(shared, command, complaintId=case, **given)
    answer = shared.command(
        "assignComplaint", {"complaintId": case, "department": "line"}, "head of the hub"
    )

    assert answer["__typename"] == "ComplaintPayload"
    assert answer["complaint"] is None
    assert case_of(shared, case, "department")["department"] == "line"
    assert case_of(shared, case, "id", "head of the hub") is None


def test_a_partner_neither_claims_nor_learns_of_anothers_waybill(world: World) -> None:
    for command, given in (
        ("recordShipment", {"region": "west"}),
        ("recordMilestone", {"kind": "ORDERED"}),
        ("recordDelivery", {}),
        ("rateDelivery", {"reference": "mine", "score": 1}),
    ):
        before = world.api.events()
        for name in ("two", "raw"):
            order = {"waybill": world.waybills[name]} | given
            answer = world.api.command(command, order, "partner")
            assert (answer["__typename"], answer["code"]) == ("NotFound", "NOT_FOUND")
        assert world.api.events() == before
    case = world.api.receive("third", waybill=world.waybills["two"])["id"]
    shown = case_of(world.api, case, "waybill shipment { id }", "third")
    assert shown == {"waybill": world.waybills["two"], "shipment": None}
    assert world.listed("shipments", "third") == []


def test_the_database_forgets_who_asked_last(world: World) -> None:
    for who, wanted in (("front_desk", True), ("third", False), ("front_desk", True)):
        asked = [world.api.posted("{ complaints { totalCount } }", None, who) for _ in range(20)]
        counts = [a.json()["data"]["complaints"]["totalCount"] for a in world.api.together(*asked)]
        assert all((count >= len(ALL)) is wanted for count in counts), who
