"""Answers, and the forms that refusals take: errors of GraphQL, problems of RFC 9457."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.types import Send

from api.authentication.refusals import STATUS_OF, NoRoleError, UnauthenticatedError
from api.refusals import fault_message

PROBLEM: Final = "application/problem+json"
BAD_HEADER: Final = "AFTER_NOT_A_POSITION"
_OF_HTTP: Final = {
    400: "Bad Request",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}
"""What is wrong with the request before it is one of GraphQL: told as a problem of RFC 9457."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; ``path`` says which way the answer was found."""

    body: bytes
    status: int = 200
    path: str = "refused"
    headers: Mapping[str, str] = field(default_factory=dict)


def error_answer(status: int, code: str, lang: str, headers: Mapping[str, str]) -> Answer:
    """Return an answer that holds one error; what is wrong with the HTTP is a problem, too."""
    message = fault_message(code, lang)
    body: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if is_of_http(status, code):
        body |= {"type": "about:blank", "title": _OF_HTTP[status], "status": status}
        body |= {"detail": message, "code": code}
    return Answer(orjson.dumps(body), status, headers=headers)


def problem_answer(refused: UnauthenticatedError | NoRoleError, lang: str) -> Answer:
    """Return the answer to somebody who is not let in, as a problem of RFC 9457."""
    unknown = isinstance(refused, UnauthenticatedError)
    usual = (401, "Unauthorized") if unknown else (403, "Forbidden")
    status, title = STATUS_OF.get(refused.code, usual)
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": refused.detail_in(lang),
        "code": refused.code,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == usual[0] and unknown else {}
    return Answer(orjson.dumps(problem), status, headers=headers)


def is_of_http(status: int, code: str) -> bool:
    """Say whether what is wrong is the HTTP, before it is a request of GraphQL."""
    return code == BAD_HEADER or (status in _OF_HTTP and status != 400)  # noqa: PLR2004


async def send_answer(send: Send, answer: Answer, media_type: str) -> None:
    """Send an answer in its media type."""
    charset = "" if media_type == PROBLEM else "; charset=utf-8"
    headers = [
        (b"content-type", f"{media_type}{charset}".encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"redress-path", answer.path.encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept, Accept-Language, Authorization, Cookie"),
        (b"x-content-type-options", b"nosniff"),
    ]
    headers.extend(
        (name.lower().encode(), value.encode()) for name, value in answer.headers.items()
    )
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
