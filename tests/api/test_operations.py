"""What whoever runs the server sees: ids, log lines, figures, spans, and whether it is ready."""

import asyncio
import re
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from psycopg_pool import AsyncConnectionPool
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from api import health, tracing
from api.bootstrap import as_role, open_event_store, utc_now
from api.draining import Draining
from api.graphql.context import Services
from api.health import Health, Watch
from api.positions import Positions
from application.dispatch import Dispatcher

RECEIVE = """
mutation Receive($input: ReceiveComplaintInput!) {
  receiveComplaint(input: $input) { ... on ComplaintPayload { position } }
}
"""
VIEWER = "query Who { viewer { role } }"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CORRELATION = """
SELECT convert_from(state, 'UTF8')::jsonb -> 'meta' ->> 'correlation'
FROM log.stored_events WHERE notification_id = %s
"""
GIVEN = {
    "channel": "PHONE",
    "category": "DELAY",
    "complainant": "王小明",
    "subject": "包裹晚到",
    "facts": "承诺周一送达",
}


@contextmanager
def lines() -> Iterator[list[Any]]:
    with capture_logs(processors=[merge_contextvars]) as found:
        yield found


def requests(found: list[Any]) -> list[Any]:
    return [line for line in found if line["event"] == "request"]


def received(api: Any, **headers: str) -> tuple[Any, int]:
    """Take in a complaint without waiting for the read models."""
    answer = api.post(RECEIVE, {"input": GIVEN}, **headers)
    return answer, answer.json()["data"]["receiveComplaint"]["position"]


# Ids


def test_the_id_of_a_request_is_the_correlation_of_its_commands(shared: Any) -> None:
    given = str(uuid4())
    answer, position = received(shared, X_Request_Id=given)
    assert answer.headers["x-request-id"] == given
    assert shared.rows(CORRELATION, position) == [(given,)]

    answer, position = received(shared)
    made = answer.headers["x-request-id"]
    assert UUID(made).version == 7
    assert shared.rows(CORRELATION, position) == [(made,)]


@pytest.mark.parametrize(
    "given",
    [
        "王小明".encode(),
        b"13800138000",
        b"{01890000-0000-7000-8000-000000000000}",
        b"urn:uuid:1",
        b"",
    ],
)
def test_an_id_that_could_say_something_is_not_taken(shared: Any, given: bytes) -> None:
    headers: Any = {"X-Request-Id": given}
    answer = shared.run(shared.send("GET", "/health/live", None, headers=headers))
    assert UUID(answer.headers["x-request-id"]).version == 7


def test_two_ids_are_none(shared: Any) -> None:
    given = str(uuid4())
    headers: Any = [("X-Request-Id", given), ("X-Request-Id", str(uuid4()))]
    answer = shared.run(shared._client.get("/health/live", headers=headers))
    assert answer.headers["x-request-id"] != given


# Log lines


def test_a_request_has_one_log_line_with_names_and_figures(shared: Any) -> None:
    with lines() as found:
        answer = shared.post(VIEWER, traceparent=f"00-{TRACE}-{PARENT}-01")
    (line,) = requests(found)
    ms = line.pop("ms")
    assert 0 < ms < 10_000
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/graphql",
        "status": 200,
        "kind": "query",
        "operation": "Who",
        "path": answer.headers["redress-path"],
        "cost": int(answer.headers["redress-cost"]),
        "request_id": answer.headers["x-request-id"],
        "trace_id": TRACE,
    }


def test_the_lines_of_a_request_share_its_id(shared: Any) -> None:
    with lines() as found:
        answer, _ = received(shared)
    assert [line["event"] for line in found] == ["command", "request"]
    assert {line["request_id"] for line in found} == {answer.headers["x-request-id"]}


@pytest.mark.parametrize(
    "given",
    [
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-x",
    ],
)
def test_a_malformed_traceparent_is_nobodys(shared: Any, given: str) -> None:
    with lines() as found:
        answer = shared.post(VIEWER, traceparent=given)
    (line,) = requests(found)
    assert line["trace_id"] == UUID(answer.headers["x-request-id"]).hex


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
def test_what_machines_ask_all_the_time_is_logged_for_debugging_only(
    shared: Any, path: str
) -> None:
    with lines() as found:
        shared.get(path)
    (line,) = requests(found)
    assert (line["log_level"], line["route"]) == ("debug", path)


def test_an_address_is_not_logged(shared: Any) -> None:
    with lines() as found:
        assert shared.get("/王小明?phone=13800138000").status_code == 404
    (line,) = requests(found)
    assert line["route"] == "other"


def test_a_refused_request_is_logged_with_its_code(shared: Any) -> None:
    with lines() as found:
        shared.post("{ viewer { 王小明 } }")
        shared.post("{ viewer { xiaoming } }")
        shared.run(shared.send("POST", "/graphql", content=b"["))
        shared.post(VIEWER, None, None, Authorization="Bearer nobody")
    codes = [line["refused"] for line in requests(found)]
    assert codes == ["INVALID_DOCUMENT", "INVALID_DOCUMENT", "CONTENT_TYPE", "KEY_UNKNOWN"]


# Figures


def figures(api: Any) -> dict[str, float]:
    found = re.findall(r"^(redress_\S+|process_\S+) (\S+)$", api.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_requests_are_counted_by_kind_path_and_status(api: Any) -> None:
    before = figures(api)
    path = api.post(VIEWER).headers["redress-path"]
    received(api)
    api.post("{ nothing }")
    after = figures(api)

    def more(name: str) -> float:
        return after[name] - before.get(name, 0)

    name = 'redress_request_seconds_count{{kind="{}",path="{}",status="2xx"}}'
    assert more(name.format("query", path)) == 1
    assert more(name.format("mutation", "ordinary")) == 1
    assert more(name.format("none", "refused")) == 1
    assert more('redress_requests_refused_total{code="INVALID_DOCUMENT"}') == 1
    assert more("redress_commands_stored_total") == 1


def test_metrics_tell_the_state_of_the_server(api: Any) -> None:
    received(api)
    api.until(lambda: api.get("/health/ready").status_code == 200)
    found = figures(api)
    assert found["redress_ready"] == 1
    assert found["redress_event_writer_queue"] == 0
    assert found["redress_subscriptions_active"] == 0
    assert found['redress_pool_connections{pool="read",state="idle"}'] >= 1
    assert found['redress_pool_waiting{pool="write"}'] == 0
    for name in ("lag_events", "lag_seconds"):
        assert f'redress_projection_{name}{{projection="complaints"}}' in found
    assert found['redress_parked_events{projection="complaints"}'] == 0
    assert any(name.startswith("redress_build_info{") for name in found)
    assert found["process_resident_memory_bytes"] > 0


def test_no_label_holds_what_somebody_sent(shared: Any) -> None:
    before = shared.get("/metrics").text.count("\n")
    for number in range(5):
        shared.get(f"/nowhere-{number}")
        shared.run(shared.send(f"WORD{number}", "/nowhere", None))
        shared.post(f"query Name{number} {{ viewer {{ role unknown{number} }} }}")
        shared.post(VIEWER, None, None, Authorization=f"Bearer {number}")
    text = shared.get("/metrics").text
    assert "nowhere" not in text
    assert "WORD" not in text
    assert "Name" not in text
    assert text.count("\n") < before + 100  # three new series at most, each with its buckets


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_is_not_this_machine(shared: Any, header: str) -> None:
    headers = {header: "127.0.0.1"}
    answer = shared.run(shared.send("GET", "/metrics", None, headers=headers))
    assert answer.status_code == 401
    answer = shared.run(shared.send("GET", "/metrics", "operator", headers=headers))
    assert answer.status_code == 200


# Ready


def ready(api: Any) -> Any:
    api.run(asyncio.sleep(health.FRESH_SECONDS * 1.2))
    answer = api.get("/health/ready")
    told = answer.json()
    assert (answer.status_code == 200) == (told["status"] == "ready")
    assert answer.headers["cache-control"] == "no-store"
    return told


def test_read_models_that_stand_still_are_not_ready(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.until(lambda: not any(api.get("/health/ready").json()["lag_events"].values()))
    with psycopg.connect(api.database.conninfo) as connection:
        connection.execute(
            "SELECT FROM ops.projection_positions WHERE projection = 'complaints' FOR UPDATE"
        )
        received(api)
        told = ready(api)
        assert told["lag_events"]["complaints"] == 1
        assert told["lag_seconds"]["complaints"] > 0
        assert told["status"] == "ready"  # within the limits

        monkeypatch.setattr(health, "LAG_LIMIT_SECONDS", 0.01)
        told = ready(api)
        assert (told["status"], told["projections"]) == ("not ready", False)
        monkeypatch.undo()
        monkeypatch.setattr(health, "LAG_LIMIT_EVENTS", 0)
        assert ready(api)["projections"] is False
        monkeypatch.undo()
    api.until(lambda: api.get("/health/ready").json()["lag_events"]["complaints"] == 0)


def test_a_schema_of_another_version_is_not_ready(api: Any) -> None:
    api.until(lambda: api.get("/health/ready").status_code == 200)
    with psycopg.connect(api.database.conninfo, autocommit=True) as connection:
        connection.execute("UPDATE migrations.applied SET version_num = '9999'")
    told = ready(api)
    assert (told["status"], told["schema"], told["writable"]) == ("not ready", False, True)


# The projector cannot write either and ends; under ``serve`` it would be started again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_database_that_only_reads_is_not_ready(api: Any) -> None:
    api.until(lambda: api.get("/health/ready").status_code == 200)
    name = psycopg.conninfo.conninfo_to_dict(api.database.conninfo)["dbname"]
    with psycopg.connect(api.database.conninfo, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    try:
        api.until(lambda: ready(api)["database"])
        told = ready(api)
        assert (told["status"], told["writable"]) == ("not ready", False)
    finally:
        with psycopg.connect(api.database.conninfo, autocommit=True) as connection:
            connection.execute("SET transaction_read_only = off")
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_parked_events_are_told(api: Any) -> None:
    with psycopg.connect(api.database.conninfo, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.parked_events (projection, position, originator_id, topic, error)"
            " VALUES ('ratings', 1, gen_random_uuid(), 'a.b', 'ValueError in f:1')"
        )
    told = ready(api)
    assert told["parked_events"] == {"ratings": 1}
    assert "ValueError" not in str(told)
    assert figures(api)['redress_parked_events{projection="ratings"}'] == 1


def test_many_probes_share_one_look(shared: Any) -> None:
    async def looked() -> tuple[list[Health], int]:
        conninfo = shared.database.conninfo
        master = shared.database.master
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            as_role(conninfo, "redress_reader"), open=False, kwargs={"autocommit": True}
        )
        async with pool, open_event_store(conninfo, master, zone=ZoneInfo("UTC")) as store:

            async def nothing() -> None:
                """No key changes here."""

            positions = Positions(lambda: as_role(conninfo, "redress_writer"), nothing)
            positions.start()
            services = Services(store, Dispatcher(store, utc_now), pool, positions)
            draining = Draining()
            watch = Watch(lambda: services, draining)
            found = await asyncio.gather(*(watch.look() for _ in range(200)))
            asked = pool.get_stats()["requests_num"]
            draining.begin()
            found.append(await watch.look())
            await positions.stop()
            return found, asked

    found, asked = asyncio.run(looked())
    assert asked == 1
    assert all(look.checks.database for look in found[:200])
    assert not found[-1].ready
    assert not found[-1].checks.serving


# Spans


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.recording(provider):
        yield exporter


def test_a_command_is_traced_from_the_request_to_the_log(
    spans: InMemorySpanExporter, api: Any
) -> None:
    spans.clear()
    answer, _ = received(
        api, traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="name=XiaoMing", baggage="a=XiaoMing"
    )
    found = {span.name: span for span in spans.get_finished_spans()}
    assert list(found) == ["prepare", "append", "command", "ordinary", "request"]
    assert {f"{span.context.trace_id:032x}" for span in found.values()} == {TRACE}
    for child, parent in (("append", "command"), ("command", "ordinary"), ("prepare", "request")):
        assert found[child].parent.span_id == found[parent].context.span_id
    assert f"{found['request'].parent.span_id:016x}" == PARENT
    assert dict(found["command"].attributes) == {
        "operation": "receiveComplaint",
        "redress.repeated": False,
    }
    assert dict(found["append"].attributes) == {"events": 1}
    assert dict(found["request"].attributes) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "Receive",
        "redress.path": "ordinary",
        "redress.cost": int(answer.headers["redress-cost"]),
    }
    assert "XiaoMing" not in "".join(span.to_json() for span in found.values())


def test_a_query_is_traced_on_its_way(spans: InMemorySpanExporter, shared: Any) -> None:
    spans.clear()
    answer = shared.post("{ complaints(first: 1) { edges { node { number } } } }")
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["prepare", answer.headers["redress-path"], "request"]


def test_a_span_of_a_fault_does_not_quote_it(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="王"), tracing.span("step"):
        raise ValueError("王小明")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert "王" not in span.to_json(indent=None) + repr(span.events)


def test_without_an_exporter_spans_cost_next_to_nothing() -> None:
    def request() -> None:
        with tracing.request_span(None) as outer:
            for name in ("prepare", "ordinary", "command", "append"):
                with tracing.span(name, operation=name):
                    pass
            tracing.told(outer, {})

    seconds = min(timeit.repeat(request, number=2000, repeat=5)) / 2000
    print(f"{seconds * 1e6:.2f} us a request")
    assert seconds < 5e-6


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_traces_are_sent_only_if_asked_for(environ: dict[str, str], asked: bool) -> None:
    assert tracing.is_asked_for(environ) is asked
