"""Requests that mean harm, one by one: refused by a code, at once, and without a trace."""

import gc
import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

import pytest

from api.endpoint.documents import Documents
from api.graphql.schema import schema
from api.limits.documents import DocumentLimits, LimitExceededError
from tests.api.attacks.judging import JSON, codes, judged
from tests.api.cases import NOBODY, SECRET

VIEWER = "{ viewer { role } }"
SPECIFICATION = "INVALID_DOCUMENT"
"""Errors in the words of GraphQL's specification have no code of ours."""
CHAIN = (
    "query Q{viewer{...a}}"
    + "".join(
        f"fragment {chr(97 + i)} on Viewer{{...{chr(98 + i)}...{chr(98 + i)}}}" for i in range(21)
    )
    + "fragment v on Viewer{role}"
)
CLOSE = "mutation C($i: ComplaintInput!) { closeComplaint(input: $i) { __typename } }"
LIST = "query L($f: ComplaintFilter, $n: Int, $c: String) { complaints(filter: $f, first: $n, "
LIST += "after: $c) { totalCount } }"


@dataclass(frozen=True)
class Attack:
    """A request, and the status and the code with which it must be refused."""

    name: str
    status: int
    code: str | None
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    method: str = "POST"
    path: str = "/graphql"
    role: str | None = "front_desk"


def asked(
    name: str,
    status: int,
    code: str | None,
    query: Any = VIEWER,
    role: str | None = "front_desk",
    **rest: Any,
) -> Attack:
    return Attack(name, status, code, json.dumps({"query": query, **rest}).encode(), role=role)


def fetched(name: str, status: int, code: str | None, query: str, **rest: Any) -> Attack:
    return Attack(name, status, code, headers={}, method="GET", path=f"/graphql?{query}", **rest)


def typed(
    name: str, kind: str, code: str = "CONTENT_TYPE", content: bytes = b"", **headers: str
) -> Attack:
    sent = content or json.dumps({"query": VIEWER}).encode()
    return Attack(name, 415, code, sent, {"Content-Type": kind} | headers)


def identifier(kind: str, key: str) -> str:
    return b64encode(f"{kind}:{key}".encode()).decode()


LARGE: tuple[Attack, ...] = (
    asked("fragments in a chain", 200, "FIELD_LIMIT", CHAIN),
    asked(
        "10,000 aliases",
        200,
        "DOCUMENT_TOO_LARGE",
        "{" + "".join(f" alias{n}: viewer {{ role }}" for n in range(10_000)) + "}",
    ),
    asked(
        "aliases within the length",
        200,
        "TOKEN_LIMIT",
        "{" + "".join(f"a{n}:viewer{{role}}" for n in range(1_000)) + "}",
    ),
    asked(
        "101 aliases",
        200,
        "ALIAS_LIMIT",
        "{" + "".join(f" a{n}: __typename" for n in range(101)) + "}",
    ),
    asked("one field 1,000 times", 200, "REPEAT_LIMIT", "{" + "__typename " * 1_000 + "}"),
    asked(
        "200 directives",
        200,
        "DIRECTIVE_LIMIT",
        "{ viewer" + " @skip(if: false)" * 200 + " { role } }",
    ),
    asked(
        "fields 17 deep",
        200,
        "DEPTH_LIMIT",
        "{ complaints { edges { node {" + " mergedInto {" * 14 + " id " + "}" * 18,
    ),
    asked("fields 100,000 deep", 200, "DOCUMENT_TOO_LARGE", "{a" * 100_000),
    asked(
        "lists 190 deep", 200, SPECIFICATION, f"{{ nodes(ids: {'[' * 190}{']' * 190}) {{ id }} }}"
    ),
    asked(
        "lists 900 deep", 200, SPECIFICATION, f"{{ nodes(ids: {'[' * 900}{']' * 900}) {{ id }} }}"
    ),
    asked(
        "objects 150 deep",
        200,
        SPECIFICATION,
        f"{{ complaints(filter: {'{open:' * 150}1{'}' * 150}) {{ totalCount }} }}",
    ),
    asked(
        "a type of lists 300 deep",
        200,
        SPECIFICATION,
        f"query Q($a: {'[' * 300}Int{']' * 300})" + VIEWER,
    ),
    asked(
        "a fragment in itself",
        200,
        "FRAGMENT_CYCLE",
        "{viewer{...a}} fragment a on Viewer{...b} fragment b on Viewer{...a}",
    ),
    asked(
        "eleven mutations",
        200,
        "MUTATION_LIMIT",
        "mutation {"
        + "".join(
            f'm{n}: closeComplaint(input: {{complaintId: "{NOBODY}"}}) {{ __typename }} '
            for n in range(11)
        )
        + "}",
    ),
    asked(
        "a page of pages",
        200,
        "COST_LIMIT",
        "{ complaints(first: 1000) { edges { node {"
        " timeline(first: 1000) { edges { node { id } } } } } } }",
    ),
    asked(
        "a page of pages by variables",
        200,
        "COST_LIMIT",
        "query Q($n: Int) {"
        " complaints(first: $n) { edges { node { timeline(first: $n) { edges { node { id } } }"
        " } } } }",
        variables={"n": 1000},
    ),
    asked(
        "the same page 30 times",
        200,
        "COST_LIMIT",
        "{"
        + "".join(
            f" a{n}: complaints(first: 1000) {{ edges {{ node {{ number subject facts answer"
            " evidence { id } } } }"
            for n in range(30)
        )
        + "}",
    ),
    Attack("brackets in JSON", 400, "BODY_NOT_JSON", b"[" * 1_000_000),
    Attack("braces in JSON", 400, "BODY_NOT_JSON", b'{"query":' * 100_000),
    asked(
        "variables 17 deep",
        200,
        "VARIABLES_TOO_LARGE",
        variables=json.loads('{"a":' + "[" * 17 + "]" * 17 + "}"),
    ),
    asked(
        "a list of 100,000 ids",
        200,
        "VARIABLES_TOO_LARGE",
        "query N($i: [ID!]!) { nodes(ids: $i) { id } }",
        variables={"i": [NOBODY] * 40_000},
    ),
    asked(
        "1,001 ids",
        200,
        "VARIABLES_TOO_LARGE",
        "query N($i: [ID!]!) { nodes(ids: $i) { id } }",
        variables={"i": [NOBODY] * 1_001},
    ),
    asked(
        "101 ids",
        200,
        "INVALID_VALUE",
        "query N($i: [ID!]!) { nodes(ids: $i) { id } }",
        variables={"i": [NOBODY] * 101},
    ),
    asked(
        "a text of two million",
        413,
        "BODY_TOO_LARGE",
        LIST,
        variables={"f": {"text": "x" * 2_100_000}},
    ),
    asked(
        "a text of a million",
        200,
        "INVALID_VALUE",
        LIST,
        variables={"f": {"text": "x" * 1_000_000}},
    ),
    asked(
        "a hundred thousand keys",
        200,
        "VARIABLES_TOO_LARGE",
        variables={f"k{n}": n for n in range(50_000)},
    ),
)

WRONG: tuple[Attack, ...] = (
    asked("a negative first", 200, "INVALID_VALUE", LIST, variables={"n": -1}),
    asked(
        "first and last", 200, "INVALID_VALUE", "{ complaints(first: 1, last: 1) { totalCount } }"
    ),
    asked("first beyond 32 bits", 200, "INVALID_VARIABLES", LIST, variables={"n": 2**40}),
    *(
        asked(
            f"an id: {bad[:20]!r}",
            200,
            "INVALID_VALUE",
            "query N($i: ID!) { node(id: $i) { id } }",
            variables={"i": bad},
        )
        for bad in (
            "",
            " ",
            "x",
            "\x00",
            "Complaint:1",
            "-1",
            "../../etc/passwd",
            "=" * 100,
            identifier("Complaint", ""),
            identifier("Complaint", "1"),
            identifier("Complaint", "9" * 5_000),
            identifier("Complaint", "\x00"),
            "x" * 100_000,
        )
    ),
    *(
        asked(f"a cursor: {bad[:20]!r}", 200, "INVALID_VALUE", LIST, variables={"c": bad})
        for bad in (
            "",
            ".",
            "..",
            "....",
            "\x00",
            "0000.x.1",
            f"0000.{NOBODY}.1",
            "9" * 5_000,
            "x" * 100_000,
            SECRET,
        )
    ),
    asked("a cursor that is a number", 200, "INVALID_VARIABLES", LIST, variables={"c": 5}),
    asked("U+0000 in a filter", 200, "INVALID_VALUE", LIST, variables={"f": {"region": "a\x00"}}),
    asked("U+0000 in a search", 200, "INVALID_VALUE", LIST, variables={"f": {"text": "a\x00"}}),
    asked("U+0000 in a document", 200, SPECIFICATION, "{ viewer\x00 { role } }"),
    asked("U+0000 in an operation's name", 200, "OPERATION_UNKNOWN", operationName="\x00"),
    asked("U+0000 in a document's hash", 200, "PERSISTED_QUERY_NOT_FOUND", None, documentId="\x00"),
    Attack("half a surrogate in a document", 400, "BODY_NOT_JSON", rb'{"query":"{ \ud800 }"}'),
    Attack(
        "half a surrogate in a variable",
        400,
        "BODY_NOT_JSON",
        rb'{"query":"{viewer{role}}","variables":{"a":"\udfff"}}',
    ),
    Attack(
        "half a surrogate in a name",
        400,
        "BODY_NOT_JSON",
        rb'{"query":"{viewer{role}}","operationName":"\ud800"}',
    ),
    Attack("half a surrogate as bytes", 400, "BODY_NOT_JSON", b'{"query":"\xed\xa0\x80"}'),
    asked(
        "half a surrogate written in GraphQL",
        200,
        SPECIFICATION,
        '{ complaint(number: "\\ud800") { id } }',
    ),
    asked(
        "a character beyond Unicode",
        200,
        SPECIFICATION,
        '{ complaint(number: "\\u{110000}") { id } }',
    ),
    asked("a role that does not exist", 200, SPECIFICATION, "{ staff(role: ROOT) { totalCount } }"),
    asked(
        "two operations and no name", 200, "OPERATION_UNKNOWN", f"query A {VIEWER} query B {VIEWER}"
    ),
    asked("an operation of no name", 200, "OPERATION_UNKNOWN", operationName="Other"),
    asked("two operations of one name", 200, SPECIFICATION, f"query A {VIEWER} query A {VIEWER}"),
    asked(
        "a subscription without a stream",
        400,
        "STREAM_NEEDED",
        f'subscription {{ caseChanged(caseId: "{NOBODY}") {{ topic }} }}',
    ),
    asked("no document", 400, "QUERY_MISSING", None),
    asked("a document that is a list", 400, "QUERY_NOT_A_STRING", [VIEWER]),
    asked("variables as text", 400, "VARIABLES_NOT_AN_OBJECT", variables='{"a": 1}'),
    asked("extensions as text", 400, "EXTENSIONS_NOT_AN_OBJECT", extensions="{}"),
    asked("a name that is a number", 400, "OPERATION_NAME_NOT_A_STRING", operationName=5),
    asked("a hash that is an object", 400, "DOCUMENT_ID_NOT_A_STRING", None, documentId={}),
    Attack("a batch", 400, "BATCH_OFF", json.dumps([{"query": VIEWER}] * 2).encode()),
    Attack("two bodies", 400, "BODY_NOT_JSON", json.dumps({"query": VIEWER}).encode() * 2),
    Attack(
        "not a number", 400, "BODY_NOT_JSON", b'{"query":"{viewer{role}}","variables":{"a":NaN}}'
    ),
)

HTTP: tuple[Attack, ...] = (
    typed(
        "a form", "application/x-www-form-urlencoded", content=urlencode({"query": VIEWER}).encode()
    ),
    typed(
        "a form of parts",
        "multipart/form-data; boundary=x",
        content=(
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n'
            b'{"query":"{viewer{role}}"}\r\n--x--\r\n'
        ),
    ),
    typed("plain text", "text/plain"),
    typed("plain text that speaks of JSON", "text/plain; application/json"),
    typed("a graphql document", "application/graphql", content=VIEWER.encode()),
    typed("no media type", ""),
    typed("nearly JSON", "application/jsonx"),
    typed("two media types", "application/json, text/plain"),
    typed("UTF-7", "application/json; charset=utf-7", "CHARSET", b"+AHsAIg-"),
    typed(
        "UTF-16",
        "application/json; charset=UTF-16",
        "CHARSET",
        json.dumps({"query": VIEWER}).encode("utf-16"),
    ),
    typed("a charset of U+0000", "application/json; charset=\x01", "CHARSET"),
    typed(
        "a gzip bomb",
        "application/json",
        "CONTENT_ENCODING",
        gzip.compress(b"[" * 50_000_000),
        **{"Content-Encoding": "gzip"},
    ),
    typed(
        "a deflate bomb",
        "application/json",
        "CONTENT_ENCODING",
        zlib.compress(b" " * 50_000_000),
        **{"Content-Encoding": "deflate"},
    ),
    typed(
        "a br bomb",
        "application/json",
        "CONTENT_ENCODING",
        b"\x9b\xff\xff\xff\x01" * 100,
        **{"Content-Encoding": "br"},
    ),
    typed(
        "gzip over gzip",
        "application/json",
        "CONTENT_ENCODING",
        b"x",
        **{"Content-Encoding": "gzip, gzip"},
    ),
    Attack("gzip that nobody tells of", 400, "BODY_NOT_JSON", gzip.compress(b"{}")),
    Attack(
        "a length beyond numbers",
        413,
        "BODY_TOO_LARGE",
        b"{}",
        JSON | {"Content-Length": "9" * 5_000},
    ),
    Attack(
        "a length beyond limits", 413, "BODY_TOO_LARGE", b"{}", JSON | {"Content-Length": "9" * 15}
    ),
    *(
        Attack(f"by {method}", 405, "METHOD_NOT_ALLOWED", b"{}", method=method)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
    ),
    fetched(
        "a mutation by GET",
        405,
        "READING_ONLY",
        urlencode(
            {"query": 'mutation { closeComplaint(input: {complaintId: "x"}) { __typename } }'}
        ),
    ),
    fetched(
        "a mutation by GET beside a query",
        405,
        "READING_ONLY",
        urlencode(
            {
                "query": f"query A {VIEWER} "
                'mutation B { closeComplaint(input: {complaintId: "x"})'
                " { __typename } }",
                "operationName": "B",
            }
        ),
    ),
    fetched("a document twice", 400, "QUERY_STRING_BROKEN", "query={a}&query={b}"),
    fetched("21 parameters", 400, "QUERY_STRING_BROKEN", "&".join(f"a{n}=1" for n in range(21))),
    fetched("bytes that are no text", 400, "QUERY_STRING_BROKEN", "query=%ff%fe"),
    fetched("half a surrogate by GET", 400, "QUERY_STRING_BROKEN", "query=%ed%a0%80"),
    fetched("variables that are no JSON", 400, "VARIABLES_NOT_AN_OBJECT", "query={a}&variables={"),
    fetched("U+0000 by GET", 200, SPECIFICATION, "query=%00"),
    fetched("no parameters", 400, "QUERY_MISSING", ""),
    Attack(
        "a position that is none",
        400,
        "AFTER_NOT_A_POSITION",
        b"{}",
        JSON | {"Redress-After": "-1"},
    ),
    Attack(
        "a position of 30 digits",
        400,
        "AFTER_NOT_A_POSITION",
        b"{}",
        JSON | {"Redress-After": "9" * 30},
    ),
    Attack("a wish for HTML alone", 406, "NOT_ACCEPTABLE", b"{}", JSON | {"Accept": "text/html"}),
    Attack(
        "a wish that is no number",
        406,
        "NOT_ACCEPTABLE",
        b"{}",
        JSON | {"Accept": "application/json;q=nan"},
    ),
)


TIMES: list[tuple[float, str]] = []


@pytest.fixture(scope="module", autouse=True)
def times() -> Iterator[None]:
    """Print how long the server took; the aim is 10 ms at the 99th of a hundred."""
    yield
    if TIMES:
        slowest = sorted(TIMES)[-1 - len(TIMES) // 100 :]
        print(f"\n{len(TIMES)} bad requests; p99 {slowest[0][0] * 1000:.1f} ms; slowest: ", end="")
        print(", ".join(f"{name} {seconds * 1000:.1f} ms" for seconds, name in sorted(TIMES)[-5:]))


@pytest.mark.parametrize("attack", [*LARGE, *WRONG, *HTTP], ids=lambda a: a.name)
def test_a_bad_request_is_refused_by_its_code_and_changes_nothing(
    shared: Any, attack: Attack
) -> None:
    before = shared.events()
    began = perf_counter()

    response = shared.run(
        shared.send(
            attack.method, attack.path, attack.role, headers=attack.headers, content=attack.content
        )
    )

    TIMES.append((perf_counter() - began, attack.name))
    answer = judged(response, [SECRET])
    assert (response.status_code, codes(answer)) == (attack.status, {attack.code})
    assert shared.events() == before
    assert shared.graphql(VIEWER) == {"viewer": {"role": "FRONT_DESK"}}


def _quickest(text: str) -> float:
    """Return in which time a document that nobody has sent before is found fit, at best."""
    times = []
    gc.disable()
    try:
        for number in range(5):
            documents = Documents(schema._schema, DocumentLimits())
            began = perf_counter()
            documents.find(text + " " * number)
            times.append(perf_counter() - began)
    finally:
        gc.enable()
    return min(times)


def test_no_document_is_much_dearer_than_others_of_its_length() -> None:
    """Validation compares fields of one name pair by pair, and anybody may send a document."""
    leaves = "id number urgent open waybill region outlet department"
    inside = f"{'mergedInto { ' * 11}{leaves}{' }' * 11}"
    repeated = f"{{ {f'complaints {{ edges {{ node {{ {inside} }} }} }} ' * 32} }}"
    spread = " ".join(f"...f{number}" for number in range(30))
    plain = f"{{ complaints {{ edges {{ node {{ id {spread} }} }} }} }}" + "".join(
        f" fragment f{n} on Complaint {{ a{n}: mergedInto {{ {leaves} {leaves} }} {leaves} }}"
        for n in range(30)
    )

    try:
        dear = _quickest(repeated)
    except LimitExceededError:
        dear = 0.0  # not even looked at

    usual = _quickest(plain)
    print(f"\nvalidated in {dear * 1000:.1f} ms and {usual * 1000:.1f} ms")
    assert dear < 2 * usual
