"""JSON log lines on stderr; no line ever holds personal data.

Texts of exceptions may quote what somebody sent: a line names an error by its type and place.
"""

import logging
import sys
import threading
from datetime import UTC, datetime
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final

import orjson
import structlog

_FRAMES: Final = 5

_log = structlog.get_logger()


def configure_logging(level: str) -> None:
    """Write one JSON object per line, from ``level`` up; of libraries, warnings only."""
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
    handler = logging.StreamHandler()
    handler.setFormatter(LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # The pool repeats what its users are told anyway; faults are logged by api/endpoint/faults.py.
    for name in ("psycopg.pool", "strawberry.execution"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


def place_of(error: BaseException | None) -> dict[str, Any]:
    """Name an error by its type and where it was raised."""
    if error is None:
        return {}
    frames = extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "error": type(error).__name__,
        "trace": [f"{frame.filename}:{frame.lineno}" for frame in frames],
    }


class LibraryFormatter(logging.Formatter):
    """Writes the lines of libraries: what they say, without the values that they say it of."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line; further lines and arguments may quote anything."""
        line = {
            "event": str(record.msg).partition("\n")[0].strip(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            **place_of(record.exc_info[1] if record.exc_info else None),
            **structlog.contextvars.get_contextvars(),
        }
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log.critical("crashed", **place_of(error))


def _thread_crashed(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is not SystemExit:
        _log.critical("thread crashed", **place_of(given.exc_value))
