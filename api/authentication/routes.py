"""HTTP for sessions of the console: sign in, see who one is, sign out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.requests import cookie_parser

from api.authentication.entrance import Entrance
from api.authentication.login import CALLBACK, LASTS_SECONDS
from api.authentication.refusals import STATUS_OF, NoRoleError, UnauthenticatedError
from api.authentication.sessions import LIFETIME, csrf_token
from application.permissions import Caller

_UNCACHED: Final = {"Cache-Control": "no-store"}


def session_router(
    entrance: Callable[[], Entrance], language: Callable[[str | None], str]
) -> APIRouter:
    """Make the routes under ``/session``; ``language`` reads an Accept-Language header."""
    router = APIRouter(prefix="/session", route_class=_route_class(language))

    @router.get("/login")
    async def login() -> Response:
        signing_in = entrance().login
        if signing_in is None:
            return _problem(404, "Not Found", "no identity provider is set up here")
        place, secret = await signing_in.begin()
        answer = RedirectResponse(place, 303, _UNCACHED)
        _give(answer, entrance(), "redress-login", secret, LASTS_SECONDS)
        return answer

    @router.get(CALLBACK.removeprefix("/session"))
    async def callback(request: Request) -> Response:
        door, given = entrance(), request.query_params
        cookies = cookie_parser(request.headers.get("cookie", ""))
        secret = cookies.get(door.cookie("redress-login"))
        if door.login is None or not secret or "code" not in given or "state" not in given:
            raise UnauthenticatedError("LOGIN_FAILED")
        person = door.person(await door.login.finish(secret, given["state"], given["code"]))
        await door.appointments.of(person)  # without one there is nothing to sign in for
        answer = RedirectResponse("/", 303, _UNCACHED)
        await _sign_in(answer, door, request, person)
        _give(answer, door, "redress-login", "", 0)
        return answer

    @router.post("")
    async def sign_in(request: Request) -> Response:
        door = entrance()
        key = door.keys.key(request.headers.get("authorization", ""))
        answer = Response(status_code=204, headers=_UNCACHED)
        await _sign_in(answer, door, request, key.id)
        return answer

    @router.get("")
    async def who(request: Request) -> Response:
        return JSONResponse(await _presence(entrance(), request.headers), headers=_UNCACHED)

    @router.delete("")
    async def sign_out(request: Request) -> Response:
        door = entrance()
        found = await door.session(request.headers, method=request.method)
        if found is None:
            raise UnauthenticatedError("NOT_SIGNED_IN")
        await door.sessions.end(found[0])
        answer = Response(status_code=204, headers=_UNCACHED)
        _give(answer, door, "redress", "", 0)
        return answer

    return router


async def _presence(door: Entrance, headers: Mapping[str, str]) -> dict[str, Any]:
    """Say who is calling; whoever has yet to choose one of several roles learns which."""
    caller: Caller | None = None
    roles: list[str] = []
    try:
        caller = await door.caller(headers, method="GET")
        if caller is None:
            raise UnauthenticatedError("NOT_SIGNED_IN")
    except NoRoleError as error:
        if not error.choices:
            raise
        roles = list(error.choices)
    session_id = None if headers.get("authorization") else door.session_id(headers)
    units = None if caller is None or caller.units is None else sorted(map(str, caller.units))
    return {
        "actor": None if caller is None else caller.actor,
        "role": None if caller is None else caller.role,
        "roles": roles if caller is None else [caller.role],
        "units": units,
        "csrfToken": None if session_id is None else csrf_token(session_id),
    }


async def _sign_in(answer: Response, door: Entrance, request: Request, holder: Any) -> None:
    """Start a session under an id that nobody knew before, in the place of an earlier one."""
    earlier = door.session_id(request.headers)
    if earlier is not None:
        await door.sessions.end(earlier)
    session_id = await door.sessions.start(holder)
    _give(answer, door, "redress", session_id, int(LIFETIME.total_seconds()))


def _give(answer: Response, door: Entrance, name: str, value: str, seconds: int) -> None:
    answer.set_cookie(
        door.cookie(name),
        value,
        max_age=seconds,
        path="/",
        secure=door.settings.secure,
        httponly=True,
        samesite="lax",
    )


def _route_class(language: Callable[[str | None], str]) -> type[APIRoute]:
    """Make a kind of route that answers refusals as problem details, in the caller's language."""

    class SessionRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
            handle = super().get_route_handler()

            async def refusing(request: Request) -> Response:
                try:
                    return await handle(request)
                except (UnauthenticatedError, NoRoleError) as error:
                    unknown = isinstance(error, UnauthenticatedError)
                    otherwise = (401, "Unauthorized") if unknown else (403, "Forbidden")
                    status, title = STATUS_OF.get(error.code, otherwise)
                    lang = language(request.headers.get("accept-language"))
                    return _problem(status, title, error.detail_in(lang), code=error.code)

            return refusing

    return SessionRoute


def _problem(status: int, title: str, detail: str, **more: str) -> Response:
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, **more},
        status,
        _UNCACHED | ({"WWW-Authenticate": "Bearer"} if status == 401 else {}),  # noqa: PLR2004
        "application/problem+json",
    )
