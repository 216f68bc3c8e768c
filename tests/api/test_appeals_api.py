"""Appeals over HTTP: received from an authority, judged, settled, answered."""

from itertools import pairwise
from typing import Any

import pytest

from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from tests.api.appeals import (
    ANSWERED,
    COMMANDS,
    DETERMINED,
    FOUND,
    HEAD,
    NOT_FOUND,
    REJECTED,
    VALID,
    appeal_input,
    appeal_of,
    done,
    issue,
    led,
    received,
    refused,
)
from tests.api.cases import (
    ASSIGNED,
    CLOSED_AT_ONCE,
    HTML,
    NOBODY,
    SECRET,
    ago,
    has_chinese,
    safely,
    taken,
)
from tests.api.cases import done as case_done
from tests.api.conftest import mutation

WHOLE = """number complaintId complaint { number } state en: stateLabel zh: stateLabel(lang: ZH)
  open authority authorityLabel(lang: ZH) reference cause causeLabel(lang: ZH) valid
  liability liabilityLabel(lang: ZH) ruleSource rule department region outlet measures
  facts finding note answer historical version"""
LIST = """query A($f: AppealFilter, $first: Int, $after: String, $last: Int, $before: String) {
  appeals(filter: $f, first: $first, after: $after, last: $last, before: $before) {
    totalCount edges { node { id } } pageInfo { hasPreviousPage startCursor } } }"""
TIMES = "receivedAt foundAt liabilityAt settledAt answeredAt endedAt"
HUB, LINE = (UnitKey(UnitKind.DEPARTMENT, code) for code in ("hub", "line"))
EAST = UnitKey(UnitKind.REGION, "east")


@pytest.fixture(scope="module")
def case(shared: Any) -> str:
    return taken(shared, ASSIGNED, region="east", outlet="lake")


def listed(api: Any, role: str = "front_desk", **asked: Any) -> list[str]:
    found = api.graphql(LIST, {"f": asked}, role)["appeals"]
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"]["id"] for edge in found["edges"]]


# Life


def test_a_valid_appeal_from_its_receipt_to_its_answer(shared: Any) -> None:
    at = {state: ago(days=9 - day) for day, state in enumerate(TIMES.split())}
    case = taken(shared, ASSIGNED, region="east", outlet="lake", occurredAt=ago(days=20))
    appeal = received(
        shared, case, reference="申诉-2026/7", facts=HTML, occurredAt=at["receivedAt"]
    )
    begun = appeal_of(shared, appeal, WHOLE)
    assert begun.pop("number").startswith("S-20")
    assert begun.pop("complaint")["number"].startswith("C-20")
    assert begun == {
        **dict.fromkeys(("valid", "liability", "liabilityLabel", "ruleSource", "rule")),
        **dict.fromkeys(("finding", "note", "answer")),
        "complaintId": case,
        "state": "RECEIVED",
        "en": "received",
        "zh": "已收到",
        "open": True,
        "authority": "HOTLINE_12305",
        "authorityLabel": "12305申诉热线",
        "reference": "申诉-2026/7",
        "cause": "LOSS",
        "causeLabel": "丢失",
        "facts": HTML,
        "department": "hub",
        "region": "east",
        "outlet": "lake",
        "measures": [],
        "historical": False,
        "version": 1,
    }
    states = []
    whens = ("foundAt", "liabilityAt", "settledAt", "answeredAt")
    for (name, given), when in zip(ANSWERED, whens, strict=True):
        done(shared, name, appealId=appeal, occurredAt=at[when], **given)
        states.append(appeal_of(shared, appeal, "state")["state"])

    assert states == ["FOUND_VALID", "LIABILITY_DETERMINED", "SETTLED", "ANSWERED"]
    ended = appeal_of(shared, appeal, f"{WHOLE} {TIMES}")
    assert {name: ended[name] for name in at} == at | {"endedAt": at["answeredAt"]}
    assert (ended["en"], ended["zh"]) == ("answered to the authority", "已答复监管部门")
    assert (ended["open"], ended["valid"], ended["version"]) == (False, True, 5)
    assert (ended["liability"], ended["liabilityLabel"]) == ("COMPANY", "企业责任")
    assert (ended["ruleSource"], ended["rule"]) == ("LAW", "art. 28")
    assert ended["measures"] == ["APOLOGY", "REDELIVERY"]
    texts = (ended["finding"], ended["note"], ended["answer"])
    assert texts == ("确未投递", "已致歉", "已处理并答复")


def test_an_appeal_that_is_not_valid_is_answered_at_once(shared: Any, case: str) -> None:
    appeal = led(shared, received(shared, case), REJECTED)

    ended = appeal_of(shared, appeal, "state valid open liability settledAt")

    assert ended == {
        "state": "ANSWERED",
        "valid": False,
        "open": False,
        "liability": None,
        "settledAt": None,
    }


def test_a_customer_withdraws_an_appeal_before_it_is_answered(shared: Any, case: str) -> None:
    for steps in ((), VALID[:1], VALID, ANSWERED[:3], REJECTED[:1]):
        appeal = led(shared, received(shared, case), steps)
        done(shared, "withdrawAppeal", "front_desk", appealId=appeal, reason="已和解")
        gone = appeal_of(shared, appeal, "state open endedAt answeredAt")
        assert (gone["state"], gone["open"], gone["answeredAt"]) == ("WITHDRAWN", False, None)
        assert gone["endedAt"] is not None


def test_a_complaint_is_appealed_against_also_when_it_is_closed(shared: Any) -> None:
    case = taken(shared, CLOSED_AT_ONCE)

    first, second = received(shared, case), received(shared, case)

    assert set(listed(shared, complaintId=case)) == {first, second}


@pytest.mark.parametrize(
    ("steps", "allowed"),
    [
        ([], {"recordAppealFinding", "withdrawAppeal"}),
        (VALID[:1], {"determineAppealLiability", "withdrawAppeal"}),
        (REJECTED[:1], {"answerAppeal", "withdrawAppeal"}),
        (VALID, {"settleAppeal", "withdrawAppeal"}),
        (ANSWERED[:3], {"answerAppeal", "withdrawAppeal"}),
        (ANSWERED, set()),
        (REJECTED, set()),
        ([("withdrawAppeal", {})], set()),
    ],
    ids=["received", "valid", "not valid", "liable", "settled", "answered", "rejected", "gone"],
)
def test_a_command_out_of_its_order_is_refused(
    shared: Any, case: str, steps: Any, allowed: set[str]
) -> None:
    appeal = led(shared, received(shared, case), steps)
    rule = "order" if allowed else "ended"

    for name, given in COMMANDS.items():
        if name not in allowed:
            assert refused(shared, name, appealId=appeal, **given) == ("WrongState", rule), name


def test_a_refusal_names_the_state_in_the_callers_language(shared: Any, case: str) -> None:
    appeal = led(shared, received(shared, case), VALID)
    given = {"appealId": appeal} | FOUND

    messages = [
        shared.command("recordAppealFinding", given, HEAD, Accept_Language=language)["message"]
        for language in ("en", "zh")
    ]

    assert "liability determined" in messages[0]
    assert "已定责" in messages[1]
    assert "须按案件步骤顺序办理" in messages[1]


# Receipt


def test_the_same_reference_of_an_authority_is_received_once(shared: Any, case: str) -> None:
    other = taken(shared)
    received(shared, case, reference="Dup-1")

    for again in (
        appeal_input(case, reference="Dup-1"),
        appeal_input(case, reference=" dup-1 "),
        appeal_input(other, reference="DUP-1", cause="DELAY"),
    ):
        answer = refused(shared, "receiveAppeal", "front_desk", **again)
        assert answer == ("AlreadyAppealed", "one_appeal_per_reference")
    assert received(shared, case, reference="Dup-1", authority="POSTAL_REGULATOR")


def test_of_two_clients_who_take_in_one_appeal_at_once_one_is_refused(
    shared: Any, case: str
) -> None:
    document = mutation("receiveAppeal")
    for number in range(5):
        given = {"input": appeal_input(case, reference=f"Race-{number}")}
        before = shared.events()
        answers = shared.together(
            *(shared.posted(document, given, role) for role in ("front_desk", HEAD, "back_office"))
        )
        kinds = sorted(a.json()["data"]["receiveAppeal"]["__typename"] for a in answers)
        assert kinds == ["AlreadyAppealed", "AlreadyAppealed", "AppealPayload"]
        assert shared.events() == before + 1


def test_an_appeal_that_is_sent_twice_under_one_key_is_one(shared: Any, case: str) -> None:
    given = appeal_input(case)

    one, two = (
        shared.command("receiveAppeal", given, Idempotency_Key="appeal-once") for _ in range(2)
    )

    assert one == two
    assert one["__typename"] == "AppealPayload"


def test_numbers_of_appeals_are_their_own_and_differ(shared: Any, case: str) -> None:
    numbers = [appeal_of(shared, received(shared, case), "number")["number"] for _ in range(3)]

    assert len(set(numbers)) == 3
    find = "query N($n: String!) { appeal(number: $n) { number } }"
    for number in numbers:
        assert shared.graphql(find, {"n": number})["appeal"] == {"number": number}
    assert shared.graphql(find, {"n": "S-1999-000001"})["appeal"] is None
    assert shared.graphql("{ appeal { id } }")["appeal"] is None


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"facts": " "}, "facts", "required"),
        ({"facts": (SECRET * 2_000)[:20_001]}, "facts", "too_long"),
        ({"facts": f"{SECRET}\u0000"}, "facts", "control_characters"),
        ({"reference": ""}, "reference", "code_format"),
        ({"reference": "<b>"}, "reference", "code_format"),
        ({"reference": f"{SECRET}\u0007"}, "reference", "code_format"),
        ({"reference": "x" * 101}, "reference", "code_format"),
        ({"occurredAt": "2001-01-01T00:00:00Z"}, "occurredAt", "before"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, "occurredAt", "in_the_future"),
        ({"complaintId": "x"}, "complaintId", "not_an_id"),
        ({"reason": " "}, "reason", "required"),
    ],
    ids=str,
)
def test_a_receipt_with_a_value_that_breaks_a_rule_is_refused_by_its_field(
    shared: Any, case: str, given: dict[str, Any], field: str, rule: str
) -> None:
    answer = refused(shared, "receiveAppeal", "front_desk", **appeal_input(case, **given))

    assert answer == (f"InvalidValue {field}", rule)


def test_an_appeal_is_about_a_complaint_that_exists(shared: Any, case: str) -> None:
    shipment = shared.command("recordShipment", {"waybill": "APPEAL0001"})["shipment"]["id"]
    for other in (NOBODY, shipment, received(shared, case)):
        answer = refused(shared, "receiveAppeal", "front_desk", **appeal_input(other))
        assert answer == ("NotFound", None)


def test_an_appeal_about_a_merged_complaint_belongs_to_the_one_that_goes_on(shared: Any) -> None:
    case, into = taken(shared), taken(shared)
    case_done(shared, "mergeComplaint", complaintId=case, intoId=into, reason="重复")

    answer = refused(shared, "receiveAppeal", "front_desk", **appeal_input(case))

    assert answer == ("MergedCase", "merged")


def test_an_appeal_is_not_received_before_its_complaint(shared: Any) -> None:
    case = taken(shared, occurredAt=ago(days=5))
    given = appeal_input(case, occurredAt=ago(days=6))

    answer = refused(shared, "receiveAppeal", "front_desk", **given)

    assert answer == ("InvalidValue occurredAt", "before")
    assert received(shared, case, occurredAt=ago(days=4))


# Work


def test_a_text_of_an_appeal_is_checked(shared: Any, case: str) -> None:
    new, liable = received(shared, case), led(shared, received(shared, case), VALID)
    found = led(shared, received(shared, case), VALID[:1])
    settled = led(shared, received(shared, case), ANSWERED[:3])
    for appeal, name, field, most in (
        (new, "recordAppealFinding", "finding", 20_000),
        (found, "determineAppealLiability", "rule", 300),
        (liable, "settleAppeal", "note", 20_000),
        (settled, "answerAppeal", "answer", 20_000),
    ):
        for bad, rule in (
            (" \n", "required"),
            ("x" * (most + 1), "too_long"),
            (f"{SECRET}\u0007", "control_characters"),
        ):
            given = {"appealId": appeal} | COMMANDS[name] | {field: bad}
            assert refused(shared, name, **given) == (f"InvalidValue {field}", rule)
    given = {"appealId": liable, "measures": []}
    assert refused(shared, "settleAppeal", **given) == ("InvalidValue measures", "required")
    given = {"appealId": found, **DETERMINED, "department": "<b>"}
    answer = refused(shared, "determineAppealLiability", **given)
    assert answer == ("InvalidValue department", "code_format")


def test_a_command_about_what_is_no_appeal_finds_nothing(shared: Any, case: str) -> None:
    for name, given in COMMANDS.items():
        for other in (NOBODY, case):
            assert refused(shared, name, appealId=other, **given) == ("NotFound", None), name
        wrong = refused(shared, name, appealId="x", **given)
        assert wrong == ("InvalidValue appealId", "not_an_id")


def test_nothing_happens_to_an_appeal_before_it_was_received(shared: Any) -> None:
    case = taken(shared, occurredAt=ago(days=9))
    before = {"occurredAt": ago(days=6)}
    for at, (name, given) in enumerate([*ANSWERED, ("withdrawAppeal", {})]):
        steps = ANSWERED[: min(at, 3)]
        appeal = led(shared, received(shared, case, occurredAt=ago(days=5)), steps)
        answer = refused(shared, name, appealId=appeal, **given, **before)
        assert answer == ("InvalidValue occurredAt", "before"), name


def test_a_responsible_department_is_one_of_the_organisation(api: Any) -> None:
    case = taken(api)
    appeal = led(api, received(api, case), VALID[:1])
    document = """mutation M($i: FoundUnitInput!) { foundUnit(input: $i) { __typename } }"""
    office = {"kind": "HEAD_OFFICE", "code": "hq", "nameEn": "x", "nameZh": "某"}
    api.graphql(document, {"i": office | {"occurredAt": ago(days=9)}}, "administrator")

    given = {"appealId": appeal} | DETERMINED
    answer = refused(api, "determineAppealLiability", department="line", **given)
    assert answer == ("UnitNotOpen", "unit_at_that_time")

    line = {"kind": "DEPARTMENT", "code": "line", "nameEn": "x", "nameZh": "某"}
    line |= {"parent": {"kind": "HEAD_OFFICE", "code": "hq"}, "occurredAt": ago(days=8)}
    api.graphql(document, {"i": line}, "administrator")
    done(api, "determineAppealLiability", department="line", **given)
    assert appeal_of(api, appeal, "department") == {"department": "line"}


# Conflict of interest


def test_the_person_complained_about_never_acts_on_an_appeal(shared: Any) -> None:
    conflict = ("ConflictOfInterest", "conflict_of_interest")
    named = taken(shared, accused="front_desk-1")
    assert refused(shared, "receiveAppeal", "front_desk", **appeal_input(named)) == conflict

    case = taken(shared)
    appeal = received(shared, case)
    case_done(shared, "nameAccused", complaintId=case, accused="department_head-1")
    for name, given in COMMANDS.items():
        assert refused(shared, name, appealId=appeal, **given) == conflict, name
    done(shared, "recordAppealFinding", "compliance", appealId=appeal, **NOT_FOUND)


def test_who_is_complained_about_where_a_merged_case_goes_on_does_not_act_either(
    shared: Any,
) -> None:
    case, into = taken(shared), taken(shared)
    appeal = received(shared, case)
    case_done(shared, "mergeComplaint", complaintId=case, intoId=into, reason="重复")
    case_done(shared, "nameAccused", complaintId=into, accused="department_head-1")

    answer = refused(shared, "recordAppealFinding", appealId=appeal, **FOUND)

    assert answer == ("ConflictOfInterest", "conflict_of_interest")


# Reach


@pytest.fixture(scope="module")
def units(shared: Any) -> Any:
    issue(
        shared,
        head_hub=(Role.DEPARTMENT_HEAD, (HUB,)),
        head_line=(Role.DEPARTMENT_HEAD, (LINE,)),
        back_east=(Role.BACK_OFFICE, (EAST,)),
        investigator_hub=(Role.INVESTIGATOR, (HUB,)),
    )
    return shared


def sees(api: Any, appeal: str, role: str) -> bool:
    """Say whether a caller is shown an appeal, which is so by every way or by none."""
    number = appeal_of(api, appeal, "number")["number"]
    case = appeal_of(api, appeal, "complaintId")["complaintId"]
    find = "query Q($id: ID!, $n: String!) { node(id: $id) { id } appeal(number: $n) { facts } }"
    for ordinary in ("", " categories { __typename }"):
        document = find.removesuffix("}") + ordinary + " }"
        found = api.graphql(document, {"id": appeal, "n": number}, role)
        one = appeal_of(api, appeal, "facts", role)
        ways = [one, found["node"], found["appeal"], listed(api, role, complaintId=case)]
        assert len({bool(way) for way in ways}) == 1, (role, ways)
    return one is not None


def test_an_appeal_is_shown_and_open_to_those_to_whom_it_belongs(units: Any) -> None:
    case = taken(units, ASSIGNED, region="east")
    appeal = received(units, case, "head_hub")

    assert {
        role: sees(units, appeal, role)
        for role in ("head_hub", "head_line", "back_east", "investigator_hub", "auditor")
    } == {
        "head_hub": True,
        "head_line": False,
        "back_east": True,
        "investigator_hub": True,
        "auditor": True,
    }
    answer = refused(units, "recordAppealFinding", "head_line", appealId=appeal, **FOUND)
    assert answer == ("NotFound", None)
    hidden = appeal_input(case)
    assert refused(units, "receiveAppeal", "head_line", **hidden) == ("NotFound", None)
    done(units, "recordAppealFinding", "back_east", appealId=appeal, **FOUND)


def test_the_responsible_department_has_the_appeal_and_not_the_complaint(units: Any) -> None:
    case = taken(units, ASSIGNED)
    appeal = led(units, received(units, case), VALID[:1])
    given = {"appealId": appeal, **DETERMINED, "department": "line"}
    answer = units.command("determineAppealLiability", given, "head_hub")

    assert (answer["__typename"], answer["appeal"]) == ("AppealPayload", None)
    assert sees(units, appeal, "head_line")
    assert not sees(units, appeal, "head_hub")
    shown = appeal_of(units, appeal, "complaintId complaint { id }", "head_line")
    assert shown == {"complaintId": case, "complaint": None}
    done(units, "settleAppeal", "head_line", appealId=appeal, measures=["EXPLANATION"])


def test_a_reference_that_is_known_elsewhere_is_refused_without_showing_the_appeal(
    units: Any,
) -> None:
    mine, other = taken(units, ASSIGNED), taken(units)
    received(units, other, reference="Elsewhere-1")

    again = appeal_input(mine, reference="Elsewhere-1")

    assert refused(units, "receiveAppeal", "head_hub", **again)[0] == "AlreadyAppealed"


def test_the_history_of_an_appeal_is_read_by_those_to_whom_it_belongs(units: Any) -> None:
    appeal = received(units, taken(units, ASSIGNED))
    history = "query H($id: ID!) { caseHistory(caseId: $id) { topic } MORE }"
    for more in ("", "categories { __typename }"):
        document = history.replace("MORE", more)
        for role, shown in (("head_hub", True), ("head_line", False), ("auditor", True)):
            found = units.graphql(document, {"id": appeal}, role)["caseHistory"]
            assert ({"topic": "appeal.received"} in found) is shown, (role, more)


def test_partners_are_told_nothing_of_appeals(shared: Any) -> None:
    case = shared.receive("partner")["id"]
    appeal = received(shared, case)
    for question in (
        "appeals { totalCount }",
        "appeal { id }",
        "appealCounts(groupBy: CAUSE) { key }",
        f'node(id: "{appeal}") {{ id }}',
    ):
        assert shared.code(f"{{ {question} }}", None, "partner") == "FORBIDDEN", question
    history = "query H($id: ID!) { caseHistory(caseId: $id) { aggregateKind } }"
    told = shared.graphql(history, {"id": case}, "partner")["caseHistory"]
    assert {entry["aggregateKind"] for entry in told} == {"complaint"}
    assert shared.graphql(history, {"id": appeal}, "partner")["caseHistory"] == []


def test_what_people_wrote_is_shown_to_roles_that_may_read_it(shared: Any, case: str) -> None:
    appeal = led(shared, received(shared, case), ANSWERED)
    texts = "facts finding note answer"

    for role, shown in (("auditor", True), ("compliance", True), ("finance", False)):
        found = appeal_of(shared, appeal, f"{texts} number", role)
        assert found.pop("number") is not None
        assert {value is not None for value in found.values()} == {shown}, role


# Questions


def test_appeals_are_found_by_what_they_are_and_those_received_last_come_first(api: Any) -> None:
    one = taken(api, ASSIGNED, region="east", outlet="lake", occurredAt=ago(days=20))
    two = taken(api, region="west", occurredAt=ago(days=20))
    days = (5, 1, 3, 4, 2, 6)
    ids = [
        received(
            api,
            (one, two)[n % 2],
            occurredAt=ago(days=day),
            authority=("HOTLINE_12305", "POSTAL_REGULATOR", "OTHER")[n % 3],
            cause=("LOSS", "DELAY")[n % 2],
            reference=f"L-{n}",
        )
        for n, day in enumerate(days)
    ]
    led(api, ids[0], ANSWERED)
    led(api, ids[1], REJECTED)
    by_receipt = [ids[n] for n in sorted(range(6), key=lambda n: days[n])]

    assert listed(api) == by_receipt
    for asked, chosen in (
        ({"complaintId": one}, ids[::2]),
        ({"state": "ANSWERED"}, ids[:2]),
        ({"open": True}, ids[2:]),
        ({"open": False}, ids[:2]),
        ({"authority": "OTHER"}, ids[2::3]),
        ({"reference": "L-4"}, ids[4:5]),
        ({"cause": "DELAY"}, ids[1::2]),
        ({"valid": True}, ids[:1]),
        ({"valid": False}, ids[1:2]),
        ({"liability": "COMPANY"}, ids[:1]),
        ({"department": "hub"}, ids[::2]),
        ({"region": "west"}, ids[1::2]),
        ({"outlet": "lake", "open": True}, ids[2::2]),
        ({"receivedFrom": ago(days=2, hours=12)}, [ids[1], ids[4]]),
        ({"receivedBefore": ago(days=4, hours=12)}, [ids[0], ids[5]]),
        ({"department": "nowhere"}, []),
    ):
        assert listed(api, **asked) == [each for each in by_receipt if each in chosen], asked
    walked: list[str] = []
    window: dict[str, Any] = {"last": 2}
    while True:
        found = api.graphql(LIST, window)["appeals"]
        walked = [edge["node"]["id"] for edge in found["edges"]] + walked
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        window["before"] = found["pageInfo"]["startCursor"]
    assert walked == by_receipt
    assert all(a != b for a, b in pairwise(walked))


@pytest.mark.parametrize("bad", ["", "\u0000", "x" * 10_000])
def test_a_filter_that_is_no_value_is_an_error_that_names_it(shared: Any, bad: str) -> None:
    for name in ("complaintId", "reference", "department", "region", "outlet"):
        (error,) = safely(shared, LIST, {"f": {name: bad}})["errors"]
        extensions = error["extensions"]
        assert (extensions["code"], extensions["field"]) == ("INVALID_VALUE", name)


def test_the_history_of_a_complaint_tells_of_its_appeals(shared: Any) -> None:
    case = taken(shared)
    appeal = led(shared, received(shared, case, reason="监管转办"), ANSWERED)
    led(shared, received(shared, case), [("withdrawAppeal", {})])
    query = """query H($id: ID!) { caseHistory(caseId: $id) {
      aggregateKind topic en: sentence zh: sentence(lang: ZH) reason } }"""

    entries = shared.graphql(query, {"id": case}, "auditor")["caseHistory"]

    own = [entry for entry in entries if entry["aggregateKind"] == "appeal"]
    assert [entry["topic"].partition(".")[2] for entry in own] == [
        *("received", "finding_recorded", "liability_determined", "settled", "answered"),
        *("received", "withdrawn"),
    ]
    assert own[0]["reason"] == "监管转办"
    assert "12305申诉热线" in own[0]["zh"]
    assert own[1]["en"] == "Finding recorded; the appeal is valid: yes"
    assert own[3]["zh"] == "已处理：致歉、重新派送"
    assert all(has_chinese(entry["zh"]) and not has_chinese(entry["en"]) for entry in own)
    alone = shared.graphql(query, {"id": appeal}, "auditor")["caseHistory"]
    assert {entry["aggregateKind"] for entry in alone} == {"appeal", "complaint"}
