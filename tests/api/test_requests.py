"""HTTP under stress: broken bodies, repeated requests, races."""

from typing import Any

import pytest

SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
RECEIVE = """
mutation Receive($input: ReceiveComplaintInput!) {
  receiveComplaint(input: $input) {
    __typename
    ... on ComplaintPayload { position complaint { id number state } }
    ... on Refusal { code message rule }
  }
}
"""
ASSIGN = """
mutation Assign($input: AssignComplaintInput!) {
  assignComplaint(input: $input) {
    __typename
    ... on ComplaintPayload { position complaint { id state department } }
    ... on Refusal { code message rule }
  }
}
"""
CLOSE = """
mutation Close($input: ComplaintInput!) {
  closeComplaint(input: $input) {
    __typename
    ... on ComplaintPayload { position complaint { id state } }
    ... on Refusal { code message rule }
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
JSON = {"Content-Type": "application/json"}
INSIDE = ("psycopg", "Traceback", ".py", "site-packages", "Error(", "orjson", SECRET)


def sent(api: Any, content: bytes, **headers: str) -> Any:
    response = api.run(api.send("POST", "/graphql", content=content, headers=JSON | headers))
    assert [word for word in INSIDE if word in response.text] == []
    return response


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b"[]",
        b"{}",
        b"null",
        b"5",
        b'"query"',
        b'{"query": 5}',
        b'{"query": null}',
        b'{"query": ""}',
        b'{"query": "{"}',
        b'{"query": "{ nothing }"}',
        b'{"query": "{ viewer { actor } }", "variables": []}',
        b'{"query": "{ viewer { actor } }", "variables": "x"}',
        b'{"query": "{ viewer { actor } }", "operationName": 5}',
        b'{"query": "{ viewer { actor } }", "operationName": "Other"}',
        b'[{"query": "{ viewer { actor } }"}]',
        b"\xff\xfe{}",
        b'{"query": "\xff"}',
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "{ \\ud800 }"}',
        b'{"query": "{ complaint(number: \\"\\ud800\\") { \\ud800 } }"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"query": "' + b"{a" * 50_000 + b'"}',
        b'{"query": "{ viewer { actor } }", "variables": {"x": 1e999}}' + b"]",
    ],
    ids=lambda b: repr(b[:50]),
)
def test_a_broken_body_is_the_clients_fault_and_says_so(shared: Any, body: bytes) -> None:
    response = sent(shared, body)

    if response.status_code == 200:
        assert response.json()["errors"]
    else:
        assert 400 <= response.status_code < 500
        assert response.text
    assert shared.get("/health/live").status_code == 200


def test_a_body_of_five_megabytes_is_too_large(shared: Any) -> None:
    for body in (
        b'{"query": "{ viewer { actor } }", "variables": {"x": "' + b"x" * 5_000_000 + b'"}}',
        b" " * 5_000_000,
    ):
        response = sent(shared, body)
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == 413


def test_a_body_of_unknown_length_is_too_large_just_the_same(shared: Any) -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 50_000

    response = shared.run(shared.send("POST", "/graphql", content=pieces(), headers=JSON))

    assert response.status_code == 413


def test_a_mutation_by_get_is_refused(shared: Any) -> None:
    query = 'mutation { closeComplaint(input: {complaintId: "x"}) { __typename } }'
    response = shared.run(shared.send("GET", "/graphql", params={"query": query}))

    assert response.status_code in {400, 405}


def test_a_query_by_get_is_answered(shared: Any) -> None:
    response = shared.run(
        shared.send(
            "GET",
            "/graphql",
            params={"query": "query Q($n: Int) { complaints(first: $n) { totalCount } }"}
            | {"variables": '{"n": 1}'},
        )
    )

    assert response.json()["data"]["complaints"]["totalCount"] >= 0


def test_an_error_quotes_no_personal_text(shared: Any) -> None:
    """What a person typed into the wrong place comes back to nobody's log or screen."""
    for given in (
        {"complainant": SECRET * 50},
        {"facts": SECRET + "\u0000"},
        {"waybill": SECRET},
        {"region": SECRET + "!"},
        {"accused": SECRET},
        {"reason": SECRET * 100},
        {"customerReference": SECRET * 20},
    ):
        response = shared.post(RECEIVE, {"input": MINIMAL | given})
        assert response.json()["data"]["receiveComplaint"]["code"] == "INVALID_VALUE"
        assert "王小明" not in response.text


# Races


def test_of_two_clients_who_end_the_same_case_one_wins(api: Any) -> None:
    for _ in range(5):
        complaint = api.receive()
        api.command("answerComplaint", {"complaintId": complaint["id"], "answer": "x"})
        given = {"input": {"complaintId": complaint["id"]}}

        answers = api.together(api.posted(CLOSE, given), api.posted(CLOSE, given, "back_office"))

        kinds = sorted(r.json()["data"]["closeComplaint"]["__typename"] for r in answers)
        assert kinds == ["ComplaintPayload", "WrongState"]


def test_everybody_gets_an_answer_in_a_crowd(api: Any) -> None:
    complaint = api.receive()
    api.command("registerComplaint", {"complaintId": complaint["id"]})
    orders = [
        api.posted(ASSIGN, {"input": {"complaintId": complaint["id"], "department": f"d{n}"}})
        for n in range(20)
    ]

    answers = [r.json()["data"]["assignComplaint"] for r in api.together(*orders)]

    assert {a["__typename"] for a in answers} == {"ComplaintPayload"}
    assert len({a["position"] for a in answers}) == 20
    last = max(answers, key=lambda a: a["position"])
    query = "query C($id: ID!) { complaint(id: $id) { department } }"
    department = api.graphql(query, {"id": complaint["id"]})["complaint"]["department"]
    assert department == last["complaint"]["department"]


# Idempotency keys


def test_the_same_request_with_the_same_key_gets_the_same_answer(api: Any) -> None:
    before = api.events()
    one = api.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k1")
    two = api.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k1")
    other = api.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k2")
    elsewhere = api.post(RECEIVE, {"input": MINIMAL}, "back_office", Idempotency_Key="k1")

    assert one.json() == two.json()
    assert one.json() != other.json()
    assert one.json() != elsewhere.json()
    assert api.events() == before + 3


def test_a_refusal_is_repeated_too_although_it_would_now_succeed(api: Any) -> None:
    complaint = api.receive()
    given = {"input": {"complaintId": complaint["id"]}}
    one = api.post(CLOSE, given, Idempotency_Key="k1").json()
    api.command("answerComplaint", {"complaintId": complaint["id"], "answer": "x"})

    assert api.post(CLOSE, given, Idempotency_Key="k1").json() == one
    assert one["data"]["closeComplaint"]["code"] == "WRONG_STATE"


def test_another_request_with_the_same_key_is_unprocessable(api: Any) -> None:
    api.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k1")
    before = api.events()

    response = api.post(RECEIVE, {"input": MINIMAL | {"urgent": True}}, Idempotency_Key="k1")

    assert response.status_code == 422
    refusal = response.json()["data"]["receiveComplaint"]
    assert refusal["__typename"] == "IdempotencyKeyReused"
    assert refusal["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert api.events() == before


def test_many_identical_requests_at_once_have_one_effect(api: Any) -> None:
    before = api.events()
    orders = [api.posted(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k1") for _ in range(30)]

    responses = api.together(*orders)

    done = [r.json() for r in responses if r.status_code == 200]
    running = [r for r in responses if r.status_code == 409]
    assert len(done) + len(running) == 30
    assert done
    assert all(answer == done[0] for answer in done)
    for response in running:
        refusal = response.json()["data"]["receiveComplaint"]
        assert refusal["__typename"] == "StillRunning"
    assert api.events() == before + 1
    again = api.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key="k1")
    assert again.json() == done[0]


@pytest.mark.parametrize("key", ["x" * 256, "", "x" * 8000])
def test_a_key_out_of_range_is_refused(shared: Any, key: str) -> None:
    before = shared.events()

    answer = shared.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key=key).json()

    assert answer["data"]["receiveComplaint"]["code"] == "INVALID_VALUE"
    assert shared.events() == before


def test_any_printable_key_of_255_bytes_will_do(shared: Any) -> None:
    for key in ("x" * 255, "'; DROP TABLE process.idempotency; --", "%s %b {0}"):
        one = shared.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key=key).json()
        assert one["data"]["receiveComplaint"]["__typename"] == "ComplaintPayload"
        assert shared.post(RECEIVE, {"input": MINIMAL}, Idempotency_Key=key).json() == one
