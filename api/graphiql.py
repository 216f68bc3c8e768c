"""GraphiQL in a browser at ``GET /graphql``, from files of our own: no CDN, no inline script."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_CONSOLE: Final = Path(__file__).parent / "console"
_VENDORED: Final = _CONSOLE / "vendor" / "graphiql"
_OWN_ASSETS: Final = ("graphiql.js", "graphiql.css")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_NO_GUESSES: Final = {"X-Content-Type-Options": "nosniff"}


class _PageRoute(Route):
    """Takes a request for a page only; one with a query is for GraphQL."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is Match.FULL and wants_page(scope):
            return match, child
        return Match.NONE, {}


class _Vendored(StaticFiles):
    """Files whose address holds their version, so that they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers.update(_NO_GUESSES)
        return response


def add_graphiql(app: FastAPI) -> None:
    """Serve the page and its files; the GraphQL endpoint leaves requests for a page alone."""
    page = (_CONSOLE / "graphiql.html").read_text("utf-8")

    def show(_request: Request) -> Response:
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "Vary": "Accept",
            **_NO_GUESSES,
        }
        return Response(page, media_type="text/html", headers=headers)

    app.router.routes.append(_PageRoute("/graphql", show, methods=["GET"]))
    app.router.routes.append(Mount("/assets/graphiql", _Vendored(directory=_VENDORED)))
    for name in _OWN_ASSETS:
        app.router.routes.append(Route(f"/assets/{name}", _own_asset(_CONSOLE / name)))


def _own_asset(path: Path) -> Callable[[Request], Response]:
    def send(_request: Request) -> Response:
        return FileResponse(path, headers={"Cache-Control": "no-cache", **_NO_GUESSES})

    return send


def wants_page(scope: Scope) -> bool:
    """Say whether a browser asks for the page."""
    if scope["method"] not in {"GET", "HEAD"}:
        return False
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return b"text/html" in accepted.lower() and "query" not in query
