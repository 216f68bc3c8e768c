"""Strategies that break valid requests: their documents, variables, bodies, headers, addresses."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from hypothesis import strategies as st

from api.graphql.nodes import as_uuid, global_id
from tests.api.cases import COMMANDS, NOBODY
from tests.api.conftest import mutation

CASE: Final = global_id("Complaint", as_uuid(NOBODY, field="id"))
_TOKEN: Final = re.compile(r'"""(?s:.*?)"""|"(?:[^"\\\n]|\\.)*"|\.\.\.|[\w$@]+|[^\s\w]')
_DOCUMENTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("query A { viewer { actor role } }", {}),
    (
        (
            "query B($f: ComplaintFilter, $n: Int, $c: String, $on: Boolean! = true) { complaints("
            "filter: $f, orderBy: PRIORITY, first: $n, after: $c)"
            " { totalCount pageInfo { hasNextPage"
            " endCursor } edges { cursor node { ...F @include(if: $on) shipment { waybill } } } } }"
            " fragment F on Complaint { id number subject step { owner dueAt }"
            " stateLabel(lang: ZH) }"
        ),
        {
            "f": {"text": "晚到", "states": ["CLOSED"], "receivedFrom": "2026-01-01T00:00:00Z"},
            "n": 3,
            "c": None,
            "on": False,
        },
    ),
    (
        "query C($i: [ID!]!) { nodes(ids: $i) { __typename id ... on Complaint { facts } } }",
        {"i": [CASE, NOBODY]},
    ),
    (f'query D {{ caseState(caseId: "{CASE}", asOf: {{position: 9}}) {{ kind }} }}', {}),
    (
        "query E($a: AsOf, $i: ID!) { caseHistory(caseId: $i, asOf: $a) { sentence } }",
        {"a": {"recordedAt": "2026-01-01T00:00:00Z"}, "i": CASE},
    ),
    (
        '{ satisfaction(groupBy: REGION, from: "2026-01-01T00:00:00Z") { total { count mean } } }',
        {},
    ),
    (
        (
            "query G($u: UnitReference) { staff(unit: $u, role: AUDITOR, last: 2)"
            " { edges { node { role"
            " person { name } } } } }"
        ),
        {"u": {"kind": "DEPARTMENT", "code": "hub"}},
    ),
    (
        (
            '{ a: shipment(waybill: "SF1") { fee { formatted } ratings { score } }'
            " b: ratings(filter:"
            " {score: 5}) { totalCount } __schema { queryType { name } } }"
        ),
        {},
    ),
    *(
        (mutation(name), {"input": {"complaintId": CASE} | COMMANDS[name]})
        for name in ("closeComplaint", "addEvidence", "proposeResolution", "mergeComplaint")
    ),
)
"""Valid requests; the commands are about a case that does not exist, so that none is stored."""
_HOSTILE: Final = (
    *("{", "}", "(", ")", "[", "]", "...", "@skip(if: true)", "@include(if: $x)", "$x", "null"),
    *("true", "-1", "99999999999999999999", "1e999", "0x1", '""', '"\\u0000"', '"""a"""', "__type"),
    *(
        '(name: "Query")',
        "__typename",
        "fragment F on Query { ...F }",
        "on",
        "subscription",
        "mutation",
    ),
    *("query Q", "{a: 1}", "[[[[1]]]]", "#", "\ufeff", "\x00", "王", "😀", "&", "|", "!", "=", ","),
)
_TEXTS: Final = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ("\x00", "'", '"', "\\", "%s", "$1", "x" * 5_000, "\u202e", "\ufffe", CASE, NOBODY)
    ),
)
_VALUES: Final = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        _TEXTS,
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)
_NAMES: Final = (
    *("Content-Type", "Accept", "Accept-Language", "Content-Encoding", "Idempotency-Key"),
    *("Redress-After", "Redress-Role", "Authorization", "Cookie", "Origin", "X-CSRF-Token"),
    *("X-Forwarded-For", "Forwarded", "traceparent", "X-Request-Id", "X-HTTP-Method-Override"),
)
_HEADER_VALUES: Final = st.one_of(
    st.binary(max_size=60).map(lambda b: bytes(c for c in b if c not in b"\r\n\x00")),
    st.sampled_from(
        (
            b'application/json; charset="utf-8',
            b"application/json;charset=latin-1;charset=utf-8",
            b"application/graphql-response+json;q=0.0001, */*;q=1",
            b"*/*;q=1e309",
            b";;;,,,",
            b"=",
            b"Bearer ",
            b"Bearer rk_.",
            b"Bearer a.b.c",
            b"Bearer eyJhbGciOiJub25lIn0.e30.",
            b"Basic Og==",
            b"redress=; redress=x",
            b"null",
            b"9223372036854775808",
            b"00000000000000000001",
            b"\xb2",
            b"zh;q=nan, en;q=inf",
            b"-",
            b"x" * 4_000,
            b"'; --",
            b"127.0.0.1",
            b'for="[::1]"',
        )
    ),
)


@dataclass(frozen=True)
class Sent:
    """A request on its way."""

    method: str
    path: str
    content: bytes
    headers: dict[str, bytes]
    role: str | None


_JSON: Final = {"Content-Type": b"application/json"}
_ROLES: Final = st.sampled_from(
    (None, "partner", "customer", "operator", "auditor", "front_desk", "investigator", "compliance")
)


def _valid() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.sampled_from(_DOCUMENTS)


@st.composite
def _documents(draw: Callable[..., Any]) -> str:
    """Delete, double, swap, replace and splice the words of a document."""
    words = _TOKEN.findall(draw(_valid())[0])
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(words) - 1)))
        how = draw(
            st.sampled_from(("delete", "double", "swap", "replace", "insert", "splice", "cut"))
        )
        if how == "delete":
            del words[place : place + draw(st.integers(1, 4))]
        elif how == "double":
            words[place:place] = words[place : place + draw(st.integers(1, 10))]
        elif how == "swap" and words:
            other = draw(st.integers(0, len(words) - 1))
            words[place], words[other] = words[other], words[place]
        elif how == "replace" and words:
            words[place] = draw(st.sampled_from(_HOSTILE))
        elif how == "insert":
            words.insert(place, draw(st.one_of(st.sampled_from(_HOSTILE), _TEXTS)))
        elif how == "splice":
            others = _TOKEN.findall(draw(_valid())[0])
            begin = draw(st.integers(0, len(others) - 1))
            words[place:place] = others[begin : begin + draw(st.integers(1, 15))]
        elif how == "cut":
            del words[place:]
    return draw(st.sampled_from((" ", " ", "\n", ","))).join(words)  # type: ignore[no-any-return]


@st.composite
def _confused(draw: Callable[..., Any]) -> dict[str, Any]:
    """Put something else in the place of one of the values, or of their names."""
    query, variables = draw(_valid().filter(lambda pair: bool(pair[1])))
    found = json.loads(json.dumps(variables))
    for _ in range(draw(st.integers(1, 3))):
        inside: Any = found
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(inside[key], dict | list) and draw(st.booleans()):
                inside = inside[key]
                continue
            inside[key] = draw(_VALUES)
            if isinstance(inside, dict) and draw(st.integers(0, 5)) == 0:
                inside[draw(_TEXTS)] = inside.pop(key)
            break
    return {"query": query, "variables": found}


@st.composite
def _bytes(draw: Callable[..., Any]) -> bytes:
    """Break the bytes of a body."""
    query, variables = draw(_valid())
    body = bytearray(json.dumps({"query": query, "variables": variables}).encode())
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(body) - 1)))
        how = draw(st.sampled_from(("flip", "delete", "insert", "double", "cut")))
        if how == "flip" and body:
            body[place] = draw(st.integers(0, 255))
        elif how == "delete":
            del body[place : place + draw(st.integers(1, 20))]
        elif how == "insert":
            body[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif how == "double":
            body[place:place] = body[place : place + draw(st.integers(1, 60))]
        elif how == "cut":
            del body[place:]
    return bytes(body)


@st.composite
def broken_requests(draw: Callable[..., Any]) -> Sent:
    """Break one part of a valid request, or several."""
    role, headers = draw(_ROLES), dict(_JSON)
    how = draw(
        st.sampled_from(
            ("document", "document", "variables", "bytes", "header", "address", "parts")
        )
    )
    if how == "address":
        query = draw(st.one_of(_documents(), _valid().map(lambda pair: pair[0])))
        given: dict[str, Any] = {"query": query, "variables": draw(_TEXTS)}
        address = urlencode(given, errors="replace").encode()
        place = draw(st.integers(0, len(address)))
        junk = draw(
            st.binary(max_size=6).map(lambda b: bytes(c for c in b if 32 < c < 127 and c != 35))
        )
        address = address[:place] + junk + address[place + draw(st.integers(0, 3)) :]
        return Sent("GET", f"/graphql?{address.decode('ascii')}", b"", {}, role)
    if how == "bytes":
        return Sent("POST", "/graphql", draw(_bytes()), headers, role)
    if how == "variables":
        return Sent("POST", "/graphql", json.dumps(draw(_confused())).encode(), headers, role)
    query, variables = draw(_valid())
    body: dict[str, Any] = {"query": query, "variables": variables}
    if how == "document":
        body["query"] = draw(_documents())
    elif how == "parts":
        part = draw(
            st.sampled_from(("query", "variables", "operationName", "extensions", "documentId"))
        )
        body[part] = draw(_VALUES)
    else:
        for name in draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4)):
            headers[name] = draw(_HEADER_VALUES)
    content = json.dumps(body).encode()
    return Sent("POST", "/graphql", content, headers, role)
