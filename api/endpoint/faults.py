"""What a caller is told of errors: a code and a message for each, and nothing of its inside."""

import re
from collections.abc import Sequence
from traceback import extract_tb
from typing import Any, Final

import psycopg
import structlog
from graphql import GraphQLError

from api.positions import NotYetProjectedError
from api.refusals import fault_message, refusal_code, refusal_message, refusal_rule
from application.eventstore.errors import NotStoredError, OutcomeUnknownError
from domain.errors import DomainError, InvalidValueError

_FRAMES: Final = 5
# What was sent may be personal, wherever it was put: errors name the place, not the value.
_QUOTED_VALUE: Final = re.compile(
    r"""(?s), found.*|: (?=['"\[{]|-?\d).*|(?<=unknown field) '.*"""
    r"""|(?<=^Syntax Error: Unexpected) .*|(?<=[Vv]alue) '.*(?= does not exist)"""
)
_OF_REQUEST: Final = {"INVALID_DOCUMENT": "文档无效", "INVALID_VARIABLES": "变量无效"}
"""What is wrong with the request itself; the words after it are those of the specification."""

_log = structlog.get_logger()


def formatted(
    errors: Sequence[GraphQLError], lang: str, code: str = "INVALID_DOCUMENT"
) -> list[Any]:
    """Return errors as the answer tells them; ``code`` is that of an error without its own."""
    return [told(error, lang, code).formatted for error in errors]


def told(error: GraphQLError, lang: str, code: str = "INVALID_DOCUMENT") -> GraphQLError:
    """Give an error its code; an unexpected one is logged, without what it says."""
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    if original is None:  # about the document or by one of our own resolvers
        own = dict(error.extensions or {})
        text = _QUOTED_VALUE.sub("", error.message)
        if "code" not in own:
            own["code"] = code
            text = f"{_OF_REQUEST[code]}：{text}" if lang == "zh" else text
        return GraphQLError(
            text, error.nodes, error.source, error.positions, error.path, extensions=own
        )
    extensions: dict[str, Any]
    if isinstance(original, DomainError):
        extensions = {"code": refusal_code(type(original)), "rule": refusal_rule(original)}
        if isinstance(original, InvalidValueError):
            extensions["field"] = original.field
        message = refusal_message(original, lang)
    elif isinstance(original, NotYetProjectedError):
        extensions = {"code": "NOT_YET_PROJECTED", "reached": original.reached}
        message = fault_message(
            "NOT_YET_PROJECTED", lang, reached=original.reached, position=original.position
        )
    else:
        extensions = {"code": fault_code(original)}
        message = fault_message(extensions["code"], lang)
        if extensions["code"] == "INTERNAL":
            log_fault(original)
    return GraphQLError(message, error.nodes, path=error.path, extensions=extensions)


def fault_code(fault: BaseException) -> str:
    """Return the stable code of a fault."""
    if isinstance(fault, OutcomeUnknownError):
        return "OUTCOME_UNKNOWN"
    if isinstance(fault, NotStoredError):
        return "UNAVAILABLE"
    if isinstance(fault, psycopg.OperationalError):  # resolvers only read
        return "READ_UNAVAILABLE"
    return "INTERNAL"


def log_fault(fault: BaseException, **about: Any) -> None:
    """Log the place of a fault, not its message, which may quote what was sent."""
    frames = extract_tb(fault.__traceback__)[-_FRAMES:]
    trace = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    _log.error("fault", error=type(fault).__name__, trace=trace, **about)
