"""The one way in: from the headers of a request to who is calling, or why nobody is let in.

A Bearer wins over the cookie: an API key (``rk_...``), else an access token of the provider.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.requests import cookie_parser

from api.authentication.appointments import Appointments
from api.authentication.keys import KeyRing
from api.authentication.login import Login
from api.authentication.provider import Provider
from api.authentication.refusals import UnauthenticatedError
from api.authentication.sessions import Session, Sessions, is_csrf_token
from api.authentication.tokens import TokenVerifier
from api.settings import Settings
from application.api_keys import PREFIX
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.errors import InvalidValueError
from domain.roles import PersonId, person_id

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@asynccontextmanager
async def open_entrance(
    settings: Settings,
    master: MasterKey,
    keys: KeyRing,
    *,
    sessions_pool: AsyncConnectionPool[Any],
    read_pool: AsyncConnectionPool[Any],
    now: Callable[[], datetime],
    clock: Callable[[], float] = monotonic,
) -> AsyncIterator["Entrance"]:
    """Open the way in that the settings describe; ``sessions_pool`` may write."""
    sessions = Sessions(sessions_pool, now)
    appointments = Appointments(read_pool, now, clock)
    if settings.oidc_issuer is None:
        yield Entrance(settings, master, keys, sessions, appointments, None, None)
        return
    provider = Provider(settings.oidc_issuer, clock)
    try:
        verifier = TokenVerifier(provider, now)
        client = settings.oidc_client_id
        login = None if client is None else Login(settings, client, provider, verifier)
        yield Entrance(settings, master, keys, sessions, appointments, verifier, login)
    finally:
        await provider.close()


@dataclass(frozen=True, slots=True)
class Entrance:
    """Tells who is calling; made once, when the server starts."""

    settings: Settings
    master: MasterKey
    keys: KeyRing
    sessions: Sessions
    appointments: Appointments
    verifier: TokenVerifier | None
    login: Login | None

    async def caller(
        self, headers: Mapping[str, str], *, method: str, origin_checked: bool = False
    ) -> Caller | None:
        """Return who is calling; None if nobody said who they are.

        ``headers`` have lower-case names. ``origin_checked`` says that a WebSocket's Origin is
        known to be ours. Raises UnauthenticatedError, or NoRoleError for a person without a role.
        """
        try:
            return await self._caller(headers, method, origin_checked=origin_checked)
        except psycopg.OperationalError:
            raise UnauthenticatedError("ENTRANCE_UNAVAILABLE") from None

    async def _caller(
        self, headers: Mapping[str, str], method: str, *, origin_checked: bool
    ) -> Caller | None:
        authorization = headers.get("authorization")
        if authorization:
            token = self._token(authorization)
            if token is None:
                return self.keys.caller(authorization)
            person = await self._person_of(token)
        else:
            session_id = self.session_id(headers)
            if session_id is None:
                return None
            self._refuse_foreign_sites(headers, session_id, method, origin_checked=origin_checked)
            holder = (await self.sessions.find(session_id)).holder
            if not isinstance(holder, str):
                return self.keys.caller_of(holder)
            person = holder
        return await self.appointments.caller(person, headers.get("redress-role"))

    def person(self, subject: str) -> PersonId:
        """Return the opaque id of the person whom the provider knows by this subject."""
        try:
            return person_id(subject, field="sub")
        except InvalidValueError:
            scope = f"oidc:{self.settings.oidc_issuer}"
            return PersonId(str(self.master.pseudonym(scope, subject)))

    def session_id(self, headers: Mapping[str, str]) -> str | None:
        """Return the id in the cookie."""
        return cookie_parser(headers.get("cookie", "")).get(self.cookie("redress")) or None

    async def session(
        self, headers: Mapping[str, str], *, method: str
    ) -> tuple[str, Session] | None:
        """Return the session in the cookie and its id, for looking at it or ending it."""
        session_id = self.session_id(headers)
        if session_id is None:
            return None
        self._refuse_foreign_sites(headers, session_id, method, origin_checked=False)
        return session_id, await self.sessions.find(session_id)

    def cookie(self, name: str) -> str:
        """Return a cookie's full name: the prefix binds it to this host and to https."""
        return f"__Host-{name}" if self.settings.secure else name

    def _token(self, authorization: str) -> str | None:
        """Return the access token in the header, None if that holds an API key."""
        scheme, _, sent = authorization.partition(" ")
        sent = sent.strip()
        if self.verifier is None or scheme.lower() != "bearer" or sent.startswith(PREFIX):
            return None
        return sent

    async def _person_of(self, token: str) -> PersonId:
        assert self.verifier is not None
        assert self.settings.oidc_audience is not None
        claims = await self.verifier.claims(token, audience=self.settings.oidc_audience)
        return self.person(claims["sub"])

    def _refuse_foreign_sites(
        self, headers: Mapping[str, str], session_id: str, method: str, *, origin_checked: bool
    ) -> None:
        """Refuse what another site may have made the browser send along with our cookie."""
        if headers.get("upgrade", "").lower() == "websocket" or method == "WEBSOCKET":
            good = origin_checked or self._is_ours(headers)
        elif method in SAFE_METHODS:
            good = True
        else:
            good = is_csrf_token(headers.get("x-csrf-token"), session_id)
        if not good:
            raise UnauthenticatedError("CSRF")

    def _is_ours(self, headers: Mapping[str, str]) -> bool:
        origin = headers.get("origin", "")
        if self.settings.public_url is not None:
            return origin == self.settings.public_url
        return origin.startswith(("http://", "https://")) and urlsplit(origin).netloc == (
            headers.get("host") or None
        )
