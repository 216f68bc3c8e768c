"""The life of a case over HTTP: what each step makes of it, in both languages."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.bootstrap import open_dispatcher
from application.dispatch import Call
from application.permissions import Caller
from application.service_level_policies import ShipServiceLevelPolicies
from domain.complaint_life import ComplaintState
from domain.complaint_policy import DEFAULT_TERMS
from domain.roles import PersonId, Role
from tests.api.cases import (
    AGREED,
    ANSWERED,
    ASSIGNED,
    CLOSED,
    CLOSED_AT_ONCE,
    EVIDENCE,
    FIRST_CONTACT,
    FOLLOWED_UP,
    HTML,
    INVESTIGATING,
    PROPOSED,
    REGISTERED,
    REMEDIED,
    RESOLUTION,
    ago,
    case_of,
    done,
    has_chinese,
    instant,
    refused,
    safely,
    taken,
    tell,
    written,
)
from tests.api.conftest import ZONE

SYSTEM = Call(caller=Caller("system", PersonId("system"), Role.SYSTEM))
WHOLE = """state en: stateLabel zh: stateLabel(lang: ZH) stateSince changedAt open
  department handler
  step { state owner hours since dueAt en: ownerLabel zh: ownerLabel(lang: ZH) }
  resolution { ruleSource rule measures measuresLeft feasibility proposedAt agreedAt }
  receivedAt registeredAt assignedAt proposedAt agreedAt answeredAt remediedAt followedUpAt closedAt
  endedAt firstContact followUp reopenings disputes score version proposal answer ratingComment
  policy { version }"""
STAMPS = (
    *("receivedAt", "registeredAt", "assignedAt", "proposedAt", "agreedAt", "answeredAt"),
    *("remediedAt", "followedUpAt", "closedAt", "endedAt"),
)
FIRST_HALF = [
    ("registerComplaint", {}, "REGISTERED", {"registeredAt"}),
    ("assignComplaint", {"department": "hub 3", "handler": "agent-7"}, "ASSIGNED", {"assignedAt"}),
    ("startInvestigation", {}, "INVESTIGATING", set()),
    ("recordInvestigation", {"finding": "车辆故障"}, None, set()),
    ("proposeResolution", RESOLUTION, "PROPOSED", {"proposedAt"}),
    ("agreeResolution", {}, "AGREED", {"agreedAt"}),
    ("answerComplaint", {"answer": "将重新派送"}, "ANSWERED", {"answeredAt"}),
    ("carryOutRemedy", {"measures": ["APOLOGY"], "note": "已电话致歉"}, None, set()),
    ("carryOutRemedy", {}, "REMEDIED", {"remediedAt"}),
    ("followUpComplaint", {"outcome": "NOT_REACHED"}, "FOLLOWED_UP", {"followedUpAt"}),
    ("followUpComplaint", {"outcome": "SATISFIED"}, "FOLLOWED_UP", {"followedUpAt"}),
    ("closeComplaint", {}, "CLOSED", {"closedAt", "endedAt"}),
]


def test_every_step_of_a_case_shows_what_it_made_of_it(shared: Any) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    case = shared.receive(occurredAt=written(at), severity="SERIOUS")["id"]
    expected: dict[str, Any] = dict.fromkeys(STAMPS) | {"receivedAt": written(at)}
    state, since, version = "RECEIVED", at, 1

    for name, given, next_state, stamps in FIRST_HALF:
        at, version = at + timedelta(hours=5), version + 1
        told = {"complaintId": case, "occurredAt": written(at)} | given
        shown = tell(shared, name, shown=WHOLE, **told)["complaint"]

        if next_state is not None:
            state, since = next_state, at
        expected |= dict.fromkeys(stamps, written(at))
        label = ComplaintState[state]
        assert (shown["state"], shown["en"], shown["zh"]) == (state, label.en, label.zh)
        assert (shown["stateSince"], shown["changedAt"]) == (written(since), written(at))
        assert {stamp: shown[stamp] for stamp in STAMPS} == expected, name
        assert (shown["open"], shown["version"]) == (state != "CLOSED", version)
        assert shown["policy"] is None
        limit = DEFAULT_TERMS.step(label)
        if limit is None:
            assert shown["step"] is None
            continue
        assert shown["step"] == {
            "state": state,
            "owner": limit.owner.name,
            "hours": limit.hours,
            "since": written(since),
            "dueAt": written(since + timedelta(hours=limit.hours)),
            "en": limit.owner.en,
            "zh": limit.owner.zh,
        }

    assert (shown["department"], shown["handler"]) == ("hub 3", "agent-7")
    assert (shown["firstContact"], shown["followUp"]) == (False, "SATISFIED")
    assert (shown["proposal"], shown["answer"]) == (RESOLUTION["proposal"], "将重新派送")


def test_a_closed_case_is_rated_once_reopened_and_rated_anew(shared: Any) -> None:
    case = taken(shared, CLOSED)
    rated = done(
        shared,
        "rateHandling",
        "account_agent",
        complaintId=case,
        score=2,
        comment="太慢",
        shown="score ratingComment closedAt",
    )
    assert (rated["state"], rated["score"], rated["ratingComment"]) == ("CLOSED", 2, "太慢")
    again = {"complaintId": case, "score": 5}
    assert refused(shared, "rateHandling", "account_agent", **again) == (
        "AlreadyRated",
        "rated_once",
    )

    opened = done(
        shared, "reopenComplaint", complaintId=case, reason="又晚到", shown=WHOLE + " score"
    )
    assert (opened["state"], opened["open"], opened["reopenings"]) == ("ASSIGNED", True, 1)
    assert (opened["resolution"], opened["closedAt"], opened["endedAt"]) == (None, None, None)
    assert opened["step"]["owner"] == "DEPARTMENT_HEAD"
    assert refused(shared, "rateHandling", "account_agent", **again)[0] == "WrongState"

    for name, given in CLOSED[2:]:
        done(shared, name, complaintId=case, **given)
    closed = case_of(shared, case, WHOLE)
    assert (closed["state"], closed["reopenings"], closed["score"]) == ("CLOSED", 1, None)
    assert closed["ratingComment"] is None, "a comment belongs to its rating"
    anew = done(shared, "rateHandling", "account_agent", **again, shown="score ratingComment")
    assert (anew["score"], anew["ratingComment"]) == (5, None)


def test_a_handling_is_not_rated_before_the_case_was_closed(shared: Any) -> None:
    case = taken(shared, FIRST_CONTACT, occurredAt=ago(days=9))
    done(shared, "closeComplaint", complaintId=case, occurredAt=ago(days=3))
    rating = {"complaintId": case, "score": 5, "occurredAt": ago(days=6)}

    answer = tell(shared, "rateHandling", "account_agent", **rating)

    assert (answer["__typename"], answer.get("field")) == ("InvalidValue", "occurredAt")


def test_of_two_ratings_at_once_one_is_taken(shared: Any) -> None:
    document = """mutation M($i: RateHandlingInput!) { rateHandling(input: $i) { __typename
      ... on ComplaintPayload { complaint { score } } } }"""
    for _ in range(3):
        case = taken(shared, CLOSED_AT_ONCE)
        answers = shared.together(
            *(
                shared.posted(document, {"i": {"complaintId": case, "score": score}}, role)
                for score, role in ((1, "account_agent"), (5, "account_agent"))
            )
        )
        found = [answer.json()["data"]["rateHandling"] for answer in answers]
        assert sorted(each["__typename"] for each in found) == ["AlreadyRated", "ComplaintPayload"]
        (rated,) = (each["complaint"]["score"] for each in found if "complaint" in each)
        assert case_of(shared, case, "score") == {"score": rated}


def test_a_resolution_names_its_rule_and_loses_the_measures_that_are_carried_out(
    shared: Any,
) -> None:
    case = taken(shared, INVESTIGATING)
    fields = f"resolution {{ {WHOLE.partition('resolution {')[2].partition('}')[0]} }} proposal"
    given = RESOLUTION | {"measures": ["APOLOGY", "REFUND", "APOLOGY", "COUPON"]}

    proposed = done(shared, "proposeResolution", complaintId=case, **given, shown=fields)
    resolution = proposed["resolution"]
    assert resolution["proposedAt"] is not None
    assert {name: resolution[name] for name in ("ruleSource", "rule", "feasibility")} == {
        name: given[name] for name in ("ruleSource", "rule", "feasibility")
    }
    assert resolution["measures"] == resolution["measuresLeft"] == ["APOLOGY", "REFUND", "COUPON"]
    assert resolution["agreedAt"] is None

    done(shared, "proposeResolution", complaintId=case, **RESOLUTION)
    done(shared, "agreeResolution", complaintId=case)
    done(shared, "answerComplaint", complaintId=case, answer="将办理")
    left = [
        done(
            shared, "carryOutRemedy", complaintId=case, measures=measures, shown=f"state {fields}"
        )["resolution"]["measuresLeft"]
        for measures in (["REDELIVERY"], ["APOLOGY"])
    ]
    assert left == [["APOLOGY"], []]
    assert case_of(shared, case, "state resolution { measures }") == {
        "state": "REMEDIED",
        "resolution": {"measures": RESOLUTION["measures"]},
    }


@pytest.mark.parametrize(
    ("steps", "command", "given", "state"),
    [
        ((), "answerComplaint", {"answer": "x"}, "ANSWERED"),
        (REGISTERED, "answerComplaint", {"answer": "x"}, "ANSWERED"),
        ((), "declineComplaint", {"explanation": "一项建议"}, "DECLINED"),
        (PROPOSED, "rejectResolution", {"objection": "不够"}, "INVESTIGATING"),
        (PROPOSED, "rejectResolution", {}, "INVESTIGATING"),
        (ANSWERED, "disputeAnswer", {"objection": "不对"}, "INVESTIGATING"),
        (REMEDIED, "disputeAnswer", {"objection": "不对"}, "INVESTIGATING"),
        (FOLLOWED_UP, "disputeAnswer", {"objection": "不对"}, "INVESTIGATING"),
        (FIRST_CONTACT, "disputeAnswer", {"objection": "不对"}, "REGISTERED"),
        (CLOSED_AT_ONCE, "reopenComplaint", {"reason": "又来"}, "REGISTERED"),
        (FIRST_CONTACT, "closeComplaint", {}, "CLOSED"),
        (AGREED, "withdrawComplaint", {}, "WITHDRAWN"),
        (REGISTERED, "waitForCustomer", {"asked": "请补充照片"}, "WAITING"),
        (INVESTIGATING, "assignComplaint", {"department": "claims"}, "INVESTIGATING"),
    ],
)
def test_a_step_aside_leads_to_its_state(
    shared: Any, steps: Any, command: str, given: dict[str, Any], state: str
) -> None:
    case = taken(shared, steps)

    shown = done(shared, command, complaintId=case, **given, shown=WHOLE)

    label = ComplaintState[state]
    assert (shown["state"], shown["en"], shown["zh"]) == (state, label.en, label.zh)
    ended = state in {"DECLINED", "CLOSED", "WITHDRAWN", "MERGED"}
    assert shown["open"] is not ended
    assert (shown["endedAt"] is not None) is ended
    assert (shown["step"] is None) is (ended or state == "WAITING")
    at_once = steps in ((), REGISTERED, FIRST_CONTACT, CLOSED_AT_ONCE)
    assert shown["firstContact"] is (None if shown["answeredAt"] is None else at_once)
    assert shown["disputes"] == (1 if command == "disputeAnswer" else 0)
    if command in {"disputeAnswer", "rejectResolution", "reopenComplaint"}:
        assert shown["resolution"] is None, "what was proposed is void"


def test_a_case_that_waited_goes_on_where_it_stood(shared: Any) -> None:
    for steps, state in (
        (REGISTERED, "REGISTERED"),
        (PROPOSED, "PROPOSED"),
        (ANSWERED, "ANSWERED"),
    ):
        case = taken(shared, steps)
        waiting = done(shared, "waitForCustomer", complaintId=case, asked="请补充照片", shown=WHOLE)
        assert (waiting["state"], waiting["open"], waiting["step"]) == ("WAITING", True, None)
        assert refused(shared, "answerComplaint", complaintId=case, answer="x") == (
            "WrongState",
            "waiting",
        )
        given = {"complaintId": case, "customerAnswered": False}
        resumed = done(shared, "resumeComplaint", **given, shown=WHOLE)
        assert (resumed["state"], resumed["step"]["state"]) == (state, state)
        assert refused(shared, "resumeComplaint", **given) == ("WrongState", "not_waiting")

    waiting_unassigned = taken(shared, REGISTERED)
    done(shared, "waitForCustomer", complaintId=waiting_unassigned, asked="?")
    done(shared, "assignComplaint", complaintId=waiting_unassigned, department="hub")
    assert case_of(shared, waiting_unassigned, "state department") == {
        "state": "WAITING",
        "department": "hub",
    }
    assert done(shared, "resumeComplaint", complaintId=waiting_unassigned)["state"] == "ASSIGNED"


# What is noted in an open case


def test_the_checklist_of_a_case_is_that_of_its_category(shared: Any) -> None:
    case = taken(shared, REGISTERED, category="LOSS")
    fields = "checklist { item outcome en: label zh: label(lang: ZH) }"
    entries = case_of(shared, case, fields)["checklist"]
    assert [entry["item"] for entry in entries] == [
        *("verify_facts", "loss_plan", "search_hubs", "compensation"),
    ]
    assert entries[1]["en"] == "start the loss plan at once"
    assert entries[1]["zh"] == "立即启动丢失预案"
    assert {entry["outcome"] for entry in entries} == {None}

    settled = {"complaintId": case, "item": "verify_facts", "outcome": "DONE"}
    done(shared, "settleChecklistItem", **settled)
    skipped = {"complaintId": case, "item": "search_hubs", "outcome": "SKIPPED"}
    assert refused(shared, "settleChecklistItem", **skipped) == ("InvalidValue reason", "required")
    done(shared, "settleChecklistItem", **skipped, reason="快件已找到")
    unknown = {"complaintId": case, "item": "delay_plan", "outcome": "DONE"}
    assert refused(shared, "settleChecklistItem", **unknown) == (
        "InvalidValue item",
        "not_in_list",
    )
    outcomes = [entry["outcome"] for entry in case_of(shared, case, fields)["checklist"]]
    assert outcomes == ["DONE", None, "SKIPPED", None]

    given = {"complaintId": case, "category": "DAMAGE"}
    assert refused(shared, "reclassifyComplaint", **given) == ("InvalidValue reason", "required")
    anew = done(shared, "reclassifyComplaint", **given, reason="外包装破损", shown=fields)
    assert [entry["outcome"] for entry in anew["checklist"]] == [None] * 4
    assert anew["checklist"][1]["item"] == "damage_plan"


def test_evidence_is_a_numbered_reference_that_is_only_ever_superseded(shared: Any) -> None:
    case = taken(shared, ASSIGNED)
    fields = """evidence { id number kind mediaType size sha256 reference note addedAt addedBy
      supersededAt supersededBy }"""
    content = "送货照片".encode()
    digest = hashlib.sha256(content).hexdigest()
    with_content = EVIDENCE | {
        "sha256": f" {digest.upper()} ",
        "size": len(content),
        "contentBase64": b64encode(content).decode(),
        "mediaType": "Image/JPEG",
        "note": "门口拍摄",
    }

    done(shared, "addEvidence", "investigator", complaintId=case, **EVIDENCE)
    done(shared, "addEvidence", complaintId=case, **with_content)
    before = shared.events()
    done(shared, "addEvidence", complaintId=case, **with_content)
    assert shared.events() == before, "a digest that is there adds nothing"
    one, two = case_of(shared, case, fields)["evidence"]
    assert (one["number"], two["number"]) == (1, 2)
    assert (one["addedBy"], one["note"], one["size"]) == ("investigator-1", None, 5)
    assert (two["sha256"], two["mediaType"], two["note"]) == (digest, "image/jpeg", "门口拍摄")
    assert two["reference"] == EVIDENCE["reference"]
    assert one["id"] != two["id"]

    done(shared, "supersedeEvidence", complaintId=case, number=1, by=2)
    one, two = case_of(shared, case, fields)["evidence"]
    assert one["supersededAt"] is not None
    assert (one["supersededBy"], one["reference"]) == (2, EVIDENCE["reference"])
    assert two["supersededAt"] is None
    for number, by, field in ((1, None, "number"), (9, None, "number"), (2, 2, "by"), (2, 1, "by")):
        given = {"complaintId": case, "number": number, "by": by}
        assert refused(shared, "supersedeEvidence", **given) == (
            f"InvalidValue {field}",
            "not_in_list",
        )
    done(shared, "addEvidence", complaintId=case, **EVIDENCE)
    assert [e["number"] for e in case_of(shared, case, fields)["evidence"]] == [1, 2, 3]
    hidden = case_of(shared, case, fields, "reviewer")["evidence"]
    assert {(e["reference"], e["note"]) for e in hidden} == {(None, None)}
    assert hidden[1]["sha256"] == digest


def test_a_case_shows_that_compensation_is_sought_from_the_beginning_or_later(shared: Any) -> None:
    fields = "seeksCompensation serviceLevels version"
    sought, later = taken(shared, seeksCompensation=True), taken(shared)
    assert case_of(shared, later, fields) == {
        "seeksCompensation": False,
        "serviceLevels": None,
        "version": 1,
    }
    for case, versions in ((sought, (1, 1)), (later, (2, 2))):
        for version in versions:
            done(shared, "seekCompensation", complaintId=case)
            found = case_of(shared, case, fields)
            assert (found["seeksCompensation"], found["version"]) == (True, version)


def test_a_case_shows_the_service_levels_that_the_contract_names(shared: Any) -> None:
    async def ship() -> None:
        database = shared.database
        async with open_dispatcher(database.conninfo, database.master, zone=ZONE) as door:
            await door.execute(ShipServiceLevelPolicies(time_zone=ZONE.key), SYSTEM)

    shared.run(ship())

    case = taken(shared, serviceLevels="key_account")

    for role in ("front_desk", "auditor"):
        assert case_of(shared, case, "serviceLevels", role) == {"serviceLevels": "key_account"}


def test_remarks_stand_in_the_order_of_the_log_with_their_authors(shared: Any) -> None:
    case = taken(shared, REGISTERED)
    said = [
        ("waitForCustomer", {"asked": "请补充照片"}, "waiting_for_customer"),
        ("resumeComplaint", {}, None),
        ("assignComplaint", {"department": "hub"}, None),
        ("startInvestigation", {}, None),
        ("recordInvestigation", {"finding": "分拣错误"}, "investigation_recorded"),
        ("giveFeedback", {"feedback": "正在核查"}, "feedback_given"),
        ("proposeResolution", RESOLUTION, "resolution_proposed"),
        ("rejectResolution", {"objection": "太少"}, "resolution_rejected"),
        ("proposeResolution", RESOLUTION | {"proposal": "另加优惠"}, "resolution_proposed"),
        ("agreeResolution", {}, None),
        ("answerComplaint", {"answer": "一号答复"}, "answered"),
        ("carryOutRemedy", {"measures": ["APOLOGY"], "note": "已致歉"}, "remedy_carried_out"),
        ("carryOutRemedy", {}, None),
        ("followUpComplaint", {"outcome": "DISSATISFIED", "note": "仍不满"}, "followed_up"),
        ("disputeAnswer", {"objection": "要求重办"}, "disputed"),
    ]
    expected = []
    for name, given, kind in said:
        done(shared, name, complaintId=case, **given)
        if kind is not None:
            text = next(
                value
                for key, value in given.items()
                if key
                in {
                    *("asked", "finding", "feedback", "proposal", "objection", "answer", "note"),
                }
            )
            expected.append((kind, text, "front_desk-1"))

    fields = "remarks { id position kind occurredAt actor text }"
    remarks = case_of(shared, case, fields)["remarks"]
    assert [(r["kind"], r["text"], r["actor"]) for r in remarks] == expected
    positions = [remark["position"] for remark in remarks]
    assert positions == sorted(set(positions))
    assert len({remark["id"] for remark in remarks}) == len(remarks)
    assert case_of(shared, case, fields, "reviewer")["remarks"] == []


def test_a_quality_case_takes_its_steps(shared: Any) -> None:
    case = taken(shared, ASSIGNED, category="PRODUCT_QUALITY")
    without = {"complaintId": case, "step": "MEETING_HELD"}
    assert refused(shared, "recordQualityStep", **without) == (
        "InvalidValue departments",
        "required",
    )
    for step in ("MEETING_HELD", "ENGINEER_ON_SITE", "MEETING_HELD"):
        given = {"complaintId": case, "step": step, "departments": ["R&D", "质量部"]}
        shown = done(shared, "recordQualityStep", **given, shown="qualitySteps")
    assert shown["qualitySteps"] == ["MEETING_HELD", "ENGINEER_ON_SITE"]

    other = taken(shared, ASSIGNED)
    given = {"complaintId": other, "step": "ENGINEER_ON_SITE"}
    assert refused(shared, "recordQualityStep", **given) == ("NotAQualityCase", "quality_case")


def test_a_refusal_names_the_category_in_the_callers_language(shared: Any) -> None:
    given = {"complaintId": taken(shared, ASSIGNED), "step": "ENGINEER_ON_SITE"}

    message = tell(shared, "recordQualityStep", language="zh", **given)["message"]

    assert message == "延误类投诉不属于质量案件"


def test_severity_urgency_and_escalation_change_a_case_but_not_its_step(shared: Any) -> None:
    case = taken(shared, ASSIGNED)
    fields = (
        "severity zh: severityLabel(lang: ZH) urgent handler escalatedTo escalatedAt stateSince"
    )
    since = case_of(shared, case, fields)["stateSince"]
    raise_it = {"complaintId": case, "severity": "MAJOR"}
    assert refused(shared, "reassessSeverity", **raise_it) == ("InvalidValue reason", "required")
    done(shared, "reassessSeverity", **raise_it, reason="多名客户受影响")
    done(shared, "markUrgency", complaintId=case, urgent=True)
    to = {"complaintId": case, "to": "manager-1", "demandedBy": "CUSTOMER"}
    assert refused(shared, "escalateComplaint", **to) == ("InvalidValue reason", "required")
    done(shared, "escalateComplaint", **to, reason="客户要求经理处理")
    before = shared.events()
    done(shared, "markUrgency", complaintId=case, urgent=True)
    done(shared, "reassessSeverity", **raise_it)
    assert shared.events() == before, "the same once more is no event"

    shown = case_of(shared, case, f"state {fields}")
    assert shown.pop("escalatedAt") is not None
    assert shown == {
        "state": "ASSIGNED",
        "severity": "MAJOR",
        "zh": "重大",
        "urgent": True,
        "handler": "manager-1",
        "escalatedTo": "manager-1",
        "stateSince": since,
    }


def test_the_person_complained_about_is_shown_and_loses_the_case(shared: Any) -> None:
    given = ("assignComplaint", {"department": "hub", "handler": "courier-7"})
    case = taken(shared, [*REGISTERED, given])

    named = done(
        shared, "nameAccused", complaintId=case, accused="courier-7", shown="accused handler"
    )

    assert (named["accused"], named["handler"]) == ("courier-7", None)
    assert case_of(shared, case, "accused", "auditor") == {"accused": "courier-7"}


# Merging and linking


def test_a_duplicate_redirects_to_the_case_it_was_merged_into(shared: Any) -> None:
    case, duplicate = taken(shared, ASSIGNED), taken(shared, REGISTERED)
    given = {"complaintId": duplicate, "intoId": case}
    assert refused(shared, "mergeComplaint", **given) == ("InvalidValue reason", "required")

    merged = done(
        shared,
        "mergeComplaint",
        **given,
        reason="同一快件",
        shown="zh: stateLabel(lang: ZH) open endedAt step { hours } mergedInto { id state }",
    )

    assert (merged["state"], merged["zh"], merged["open"]) == ("MERGED", "已合并", False)
    assert (merged["mergedInto"], merged["step"]) == ({"id": case, "state": "ASSIGNED"}, None)
    assert merged["endedAt"] is not None
    query = "query H($id: ID!) { caseHistory(caseId: $id) { topic zh: sentence(lang: ZH) } }"
    for one in (case, duplicate):
        topics = [entry["topic"] for entry in shared.graphql(query, {"id": one})["caseHistory"]]
        assert {"complaint.merged", "complaint.absorbed"} <= {*topics}
        assert topics.count("complaint.received") == 2, "both halves are one case"


def test_two_cases_merged_into_each_other_at_once_leave_one_open(shared: Any) -> None:
    for _ in range(5):
        one, two = taken(shared), taken(shared)
        document = """mutation M($input: MergeComplaintInput!) { mergeComplaint(input: $input) {
          __typename ... on ComplaintPayload { complaint { state } } } }"""
        answers = shared.together(
            *(
                shared.posted(
                    document,
                    {"input": {"complaintId": a, "intoId": b, "reason": "重复"}},
                )
                for a, b in ((one, two), (two, one))
            )
        )
        kinds = sorted(a.json()["data"]["mergeComplaint"]["__typename"] for a in answers)
        assert kinds in (
            ["ComplaintPayload", "MergeTargetEnded"],
            ["ComplaintPayload", "MergedCase"],
        )
        states = sorted(case_of(shared, case, "state")["state"] for case in (one, two))
        assert states == ["MERGED", "RECEIVED"]


def test_a_case_is_linked_with_what_there_is(shared: Any) -> None:
    case, other = taken(shared, CLOSED), taken(shared)
    shared.command("recordShipment", {"waybill": "LINK000001"})
    done(shared, "linkComplaint", complaintId=case, waybill="link000001")
    done(shared, "linkComplaint", complaintId=case, otherComplaintId=other)
    before = shared.events()
    done(shared, "linkComplaint", complaintId=case, otherComplaintId=other)
    assert shared.events() == before

    query = "query H($id: ID!) { caseHistory(caseId: $id) { topic } }"
    topics = [entry["topic"] for entry in shared.graphql(query, {"id": case})["caseHistory"]]
    assert "shipment.opened" in topics
    assert topics.count("complaint.received") == 2
    for given, answer in (
        ({"waybill": "NOWHERE001"}, ("NotFound", None)),
        ({"otherComplaintId": case}, ("InvalidValue target", "other_than_itself")),
        ({}, ("InvalidValue waybill, otherComplaintId", "exactly_one")),
        (
            {"waybill": "LINK000001", "otherComplaintId": other},
            ("InvalidValue waybill, otherComplaintId", "exactly_one"),
        ),
    ):
        assert refused(shared, "linkComplaint", complaintId=case, **given) == answer


# Texts and history


def test_markup_is_stored_and_returned_as_the_plain_text_that_it_is(shared: Any) -> None:
    texts = dict.fromkeys(("complainant", "contact", "subject", "facts", "request"), HTML)
    case = taken(shared, ASSIGNED, **texts)
    done(shared, "startInvestigation", complaintId=case, reason=HTML)
    done(shared, "recordInvestigation", complaintId=case, finding=HTML)
    given = RESOLUTION | {"rule": HTML, "proposal": HTML, "feasibility": HTML}
    done(shared, "proposeResolution", complaintId=case, **given)
    done(shared, "answerComplaint", complaintId=case, answer=HTML)
    done(shared, "addEvidence", complaintId=case, **EVIDENCE | {"reference": HTML, "note": HTML})

    fields = f"""{" ".join(texts)} proposal answer resolution {{ rule feasibility }}
      remarks {{ text }} evidence {{ reference note }}"""
    found = case_of(shared, case, fields)
    assert {found[name] for name in (*texts, "proposal", "answer")} == {HTML}
    assert found["resolution"] == {"rule": HTML, "feasibility": HTML}
    assert {remark["text"] for remark in found["remarks"]} == {HTML}
    assert found["evidence"] == [{"reference": HTML, "note": HTML}]
    query = "query H($id: ID!) { caseHistory(caseId: $id) { sentence reason } }"
    answer = safely(shared, query, {"id": case})["data"]["caseHistory"]
    assert HTML in {entry["reason"] for entry in answer}
    assert any(HTML in entry["sentence"] for entry in answer)


def test_every_event_of_a_case_is_a_sentence_in_both_languages(shared: Any) -> None:
    case = taken(shared, ASSIGNED, category="PRODUCT_QUALITY")
    other = taken(shared)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("addEvidence", EVIDENCE),
        ("supersedeEvidence", {"number": 1}),
        ("linkComplaint", {"otherComplaintId": other}),
        ("reassessSeverity", {"severity": "MAJOR", "reason": "影响大"}),
        ("markUrgency", {"urgent": True}),
        ("escalateComplaint", {"to": "m-1", "demandedBy": "MANAGER", "reason": "重大"}),
        ("nameAccused", {"accused": "courier-7"}),
        ("giveFeedback", {"feedback": "核查中"}),
        ("seekCompensation", {}),
        ("settleChecklistItem", {"item": "meeting", "outcome": "DONE"}),
        ("recordQualityStep", {"step": "MEETING_HELD", "departments": ["R&D"]}),
        ("waitForCustomer", {"asked": "请补充"}),
        ("resumeComplaint", {}),
        *CLOSED[2:],
        ("reopenComplaint", {"reason": "复发"}),
        ("reclassifyComplaint", {"category": "DELAY", "reason": "实为延误"}),
        ("withdrawComplaint", {"reason": "客户撤回"}),
    ]
    for name, given in steps:
        done(shared, name, complaintId=case, **given)

    query = """query H($id: ID!) { caseHistory(caseId: $id, linked: false) {
      topic version en: sentence zh: sentence(lang: ZH) reason actor role occurredAt } }"""
    entries = shared.graphql(query, {"id": case}, "auditor")["caseHistory"]
    assert [entry["version"] for entry in entries] == list(range(1, len(entries) + 1))
    assert len(entries) == len(steps) + 3
    for entry in entries:
        assert has_chinese(entry["zh"]), entry
        assert not {*"{}"} & {*entry["en"], *entry["zh"]}
        assert "None" not in entry["en"] + entry["zh"]
        plain = entry["en"].replace(RESOLUTION["rule"], "")
        assert not has_chinese(plain), entry
    times = [instant(entry["occurredAt"]) for entry in entries]
    assert times == sorted(times)
