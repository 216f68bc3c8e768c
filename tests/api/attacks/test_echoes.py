"""What a person typed into the wrong place comes back to nobody's screen, wherever it was put."""

import json
from typing import Any

import pytest

from tests.api.attacks.judging import codes, judged

NAME, PHONE = "王小明密语", 1_380_013_800
WORD = "Wang_Xiaoming_1380013800"
DOCUMENTS = {
    "a text without its name": '{ complaint(number "%s") { id } }',
    "a text for a name": '{ "%s" }',
    "a block of text for a name": '{ """%s""" }',
    "a text for a variable": "query(%s: Int) { viewer { role } }",
    "a text for an argument": '{ viewer { role("%s") } }',
    "a text after the end": '{ viewer { role } } "%s"',
    "a text for an enum": '{ complaints(orderBy: "%s") { totalCount } }',
    "a text for a number": '{ complaints(first: "%s") { totalCount } }',
    "a text for an object": '{ complaints(filter: "%s") { totalCount } }',
    "a text for an instant": '{ complaints(filter: {receivedFrom: "%s"}) { totalCount } }',
    "a list for a text": '{ complaints(filter: {text: ["%s"]}) { totalCount } }',
    "a text for a default": 'query($a: Int = "%s") { complaints(first: $a) { totalCount } }',
    "an object for an id": '{ complaint(id: {a: "%s"}) { id } }',
}
KINDS = ("ComplaintOrder!", "Int", "ComplaintFilter", "DateTime", "[ComplaintState!]", "AsOf")
WHERE = {
    "ComplaintOrder!": "complaints(orderBy: $v) { totalCount }",
    "Int": "complaints(first: $v) { totalCount }",
    "String": "complaints(after: $v) { totalCount }",
    "ComplaintFilter": "complaints(filter: $v) { totalCount }",
    "DateTime": "staff(at: $v) { totalCount }",
    "[ComplaintState!]": "complaints(filter: {states: $v}) { totalCount }",
    "AsOf": 'caseHistory(caseId: "x", asOf: $v) { id }',
    "Boolean!": "viewer @skip(if: $v) { role }",
    "[ID!]!": "nodes(ids: $v) { id }",
}


def sent(api: Any, query: str, variables: Any = None) -> str:
    body = json.dumps({"query": query, "variables": variables}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    response = api.run(api.send("POST", "/graphql", content=body, headers=headers))
    assert judged(response)["errors"]
    text: str = response.text
    return text


@pytest.mark.parametrize("place", DOCUMENTS)
def test_a_text_in_a_wrong_place_of_a_document_is_not_quoted(shared: Any, place: str) -> None:
    answer = sent(shared, DOCUMENTS[place] % NAME)

    assert NAME not in answer


@pytest.mark.parametrize("kind", WHERE)
def test_a_value_of_a_wrong_type_is_not_quoted(shared: Any, kind: str) -> None:
    document = f"query Q($v: {kind}) {{ {WHERE[kind]} }}"
    for value in (
        *(NAME, [NAME], {NAME: 1}, {"state": NAME}, {"states": [NAME]}, {"text": {"a": NAME}}),
        *({"position": NAME}, {"state": {"a": [NAME]}}, [[NAME]], {"receivedFrom": NAME}),
        *(PHONE * 10, {"text": PHONE * 10}, [PHONE * 10, 0.5], {"state": PHONE * 10}),
    ):
        if kind == "String" and value == NAME:
            continue  # of the right type, though no cursor
        answer = sent(shared, document, {"v": value})
        assert NAME not in answer, value
        assert str(PHONE) not in answer, value


def test_what_a_command_is_given_wrongly_is_not_quoted(shared: Any) -> None:
    document = "mutation R($input: ReceiveComplaintInput!) { receiveComplaint(input: $input)"
    document += " { __typename } }"
    usual = {"channel": "PHONE", "category": "DELAY", "complainant": "x", "subject": "x"}
    for given in (
        {"facts": "x", "contact": PHONE * 10},
        {"facts": "x", "channel": NAME},
        {"facts": "x", "urgent": NAME},
        {"facts": {"a": NAME}},
        {"facts": "x", NAME: "x"},
        {"facts": "x", "occurredAt": PHONE * 10},
        {"complainant": [NAME]},
    ):
        answer = sent(shared, document, {"input": usual | given})
        assert NAME not in answer, given
        assert str(PHONE) not in answer, given


def test_errors_about_a_document_have_a_code(shared: Any) -> None:
    for query, variables in (
        ("{", None),
        ("{ nothing }", None),
        ("query Q($n: Int) { complaints(first: $n) { totalCount } }", {"n": "x"}),
    ):
        assert None not in codes(judged(shared.post(query, variables)))
