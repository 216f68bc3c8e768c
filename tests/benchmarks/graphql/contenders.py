"""Who answers the three questions, and how each is asked: the same rows for all."""

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString, Protocol
from urllib.parse import urlencode
from uuid import UUID

import orjson
import psycopg

from tests.benchmarks.graphql import postgraphile, statements
from tests.benchmarks.graphql.load import Load, Plan, Request, run
from tests.benchmarks.graphql.stock import cursor as stock_cursor

QUESTIONS: Final = {
    "nested": "50 complaints, 3 pieces of evidence and 10 entries each, after a cursor",
    "flat": "1,000 complaints, filtered, after a cursor",
    "case": "one case with 500 entries",
}
NESTED: Final = """
query Nested($after: String) {
  complaints(first: 50, after: $after, orderBy: RECEIVED_AT_DESC) {
    edges { node {
      id number state severity receivedAt
      evidence { number kind mediaType size sha256 }
      timeline(first: 10) {
        edges { node { position topic occurredAt actor sentence(lang: EN) } }
      }
    } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
FLAT: Final = """
query Flat($after: String) {
  complaints(first: 1000, after: $after, filter: { severity: GENERAL }) {
    edges { cursor node { id number state channel category region receivedAt } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
CASE: Final = """
query Case($id: ID!) {
  complaint(id: $id) {
    id number state severity
    timeline(first: 500) {
      edges { node { position topic occurredAt recordedAt actor role sentence(lang: ZH) } }
    }
  }
}
"""
_CHECKED: Final = 5
"""The answers to one variant in so many are compared before anything is measured."""
_CURSOR: Final = """
query Cursor($before: DateTime!) {
  complaints(first: 1, filter: { receivedBefore: $before }) { edges { cursor } }
}
"""
_PLACES: Final[LiteralString] = """
SELECT rank, received_at, id FROM (
    SELECT row_number() OVER (ORDER BY received_at DESC, id DESC) - 1 AS rank, received_at, id,
        count(*) OVER () AS number
    FROM read.complaints
) WHERE rank >= number / 4 AND (rank - number / 4) %% greatest(1, number / 2 / %(asked)s) = 0
ORDER BY rank LIMIT %(asked)s
"""


@dataclass(frozen=True)
class Place:
    """A row in the middle half of the complaints, after which a page begins."""

    rank: int
    received_at: datetime
    id: UUID


def places(conninfo: str, asked: int) -> list[Place]:
    """Return as many places, evenly spread."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(_PLACES, {"asked": asked}).fetchall()
    return [Place(rank, at.astimezone(UTC), key) for rank, at, key in rows]


class Contender(Protocol):
    """One who answers the questions."""

    name: str

    def measure(self, question: str, plan: Plan) -> Load:
        """Answer as long and as often as planned."""

    def answers(self, question: str) -> Iterator[Any]:
        """Yield the answers to some variants of a question, the same for all contenders."""


class Server:
    """A contender that is asked over HTTP."""

    def __init__(self, name: str, port: int, asked: Mapping[str, list[Request]]) -> None:
        self.name = name
        self._port = port
        self._asked = {question: tuple(requests) for question, requests in asked.items()}

    def measure(self, question: str, plan: Plan) -> Load:
        return run(replace(plan, port=self._port, requests=self._asked[question]))

    def answers(self, question: str) -> Iterator[Any]:
        for request in self._asked[question][::_CHECKED]:
            yield answer(self._port, request)


class Driver:
    """PostgreSQL and psycopg alone, the statements of the hand-written endpoints."""

    def __init__(self, conninfo: str, found: list[Place], cases: list[UUID]) -> None:
        self.name = "raw SQL, no HTTP"
        self._conninfo = conninfo
        after = tuple((place.received_at.isoformat(), str(place.id)) for place in found)
        self._given = {
            "nested": after,
            "flat": after,
            "case": tuple((str(case),) for case in cases),
        }

    def measure(self, question: str, plan: Plan) -> Load:
        return run(
            replace(
                plan,
                conninfo=self._conninfo,
                statement=statements.STATEMENTS[question],
                parameters=self._given[question],
            )
        )

    def answers(self, question: str) -> Iterator[Any]:
        with psycopg.connect(self._conninfo) as connection:
            for given in self._given[question][::_CHECKED]:
                row = connection.execute(statements.STATEMENTS[question], given).fetchone()
                assert row is not None
                yield row[0]


def answer(port: int, request: Request) -> Any:
    """Ask once, and return what was said; an error ends the run."""
    sent = urllib.request.Request(
        f"http://127.0.0.1:{port}{request.path}",
        data=request.body.encode() or None,
        headers=request.headers,
        method=request.method,
    )
    with urllib.request.urlopen(sent, timeout=60) as received:
        said = orjson.loads(received.read())
    if "errors" in said:
        raise RuntimeError(json.dumps(said["errors"])[:1000])
    return said


def redress(port: int, keys: list[str], found: list[Place], cases: list[UUID]) -> Server:
    """Ask the product, as its clients do: every variant with a key of its own."""
    after = []
    for key, place in zip(keys, found, strict=False):
        before = (place.received_at + timedelta(milliseconds=1)).isoformat()
        said = answer(port, posted(_CURSOR, {"before": before}, key))
        after.append(said["data"]["complaints"]["edges"][0]["cursor"])
    return Server("redress", port, _by_graphql((NESTED, FLAT, CASE), after, cases, keys))


def stock(port: int, found: list[Place], cases: list[UUID]) -> Server:
    """Ask stock Strawberry, with the documents of the product."""
    after = [stock_cursor(place.received_at, place.id) for place in found]
    return Server("stock Strawberry", port, _by_graphql((NESTED, FLAT, CASE), after, cases))


def by_postgraphile(port: int, found: list[Place], cases: list[UUID]) -> Server:
    """Ask PostGraphile, in its names."""
    after = []
    for place in found:
        said = answer(port, posted(postgraphile.CURSOR, {"rank": place.rank}))
        after.append(said["data"]["allComplaints"]["edges"][0]["cursor"])
    documents = (postgraphile.NESTED, postgraphile.FLAT, postgraphile.CASE)
    return Server(postgraphile.PACKAGE, port, _by_graphql(documents, after, cases))


def endpoints(port: int, found: list[Place], cases: list[UUID]) -> Server:
    """Ask the hand-written endpoints."""
    after = [urlencode({"at": p.received_at.isoformat(), "after": p.id}) for p in found]
    asked = {
        "nested": [Request("GET", f"/nested?{place}", {}) for place in after],
        "flat": [Request("GET", f"/flat?{place}", {}) for place in after],
        "case": [Request("GET", f"/case?complaint={case}", {}) for case in cases],
    }
    return Server("FastAPI, JSON by SQL", port, asked)


def _by_graphql(
    documents: tuple[str, str, str], after: list[str], cases: list[UUID], keys: Sequence[str] = ()
) -> dict[str, list[Request]]:
    given: tuple[list[dict[str, Any]], ...] = (
        [{"after": cursor} for cursor in after],
        [{"after": cursor} for cursor in after],
        [{"id": str(case)} for case in cases],
    )
    return {
        question: [
            posted(document, variables, keys[number % len(keys)] if keys else None)
            for number, variables in enumerate(variants)
        ]
        for question, document, variants in zip(QUESTIONS, documents, given, strict=True)
    }


def posted(
    document: str, variables: dict[str, Any], key: str | None = None, **headers: str
) -> Request:
    """Return a GraphQL request; ``key`` is an API key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named["Authorization"] = f"Bearer {key}"
    body = orjson.dumps({"query": document, "variables": variables}).decode()
    return Request("POST", "/graphql", {"Content-Type": "application/json"} | named, body)


def told(said: Any) -> list[str]:
    """Return what tells the rows of an answer apart, whatever its shape: the leaves, in order."""
    if isinstance(said, list):
        return [leaf for one in said for leaf in told(one)]
    if not isinstance(said, dict):
        return []
    found = []
    for name, value in said.items():
        if name in {"number", "sha256", "sentence", "topic"}:
            found.append(str(value))  # PostGraphile tells a bigint as a string
        else:
            found += told(value)
    return found
