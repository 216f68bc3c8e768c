"""Complaints over HTTP: the whole life, refusals as types, and requests that ask for trouble."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from domain.categories import Category

SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
STATE = "query C($id: ID!) { complaint(id: $id) { state answer version: number } }"
RECEIVE = """
mutation Receive($input: ReceiveComplaintInput!) {
  receiveComplaint(input: $input) {
    __typename
    ... on ComplaintPayload { position complaint { id number state } }
    ... on Refusal { code message rule }
    ... on InvalidValue { field }
  }
}
"""
MINIMAL = {
    "channel": "PHONE",
    "category": "DELAY",
    "complainant": SECRET,
    "subject": SECRET,
    "facts": SECRET,
}
RESOLUTION = {
    "ruleSource": "LAW",
    "rule": "快递暂行条例第二十七条",
    "measures": ["APOLOGY"],
    "proposal": "致歉",
    "feasibility": "可行",
}
INSIDE = (
    *("psycopg", "Traceback", "File \\", ".py", "SELECT ", "read.complaints", "site-packages"),
    *("UnicodeEncodeError", "DataError", "orjson", "asyncpg", "OverflowError", "UntranslatableCh"),
)


def safe(api: Any, *given: Any, **headers: Any) -> Any:
    """Send something hostile; whatever comes back tells nothing of the inside or of a person."""
    response = api.post(*given, **headers)
    return answer_of(response)


def answer_of(response: Any) -> Any:
    text = response.text
    assert [word for word in (*INSIDE, SECRET) if word in text] == []
    assert response.status_code < 500, text
    answer = response.json()
    for error in answer.get("errors", ()):
        assert error.get("extensions", {}).get("code") != "INTERNAL", text
    return answer


# A life


def test_a_complaint_from_the_first_word_to_the_rating(api: Any) -> None:
    complaint = api.receive()
    assert complaint["state"] == "RECEIVED"
    assert complaint["number"].startswith("C-")
    given = {"complaintId": complaint["id"], "reason": "by the book"}

    steps = [
        ("registerComplaint", {}, "REGISTERED"),
        ("assignComplaint", {"department": "line haul", "handler": "agent-9"}, "ASSIGNED"),
        ("assignComplaint", {"department": "hub 3"}, "ASSIGNED"),
        ("startInvestigation", {}, "INVESTIGATING"),
        ("recordInvestigation", {"finding": "分拣错误"}, "INVESTIGATING"),
        ("proposeResolution", RESOLUTION, "PROPOSED"),
        ("agreeResolution", {}, "AGREED"),
        ("answerComplaint", {"answer": "运费已退"}, "ANSWERED"),
        ("carryOutRemedy", {}, "REMEDIED"),
        ("followUpComplaint", {"outcome": "SATISFIED"}, "FOLLOWED_UP"),
        ("closeComplaint", {}, "CLOSED"),
        ("rateHandling", {"score": 4, "comment": "好"}, "CLOSED"),
    ]
    positions = []
    for name, more, state in steps:
        # Who worked on a case does not take down how it is rated.
        role = "account_agent" if name == "rateHandling" else "front_desk"
        answer = api.command(name, given | more, role)
        assert answer["complaint"]["state"] == state, name
        positions.append(answer["position"])

    assert positions == sorted(set(positions))
    query = """query C($id: ID!) { complaint(id: $id) {
      state stateLabel(lang: ZH) department handler score answer ratingComment firstContact
      complainant facts receivedAt registeredAt assignedAt answeredAt closedAt declinedAt } }"""
    after = api.graphql(query, {"id": complaint["id"]}, Redress_After=str(positions[-1]))
    found = after["complaint"]
    assert (found["state"], found["stateLabel"]) == ("CLOSED", "已结案")
    assert (found["department"], found["handler"]) == ("hub 3", None)
    assert (found["score"], found["ratingComment"]) == (4, "好")
    assert (found["answer"], found["firstContact"]) == ("运费已退", False)
    assert (found["complainant"], found["declinedAt"]) == ("王小明", None)
    times = [found[f"{step}At"] for step in ("received", "registered", "assigned", "answered")]
    assert times == sorted(times)


def test_what_is_no_complaint_is_declined_with_an_explanation(api: Any) -> None:
    complaint = api.receive()
    given = {"complaintId": complaint["id"], "explanation": "一项建议"}

    assert api.command("declineComplaint", given)["complaint"]["state"] == "DECLINED"
    query = "query C($id: ID!) { complaint(id: $id) { explanation declinedAt } }"
    found = api.graphql(query, {"id": complaint["id"]})["complaint"]
    assert found["explanation"] == "一项建议"
    assert found["declinedAt"].endswith("Z")


def test_a_payload_shows_the_state_after_the_command_however_many_come(api: Any) -> None:
    complaints = api.together(*(api.posted(RECEIVE, {"input": MINIMAL}) for _ in range(20)))
    ids = [r.json()["data"]["receiveComplaint"]["complaint"]["id"] for r in complaints]

    for name, state in (("registerComplaint", "REGISTERED"), ("answerComplaint", "ANSWERED")):
        more = {"answer": "x"} if name.startswith("answer") else {}
        document = command_document(name)
        answers = api.together(
            *(api.posted(document, {"input": {"complaintId": i} | more}) for i in ids)
        )
        states = {r.json()["data"][name]["complaint"]["state"] for r in answers}
        assert states == {state}


def command_document(name: str) -> str:
    kind = "AnswerComplaintInput" if name == "answerComplaint" else "ComplaintInput"
    return f"""mutation M($input: {kind}!) {{ {name}(input: $input) {{ __typename
      ... on ComplaintPayload {{ position complaint {{ id state answer }} }}
      ... on Refusal {{ code message rule }} }} }}"""


def test_a_query_waits_for_the_position_that_it_names(api: Any) -> None:
    for _ in range(10):
        answer = api.graphql(
            "mutation M($input: ReceiveComplaintInput!) { receiveComplaint(input: $input)"
            " { ... on ComplaintPayload { position } } }",
            {"input": MINIMAL},
        )["receiveComplaint"]
        query = "{ complaints { totalCount } ratings { totalCount } }"
        found = api.graphql(query, None, Redress_After=str(answer["position"]))
        api.rows("SELECT 1")
        ((count,),) = api.rows("SELECT count(*) FROM read.complaints")
        assert found["complaints"]["totalCount"] == count


def test_a_position_that_never_comes_is_a_clear_error(api: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.positions.Positions.wait_for.__defaults__", (0.2,))

    for position in (10**6, 2**63 - 1):
        assert (
            api.code("{ viewer { actor } }", None, "front_desk", Redress_After=str(position))
            == "NOT_YET_PROJECTED"
        )


@pytest.mark.parametrize("header", ["-1", "1.0", "x", "", "٣", "9" * 40, "1 OR 1=1", "1e3", "+1"])
def test_a_malformed_position_is_a_problem(shared: Any, header: str) -> None:
    response = shared.run(
        shared.send(
            "POST",
            "/graphql",
            headers={"Redress-After": header.encode()},
            json={"query": "{ viewer { actor } }"},
        )
    )

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 400
    assert "Redress-After" in response.json()["detail"]


# Refusals

ENGLISH = "close is not possible in state received: the steps of a case follow their order"
CHINESE = "当前状态（已接收）下不能执行close：须按案件步骤顺序办理"


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("de, zh;q=0.3, en;q=0.2", CHINESE),
        ("", ENGLISH),
        ("zh;q=0, en", ENGLISH),
        (";;;,q=x,\x01", ENGLISH),
    ],
)
def test_a_refusal_comes_in_the_callers_language(shared: Any, language: str, message: str) -> None:
    complaint = shared.receive()
    given = {"complaintId": complaint["id"]}

    answer = shared.command("closeComplaint", given, Accept_Language=language)

    assert answer == {
        "__typename": "WrongState",
        "code": "WRONG_STATE",
        "message": message,
        "rule": "order",
    }


def test_each_step_is_refused_in_the_wrong_state(api: Any) -> None:
    complaint = {"complaintId": api.receive()["id"]}
    for name, more in (
        ("assignComplaint", {"department": "north"}),
        ("closeComplaint", {}),
        ("rateHandling", {"score": 3}),
    ):
        assert api.command(name, complaint | more)["__typename"] == "WrongState"
    api.command("answerComplaint", complaint | {"answer": "x"})
    for name, more in (
        ("registerComplaint", {}),
        ("declineComplaint", {"explanation": "x"}),
        ("answerComplaint", {"answer": "x"}),
    ):
        assert api.command(name, complaint | more)["__typename"] == "WrongState"
    api.command("closeComplaint", complaint)
    rating = complaint | {"score": 3}
    assert api.command("rateHandling", rating)["__typename"] == "OwnCase"
    assert api.command("rateHandling", rating, "account_agent")["__typename"] == "ComplaintPayload"
    assert api.command("rateHandling", rating, "account_agent")["__typename"] == "AlreadyRated"


def test_refusals_name_what_is_wrong(api: Any) -> None:
    complaint = api.receive(accused="courier-7")
    mine = {"complaintId": complaint["id"]}
    api.command("registerComplaint", mine)
    nobody = {"complaintId": "01890000-0000-7000-8000-000000000000"}

    conflict = api.command(
        "assignComplaint", mine | {"department": "north", "handler": "courier-7"}
    )
    missing = api.command("closeComplaint", nobody)
    forbidden = api.command("closeComplaint", mine, "reviewer")
    late = api.command(
        "assignComplaint",
        mine
        | {
            "department": "north",
            "occurredAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        },
    )

    assert conflict["code"] == "CONFLICT_OF_INTEREST"
    assert missing["code"] == "NOT_FOUND"
    assert (forbidden["code"], forbidden["rule"]) == ("NOT_PERMITTED", "permissions")
    assert (late["code"], late["field"], late["rule"]) == (
        "INVALID_VALUE",
        "occurredAt",
        "in_the_future",
    )


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        ({"waybill": "no waybill"}, "waybill", "waybill_format"),
        ({"waybill": "SF1"}, "waybill", "waybill_format"),
        ({"waybill": "'; DROP TABLE x"}, "waybill", "waybill_format"),
        ({"facts": ""}, "facts", "required"),
        ({"facts": " \n\t　"}, "facts", "required"),
        ({"facts": "x" * 20_001}, "facts", "too_long"),
        ({"subject": SECRET * 30}, "subject", "too_long"),
        ({"complainant": "a\u0000b"}, "complainant", "control_characters"),
        ({"facts": "\u0000"}, "facts", "control_characters"),
        ({"reason": "a\u0000b"}, "reason", "control_characters"),
        ({"region": "a\u0000b"}, "region", "code_format"),
        ({"accused": "王小明"}, "accused", "code_format"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, "occurredAt", "in_the_future"),
        ({"customerReference": ""}, "customerReference", "required"),
        ({"partnerReference": "x" * 101}, "partnerReference", "too_long"),
        ({"serviceLevels": "Key account"}, "serviceLevels", "code_format"),
        ({"serviceLevels": "\u0000"}, "serviceLevels", "code_format"),
        ({"serviceLevels": "nobodys"}, "serviceLevels", "not_in_list"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_by_name(
    shared: Any, given: dict[str, Any], field: str, rule: str
) -> None:
    before = shared.events()
    for language in ("en", "zh"):
        answer = safe(shared, RECEIVE, {"input": MINIMAL | given}, Accept_Language=language)
        refusal = answer["data"]["receiveComplaint"]
        assert refusal["__typename"] == "InvalidValue"
        assert (refusal["code"], refusal["field"], refusal["rule"]) == (
            "INVALID_VALUE",
            field,
            rule,
        )
        assert refusal["message"].startswith(field)
    assert shared.events() == before


def test_a_lone_surrogate_is_no_json(shared: Any) -> None:
    for field in ("facts", "complainant", "region", "waybill", "reason", "customerReference"):
        body = orjson.dumps({"query": RECEIVE, "variables": {"input": MINIMAL}})
        damaged = orjson.loads(body)
        damaged["variables"]["input"][field] = "SURROGATE"
        text = orjson.dumps(damaged).replace(b"SURROGATE", b"x\\ud800y")
        response = shared.run(
            shared.send(
                "POST", "/graphql", content=text, headers={"Content-Type": "application/json"}
            )
        )
        assert response.status_code == 400, field
        assert "JSON" in response.text


@pytest.mark.parametrize(
    "given",
    [
        {"channel": "PIGEON"},
        {"channel": "phone"},
        {"channel": "\ufffe"},
        {"channel": None},
        {"facts": None},
        {"facts": 5},
        {"facts": ["x"]},
        {"facts": {"x": "y"}},
        {"urgent": "yes"},
        {"occurredAt": "yesterday"},
        {"occurredAt": "2026-01-01"},
        {"occurredAt": "2026-01-01T00:00:00"},
        {"occurredAt": 5},
        {"occurredAt": "0001-01-01T00:00:00+23:00"},
        {"somethingElse": SECRET},
    ],
    ids=str,
)
def test_what_does_not_fit_the_schema_is_an_error_of_the_request(
    shared: Any, given: dict[str, Any]
) -> None:
    before = shared.events()
    response = shared.post(RECEIVE, {"input": MINIMAL | given})

    assert shared.events() == before
    assert response.status_code < 500
    answer = response.json()
    assert answer.get("data") is None
    assert [word for word in INSIDE if word in response.text] == []


def test_an_error_of_the_request_quotes_no_value(shared: Any, caplog: Any) -> None:
    """Neither to the caller nor in a line of the log."""
    for given in ({"somethingElse": 1}, {"facts": [SECRET]}, {"urgent": SECRET}, {"facts": None}):
        text = shared.post(RECEIVE, {"input": MINIMAL | given}).text
        assert "invalid value" in text
        assert "王小明" not in text
    inline = f'mutation {{ receiveComplaint(input: {{facts: "{SECRET}"}}) {{ __typename }} }}'
    assert "王小明" not in shared.post(inline).text
    assert "王小明" not in caplog.text


def test_a_missing_field_is_named(shared: Any) -> None:
    for field in MINIMAL:
        given = {name: value for name, value in MINIMAL.items() if name != field}
        (error,) = shared.errors(RECEIVE, {"input": given})
        assert f"'{field}'" in error["message"]


def test_labels_of_all_categories_come_in_both_languages(api: Any) -> None:
    for category in Category:
        api.receive(category=category.name)
    query = """{ complaints(first: 100) { edges { node {
      category en: categoryLabel zh: categoryLabel(lang: ZH) } } } }"""

    found = [e["node"] for e in api.graphql(query)["complaints"]["edges"]]

    assert {(n["category"], n["en"], n["zh"]) for n in found} == {
        (category.name, category.en, category.zh) for category in Category
    }


def test_each_mutation_of_a_request_shows_the_state_after_itself(api: Any) -> None:
    complaint = api.receive()["id"]

    told = api.graphql(
        """mutation($id: ID!) {
          a: registerComplaint(input: {complaintId: $id}) {
            ... on ComplaintPayload { complaint { state answer } } }
          b: answerComplaint(input: {complaintId: $id, answer: "done"}) {
            ... on ComplaintPayload { complaint { state answer } } }
        }""",
        {"id": complaint},
    )

    assert told["a"]["complaint"] == {"state": "REGISTERED", "answer": None}
    assert told["b"]["complaint"] == {"state": "ANSWERED", "answer": "done"}


def test_amounts_are_of_one_currency_and_shown_with_its_decimals(api: Any) -> None:
    def record(waybill: str, fee: dict[str, Any], value: dict[str, Any]) -> Any:
        return api.graphql(
            """mutation($i: RecordShipmentInput!) { recordShipment(input: $i) {
              ... on ShipmentPayload { shipment { fee { formatted } declaredValue { formatted } } }
              ... on InvalidValue { field rule } } }""",
            {"i": {"waybill": waybill, "fee": fee, "declaredValue": value}},
        )["recordShipment"]

    yen, dollars = (
        {"amountMinor": 1234, "currency": "JPY"},
        {"amountMinor": 5000, "currency": "USD"},
    )

    assert record("MIXED0001", yen, dollars) == {"field": "currency", "rule": "one_currency"}
    assert record("YEN000001", yen, yen)["shipment"]["fee"] == {"formatted": "JPY 1,234"}
    shown = record("DOLLAR0001", dollars, dollars)["shipment"]
    assert shown["declaredValue"] == {"formatted": "USD 50.00"}


def test_a_shipment_is_not_accepted_in_the_future(api: Any) -> None:
    refused = api.command(
        "recordShipment", {"waybill": "FUTURE0001", "acceptedAt": "2099-01-01T00:00:00Z"}
    )

    assert (refused["field"], refused["rule"]) == ("acceptedAt", "in_the_future")
