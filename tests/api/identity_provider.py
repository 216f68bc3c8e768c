"""A small OpenID provider over real HTTP, and an entrance that trusts it."""

import asyncio
import threading
from base64 import b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import orjson
import psycopg
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from psycopg_pool import AsyncConnectionPool

from api.app import language
from api.authentication.appointments import KEPT_SECONDS
from api.authentication.entrance import Entrance, open_entrance
from api.authentication.keys import KeyRing
from api.authentication.provider import ASKED_EVERY_SECONDS
from api.authentication.routes import session_router
from api.bootstrap import as_role, open_dispatcher
from api.settings import Settings
from application.api_keys import IssueApiKey, NewKey, RevokeApiKey, make_key
from application.dispatch import Call
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role

AUDIENCE = "redress-api"
CLIENT = "redress console"
SECRET = "hush: 秘密"  # noqa: S105  the provider of these tests has no other
OPERATOR = Call(caller=Caller("cli", PersonId("cli:0"), Role.OPERATOR))
KEYS: dict[str, Key] = {
    "rsa": RSAKey.generate_key(2048),
    "ec": ECKey.generate_key("P-256"),
    "okp": OKPKey.generate_key("Ed25519"),
}
ALGORITHM = {"rsa": "RS256", "ec": "ES256", "okp": "EdDSA"}
EVERY = JWSRegistry(algorithms=list(JWSRegistry.algorithms), strict_check_header=False)
_APPOINTED = """
INSERT INTO read.appointments (id, person_id, person, number, role, unit, starts_at, ends_at,
    decided_at)
VALUES (gen_random_uuid(), %s, gen_random_uuid(), 1, %s, %s, %s, %s, now())
"""
_FOUNDED = """
INSERT INTO read.units (id, kind, code, name_en, name_zh, founded_at, version)
VALUES (%s, %s, %s, 'x', 'x', now(), 1) ON CONFLICT DO NOTHING
"""


class IdentityProvider:
    """Publishes itself and its keys, redeems codes, counts what it is asked."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        self.keys = dict(KEYS)
        self.asked: Counter[str] = Counter()
        self.codes: dict[str, dict[str, Any]] = {}
        self.about = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        self.silent = False

    def answer(self, path: str, body: str, login: str | None) -> tuple[int, Any]:
        self.asked[path] += 1
        if self.silent:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            return 200, self.about
        if path == "/jwks":
            listed = [{**key.as_dict(private=False), "kid": kid} for kid, key in self.keys.items()]
            return 200, {"keys": [{"kty": "oct", "k": "A" * 43, "kid": "shared"}, *listed, "x"]}
        if path == "/token":
            return self._redeem({k: v[0] for k, v in parse_qs(body).items()}, login)
        return 404, {}

    def _redeem(self, form: dict[str, str], login: str | None) -> tuple[int, Any]:
        user, _, password = b64decode((login or "").removeprefix("Basic ")).decode().partition(":")
        code = self.codes.pop(form["code"], None)
        verifier = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        good = (
            (unquote(user), unquote(password)) == (CLIENT, SECRET)
            and code is not None
            and form["grant_type"] == "authorization_code"
            and verifier.decode().rstrip("=") == code["challenge"]
            and form["redirect_uri"] == code["redirect_uri"]
        )
        if not good or code is None:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "unused", "id_token": code["id_token"]}

    def authorize(self, asked: Mapping[str, str], subject: str, **claims: Any) -> str:
        """Let somebody sign in as the authorization request asks for; return the code."""
        code = uuid4().hex
        given = {"aud": CLIENT, "nonce": asked["nonce"]} | claims
        self.codes[code] = {
            "challenge": asked["code_challenge"],
            "redirect_uri": asked["redirect_uri"],
            "id_token": self.token(subject, **given),
        }
        return code

    def token(
        self, subject: str = "agent-1", *, key: str = "rsa", header: Any = None, **claims: Any
    ) -> str:
        """Sign a token; claims that are None are left out."""
        now = datetime.now(UTC).timestamp()
        given = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": int(now),
            "exp": int(now) + 300,
        } | claims
        kept = {name: value for name, value in given.items() if value is not None}
        head = {"alg": ALGORITHM[key], "kid": key} | (header or {})
        return jwt.encode(head, kept, self.keys[key], registry=EVERY)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Run a provider on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length).decode()
            status, found = provider.answer(self.path, body, self.headers.get("authorization"))
            sent = orjson.dumps(found)
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET  # noqa: N815  the server's name for it

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider = IdentityProvider(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Door:
    """An entrance over a real database, with a clock that a test may move, and its routes."""

    def __init__(self, runner: asyncio.Runner, database: str, master: MasterKey) -> None:
        self.ahead = timedelta()
        self.database = database
        self._master = master
        self._runner = runner
        self.keys: KeyRing
        self.entrance: Entrance
        self.client: httpx.AsyncClient

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def clock(self) -> float:
        return self.ahead.total_seconds()

    def run(self, order: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(order)

    def caller(self, method: str = "POST", **headers: str) -> Caller | None:
        """Ask who is calling with these headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found: Caller | None = self.run(self.entrance.caller(named, method=method))
        return found

    def bearer(self, sent: str, **headers: str) -> Caller | None:
        return self.caller(authorization=f"Bearer {sent}", **headers)

    def later(self, **time: float) -> None:
        self.ahead += timedelta(**time)

    def past_caches(self) -> None:
        """Let as much time pass as anything looked up is kept, or not asked for again."""
        self.later(seconds=max(KEPT_SECONDS, ASKED_EVERY_SECONDS))

    def appoint(
        self,
        person: str,
        role: Role,
        unit: UnitKey | None = None,
        *,
        begins: timedelta = timedelta(days=-1),
        ends: timedelta | None = None,
    ) -> None:
        """Put an appointment into the read model, at first in the department PARCELS."""
        unit = unit or UnitKey(UnitKind.DEPARTMENT, "PARCELS")
        now = self.now()
        self.execute(_FOUNDED, unit.id, unit.kind, unit.code)
        end = None if ends is None else now + ends
        self.execute(_APPOINTED, person, role, unit.id, now + begins, end)

    def execute(self, statement: Any, *parameters: Any) -> None:
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(statement, parameters)

    def rows(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement, parameters).fetchall()

    def issue(self, role: Role = Role.FRONT_DESK, holder: str = "desk-1", **given: Any) -> NewKey:
        """Issue a key, and let the key ring know."""
        key = make_key()
        command = IssueApiKey(
            prefix=key.prefix, digest=key.digest, role=role, holder=PersonId(holder), **given
        )
        self.do(command)
        return key

    def id_of(self, key: NewKey) -> Any:
        return self.rows("SELECT id FROM ops.api_keys WHERE prefix = %s", key.prefix)[0][0]

    def revoke(self, key: NewKey) -> None:
        self.do(RevokeApiKey(key=self.id_of(key)))

    def do(self, command: Any) -> None:
        async def execute() -> None:
            zone = ZoneInfo("UTC")
            async with open_dispatcher(
                self.database, self._master, zone=zone, now=self.now
            ) as dispatcher:
                await dispatcher.execute(command, OPERATOR)
            await self.keys.reload()

        self.run(execute())

    def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        found: httpx.Response = self.run(self.client.request(method, path, **given))
        return found


@contextmanager
def open_door(database: str, master: MasterKey, folder: Path, **settings: str) -> Iterator[Door]:
    """Open an entrance with these settings, and its routes to a client that keeps cookies."""
    chosen = Settings.from_env(
        {"REDRESS_DATA_DIR": str(folder)} | {f"REDRESS_{k}": v for k, v in settings.items()}
    )
    with asyncio.Runner() as runner:
        door, stack = Door(runner, database, master), AsyncExitStack()

        async def start() -> None:
            pools = []
            for role in ("redress_writer", "redress_reader"):
                pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
                    as_role(database, role), open=False, min_size=1, kwargs={"autocommit": True}
                )
                await stack.enter_async_context(pool)
                pools.append(pool)
            door.keys = KeyRing(pools[0], door.now)
            await door.keys.reload()
            door.entrance = await stack.enter_async_context(
                open_entrance(
                    chosen,
                    master,
                    door.keys,
                    sessions_pool=pools[0],
                    read_pool=pools[1],
                    now=door.now,
                    clock=door.clock,
                )
            )
            app = FastAPI()
            app.include_router(session_router(lambda: door.entrance, language))
            transport = httpx.ASGITransport(app, raise_app_exceptions=True)
            door.client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url=chosen.address)
            )

        runner.run(start())
        yield door
        runner.run(stack.aclose())
