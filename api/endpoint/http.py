"""The ASGI endpoint of GraphQL: it stands before the web framework, which a query never enters."""

from collections.abc import Mapping
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from api.authentication.entrance import Entrance
from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.endpoint.answers import (
    BAD_HEADER,
    PROBLEM,
    Answer,
    error_answer,
    is_of_http,
    problem_answer,
    send_answer,
)
from api.endpoint.execution import Execution, RefusedError
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

PATH: Final = "/graphql"
_DIGITS: Final = 19


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
            answer = error_answer(refused.status, refused.code, lang, refused.headers)
            if is_of_http(refused.status, refused.code):
                media_type = PROBLEM
        except ClientGoneError:
            return
        except (UnauthenticatedError, NoRoleError) as refused:
            answer = self._not_let_in(scope, refused, lang)
            media_type = PROBLEM
        except Exception as fault:  # noqa: BLE001  nothing of it may reach the client
            log_fault(fault)
            answer = error_answer(500, "INTERNAL", lang, {})
        await send_answer(send, answer, media_type)

    def _not_let_in(
        self, scope: Scope, refused: UnauthenticatedError | NoRoleError, lang: str
    ) -> Answer:
        """Answer who guesses, as long as the address does not guess too often."""
        saw_refusal(refused.code)
        try:
            self._serving.execution.charge_stranger(_address(scope), lang)
        except RefusedError as many:
            return Answer(orjson.dumps({"errors": many.errors}), many.status, headers=many.headers)
        return problem_answer(refused, lang)

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
            after_position=position_after(headers.get("redress-after")),
        )
        principal = _address(scope) if caller is None else caller.principal
        return await serving.execution.answer(request, context, principal, media_type)


def position_after(header: str | None) -> int | None:
    """Read ``Redress-After``."""
    if header is None:
        return None
    if not header.isascii() or not header.isdecimal() or len(header) > _DIGITS:
        raise RequestRefusedError(400, BAD_HEADER)
    return int(header)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return anonymous_principal(client[0]) if client else "address:unknown"
