"""What a GraphQL request over HTTP says, and in which media type it wants its answer.

Follows the GraphQL over HTTP specification; what breaks it is refused with a stable code before
anything else is looked at.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope

GRAPHQL_JSON: Final = "application/graphql-response+json"
PLAIN_JSON: Final = "application/json"
LARGEST_BODY: Final = 2 * 1024 * 1024
BODY_SECONDS: Final = 10.0
_MOST_PARAMETERS: Final = 20
_DIGITS: Final = 18


class RequestRefusedError(Exception):
    """The request is not one that GraphQL over HTTP allows; ``code`` is stable."""

    def __init__(self, status: int, code: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One operation that somebody asks for; ``reading`` if it came by a safe method."""

    query: str | None
    operation_name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any]
    document_id: str | None
    reading: bool


def answer_type(accept: str | None) -> str:
    """Return the media type of the answer; a client that accepts neither is refused."""
    if not accept:
        return PLAIN_JSON
    best = preferred(accept, (GRAPHQL_JSON, PLAIN_JSON))
    if not best:
        raise RequestRefusedError(406, "NOT_ACCEPTABLE")
    return best


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return what a client likes best of what is offered, the first of equals; else nothing."""
    best, best_quality = "", 0.0
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
            elif parameter.startswith("charset=") and parameter != "charset=utf-8":
                quality = 0.0
        if name in {"*/*", "application/*"}:
            name = PLAIN_JSON
        if name in offered and quality > best_quality:
            best, best_quality = name, quality
    return best


async def read_request(scope: Scope, receive: Receive, headers: Mapping[str, str]) -> Any:
    """Return the parameters as they were sent, by GET or POST; not yet checked."""
    method = scope["method"]
    if method == "GET":
        return _from_query(scope["query_string"])
    if method != "POST":
        raise RequestRefusedError(405, "METHOD_NOT_ALLOWED", headers={"Allow": "GET, POST"})
    _check_content(headers)
    body = await _body(receive, headers)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RequestRefusedError(400, "BODY_NOT_JSON") from None


def checked(sent: Any, *, reading: bool) -> GraphQLRequest:
    """Check the types of the parameters."""
    if isinstance(sent, list):
        raise RequestRefusedError(400, "BATCH_OFF")
    if not isinstance(sent, dict):
        raise RequestRefusedError(400, "BODY_NOT_AN_OBJECT")
    query, name = sent.get("query"), sent.get("operationName")
    document_id = sent.get("documentId")
    if query is not None and not isinstance(query, str):
        raise RequestRefusedError(400, "QUERY_NOT_A_STRING")
    if name is not None and not isinstance(name, str):
        raise RequestRefusedError(400, "OPERATION_NAME_NOT_A_STRING")
    if document_id is not None and not isinstance(document_id, str):
        raise RequestRefusedError(400, "DOCUMENT_ID_NOT_A_STRING")
    variables = sent.get("variables")
    extensions = sent.get("extensions")
    if variables is not None and not isinstance(variables, dict):
        raise RequestRefusedError(400, "VARIABLES_NOT_AN_OBJECT")
    if extensions is not None and not isinstance(extensions, dict):
        raise RequestRefusedError(400, "EXTENSIONS_NOT_AN_OBJECT")
    return GraphQLRequest(
        query, name or None, variables or {}, extensions or {}, document_id, reading
    )


def _from_query(query_string: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise RequestRefusedError(400, "QUERY_STRING_BROKEN") from None
    sent: dict[str, Any] = {}
    for name, value in pairs:
        if name in sent:
            raise RequestRefusedError(400, "QUERY_STRING_BROKEN")
        sent[name] = value
    for name in ("variables", "extensions"):
        if name in sent:
            try:
                sent[name] = orjson.loads(sent[name])
            except orjson.JSONDecodeError:
                raise RequestRefusedError(400, f"{name.upper()}_NOT_AN_OBJECT") from None
    return sent


def _check_content(headers: Mapping[str, str]) -> None:
    kind, *parameters = headers.get("content-type", "").split(";")
    if kind.strip().lower() != PLAIN_JSON:
        raise RequestRefusedError(415, "CONTENT_TYPE", headers={"Accept-Post": PLAIN_JSON})
    for parameter in parameters:
        name, _, value = parameter.strip().lower().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8"}:
            raise RequestRefusedError(415, "CHARSET")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        # Nothing is unpacked, so that no small body becomes a large one.
        raise RequestRefusedError(415, "CONTENT_ENCODING", headers={"Accept-Encoding": "identity"})


async def _body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > _DIGITS or int(length) > LARGEST_BODY):
        raise RequestRefusedError(413, "BODY_TOO_LARGE")
    pieces: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                piece = message.get("body", b"")
                received += len(piece)
                if received > LARGEST_BODY:
                    raise RequestRefusedError(413, "BODY_TOO_LARGE")
                pieces.append(piece)
                if not message.get("more_body", False):
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except TimeoutError:
        raise RequestRefusedError(408, "BODY_TOO_SLOW", headers={"Connection": "close"}) from None


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""
