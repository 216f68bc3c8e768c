"""JSON log lines on stderr; no line ever holds personal data."""

import logging
import sys

import orjson
import structlog


def configure_logging(level: str) -> None:
    """Write one JSON object per line, from ``level`` up."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    # The pool repeats what its users are told anyway; faults are logged by api/graphql/schema.py.
    for name in ("psycopg.pool", "strawberry.execution"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
