"""OpenTelemetry traces, if the standard environment variables ask for them.

A span says how long a step took: names, counts and codes, never a text that somebody sent. Without
an exporter a span costs a tenth of a microsecond, since not even the API of the library is asked.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Token
from types import TracebackType
from typing import Any, Final

import structlog
from opentelemetry import context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    set_span_in_context,
)

_TRACEPARENT: Final = re.compile(
    r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
)
_NOTHING: Final = nullcontext()
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_SECONDS: Final = 3.0
"""How long the end of the server waits for whoever takes the last spans."""

_tracer: Tracer | None = None
_log = structlog.get_logger()


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Say whether the environment asks for traces."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in {"", "otlp"}:
        if exporter != "none":
            _log.warning("traces off: only the exporter otlp over http/protobuf is built in")
        return False
    return bool(exporter) or any(environ.get(name) for name in _ENDPOINTS)


@contextmanager
def exporting(environ: Mapping[str, str], version: str) -> Iterator[None]:
    """Send traces by OTLP over HTTP while this lasts, if the environment asks for it."""
    if not is_asked_for(environ):
        yield
        return
    # Imported here: the SDK takes a quarter of a second.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    named = {"service.name": environ.get("OTEL_SERVICE_NAME") or "redress"}
    resource = Resource.create({**named, "service.version": version})
    provider = Provider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    with recording(provider):
        try:
            yield
        finally:
            # It tries again and again where nobody answers: left behind after a while.
            ending = threading.Thread(target=provider.shutdown, daemon=True)
            ending.start()
            ending.join(_FLUSH_SECONDS)


@contextmanager
def recording(provider: TracerProvider) -> Iterator[None]:
    """Record spans with this provider while this lasts."""
    global _tracer  # noqa: PLW0603  one look at a name is all that a span may cost
    _tracer = provider.get_tracer("redress")
    try:
        yield
    finally:
        _tracer = None


def is_on() -> bool:
    """Say whether spans are recorded."""
    return _tracer is not None


def span(name: str, **attributes: str | int) -> AbstractContextManager[Span | None]:
    """Measure a step; a child of the step that it belongs to."""
    if _tracer is None:
        return _NOTHING
    return _Step(_tracer.start_span(name, attributes=attributes))


def request_span(traceparent: str | None) -> AbstractContextManager[Span | None]:
    """Measure a whole request; a child of the caller's step if it names one."""
    if _tracer is None:
        return _NOTHING
    parent = set_span_in_context(_remote(traceparent), context.Context())
    return _Step(_tracer.start_span("request", context=parent, kind=SpanKind.SERVER))


def trace_id_of(span: Span | None, traceparent: str | None) -> str | None:
    """Return the id of the trace that a request belongs to, if there is one."""
    if span is not None and span.get_span_context().is_valid:
        return f"{span.get_span_context().trace_id:032x}"
    found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    return None if found is None else found[1]


def _remote(traceparent: str | None) -> Span:
    found = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return NonRecordingSpan(SpanContext(0, 0, is_remote=True))
    flags = TraceFlags(int(found[3], 16) & TraceFlags.SAMPLED)
    # What else the caller says of its trace (tracestate, baggage) is free text: it goes nowhere.
    return NonRecordingSpan(
        SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags)
    )


class _Step:
    """A span that is current while it lasts; of an error it notes the type, not the text."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token: Token[context.Context] | None = None

    def __enter__(self) -> Span:
        self._token = context.attach(set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        assert self._token is not None
        context.detach(self._token)


def told(span: Span | None, attributes: Mapping[str, Any]) -> None:
    """Add what is known at the end of a step."""
    if span is not None:
        span.set_attributes(
            {name: value for name, value in attributes.items() if value is not None}
        )
