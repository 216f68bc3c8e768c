"""The identity provider: what it publishes about itself (OpenID Connect Discovery), and its keys.

Nothing in a token leads anywhere: the keys come from the one issuer of the settings.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from api.authentication.refusals import UnauthenticatedError
from api.settings import is_safe_url

FRESH_SECONDS: Final = 600.0
"""How old what is known of the provider may be before it is asked again."""
KEPT_SECONDS: Final = 3600.0
"""How old it may be while the provider does not answer."""
ASKED_EVERY_SECONDS: Final = 10.0
"""However many unknown keys tokens name, the provider is asked no more often."""
_PATIENCE_SECONDS: Final = 5.0
_LARGEST_ANSWER: Final = 256 * 1024

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Published:
    """What the provider said of itself, and when."""

    authorization_endpoint: str
    token_endpoint: str
    keys: dict[str, Key]
    read_at: float


class Provider:
    """One identity provider, asked rarely."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self.issuer = issuer
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=_PATIENCE_SECONDS)
        self._published: _Published | None = None
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def close(self) -> None:
        """Give back connections."""
        await self._client.aclose()

    async def key(self, key_id: str) -> Key | None:
        """Return the provider's public key of this id; an unknown id asks the provider anew."""
        found = (await self._known()).keys.get(key_id)
        if found is None and await self._ask_again():
            found = (await self._known()).keys.get(key_id)
        return found

    async def authorization_endpoint(self) -> str:
        """Return where people sign in."""
        return (await self._known()).authorization_endpoint

    async def redeem(self, form: dict[str, str], client: tuple[str, str | None]) -> dict[str, Any]:
        """Send a form to the token endpoint as this client; return what it answers."""
        endpoint = (await self._known()).token_endpoint
        client_id, secret = client
        login = None
        if secret is not None:
            login = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))
        form = form | {"client_id": client_id}
        try:
            request = self._client.build_request("POST", endpoint, data=form)
            answer = await self._client.send(request, auth=login)
            found = answer.json() if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            raise UnauthenticatedError("PROVIDER_UNAVAILABLE") from None
        if not isinstance(found, dict):
            raise UnauthenticatedError("LOGIN_FAILED")
        return found

    async def _known(self) -> _Published:
        """Return what is known of the provider, not older than it may be."""
        if self._published is None or self._age() > FRESH_SECONDS:
            await self._ask_again()
        if self._published is None or self._age() > KEPT_SECONDS:
            raise UnauthenticatedError("PROVIDER_UNAVAILABLE")
        return self._published

    def _age(self) -> float:
        return float("inf") if self._published is None else self._clock() - self._published.read_at

    async def _ask_again(self) -> bool:
        """Ask the provider, unless it was asked a moment ago; say whether something new is known.

        Who waited while somebody else asked finds what was answered.
        """
        before = self._published
        async with self._asking:
            if self._published is before and self._clock() - self._asked_at >= ASKED_EVERY_SECONDS:
                self._asked_at = self._clock()
                try:
                    self._published = await self._ask()
                except (httpx.HTTPError, ValueError, JoseError) as error:
                    _log.warning("identity provider not understood", error=type(error).__name__)
        return self._published is not before

    async def _ask(self) -> _Published:
        about = await self._read(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        places = [
            str(about[name]) if isinstance(about.get(name), str) else ""
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        ]
        if about.get("issuer") != self.issuer or not all(map(is_safe_url, places)):
            raise ValueError("the provider is another one, or not reached over https")
        listed = (await self._read(places[2])).get("keys")
        return _Published(places[0], places[1], _public_keys(listed), self._clock())

    async def _read(self, url: str) -> dict[str, Any]:
        answer = (await self._client.get(url)).raise_for_status()
        if len(answer.content) > _LARGEST_ANSWER:
            raise ValueError("too long")
        found = answer.json()
        if not isinstance(found, dict):
            raise ValueError("not an object")  # noqa: TRY004  a fault of the answer, not of ours
        return found


def _public_keys(listed: object) -> dict[str, Key]:
    """Return the public keys by id; shared secrets, and what is no key, are left out."""
    found: dict[str, Key] = {}
    for entry in listed if isinstance(listed, list) else ():
        try:
            key = JWKRegistry.import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey) and isinstance(entry.get("kid"), str):
            found[entry["kid"]] = key
    return found
