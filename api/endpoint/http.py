"""The ASGI endpoint of GraphQL: it stands before the web framework, which a query never enters."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from api.authentication.entrance import Entrance
from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.endpoint.execution import Answer, Execution
from api.endpoint.faults import log_fault
from api.endpoint.requests import (
    PLAIN_JSON,
    ClientGoneError,
    RequestRefusedError,
    answer_type,
    checked,
    read_request,
)
from api.graphiql import wants_page
from api.graphql.context import Context, Services
from api.languages import language
from api.limits.rates import anonymous_principal
from api.observing import saw_refusal
from api.refusals import fault_message

PATH: Final = "/graphql"
_PROBLEM: Final = "application/problem+json"
_DIGITS: Final = 19
_BAD_HEADER: Final = "AFTER_NOT_A_POSITION"
_OF_HTTP: Final = {
    400: "Bad Request",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}
"""What is wrong with the request before it is one of GraphQL: told as a problem of RFC 9457."""


class Serving:
    """What the endpoint needs of the running application."""

    services: Services
    entrance: Entrance
    execution: Execution


class GraphQLEndpoint:
    """Takes what is for GraphQL out of the stream of requests and answers it."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app = app
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != PATH or wants_page(scope):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        lang = language(headers.get("accept-language"))
        media_type = PLAIN_JSON
        try:
            media_type = answer_type(headers.get("accept"))
            answer = await self._answer(scope, receive, headers, lang, media_type)
        except RequestRefusedError as refused:
            saw_refusal(refused.code)
            answer = _error(refused.status, refused.code, lang, refused.headers)
            if _is_of_http(refused.status, refused.code):
                media_type = _PROBLEM
        except ClientGoneError:
            return
        except (UnauthenticatedError, NoRoleError) as refused:
            saw_refusal(refused.code)
            answer = _problem(refused, lang)
            media_type = _PROBLEM
        except Exception as fault:  # noqa: BLE001  nothing of it may reach the client
            log_fault(fault)
            answer = _error(500, "INTERNAL", lang, {})
        await _send(send, answer, media_type)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        headers: Mapping[str, str],
        lang: str,
        media_type: str,
    ) -> Answer:
        serving = self._serving
        caller = await serving.entrance.caller(headers, method=scope["method"])
        sent = await read_request(scope, receive, headers)
        request = checked(sent, reading=scope["method"] == "GET")
        context = Context(
            services=serving.services,
            optional_caller=caller,
            lang=lang,
            idempotency_key=headers.get("idempotency-key"),
            after_position=_after(headers.get("redress-after")),
        )
        principal = _address(scope) if caller is None else caller.principal
        return await serving.execution.answer(request, context, principal, media_type)


def _after(header: str | None) -> int | None:
    if header is None:
        return None
    if not header.isascii() or not header.isdecimal() or len(header) > _DIGITS:
        raise RequestRefusedError(400, _BAD_HEADER)
    return int(header)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return anonymous_principal(client[0]) if client else "address:unknown"


def _error(status: int, code: str, lang: str, headers: Mapping[str, str]) -> Answer:
    message = fault_message(code, lang)
    body: dict[str, Any] = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if _is_of_http(status, code):
        body |= {"type": "about:blank", "title": _OF_HTTP[status], "status": status}
        body |= {"detail": message, "code": code}
    return Answer(orjson.dumps(body), status, headers=headers)


def _problem(refused: UnauthenticatedError | NoRoleError, lang: str) -> Answer:
    unknown = isinstance(refused, UnauthenticatedError)
    status = 401 if unknown else 403
    problem = {
        "type": "about:blank",
        "title": "Unauthorized" if unknown else "Forbidden",
        "status": status,
        "detail": refused.detail_in(lang),
        "code": refused.code,
    }
    headers = {"WWW-Authenticate": "Bearer"} if unknown else {}
    return Answer(orjson.dumps(problem), status, headers=headers)


def _is_of_http(status: int, code: str) -> bool:
    return code == _BAD_HEADER or (status in _OF_HTTP and status != 400)  # noqa: PLR2004


async def _send(send: Send, answer: Answer, media_type: str) -> None:
    charset = "" if media_type == _PROBLEM else "; charset=utf-8"
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
