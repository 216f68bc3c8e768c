"""Improvement actions over HTTP: raised by a closed complaint, tracked until done."""

from itertools import pairwise
from typing import Any

import pytest

from application.permissions import PERMISSIONS
from domain.roles import Role
from tests.api.cases import (
    ANSWERED,
    CLOSED_AT_ONCE,
    FIRST_CONTACT,
    HTML,
    NOBODY,
    SECRET,
    ago,
    done,
    has_chinese,
    refused,
    safely,
    taken,
    tell,
)

DUE = "2999-01-01T00:00:00.000000Z"
LATER = "2999-02-01T00:00:00.000000Z"
WHOLE = """complaintId department owner en: stateLabel zh: stateLabel(lang: ZH) task progress result
  raisedAt dueAt endedAt late"""
LIST = """query I($f: ImprovementFilter, $first: Int, $after: String, $last: Int, $before: String) {
  improvements(filter: $f, first: $first, after: $after, last: $last, before: $before) {
    totalCount edges { cursor node { id dueAt } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
COMMANDS: dict[str, dict[str, Any]] = {
    "noteImprovementProgress": {"progress": "已培训两个班次"},
    "rescheduleImprovement": {"dueAt": LATER, "reason": "等待设备"},
    "handOverImprovement": {"owner": "agent-8"},
    "completeImprovement": {"result": "全员培训完毕"},
    "cancelImprovement": {"reason": "网点已撤销"},
}
ROLES = {"rescheduleImprovement", "handOverImprovement", "cancelImprovement"}
"""What only a department's head or compliance may do."""


@pytest.fixture(scope="module")
def closed(shared: Any) -> str:
    return taken(shared, CLOSED_AT_ONCE)


def raised(api: Any, case: str, **given: Any) -> dict[str, Any]:
    usual = {"department": "hub", "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}
    found: dict[str, Any] = done(
        api, "raiseImprovement", complaintId=case, shown=WHOLE, **usual | given
    )
    return found


def carried_out(api: Any, name: str, action: str, **given: Any) -> Any:
    return done(
        api, name, "department_head", improvementId=action, shown=WHOLE, **COMMANDS[name] | given
    )


def listed(api: Any, **asked: Any) -> list[str]:
    found = api.graphql(LIST, {"f": asked})["improvements"]
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"]["id"] for edge in found["edges"]]


def test_an_action_from_its_raising_to_its_end(shared: Any, closed: str) -> None:
    begun = raised(shared, closed, task=HTML)
    action = begun.pop("id")
    assert begun.pop("raisedAt") is not None
    assert begun == {
        "state": "OPEN",
        "en": "open",
        "zh": "进行中",
        "complaintId": closed,
        "department": "hub",
        "owner": "agent-7",
        "task": HTML,
        "progress": None,
        "result": None,
        "dueAt": DUE,
        "endedAt": None,
        "late": None,
    }
    carried_out(shared, "noteImprovementProgress", action, progress="一")
    noted = carried_out(shared, "noteImprovementProgress", action, progress=HTML)
    assert (noted["progress"], noted["state"]) == (HTML, "OPEN")
    assert carried_out(shared, "rescheduleImprovement", action)["dueAt"] == LATER
    assert carried_out(shared, "handOverImprovement", action)["owner"] == "agent-8"
    ended = carried_out(shared, "completeImprovement", action)
    assert (ended["state"], ended["en"], ended["zh"]) == ("DONE", "done", "已完成")
    assert (ended["result"], ended["late"]) == (COMMANDS["completeImprovement"]["result"], False)
    assert ended["endedAt"] is not None

    query = "query N($id: ID!) { node(id: $id) { id ... on Improvement { state } } }"
    assert shared.graphql(query, {"id": action})["node"] == {"id": action, "state": "DONE"}
    for name, more in COMMANDS.items():
        given = {"improvementId": action} | more
        assert refused(shared, name, "department_head", **given)[0] == "WrongState"


def test_an_action_is_late_when_it_ends_after_it_was_due(shared: Any) -> None:
    case = taken(shared, CLOSED_AT_ONCE, occurredAt=ago(days=9))
    given = {"occurredAt": ago(days=8), "dueAt": ago(days=4)}
    for ends, late in ((ago(days=5), False), (ago(days=3), True)):
        action = raised(shared, case, **given)["id"]
        ended = carried_out(shared, "completeImprovement", action, occurredAt=ends)
        assert (ended["late"], ended["endedAt"]) == (late, ends)
    gone = carried_out(shared, "cancelImprovement", raised(shared, case, **given)["id"])
    assert (gone["state"], gone["zh"], gone["late"]) == ("CANCELLED", "已取消", None)


def test_the_same_owner_and_the_same_date_once_more_are_no_event(shared: Any, closed: str) -> None:
    action = raised(shared, closed)["id"]
    before = shared.events()

    carried_out(shared, "handOverImprovement", action, owner="agent-7")
    carried_out(shared, "rescheduleImprovement", action, dueAt=DUE)

    assert shared.events() == before


def test_only_a_closed_complaint_raises_an_action(shared: Any) -> None:
    given = {"department": "hub", "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}
    for steps, rule in (
        ((), "not_closed"),
        (ANSWERED, "not_closed"),
        ([("withdrawComplaint", {})], "ended"),
    ):
        case = taken(shared, steps)
        answer = refused(shared, "raiseImprovement", complaintId=case, **given)
        assert answer == ("WrongState", rule)
    into, case = taken(shared), taken(shared)
    done(shared, "mergeComplaint", complaintId=case, intoId=into, reason="重复")
    assert refused(shared, "raiseImprovement", complaintId=case, **given)[0] == "MergedCase"
    assert refused(shared, "raiseImprovement", complaintId=NOBODY, **given)[0] == "NotFound"
    reopened = taken(shared, CLOSED_AT_ONCE)
    assert refused(shared, "raiseImprovement", complaintId=into, **given)[0] == "WrongState"
    assert raised(shared, reopened)["state"] == "OPEN"
    done(shared, "reopenComplaint", complaintId=reopened, reason="复发")
    assert refused(shared, "raiseImprovement", complaintId=reopened, **given)[0] == "WrongState"


def test_the_person_complained_about_raises_no_action(shared: Any) -> None:
    case = taken(shared, CLOSED_AT_ONCE, accused="account_agent-1")
    given = {"department": "hub", "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}

    answer = refused(shared, "raiseImprovement", "account_agent", complaintId=case, **given)

    assert answer == ("ConflictOfInterest", "conflict_of_interest")


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"task": ""}, "task", "required"),
        ({"task": (SECRET * 200)[:2_001]}, "task", "too_long"),
        ({"task": f"{SECRET}\u0000"}, "task", "control_characters"),
        ({"department": ""}, "department", "code_format"),
        ({"department": "<b>"}, "department", "code_format"),
        ({"owner": ""}, "owner", "code_format"),
        ({"owner": SECRET}, "owner", "code_format"),
        ({"dueAt": "2020-01-01T00:00:00Z"}, "dueAt", "before"),
        ({"dueAt": "0001-01-01T00:00:00Z"}, "dueAt", "before"),
        ({"occurredAt": "2001-01-01T00:00:00Z"}, "occurredAt", "before"),
        ({"occurredAt": DUE, "dueAt": LATER}, "occurredAt", "in_the_future"),
        ({"complaintId": "x"}, "complaintId", "not_an_id"),
        ({"reason": " "}, "reason", "required"),
    ],
    ids=str,
)
def test_an_action_with_a_value_that_breaks_a_rule_is_refused_by_its_field(
    shared: Any, closed: str, given: dict[str, Any], field: str, rule: str
) -> None:
    usual = {"department": "hub", "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}

    answer = refused(shared, "raiseImprovement", **{"complaintId": closed} | usual | given)

    assert answer == (f"InvalidValue {field}", rule)


def test_a_text_of_an_action_is_checked_and_its_end_has_a_reason(shared: Any, closed: str) -> None:
    action = {"improvementId": raised(shared, closed)["id"]}
    for name, field in (("noteImprovementProgress", "progress"), ("completeImprovement", "result")):
        for bad, rule in (
            (" ", "required"),
            ("x" * 2_001, "too_long"),
            ("\u0007", "control_characters"),
        ):
            answer = refused(shared, name, **action, **{field: bad})
            assert answer == (f"InvalidValue {field}", rule)
    head = "department_head"
    assert refused(shared, "cancelImprovement", head, **action) == (
        "InvalidValue reason",
        "required",
    )
    given = action | {"dueAt": LATER}
    assert refused(shared, "rescheduleImprovement", head, **given)[0] == "InvalidValue reason"
    given = action | {"dueAt": ago(days=1), "reason": "提前"}
    assert refused(shared, "rescheduleImprovement", head, **given)[0] == "InvalidValue dueAt"
    given = action | {"owner": "王小明"}
    assert refused(shared, "handOverImprovement", head, **given)[0] == "InvalidValue owner"
    for name, more in COMMANDS.items():
        nobody = {"improvementId": NOBODY} | more
        assert refused(shared, name, head, **nobody)[0] == "NotFound"


def test_who_may_do_what_about_an_action_stands_in_one_table(shared: Any, closed: str) -> None:
    action = raised(shared, closed)["id"]
    for name, given in COMMANDS.items():
        for role in Role:
            if role is not Role.SYSTEM and role not in PERMISSIONS[name]:
                answer = tell(shared, name, role.value, improvementId=action, **given)
                assert answer["__typename"] == "NotPermitted", (name, role)
    assert {name for name in COMMANDS if Role.FRONT_DESK not in PERMISSIONS[name]} == ROLES
    answer = refused(
        shared, "cancelImprovement", improvementId=action, **COMMANDS["cancelImprovement"]
    )
    assert answer == ("NotPermitted", "permissions")


def test_actions_are_found_by_what_they_are_and_stand_in_the_order_of_their_due_dates(
    api: Any,
) -> None:
    one, two = taken(api, CLOSED_AT_ONCE), taken(api, CLOSED_AT_ONCE)
    days = (5, 1, 3, 3, 2, 4)
    ids = [
        raised(
            api,
            (one, two)[n % 2],
            dueAt=f"2999-01-{day:02d}T00:00:00Z",
            department=("hub", "line haul")[n % 2],
            owner=("agent-7", "agent-8", "agent-9")[n % 3],
        )["id"]
        for n, day in enumerate(days)
    ]
    carried_out(api, "completeImprovement", ids[0])
    by_due = [ids[n] for n in sorted(range(6), key=lambda n: (days[n], n))]

    assert listed(api) == by_due
    for asked, chosen in (
        ({"complaintId": one}, ids[::2]),
        ({"department": "line haul"}, ids[1::2]),
        ({"owner": "agent-9"}, ids[2::3]),
        ({"state": "DONE"}, ids[:1]),
        ({"state": "OPEN"}, ids[1:]),
        ({"dueBefore": "2999-01-03T00:00:00Z"}, [ids[1], ids[4]]),
        ({"department": "hub", "state": "OPEN", "owner": "agent-9"}, [ids[2]]),
        ({"department": "nowhere"}, []),
    ):
        assert listed(api, **asked) == [each for each in by_due if each in chosen], asked
    walked: list[str] = []
    window: dict[str, Any] = {"last": 2}
    while True:
        found = api.graphql(LIST, window)["improvements"]
        walked = [edge["node"]["id"] for edge in found["edges"]] + walked
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        window["before"] = found["pageInfo"]["startCursor"]
    assert walked == by_due
    assert all(a != b for a, b in pairwise(walked))


@pytest.mark.parametrize("bad", ["", "\u0000", "x" * 10_000])
def test_a_filter_that_is_no_value_is_an_error_that_names_it(shared: Any, bad: str) -> None:
    for name in ("department", "owner", "complaintId"):
        (error,) = safely(shared, LIST, {"f": {name: bad}})["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (
            "INVALID_VALUE",
            name,
        )


def test_the_history_of_a_complaint_tells_of_its_actions(shared: Any) -> None:
    case = taken(shared, CLOSED_AT_ONCE)
    action = raised(shared, case, reason="多次延误")["id"]
    for name in COMMANDS:
        if name != "cancelImprovement":
            carried_out(shared, name, action)
    query = """query H($id: ID!) { caseHistory(caseId: $id) {
      aggregateKind topic en: sentence zh: sentence(lang: ZH) reason } }"""

    entries = shared.graphql(query, {"id": case}, "auditor")["caseHistory"]

    own = [entry for entry in entries if entry["aggregateKind"] == "improvement"]
    assert [entry["topic"].partition(".")[2] for entry in own] == [
        *("raised", "progress_noted", "rescheduled", "handed_over", "completed"),
    ]
    assert own[0]["reason"] == "多次延误"
    assert own[0]["zh"] == "向hub提出改进措施，负责人agent-7"
    assert all(has_chinese(entry["zh"]) and not has_chinese(entry["en"]) for entry in own)


def test_owner_and_department_are_those_of_the_organisation(api: Any) -> None:
    case = taken(api, CLOSED_AT_ONCE)
    action = raised(api, case)["id"]
    document = """mutation M($i: FoundUnitInput!) { foundUnit(input: $i) { __typename } }"""
    office = {"kind": "HEAD_OFFICE", "code": "hq", "nameEn": "x", "nameZh": "某"}
    founded = api.graphql(document, {"i": office | {"occurredAt": ago(days=9)}}, "administrator")
    assert founded["foundUnit"]["__typename"] == "UnitPayload"

    given = {"complaintId": case, "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}
    assert refused(api, "raiseImprovement", department="hub", **given) == (
        "UnitNotOpen",
        "unit_at_that_time",
    )
    hub = {"kind": "DEPARTMENT", "code": "hub", "nameEn": "x", "nameZh": "某"}
    hub |= {"parent": {"kind": "HEAD_OFFICE", "code": "hq"}, "occurredAt": ago(days=8)}
    api.graphql(document, {"i": hub}, "administrator")
    no_role = ("NoRoleAtThatTime", "role_at_that_time")
    assert refused(api, "raiseImprovement", department="hub", **given) == no_role
    other = {"improvementId": action, "owner": "agent-8"}
    assert refused(api, "handOverImprovement", "department_head", **other) == no_role


def test_an_action_that_is_raised_twice_under_one_key_is_one(shared: Any, closed: str) -> None:
    document = """mutation M($i: RaiseImprovementInput!) { raiseImprovement(input: $i) {
      ... on ImprovementPayload { position improvement { id } } } }"""
    given = {"complaintId": closed, "department": "hub", "owner": "agent-7", "task": "一次"}
    answers = [
        shared.graphql(document, {"i": given | {"dueAt": DUE}}, Idempotency_Key="once")
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


def test_a_refusal_names_the_state_of_an_action_in_the_callers_language(
    shared: Any, closed: str
) -> None:
    action = raised(shared, closed)["id"]
    carried_out(shared, "completeImprovement", action)
    given = {"improvementId": action} | COMMANDS["completeImprovement"]

    message = tell(shared, "completeImprovement", language="zh", **given)["message"]

    assert "已完成" in message


def test_no_action_is_raised_before_the_case_was_closed(shared: Any) -> None:
    case = taken(shared, FIRST_CONTACT, occurredAt=ago(days=9))
    done(shared, "closeComplaint", complaintId=case, occurredAt=ago(days=3))
    given = {"department": "hub", "owner": "agent-7", "dueAt": DUE, "task": "增派车辆"}

    answer = tell(shared, "raiseImprovement", complaintId=case, occurredAt=ago(days=6), **given)

    assert (answer["__typename"], answer.get("field")) == ("InvalidValue", "occurredAt")


def test_nothing_happens_to_an_action_before_it_was_raised(shared: Any, closed: str) -> None:
    action = raised(shared, closed)["id"]
    given = {"improvementId": action, "occurredAt": ago(days=300)}

    for name, more in COMMANDS.items():
        answer = tell(shared, name, "department_head", **given | more)
        assert (answer["__typename"], answer.get("field")) == ("InvalidValue", "occurredAt"), name
