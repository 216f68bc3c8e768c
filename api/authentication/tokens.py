"""JSON Web Tokens of the identity provider: signature, purpose and time are checked, in this order.

The algorithms are ours to choose, never the token's; a token that brings or points to a key of its
own, or asks for extensions, is refused before anything else is looked at.
"""

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from api.authentication.provider import Provider
from api.authentication.refusals import UnauthenticatedError

ALGORITHMS: Final = ("RS256", "ES256", "PS256", "EdDSA")
LONGEST: Final = 8192
SKEW_SECONDS: Final = 60
"""How far the provider's clock may be from ours."""
_REFUSED_HEADERS: Final = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64"})
_TYPES: Final = frozenset({"JWT", "AT+JWT", "APPLICATION/AT+JWT"})


class _Registry(JWSRegistry):
    """Just our algorithms; EdDSA is only renamed (RFC 9864), providers use the old name."""

    def get_alg(self, name: str) -> Any:
        """Return one of our algorithms, without a warning."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class TokenVerifier:
    """Verifies what one provider signed."""

    def __init__(self, provider: Provider, now: Callable[[], datetime]) -> None:
        self._provider = provider
        self._now = now

    async def claims(self, token: str, *, audience: str) -> dict[str, Any]:
        """Return the claims of a token for this audience; UnauthenticatedError if it is none."""
        key_id = _key_id(token)
        key = await self._provider.key(key_id)
        if key is None:
            raise UnauthenticatedError("TOKEN_INVALID")
        expected = jwt.JWTClaimsRegistry(
            now=int(self._now().timestamp()),
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            found = jwt.decode(token, key, registry=_Registry())
            expected.validate(found.claims)
        except ExpiredTokenError:
            raise UnauthenticatedError("TOKEN_EXPIRED") from None
        except (JoseError, ValueError, TypeError, KeyError):
            raise UnauthenticatedError("TOKEN_INVALID") from None
        if not isinstance(found.claims["sub"], str):
            raise UnauthenticatedError("TOKEN_INVALID")
        return found.claims


def _key_id(token: str) -> str:
    """Return which key a token says that it is signed with, if its header says nothing unwanted."""
    if len(token) > LONGEST:
        raise UnauthenticatedError("TOKEN_INVALID")
    head, _, _ = token.partition(".")
    try:
        header = orjson.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        raise UnauthenticatedError("TOKEN_INVALID") from None
    if not isinstance(header, dict) or header.keys() & _REFUSED_HEADERS:
        raise UnauthenticatedError("TOKEN_INVALID")
    key_id, kind = header.get("kid"), header.get("typ", "JWT")
    if not isinstance(key_id, str) or not isinstance(kind, str) or kind.upper() not in _TYPES:
        raise UnauthenticatedError("TOKEN_INVALID")
    return key_id
