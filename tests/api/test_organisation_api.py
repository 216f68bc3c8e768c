"""Units and staff over HTTP: dated facts, who held which role when, and what is refused."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from api.bootstrap import as_role, open_event_store
from api.projecting import feed
from application.desk import Desk
from application.eventstore.subject_keys import Unsealing
from application.organisation import organisation_known, require_unit
from application.permissions import Caller, Relation
from application.staff import require_role
from domain.errors import DomainError, NoRoleAtThatTimeError, UnitNotOpenError
from domain.metadata import Metadata, Source, SourceKind
from domain.organisation import UnitKind
from domain.roles import PersonId, Role
from domain.staff import staff_id
from projections import PROJECTIONS
from projections.rebuild import rebuild

UNIT = """unit { id kind code name zh: name(lang: ZH) kindLabel kindZh: kindLabel(lang: ZH)
  timeZone foundedAt closedAt parent { code } }"""
APPOINTMENT = """appointment { id person name number role roleLabel zh: roleLabel(lang: ZH)
  startsAt endsAt unit { code } }"""
PERSON = "person { id person name joinedAt appointments { number role endsAt } }"
MUTATIONS = {
    "foundUnit": ("UnitPayload", UNIT),
    "renameUnit": ("UnitPayload", UNIT),
    "moveUnit": ("UnitPayload", UNIT),
    "closeUnit": ("UnitPayload", UNIT),
    "joinStaff": ("PersonPayload", PERSON),
    "appointPerson": ("AppointmentPayload", APPOINTMENT),
    "endAppointment": ("AppointmentPayload", APPOINTMENT),
}
STAFF = """query Staff($at: DateTime, $role: Role, $unit: UnitReference, $order: StaffOrder!,
    $first: Int, $after: String) {
  staff(at: $at, role: $role, unit: $unit, orderBy: $order, first: $first, after: $after) {
    totalCount edges { node { person role unit { code } } }
    pageInfo { hasNextPage endCursor }
  }
}"""
UNITS = """query Units($filter: UnitFilter, $order: UnitOrder!) {
  units(filter: $filter, orderBy: $order) { totalCount edges { node { code name } } } }"""
HTML = "<script>alert('x')</script> & <b>东</b>"
HQ = {"kind": "HEAD_OFFICE", "code": "hq"}
EAST = {"kind": "BRANCH", "code": "east"}
HUB = {"kind": "OUTLET", "code": "hub-1"}
CLAIMS = {"kind": "DEPARTMENT", "code": "claims"}


def day(number: int) -> str:
    return f"2026-01-{number:02d}T00:00:00.000000Z"


def tell(api: Any, name: str, role: str | None = "administrator", /, **given: Any) -> Any:
    payload, fields = MUTATIONS[name]
    kind = name[0].upper() + name[1:] + "Input"
    document = f"""mutation M($input: {kind}!) {{ {name}(input: $input) {{
      __typename ... on {payload} {{ position {fields} }}
      ... on Refusal {{ code message rule }} ... on InvalidValue {{ field }} }} }}"""
    headers = {"Accept_Language": given.pop("language", "en")}
    return api.graphql(document, {"input": given}, role, **headers)[name]


def found(api: Any, unit: dict[str, str], parent: Any = None, **given: Any) -> Any:
    names = {"nameEn": unit["code"], "nameZh": unit["code"], "occurredAt": day(1)}
    return tell(api, "foundUnit", **{**unit, **names, "parent": parent, **given})


def organisation(api: Any) -> None:
    """Found a head office with a branch, an outlet of it, and a department."""
    for unit, parent in ((HQ, None), (EAST, HQ), (HUB, EAST), (CLAIMS, HQ)):
        assert found(api, unit, parent)["__typename"] == "UnitPayload"


def appoint(api: Any, person: str, **given: Any) -> Any:
    usual = {"role": "INVESTIGATOR", "unit": CLAIMS, "startsAt": day(5), "endsAt": None}
    return tell(api, "appointPerson", person=person, **(usual | given))


def staff(api: Any, reader: str = "auditor", /, **asked: Any) -> list[tuple[str, str, str]]:
    answer = api.graphql(STAFF, {"order": "STARTS_AT_ASC"} | asked, reader)["staff"]
    nodes = [edge["node"] for edge in answer["edges"]]
    return [(n["person"], n["role"], n["unit"]["code"]) for n in nodes]


def units(api: Any, **chosen: Any) -> list[str]:
    answer = api.graphql(UNITS, {"filter": chosen, "order": "FOUNDED_AT_ASC"}, "auditor")["units"]
    assert answer["totalCount"] == len(answer["edges"])
    return [edge["node"]["code"] for edge in answer["edges"]]


# Units


def test_a_unit_from_its_founding_to_its_end(api: Any) -> None:
    found(api, HQ, timeZone="Asia/Shanghai")
    founding = found(api, EAST, HQ, nameEn="East branch", nameZh="华东分公司")
    found(api, HUB, HQ, occurredAt=day(2))

    unit = founding["unit"]
    assert unit.pop("id")
    assert unit == {
        "kind": "BRANCH",
        "code": "east",
        "name": "East branch",
        "zh": "华东分公司",
        "kindLabel": "branch",
        "kindZh": "分支机构",
        "timeZone": None,
        "foundedAt": day(1),
        "closedAt": None,
        "parent": {"code": "hq"},
    }
    names = {"nameEn": "The East", "nameZh": "东部", "occurredAt": day(3)}
    renamed = tell(api, "renameUnit", unit=EAST, **names)
    moved = tell(api, "moveUnit", unit=HUB, parent=EAST, occurredAt=day(4))
    closed = tell(api, "closeUnit", unit=HUB, occurredAt=day(9))
    assert (renamed["unit"]["name"], renamed["unit"]["zh"]) == ("The East", "东部")
    assert moved["unit"]["parent"] == {"code": "east"}
    assert closed["unit"]["closedAt"] == day(9)
    assert closed["position"] > moved["position"] > renamed["position"]

    query = "query U($c: String!, $k: UnitKind!) { unit(kind: $k, code: $c) { code timeZone } }"
    for given in (HQ, HQ | {"code": "any"}):
        answer = api.graphql(query, {"k": given["kind"], "c": given["code"]}, "reviewer")
        assert answer["unit"] == {"code": "hq", "timeZone": "Asia/Shanghai"}
    assert api.graphql(query, {"k": "OUTLET", "c": "nowhere"}, "reviewer")["unit"] is None


def test_units_are_asked_for_by_kind_by_the_one_above_and_by_time(api: Any) -> None:
    organisation(api)
    found(api, {"kind": "OUTLET", "code": "hub-2"}, EAST, occurredAt=day(4))
    tell(api, "closeUnit", unit=HUB, occurredAt=day(6))

    assert set(units(api)) == {"hq", "east", "hub-1", "claims", "hub-2"}
    assert units(api, kind="OUTLET") == ["hub-1", "hub-2"]
    assert set(units(api, parent=EAST)) == {"hub-1", "hub-2"}
    assert units(api, kind="OUTLET", openAt=day(3)) == ["hub-1"]
    assert units(api, kind="OUTLET", openAt="2026-01-05T23:59:59.999999Z") == ["hub-1", "hub-2"]
    assert units(api, kind="OUTLET", openAt=day(6)) == ["hub-2"]
    assert units(api, openAt="2025-12-31T23:59:59.999999Z") == []
    assert units(api, openAt="9999-12-31T23:59:59Z", parent=EAST) == ["hub-2"]


def test_the_same_founding_again_changes_nothing_and_another_one_is_refused(api: Any) -> None:
    first = found(api, HQ)
    before = api.events()

    again = found(api, HQ, occurredAt=day(2))
    other = found(api, HQ, nameEn="Other")
    chinese = found(api, HQ, nameEn="Other", language="zh")

    assert again["unit"] == first["unit"]
    assert (other["code"], other["rule"]) == ("WRONG_STATE", "life_cycle")
    assert other["message"] == "found is not possible in state in operation"
    assert chinese["message"] == "当前状态（运营中）下不能执行found"
    assert api.events() == before


def test_a_closed_unit_takes_no_commands(api: Any) -> None:
    organisation(api)
    tell(api, "closeUnit", unit=HUB, occurredAt=day(9))

    for answer in (
        found(api, HUB, EAST),
        tell(api, "renameUnit", unit=HUB, nameEn="x", nameZh="y"),
        tell(api, "moveUnit", unit=HUB, parent=HQ),
        tell(api, "closeUnit", unit=HUB),
    ):
        assert (answer["code"], answer["rule"]) == ("WRONG_STATE", "ended")


def test_a_unit_stands_below_one_that_exists_at_that_time(api: Any) -> None:
    nowhere = {"kind": "REGION", "code": "nowhere"}
    organisation(api)
    tell(api, "closeUnit", unit=HUB, occurredAt=day(9))
    new = {"kind": "OUTLET", "code": "new"}

    for answer, unit, at in (
        (found(api, new, nowhere), "region:nowhere", "2026-01-01T00:00:00+00:00"),
        (found(api, new, HUB, occurredAt=day(9)), "outlet:hub-1", "2026-01-09T00:00:00+00:00"),
        (
            tell(api, "moveUnit", unit=CLAIMS, parent=nowhere, occurredAt=day(2)),
            "region:nowhere",
            "2026-01-02T00:00:00+00:00",
        ),
    ):
        assert (answer["code"], answer["rule"]) == ("UNIT_NOT_OPEN", "unit_at_that_time")
        assert answer["message"] == f"the organisation had no unit {unit} at {at}"
    assert found(api, new, HUB, occurredAt=day(8))["__typename"] == "UnitPayload"


def test_no_unit_stands_below_itself_over_any_number_of_others(api: Any) -> None:
    organisation(api)
    deep = {"kind": "DEPARTMENT", "code": "deep"}
    found(api, deep, HUB)
    before = api.events()

    for unit, parent in ((EAST, EAST), (EAST, HUB), (EAST, deep), (HUB, deep), (HQ, EAST)):
        for language, word in (("en", "below it"), ("zh", "下级单位")):
            answer = tell(api, "moveUnit", unit=unit, parent=parent, language=language)
            assert (answer["code"], answer["field"], answer["rule"]) == (
                *("INVALID_VALUE", "parent", "cycle"),
            )
            assert word in answer["message"]
    assert api.events() == before
    assert tell(api, "moveUnit", unit=HUB, parent=CLAIMS)["unit"]["parent"] == {"code": "claims"}
    assert tell(api, "moveUnit", unit=EAST, parent=deep)["unit"]["parent"] == {"code": "deep"}


def test_a_unit_that_there_is_not_is_not_found(shared: Any) -> None:
    nowhere = {"kind": "REGION", "code": "nowhere"}

    for answer in (
        tell(shared, "renameUnit", unit=nowhere, nameEn="x", nameZh="y"),
        tell(shared, "moveUnit", unit=nowhere, parent=HQ),
        tell(shared, "closeUnit", unit=nowhere),
    ):
        assert answer["code"] == "NOT_FOUND"
        assert answer["message"] == "there is no such unit"


def test_what_happened_before_the_founding_is_refused(api: Any) -> None:
    organisation(api)

    answer = tell(api, "closeUnit", unit=HUB, occurredAt="2025-12-31T00:00:00Z")

    assert (answer["field"], answer["rule"]) == ("occurredAt", "before")


# Staff


def test_staff_join_with_a_name_that_only_some_roles_read(api: Any) -> None:
    joined = tell(api, "joinStaff", "department_head", person="p-17", name="李娟")
    again = tell(api, "joinStaff", "department_head", person="p-17", name="another")

    assert joined["person"]["name"] == again["person"]["name"] == "李娟"
    assert joined["person"]["appointments"] == []
    query = "query P($p: String) { person(person: $p) { id person name } }"
    seen = {
        role: api.graphql(query, {"p": "p-17"}, role)["person"]["name"]
        for role in ("auditor", "front_desk", "reviewer", "administrator")
    }
    assert [role for role, name in seen.items() if name == "李娟"] == ["auditor", "front_desk"]
    assert [role for role, name in seen.items() if name is None] == ["reviewer", "administrator"]
    assert api.graphql(query, {"p": "p-18"}, "auditor")["person"] is None
    stored = api.rows("SELECT convert_from(state, 'UTF8') FROM log.stored_events")
    assert "李娟" not in str(stored)


def test_who_held_which_role_in_which_unit_at_a_given_time(api: Any) -> None:
    organisation(api)
    for person in ("p-1", "p-2"):
        tell(api, "joinStaff", person=person)
    appoint(api, "p-1", endsAt=day(10))
    appoint(api, "p-1", role="FRONT_DESK", unit=EAST, startsAt=day(8))
    last = appoint(api, "p-2", startsAt=day(10))
    future = appoint(api, "p-2", role="APPROVER", unit=HQ, startsAt="2099-01-01T00:00:00Z")

    one = ("p-1", "INVESTIGATOR", "claims")
    desk = ("p-1", "FRONT_DESK", "east")
    two = ("p-2", "INVESTIGATOR", "claims")
    approver = ("p-2", "APPROVER", "hq")
    assert (last["appointment"]["number"], future["appointment"]["number"]) == (1, 2)
    assert staff(api) == [one, desk, two, approver]
    assert staff(api, order="STARTS_AT_DESC") == [approver, two, desk, one]
    assert staff(api, at="2026-01-04T23:59:59.999999Z") == []
    assert staff(api, at=day(5)) == [one]
    assert staff(api, at="2026-01-09T23:59:59.999999Z") == [one, desk]
    assert staff(api, at="2026-01-10T08:00:00+08:00") == [desk, two]
    assert staff(api, at=day(9), role="INVESTIGATOR") == [one]
    assert staff(api, at=day(10), role="INVESTIGATOR", unit=CLAIMS) == [two]
    assert staff(api, at=day(10), unit=EAST) == [desk]
    assert staff(api, at=day(10), role="AUDITOR") == []
    assert staff(api, unit={"kind": "REGION", "code": "nowhere"}) == []
    assert staff(api, at="9999-12-31T23:59:59Z", role="APPROVER") == [approver]

    first = api.graphql(STAFF, {"order": "STARTS_AT_ASC", "first": 3}, "auditor")["staff"]
    rest = api.graphql(
        STAFF, {"order": "STARTS_AT_ASC", "after": first["pageInfo"]["endCursor"]}, "auditor"
    )["staff"]
    assert (first["totalCount"], len(first["edges"]), len(rest["edges"])) == (4, 3, 1)
    assert first["pageInfo"]["hasNextPage"]


def test_an_appointment_ends_and_the_past_stays(api: Any) -> None:
    organisation(api)
    tell(api, "joinStaff", person="p-1", name="李娟")
    made = appoint(api, "p-1")["appointment"]
    appoint(api, "p-1", unit=EAST)

    ending = {"person": "p-1", "number": 1, "endsAt": day(7)}
    ended = tell(api, "endAppointment", "department_head", **ending)["appointment"]

    assert made | {"name": "李娟", "endsAt": day(7)} == ended
    assert (ended["name"], ended["roleLabel"], ended["zh"]) == ("李娟", "investigator", "调查员")
    assert staff(api, at=day(6), unit=CLAIMS) == [("p-1", "INVESTIGATOR", "claims")]
    assert staff(api, at=day(7), unit=CLAIMS) == []
    query = f"query P($id: ID!) {{ {PERSON.replace('person {', 'person(id: $id) {', 1)} }}"
    person = api.graphql(query, {"id": str(staff_id(PersonId("p-1")))}, "auditor")["person"]
    assert [(a["number"], a["endsAt"]) for a in person["appointments"]] == [(1, day(7)), (2, None)]
    fields = "id __typename ... on Unit { code } ... on Appointment { number }"
    ids = [person["id"], ended["id"], found(api, HQ)["unit"]["id"]]
    nodes = api.graphql(
        f"query N($ids: [ID!]!) {{ nodes(ids: $ids) {{ {fields} }} }}", {"ids": ids}, "auditor"
    )["nodes"]
    assert [(n["id"], n["__typename"]) for n in nodes] == list(
        zip(ids, ("Person", "Appointment", "Unit"), strict=True)
    )


def test_an_appointment_needs_a_member_of_staff_and_a_unit_of_that_time(api: Any) -> None:
    organisation(api)
    tell(api, "closeUnit", unit=HUB, occurredAt=day(9))
    tell(api, "joinStaff", person="p-1")
    appoint(api, "p-1", endsAt=day(9))
    early = "2025-12-31T00:00:00Z"

    for answer, code in (
        (appoint(api, "p-2"), "NOT_FOUND"),
        (appoint(api, "p-1", unit={"kind": "REGION", "code": "nowhere"}), "UNIT_NOT_OPEN"),
        (appoint(api, "p-1", unit={"kind": "BRANCH", "code": "claims"}), "UNIT_NOT_OPEN"),
        (appoint(api, "p-1", unit=EAST, startsAt=early), "UNIT_NOT_OPEN"),
        (appoint(api, "p-1", unit=HUB, startsAt=day(9)), "UNIT_NOT_OPEN"),
        (appoint(api, "p-1", startsAt=day(8)), "ALREADY_APPOINTED"),
        (tell(api, "endAppointment", person="p-1", number=7, endsAt=day(9)), "NOT_FOUND"),
        (tell(api, "endAppointment", person="p-3", number=1, endsAt=day(9)), "NOT_FOUND"),
    ):
        assert answer.get("code") == code, answer
    assert appoint(api, "p-1", unit=HUB, startsAt=day(8))["__typename"] == "AppointmentPayload"
    assert appoint(api, "p-1", startsAt=day(9))["__typename"] == "AppointmentPayload"


@pytest.mark.parametrize(
    ("name", "given", "field", "rule"),
    [
        ("foundUnit", {"nameEn": "a\u0000b"}, "nameEn", "control_characters"),
        ("foundUnit", {"nameZh": "东\u0007"}, "nameZh", "control_characters"),
        ("foundUnit", {"nameZh": " \n"}, "nameZh", "required"),
        ("foundUnit", {"nameEn": "x" * 201}, "nameEn", "too_long"),
        ("foundUnit", {"code": "a\u0000b"}, "code", "code_format"),
        ("foundUnit", {"code": "'; DROP"}, "code", "code_format"),
        ("foundUnit", {"parent": HQ | {"code": ""}}, "parent.code", "code_format"),
        ("foundUnit", {"parent": EAST | {"code": "x"}}, "parent", "cycle"),
        ("foundUnit", {"timeZone": "Shanghai"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "Asia"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "../../etc/passwd"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "a\u0000b"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "localtime"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "Factory"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "right/UTC"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "posix/Asia/Shanghai"}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": "x" * 100_000}, "timeZone", "time_zone"),
        ("foundUnit", {"timeZone": ""}, "timeZone", "time_zone"),
        ("foundUnit", {"occurredAt": "2999-01-01T00:00:00Z"}, "occurredAt", "in_the_future"),
        ("foundUnit", {"reason": "a\u0000b"}, "reason", "control_characters"),
        ("renameUnit", {"nameEn": "a\u0000b"}, "nameEn", "control_characters"),
        ("renameUnit", {"unit": EAST | {"code": "a\u0000b"}}, "unit.code", "code_format"),
        ("joinStaff", {"person": "李娟"}, "person", "code_format"),
        ("joinStaff", {"person": "p 1"}, "person", "code_format"),
        ("joinStaff", {"name": "a\u0000b"}, "name", "control_characters"),
        ("joinStaff", {"name": ""}, "name", "required"),
        ("joinStaff", {"name": "x" * 201}, "name", "too_long"),
        ("appointPerson", {"role": "CUSTOMER"}, "role", "not_in_list"),
        ("appointPerson", {"role": "SYSTEM"}, "role", "not_in_list"),
        ("appointPerson", {"endsAt": day(5)}, "endsAt", "out_of_range"),
        ("appointPerson", {"startsAt": "1969-12-31T00:00:00Z"}, "startsAt", "before"),
        ("appointPerson", {"unit": EAST | {"code": "\u0007"}}, "unit.code", "code_format"),
        ("endAppointment", {"endsAt": day(1)}, "endsAt", "before"),
        ("endAppointment", {"endsAt": "0001-01-01T00:00:00Z"}, "endsAt", "before"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_name(
    appointed: Any, name: str, given: dict[str, Any], field: str, rule: str
) -> None:
    valid: dict[str, dict[str, Any]] = {
        "foundUnit": {"kind": "BRANCH", "code": "x", "nameEn": "x", "nameZh": "x"},
        "renameUnit": {"unit": EAST, "nameEn": "x", "nameZh": "x"},
        "joinStaff": {"person": "p-9"},
        "appointPerson": {"person": "p-1", "role": "AUDITOR", "unit": EAST, "startsAt": day(5)},
        "endAppointment": {"person": "p-1", "number": 1, "endsAt": day(9)},
    }
    before = appointed.events()

    for language in ("en", "zh"):
        answer = tell(appointed, name, **(valid[name] | given | {"language": language}))
        assert (answer["code"], answer["field"], answer["rule"]) == ("INVALID_VALUE", field, rule)
        assert answer["message"].startswith(field)
    assert appointed.events() == before


@pytest.fixture(scope="module")
def appointed(shared: Any) -> Any:
    """An application with an organisation and one person who was appointed."""
    organisation(shared)
    tell(shared, "joinStaff", person="p-1")
    appoint(shared, "p-1", endsAt=day(20))
    return shared


def test_what_looks_like_markup_is_text(api: Any) -> None:
    organisation(api)

    renamed = tell(api, "renameUnit", unit=EAST, nameEn=HTML, nameZh=HTML, occurredAt=day(2))
    joined = tell(api, "joinStaff", "department_head", person="p-1", name=HTML)

    assert renamed["unit"]["name"] == renamed["unit"]["zh"] == HTML
    assert joined["person"]["name"] == HTML
    assert api.rows("SELECT name_en FROM read.units WHERE code = 'east'") == [(HTML,)]


@pytest.mark.parametrize(
    ("query", "variables", "field"),
    [
        ("query($c: String!) { unit(kind: OUTLET, code: $c) { id } }", {"c": "\u0000"}, "code"),
        ("query($p: String!) { person(person: $p) { id } }", {"p": "a\u0000"}, "person"),
        ("query($i: ID!) { person(id: $i) { id } }", {"i": "x"}, "id"),
        ("query($u: UnitReference) { staff(unit: $u) { totalCount } }", "unit", "unit.code"),
        ("query($u: UnitReference) { units(filter: {parent: $u}) { totalCount } }", "p",
         "parent.code"),
        ("{ staff(first: 1001) { totalCount } }", {}, "first"),
        ('{ units(after: "x") { totalCount } }', {}, "after"),
        ('{ staff(before: "x") { totalCount } }', {}, "before"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named(shared: Any, query: str, variables: Any, field: str) -> None:
    given = {"u": EAST | {"code": "\u0000"}} if isinstance(variables, str) else variables

    (error,) = shared.errors(query, given, "auditor")

    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID_VALUE", field)


# Who may


@pytest.mark.parametrize(
    "query",
    [
        "{ units { totalCount } }",
        "{ staff { totalCount } }",
        '{ unit(kind: OUTLET, code: "x") { id } }',
        '{ person(person: "p-1") { id } }',
        '{ person(id: "01890000-0000-7000-8000-000000000000") { id } }',
    ],
)
def test_all_staff_read_the_organisation_and_nobody_from_outside(shared: Any, query: str) -> None:
    outside = {Role.PARTNER, Role.CUSTOMER, Role.OPERATOR}
    for role in Role:
        if role in outside:
            assert shared.code(query, None, role.value) == "FORBIDDEN"
        elif role is not Role.SYSTEM:
            assert shared.graphql(query, None, role.value)
    assert shared.code(query, None, None) == "UNAUTHENTICATED"


def test_only_an_administrator_changes_units_and_heads_appoint_too(shared: Any) -> None:
    nobody = {"unit": {"kind": "REGION", "code": "nowhere"}}
    names = {"nameEn": "x", "nameZh": "x"}
    orders: dict[str, dict[str, Any]] = {
        "foundUnit": {**EAST, **names, "parent": nobody["unit"], "code": "never"},
        "renameUnit": {**nobody, **names},
        "moveUnit": {**nobody, "parent": HQ},
        "closeUnit": nobody,
        "joinStaff": {"person": "p-77"},
        "appointPerson": {
            **nobody,
            "person": "nobody",
            "role": "AUDITOR",
            "startsAt": day(1),
        },
        "endAppointment": {"person": "nobody", "number": 1, "endsAt": day(1)},
    }
    for role in Role:
        if role is Role.SYSTEM:
            continue
        for name, given in orders.items():
            may = role is Role.ADMINISTRATOR or (
                role is Role.DEPARTMENT_HEAD and not name.endswith("Unit")
            )
            answer = tell(shared, name, role.value, **given)
            assert (answer.get("code") != "NOT_PERMITTED") is may, (role, name, answer)


# What other commands ask


Question = Callable[[Desk], Coroutine[Any, Any, Any]]


def ask(api: Any, question: Question) -> Any:
    """Put a question to the organisation as the handler of a command does."""

    async def asked() -> Any:
        async with open_event_store(
            api.database.conninfo, api.database.master, zone=ZoneInfo("UTC")
        ) as store:
            meta = Metadata(
                occurred_at=datetime(2026, 1, 6, tzinfo=UTC),
                actor=PersonId("agent-1"),
                role=Role.FRONT_DESK,
                correlation=UUID(int=1),
                source=Source(SourceKind.API),
            )
            caller = Caller("agent-1", meta.actor, meta.role)
            latest = meta.occurred_at
            async with Desk(store, caller, Relation.ANY, meta, latest=latest, fresh=False) as desk:
                try:
                    return await question(desk)
                except DomainError as refusal:
                    return refusal

    return asyncio.run(asked())


def test_without_an_organisation_on_record_anybody_acts_anywhere(api: Any) -> None:
    at = datetime(2026, 1, 6, tzinfo=UTC)
    assert ask(api, organisation_known) is False
    assert ask(api, lambda desk: require_role(desk, PersonId("p-1"), at)) is None
    assert ask(api, lambda desk: require_unit(desk, UnitKind.DEPARTMENT, "x", at)) is None

    found(api, EAST)
    assert ask(api, organisation_known) is False, "it begins with its head office"
    found(api, HQ)
    assert ask(api, organisation_known) is True


def test_who_acts_held_a_role_at_that_time_in_a_unit_of_that_time(api: Any) -> None:
    organisation(api)
    tell(api, "joinStaff", person="p-1")
    appoint(api, "p-1", endsAt=day(7))
    tell(api, "closeUnit", unit=HUB, occurredAt=day(7))
    at = datetime(2026, 1, 5, tzinfo=UTC)
    end = at + timedelta(days=2)

    def role(who: str, when: datetime, *roles: Role) -> Any:
        return ask(api, lambda desk: require_role(desk, PersonId(who), when, roles or None))

    def unit(kind: UnitKind, code: str, when: datetime) -> Any:
        return ask(api, lambda desk: require_unit(desk, kind, code, when))

    assert role("p-1", at) is role("p-1", at, Role.AUDITOR, Role.INVESTIGATOR) is None
    assert role("p-1", end) == NoRoleAtThatTimeError("p-1", "2026-01-07T00:00:00+00:00")
    assert role("p-1", at, Role.AUDITOR) == NoRoleAtThatTimeError("p-1", at.isoformat())
    assert role("p-2", at) == NoRoleAtThatTimeError("p-2", at.isoformat())
    assert unit(UnitKind.OUTLET, "hub-1", at) is None
    assert unit(UnitKind.OUTLET, "hub-1", end) == UnitNotOpenError("outlet:hub-1", end.isoformat())
    assert unit(UnitKind.REGION, "x", at) == UnitNotOpenError("region:x", at.isoformat())


# Read models


def test_a_rebuild_gives_the_same_read_models(api: Any) -> None:
    organisation(api)
    for number in range(25):  # more than one by one, so that rows come by COPY, too
        tell(api, "joinStaff", person=f"p-{number}", name=f"人{number}")
        appoint(api, f"p-{number}")
        appoint(api, f"p-{number}", unit=EAST, endsAt=day(9))
        tell(api, "endAppointment", person=f"p-{number}", number=1, endsAt=day(8))
    tell(api, "closeUnit", unit=HUB, occurredAt=day(9))

    def everything() -> list[Any]:
        return [
            api.rows("SELECT * FROM read.units ORDER BY id"),
            api.rows("SELECT * FROM read.people ORDER BY id"),
            api.rows("SELECT * FROM read.appointments ORDER BY id"),
            api.rows("SELECT * FROM read_personal.people_names ORDER BY id"),
        ]

    before = everything()
    assert [len(rows) for rows in before] == [4, 25, 50, 25]
    owner = as_role(api.database.conninfo, "redress_owner")
    with psycopg.connect(owner, autocommit=True) as connection:
        for name in ("organisation", "staff"):
            rebuild(
                connection,
                PROJECTIONS[name],
                feed(api.database),
                Unsealing(api.database.master),
            )

    assert everything() == before
    assert api.rows("SELECT * FROM ops.parked_events") == []
