"""What a command about a case is refused for: its type, code and rule, in both languages."""

import hashlib
from base64 import b64encode
from typing import Any

import pytest

from application.permissions import PERMISSIONS
from tests.api.cases import (
    ANSWERED,
    ASSIGNED,
    CLOSED,
    CLOSED_AT_ONCE,
    COMMANDS,
    EVIDENCE,
    FIRST_CONTACT,
    INVESTIGATING,
    NOBODY,
    PROPOSED,
    REGISTERED,
    RESOLUTION,
    SECRET,
    ago,
    case_of,
    done,
    refused,
    safely,
    taken,
    tell,
)

LIMITS = {
    "explanation": 20_000,
    "finding": 20_000,
    "proposal": 20_000,
    "feasibility": 2_000,
    "rule": 300,
    "objection": 20_000,
    "answer": 20_000,
    "note": 20_000,
    "asked": 20_000,
    "comment": 20_000,
    "reference": 1_000,
    "feedback": 20_000,
    "reason": 1_000,
}
TEXTS = [(name, field) for name, given in COMMANDS.items() for field in LIMITS if field in given]
CONFLICT = ("ConflictOfInterest", "conflict_of_interest")


STEPS: dict[str, Any] = {
    "registerComplaint": (),
    "declineComplaint": (),
    "startInvestigation": ASSIGNED,
    "recordInvestigation": INVESTIGATING,
    "proposeResolution": INVESTIGATING,
    "agreeResolution": PROPOSED,
    "rejectResolution": PROPOSED,
    "carryOutRemedy": ANSWERED,
    "followUpComplaint": FIRST_CONTACT,
    "closeComplaint": FIRST_CONTACT,
    "disputeAnswer": FIRST_CONTACT,
    "rateHandling": CLOSED_AT_ONCE,
    "reopenComplaint": CLOSED_AT_ONCE,
    "resumeComplaint": (*REGISTERED, ("waitForCustomer", {"asked": "?"})),
}
"""The way to a state in which a command is allowed, if that is not the registered one."""


class Cases:
    """Cases that are taken in once, for commands that are all refused."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._taken: dict[str, str] = {}

    def fit(self, command: str, **intake: Any) -> dict[str, Any]:
        """Return what a command needs, about a case in a state in which it is allowed."""
        given = {"complaintId": self._case(STEPS.get(command, REGISTERED), **intake)}
        return given | self.fitting(COMMANDS[command])

    def fitting(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return what is given with another case where there must be one."""
        others = {name for name in ("intoId", "otherComplaintId") if name in given}
        return given | dict.fromkeys(others, self._case(ASSIGNED))

    def _case(self, steps: Any, **intake: Any) -> str:
        key = repr((steps, intake))
        if key not in self._taken:
            self._taken[key] = taken(self._api, steps, **intake)
        return self._taken[key]


@pytest.fixture(scope="module")
def cases(shared: Any) -> Cases:
    return Cases(shared)


@pytest.fixture(scope="module")
def merged(shared: Any) -> tuple[str, str]:
    """A merged case and the one in which it goes on."""
    into, case = taken(shared, ASSIGNED), taken(shared, ASSIGNED)
    done(shared, "mergeComplaint", complaintId=case, intoId=into, reason="重复")
    return case, into


THEN = ago(days=50)
"""When agent-1 had a role, and the department old was still open."""


@pytest.fixture
def staffed(api: Any) -> Any:
    """An organisation with a department of the past and a person with a role in the past."""

    def order(name: str, payload: str, given: dict[str, Any]) -> None:
        kind = name[0].upper() + name[1:] + "Input"
        document = f"""mutation M($i: {kind}!) {{ {name}(input: $i) {{ __typename
          ... on {payload} {{ position }} }} }}"""
        answer = api.graphql(document, {"i": given}, "administrator")[name]
        assert answer["__typename"] == payload

    office, hub, old = (
        {"kind": kind, "code": code}
        for kind, code in (("HEAD_OFFICE", "hq"), ("DEPARTMENT", "hub"), ("DEPARTMENT", "old"))
    )
    founded = {"occurredAt": ago(days=90), "nameEn": "x", "nameZh": "某"}
    order("foundUnit", "UnitPayload", office | founded)
    for unit in (hub, old):
        order("foundUnit", "UnitPayload", unit | founded | {"parent": office})
    order("closeUnit", "UnitPayload", {"unit": old, "occurredAt": ago(days=40)})
    for person in ("agent-1", "agent-2"):
        order("joinStaff", "PersonPayload", {"person": person})
    held = {"role": "INVESTIGATOR", "startsAt": ago(days=60), "endsAt": ago(days=40)}
    order("appointPerson", "AppointmentPayload", {"person": "agent-1", "unit": hub} | held)
    return api


# The life cycle


@pytest.mark.parametrize("command", COMMANDS)
def test_a_merged_case_refuses_every_command_and_names_the_case_that_goes_on(
    shared: Any, cases: Cases, merged: tuple[str, str], command: str
) -> None:
    case, into = merged
    given = cases.fitting(COMMANDS[command])

    assert refused(shared, command, "account_agent", complaintId=case, **given) == (
        "MergedCase",
        "merged",
    )
    message = tell(shared, command, "account_agent", complaintId=case, **given)["message"]
    target = message.rpartition(" ")[2]
    found = case_of(shared, target, "id state")
    assert found == {"id": into, "state": "ASSIGNED"}


@pytest.mark.parametrize(
    ("steps", "command", "rule", "chinese"),
    [
        ((), "closeComplaint", "order", "须按案件步骤顺序办理"),
        (REGISTERED, "registerComplaint", "order", "须按案件步骤顺序办理"),
        (ANSWERED, "proposeResolution", "order", "须按案件步骤顺序办理"),
        (REGISTERED, "resumeComplaint", "not_waiting", "案件未处于等待客户状态"),
        (CLOSED, "resumeComplaint", "closed", "案件已结案，请先重新开启"),
        (CLOSED, "addEvidence", "closed", "案件已结案，请先重新开启"),
        (REGISTERED, "reopenComplaint", "not_closed", "结案后方可办理"),
        (ANSWERED, "rateHandling", "not_closed", "结案后方可办理"),
        ([("withdrawComplaint", {})], "registerComplaint", "ended", "案件已终结"),
        ([("declineComplaint", {"explanation": "建议"})], "reopenComplaint", "ended", "案件已终结"),
        (
            [*REGISTERED, ("waitForCustomer", {"asked": "?"})],
            "waitForCustomer",
            "waiting",
            "案件等待客户，请先恢复",
        ),
    ],
)
def test_a_command_that_does_not_fit_the_state_is_refused_by_a_rule(
    shared: Any, steps: Any, command: str, rule: str, chinese: str
) -> None:
    given = {"complaintId": taken(shared, steps)} | COMMANDS[command]

    assert refused(shared, command, "account_agent", **given) == ("WrongState", rule)
    message = tell(shared, command, "account_agent", language="zh", **given)["message"]
    assert message.endswith(f"：{chinese}")
    message = tell(shared, command, "account_agent", **given)["message"]
    assert ": " in message


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_refused_to_who_may_not_about_what_is_not_and_before_the_receipt(
    shared: Any, cases: Cases, command: str
) -> None:
    given = cases.fit(command)
    assert refused(shared, command, "reviewer", **given) == ("NotPermitted", "permissions")
    nobody = given | {"complaintId": NOBODY}
    assert refused(shared, command, "account_agent", **nobody) == ("NotFound", None)
    for at, rule in (
        ("2001-01-01T00:00:00Z", "before"),
        ("1969-12-31T23:59:59Z", "before"),
        ("2999-01-01T00:00:00Z", "in_the_future"),
    ):
        assert refused(shared, command, "account_agent", **given, occurredAt=at) == (
            "InvalidValue occurredAt",
            rule,
        )


def test_these_are_all_commands_about_a_case() -> None:
    aside = {"receiveComplaint", "importComplaint"}
    of_cases = [*PERMISSIONS]
    begin, end = of_cases.index("receiveComplaint"), of_cases.index("adoptComplaintPolicy")
    assert {*of_cases[begin:end]} - aside == {*COMMANDS}


# Texts


@pytest.mark.parametrize(("command", "field"), TEXTS)
def test_a_text_that_is_empty_too_long_or_damaged_is_refused_by_its_field(
    shared: Any, cases: Cases, command: str, field: str
) -> None:
    mine = cases.fit(command)
    for bad, rule in (
        (" \n\t　", "required"),
        ((SECRET * LIMITS[field])[: LIMITS[field] + 1], "too_long"),
        (f"{SECRET}\u0000", "control_characters"),
        (f"{SECRET}\u001b[31m", "control_characters"),
        (f"{SECRET}\ufffe", "control_characters"),
    ):
        given = mine | {field: bad}
        assert refused(shared, command, "account_agent", **given) == (f"InvalidValue {field}", rule)


def test_what_is_no_code_no_person_and_no_score_is_refused_by_its_field(
    shared: Any, cases: Cases
) -> None:
    long = "x" * 10_000
    for command, field, values, rule in (
        ("assignComplaint", "department", ("", "\u0000", long, "<b>", "a;b"), "code_format"),
        ("assignComplaint", "handler", ("", SECRET, "a b", long), "code_format"),
        ("nameAccused", "accused", ("", SECRET, "\u0000"), "code_format"),
        ("escalateComplaint", "to", ("", SECRET, long), "code_format"),
        ("recordQualityStep", "departments", (["R&D", ""], [long]), "code_format"),
        ("rateHandling", "score", (0, 6, -1, 2**31 - 1), "out_of_range"),
        ("settleChecklistItem", "item", ("", long, "'; --", "apologise"), "not_in_list"),
        ("mergeComplaint", "intoId", ("", "x", long), "not_an_id"),
        ("linkComplaint", "otherComplaintId", ("", "x", long), "not_an_id"),
    ):
        for value in values:
            given = cases.fit(command) | {field: value}
            assert refused(shared, command, **given) == (f"InvalidValue {field}", rule), value


# A resolution


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"rule": ""}, "rule", "required"),
        ({"rule": " "}, "rule", "required"),
        ({"measures": []}, "measures", "required"),
        ({"feasibility": ""}, "feasibility", "required"),
        ({"proposal": ""}, "proposal", "required"),
    ],
)
def test_a_resolution_without_its_rule_its_measures_or_its_feasibility_is_refused(
    shared: Any, cases: Cases, given: dict[str, Any], field: str, rule: str
) -> None:
    resolution = cases.fit("proposeResolution") | given

    assert refused(shared, "proposeResolution", **resolution) == (
        f"InvalidValue {field}",
        rule,
    )


def test_an_answer_needs_a_resolution_and_a_remedy_an_agreement(shared: Any) -> None:
    forwarded = {"complaintId": taken(shared, ASSIGNED)}
    answer = {"answer": "已答复"}
    assert refused(shared, "answerComplaint", **forwarded, **answer) == (
        "ResolutionNeeded",
        "resolution_names_rule",
    )
    enquiry = {"complaintId": taken(shared, ASSIGNED, category="ENQUIRY")}
    assert done(shared, "answerComplaint", **enquiry, **answer)["state"] == "ANSWERED"
    for command in ("agreeResolution", "carryOutRemedy"):
        assert refused(shared, command, **enquiry)[0] == "ResolutionNeeded"

    proposed = {"complaintId": taken(shared, PROPOSED)}
    done(shared, "answerComplaint", **proposed, **answer)
    assert refused(shared, "carryOutRemedy", **proposed) == (
        "NotAgreed",
        "agreed_before_remedy",
    )
    done(shared, "agreeResolution", **proposed)
    for command, more in (("closeComplaint", {}), ("followUpComplaint", {"outcome": "SATISFIED"})):
        assert refused(shared, command, **proposed, **more) == ("RemedyOutstanding", "remedy_first")
    done(shared, "carryOutRemedy", **proposed, measures=["APOLOGY"])
    for measures in (["APOLOGY"], ["REDELIVERY", "COUPON"]):
        assert refused(shared, "carryOutRemedy", **proposed, measures=measures) == (
            "InvalidValue measures",
            "not_in_list",
        )
    assert refused(shared, "closeComplaint", **proposed)[0] == "RemedyOutstanding"
    done(shared, "carryOutRemedy", **proposed, measures=["REDELIVERY"])


# Evidence


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"sha256": ""}, "sha256", "digest_format"),
        ({"sha256": "ab" * 31}, "sha256", "digest_format"),
        ({"sha256": "ab" * 33}, "sha256", "digest_format"),
        ({"sha256": "zz" * 32}, "sha256", "digest_format"),
        ({"sha256": "ａ" * 64}, "sha256", "digest_format"),
        ({"sha256": "a" * 100_000}, "sha256", "digest_format"),
        ({"mediaType": "jpeg"}, "mediaType", "media_type_format"),
        ({"mediaType": "image/<svg>"}, "mediaType", "media_type_format"),
        ({"mediaType": "image/jpeg\nx"}, "mediaType", "media_type_format"),
        ({"mediaType": "image/jpeg; charset=x"}, "mediaType", "media_type_format"),
        ({"size": 0}, "size", "out_of_range"),
        ({"size": -5}, "size", "out_of_range"),
        ({"size": 2**40 + 1}, "size", "out_of_range"),
        ({"size": 2**63 - 1}, "size", "out_of_range"),
        ({"contentBase64": b64encode(b"hell0").decode()}, "sha256", "digest_mismatch"),
        ({"contentBase64": b64encode(b"hello!").decode()}, "size", "digest_mismatch"),
        ({"contentBase64": ""}, "size", "digest_mismatch"),
        ({"contentBase64": "###"}, "contentBase64", "not_base64"),
        ({"contentBase64": "aGVsbG8"}, "contentBase64", "not_base64"),
        ({"contentBase64": "你好"}, "contentBase64", "not_base64"),
    ],
    ids=str,
)
def test_evidence_that_is_not_what_its_digest_says_is_refused(
    shared: Any, cases: Cases, given: dict[str, Any], field: str, rule: str
) -> None:
    evidence = cases.fit("addEvidence") | given

    assert refused(shared, "addEvidence", **evidence) == (f"InvalidValue {field}", rule)
    shown = case_of(shared, evidence["complaintId"], "evidence { sha256 }")["evidence"]
    assert shown == []


def test_content_is_checked_and_never_stored(shared: Any) -> None:
    content = SECRET.encode() * 1000
    given = EVIDENCE | {
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "contentBase64": b64encode(content).decode(),
    }
    case = taken(shared)
    before = shared.rows("SELECT max(length(state)) FROM log.stored_events")

    done(shared, "addEvidence", complaintId=case, **given)

    assert shared.rows("SELECT max(length(state)) FROM log.stored_events") == before


# Merging


def test_a_complaint_is_merged_only_into_another_one_that_is_open(shared: Any) -> None:
    case = taken(shared, REGISTERED)
    mine = {"complaintId": case, "reason": "重复"}
    assert refused(shared, "mergeComplaint", **mine, intoId=case) == ("MergeIntoSelf", "merge")
    assert refused(shared, "mergeComplaint", **mine, intoId=NOBODY) == ("NotFound", None)
    other, third = taken(shared), taken(shared)
    done(shared, "mergeComplaint", complaintId=other, intoId=third, reason="重复")
    for ended, state, name in (
        (other, "merged into another complaint", "已合并"),
        (taken(shared, CLOSED_AT_ONCE), "closed", "已结案"),
        (taken(shared, [("withdrawComplaint", {})]), "withdrawn by the customer", "客户已撤回"),
        (taken(shared, [("declineComplaint", {"explanation": "x"})]), "declined", "不予立案"),
    ):
        given = mine | {"intoId": ended}
        assert refused(shared, "mergeComplaint", **given) == ("MergeTargetEnded", "merge")
        assert tell(shared, "mergeComplaint", **given)["message"].endswith(f"in state {state}")
        message = tell(shared, "mergeComplaint", language="zh", **given)["message"]
        assert message.endswith(f"目标当前状态为{name}")


def test_merges_never_form_a_circle(shared: Any) -> None:
    one, two, three = (taken(shared) for _ in range(3))
    reason = {"reason": "重复"}
    done(shared, "mergeComplaint", complaintId=one, intoId=two, **reason)
    done(shared, "mergeComplaint", complaintId=two, intoId=three, **reason)

    for into in (one, two):
        answer = refused(shared, "mergeComplaint", complaintId=three, intoId=into, **reason)
        assert answer == ("MergeTargetEnded", "merge")
    followed = case_of(shared, one, "mergedInto { id mergedInto { id state mergedInto { id } } }")
    assert followed["mergedInto"]["id"] == two
    assert followed["mergedInto"]["mergedInto"] == {
        "id": three,
        "state": "RECEIVED",
        "mergedInto": None,
    }


# Reopening and rating


def test_a_case_is_reopened_within_thirty_days_of_its_closing_for_a_reason(shared: Any) -> None:
    old = taken(shared, CLOSED_AT_ONCE, occurredAt=ago(days=30, minutes=5))
    given = {"complaintId": old, "reason": "复发"}
    assert refused(shared, "reopenComplaint", **given) == ("ReopeningTooLate", "reopening_limit")
    message = tell(shared, "reopenComplaint", language="zh", **given)["message"]
    assert "30天" in message

    recent = taken(shared, CLOSED_AT_ONCE, occurredAt=ago(days=29, hours=23))
    assert refused(shared, "reopenComplaint", complaintId=recent) == (
        "InvalidValue reason",
        "required",
    )
    done(shared, "reopenComplaint", complaintId=recent, reason="复发")
    assert case_of(shared, recent, "state closedAt") == {"state": "REGISTERED", "closedAt": None}

    received, closed = ago(days=20), ago(days=10)
    case = taken(shared, FIRST_CONTACT, occurredAt=received)
    done(shared, "closeComplaint", complaintId=case, occurredAt=closed)
    early = {"complaintId": case, "reason": "复发", "occurredAt": ago(days=15)}
    assert refused(shared, "reopenComplaint", **early) == ("InvalidValue occurredAt", "before")


WORK: list[tuple[str, dict[str, Any]]] = [
    ("startInvestigation", {}),
    ("recordInvestigation", {"finding": "查清"}),
    ("giveFeedback", {"feedback": "核查中"}),
    ("proposeResolution", RESOLUTION),
    ("answerComplaint", {"answer": "已答复"}),
    ("agreeResolution", {}),
    ("carryOutRemedy", {}),
    ("followUpComplaint", {"outcome": "SATISFIED"}),
    ("closeComplaint", {}),
]


@pytest.mark.parametrize(
    "command", [name for name, _ in WORK if name not in {"agreeResolution", "followUpComplaint"}]
)
def test_whoever_worked_on_a_case_does_not_take_down_its_rating(shared: Any, command: str) -> None:
    case = taken(shared, ASSIGNED)
    for name, given in WORK:
        done(
            shared,
            name,
            "account_agent" if name == command else "back_office",
            complaintId=case,
            **given,
        )
    rating = {"complaintId": case, "score": 5}

    assert refused(shared, "rateHandling", "account_agent", **rating) == ("OwnCase", "own_case")
    assert done(shared, "rateHandling", "front_desk", **rating)


def test_whoever_had_a_case_does_not_take_down_its_rating(shared: Any) -> None:
    handed = ("assignComplaint", {"department": "hub", "handler": "account_agent-1"})
    back = ("assignComplaint", {"department": "hub", "handler": "agent-9"})
    escalated = (
        "escalateComplaint",
        {"to": "account_agent-1", "demandedBy": "MANAGER", "reason": "重大"},
    )
    for steps in ([*REGISTERED, handed, back], [*ASSIGNED, escalated]):
        case = taken(shared, [*steps, *CLOSED[2:]])
        rating = {"complaintId": case, "score": 5}
        assert refused(shared, "rateHandling", "account_agent", **rating) == (
            "OwnCase",
            "own_case",
        )
        assert refused(shared, "rateHandling", "front_desk", **rating)[0] == "OwnCase"


# The person complained about


@pytest.mark.parametrize("command", COMMANDS)
def test_the_person_complained_about_gives_no_command_in_the_case(
    shared: Any, cases: Cases, command: str
) -> None:
    given = cases.fit(command, accused="account_agent-1")

    assert refused(shared, command, "account_agent", **given) == CONFLICT


def test_the_person_complained_about_never_gets_the_case(shared: Any) -> None:
    case = taken(shared, REGISTERED, accused="courier-7")
    to = {"department": "hub", "handler": "courier-7"}
    assert refused(shared, "assignComplaint", complaintId=case, **to) == CONFLICT
    up = {"to": "courier-7", "demandedBy": "CUSTOMER", "reason": "重大"}
    assert refused(shared, "escalateComplaint", complaintId=case, **up) == CONFLICT
    mine = taken(shared)
    target = taken(shared, accused="account_agent-1")
    given = {"complaintId": mine, "intoId": target, "reason": "重复"}
    assert refused(shared, "mergeComplaint", "account_agent", **given) == CONFLICT


# The organisation


def test_a_person_without_a_role_at_that_time_gets_no_case(staffed: Any) -> None:
    case = taken(staffed, REGISTERED, occurredAt=THEN)
    now, then = {"complaintId": case}, {"complaintId": case, "occurredAt": THEN}
    to = {"department": "hub", "handler": "agent-1"}
    up = {"to": "agent-1", "demandedBy": "MANAGER", "reason": "重大"}
    no_role = ("NoRoleAtThatTime", "role_at_that_time")

    assert refused(staffed, "assignComplaint", **now, **to) == no_role
    assert refused(staffed, "escalateComplaint", **now, **up) == no_role
    for nobody in ("agent-2", "stranger"):
        assert refused(staffed, "assignComplaint", **then, **to | {"handler": nobody}) == no_role
    assert done(staffed, "assignComplaint", **then, **to)["state"] == "ASSIGNED"
    done(staffed, "escalateComplaint", **then, **up)


def test_a_department_that_is_not_open_at_that_time_gets_no_case(staffed: Any) -> None:
    case = taken(staffed, REGISTERED, occurredAt=THEN, category="PRODUCT_QUALITY")
    not_open = ("UnitNotOpen", "unit_at_that_time")

    for department in ("nowhere", "old", "HUB"):
        to = {"complaintId": case, "department": department}
        assert refused(staffed, "assignComplaint", **to) == not_open
        step = {"complaintId": case, "step": "MEETING_HELD", "departments": ["hub", department]}
        assert refused(staffed, "recordQualityStep", **step) == not_open
    then = {"complaintId": case, "department": "old", "occurredAt": THEN}
    assert done(staffed, "assignComplaint", **then)["state"] == "ASSIGNED"


# Repeated requests


def test_a_refusal_under_an_idempotency_key_is_told_again(
    shared: Any, merged: tuple[str, str]
) -> None:
    case, _into = merged
    late = taken(shared, CLOSED_AT_ONCE, occurredAt=ago(days=40))
    for name, given in (
        ("closeComplaint", {"complaintId": case}),
        ("reopenComplaint", {"complaintId": late, "reason": "复发"}),
    ):
        document = f"""mutation M($i: ComplaintInput!) {{ {name}(input: $i) {{ __typename
          ... on Refusal {{ code message rule }} }} }}"""
        answers = [
            shared.graphql(document, {"i": given}, Idempotency_Key=f"again-{name}")[name]
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert answers[0]["code"] in {"MERGED_CASE", "REOPENING_TOO_LATE"}


def test_a_secret_in_any_text_of_a_refused_command_stays_one(
    shared: Any, cases: Cases, caplog: Any, capfd: Any
) -> None:
    closed = {"complaintId": cases.fit("reopenComplaint")["complaintId"]}
    for command, field in TEXTS:
        if command not in {"rateHandling", "reopenComplaint"}:
            given = cases.fitting(COMMANDS[command]) | closed | {field: SECRET}
            assert refused(shared, command, "account_agent", **given)[0] == "WrongState"
    document = "mutation M($i: AnswerComplaintInput!) { answerComplaint(input: $i) { __typename } }"
    for bad in ({"answer": [SECRET]}, {"answer": SECRET, "more": SECRET}, {"answer": None}):
        assert safely(shared, document, {"i": closed | bad})["errors"]
    assert SECRET not in caplog.text + "".join(capfd.readouterr())
