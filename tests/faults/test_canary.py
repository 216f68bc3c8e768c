"""A personal text goes into every field and every wrong place: only an answer ever shows it."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    build_schema,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CANARY = "Kanarienvogel-王二麻子-13912345678"
TRACES = ("Kanarienvogel", "王二麻子", "13912345678", quote("王二麻子"), r"\u738b\u4e8c")
PERSONAL = ("complainant", "contact", "subject", "facts", "request")
PARKED = "SELECT error FROM ops.parked_events"
COMPLAINT = "... on ComplaintPayload { complaint { id } } ... on Refusal { code message }"


class Collector(ThreadingHTTPServer):
    """Where traces go."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Receiver)

    def spans(self) -> list[Any]:
        exported = map(ExportTraceServiceRequest.FromString, self.bodies)
        return [
            span
            for one in exported
            for of_resource in one.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join(10)


def filled(kind: GraphQLInputType, ids: str | None) -> Any:
    """Return a value of a type, with the canary in every text."""
    if isinstance(kind, GraphQLNonNull):
        return filled(kind.of_type, ids)
    if isinstance(kind, GraphQLList):
        return [filled(kind.of_type, ids)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: ids if ids is not None and name.endswith("Id") else filled(field.type, ids)
            for name, field in kind.fields.items()
        }
    return {"Int": 1, "Long": 1, "Float": 1.0, "Boolean": True}.get(kind.name, CANARY)


class Teller:
    """Tells the server the canary, and keeps the answers that must not repeat it."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.headers = {"authorization": f"Bearer {key}"}
        self.told: list[str] = []

    def raw(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        answer = self.http.request(method, path, headers=headers, **more)
        self.told.append(f"{answer.status_code} {answer.headers} {answer.text}")
        return answer

    def bad(self, query: str, variables: Any = None, **more: Any) -> Any:
        body = {"query": query, "variables": variables, **more}
        return self.raw("POST", "/graphql", json=body).json()

    def good(self, query: str, variables: Any = None) -> Any:
        """Ask for what may be shown to this role: the answer is not kept."""
        body = {"query": query, "variables": variables}
        answer = self.http.post("/graphql", json=body, headers=self.headers).json()
        assert "errors" not in answer, answer
        return answer["data"]


def every_field(teller: Teller, schema: GraphQLSchema, complaint: str) -> None:
    """Give every command with the canary in every text; then with ids that are right."""
    assert schema.mutation_type is not None
    for name, field in schema.mutation_type.fields.items():
        kind = field.args["input"].type
        document = (
            f"mutation It($input: {kind}) {{ {name}(input: $input) {{ __typename"
            " ... on Refusal { code message rule } ... on InvalidValue { field } } }"
        )
        for ids in (None, complaint):
            given = filled(kind, ids)
            teller.bad(document, {"input": given})
            for wrong in given if isinstance(given, dict) else ():
                sparse = {key: value for key, value in given.items() if key != wrong}
                teller.bad(document, {"input": sparse})
                teller.bad(document, {"input": given | {wrong: {CANARY: CANARY}}})


def every_argument(teller: Teller, schema: GraphQLSchema) -> None:
    """Ask every query with the canary in every text."""
    assert schema.query_type is not None
    for name, field in schema.query_type.fields.items():
        arguments = {key: filled(given.type, None) for key, given in field.args.items()}
        declared = ", ".join(f"${key}: {given.type}" for key, given in field.args.items())
        passed = ", ".join(f"{key}: ${key}" for key in arguments)
        head = f"query It({declared})" if declared else "query It"
        call = f"{name}({passed})" if passed else name
        teller.bad(f"{head} {{ {call} {{ __typename }} }}", arguments)
        teller.bad(f"{head} {{ {call} }}", arguments)


def wrong_places(teller: Teller) -> None:
    viewer = "{ viewer { role } }"
    quoted = json.dumps(CANARY)
    for query in (
        CANARY,
        f"query {CANARY} {viewer}",
        f"{{ {CANARY} }}",
        f"{{ complaint(id: {quoted}) {{ id }} }}",
        f"{{ complaints(first: {quoted}) {{ totalCount }} }}",
        f"{{ complaints(filter: {{outlet: {quoted}, wrong: {quoted}}}) {{ totalCount }} }}",
        f"{{ complaints(after: {quoted}) {{ totalCount }} }}",
        f"{{ node(id: {quoted}) {{ id }} }}",
        f'{{ viewer @include(if: {quoted}) {{ role }} }} # "{CANARY}"',
        f"{{ viewer(wrong: {quoted}) {{ role }} }}",
    ):
        teller.bad(query)
    teller.bad(f"query It {viewer}", operationName=CANARY)
    teller.bad("query ($a: Int!) { viewer { role } }", {"a": CANARY})
    teller.bad(viewer, {CANARY: CANARY})
    teller.bad(viewer, CANARY)
    teller.bad(viewer, extensions={"persistedQuery": {"sha256Hash": CANARY}})
    teller.bad(viewer, documentId=CANARY)
    teller.raw("POST", "/graphql", content=CANARY.encode())
    teller.raw("POST", "/graphql", content=json.dumps([CANARY]).encode())
    value = CANARY.encode()
    for name in (
        *("Authorization", "Idempotency-Key", "Redress-After", "Redress-Role", "X-Request-Id"),
        *("traceparent", "tracestate", "baggage", "Accept", "Accept-Language", "Content-Type"),
        *("Cookie", "User-Agent", "Referer", "Origin", "X-Forwarded-For", "Content-Encoding"),
    ):
        headers: Any = {name: value}
        teller.raw("POST", "/graphql", json={"query": viewer}, headers=headers)
        teller.raw("GET", "/session", headers=headers)
    path = quote(CANARY)
    for address in (
        *(f"/{path}", f"/session/{path}", f"/session/login?{path}={path}", f"/health/{path}"),
        *(f"/graphql?query={path}", f"/graphql?query=%7Bviewer%7Brole%7D%7D&variables={path}"),
        *(f"/graphql?operationName={path}&query={path}", f"/assets/graphiql/{path}", f"/?{path}"),
        *(f"/session/callback?state={path}&code={path}", f"/metrics?{path}", f"/schema/{path}"),
    ):
        teller.raw("GET", address)
    teller.raw("WORD", f"/{path}")


def a_real_case(teller: Teller) -> str:
    """Take in a complaint and ask for it; return its id."""
    given = {"channel": "PHONE", "category": "DELAY"} | dict.fromkeys(PERSONAL, CANARY)
    receive = "mutation ($i: ReceiveComplaintInput!) { receiveComplaint(input: $i) {%s} }"
    it = teller.good(receive % COMPLAINT, {"i": given})["receiveComplaint"]["complaint"]["id"]
    shown = " ".join(PERSONAL)
    query = f"query ($id: ID!) {{ complaint(id: $id) {{ {shown} }} }}"
    found = teller.good(query, {"id": it})
    assert CANARY in found["complaint"].values()  # to whom it belongs, it is shown
    return str(it)


def test_a_personal_text_is_in_no_log_span_figure_or_error(deployment: Any) -> None:
    with collecting() as collector:
        url = deployment.start(
            REDRESS_LOG_LEVEL="DEBUG",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            OTEL_BSP_SCHEDULE_DELAY="200",
        )
        roles = ("front_desk", "administrator")
        tellers = [Teller(url, deployment.create_key(role)["key"]) for role in roles]
        complaint = a_real_case(tellers[0])
        schema = build_schema(httpx.get(f"{url}/schema.graphql", trust_env=False).text)
        for teller in tellers:
            every_field(teller, schema, complaint)
            every_argument(teller, schema)
            wrong_places(teller)
        with httpx.Client(base_url=url, trust_env=False) as client:
            marked = client.get("/health/ready", headers={"x-request-id": str(uuid4())})
            metrics = client.get("/metrics").text
        parked = deployment.rows(PARKED)
        assert deployment.stop() == 0
        spans = collector.spans()

    logs = deployment.errors() + (deployment.folder / "out").read_text()
    database = (deployment.cluster / "postgres.log").read_text(errors="replace")
    assert {"request", "prepare", "command", "append"} <= {span.name for span in spans}
    assert len(re.findall('"event":"request"', logs)) > 300
    assert marked.headers["x-request-id"] in logs
    for line in deployment.errors().splitlines():
        assert "event" in json.loads(line)
    traced = b"".join(collector.bodies)
    for part in TRACES:
        assert part not in logs
        assert part not in database
        assert part not in metrics
        assert part not in str(parked)
        assert part.encode() not in traced
        assert [told for teller in tellers for told in teller.told if part in told] == []
