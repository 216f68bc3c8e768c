"""Sign-in of people at the identity provider: authorization code with PKCE, state and nonce.

Between the two steps everything hangs on one random secret in the browser's cookie: state, nonce
and verifier follow from it, so that an answer fits only the browser that asked.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from api.authentication.provider import Provider
from api.authentication.refusals import UnauthenticatedError
from api.authentication.tokens import TokenVerifier
from api.settings import Settings

CALLBACK: Final = "/session/callback"
LASTS_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Login:
    """Signs people in through one provider, as one of its clients."""

    settings: Settings
    client_id: str
    provider: Provider
    verifier: TokenVerifier

    async def begin(self) -> tuple[str, str]:
        """Return where to send the browser, and the secret to give it along."""
        endpoint = await self.provider.authorization_endpoint()
        secret = secrets.token_urlsafe(32)
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._callback,
            "scope": "openid",
            "state": _derived(secret, "state"),
            "nonce": _derived(secret, "nonce"),
            "code_challenge": _encoded(sha256(_derived(secret, "verifier").encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", secret

    async def finish(self, secret: str, state: str, code: str) -> str:
        """Return the subject who signed in; UnauthenticatedError if it was not asked for here."""
        if not hmac.compare_digest(state.encode(), _derived(secret, "state").encode()):
            raise UnauthenticatedError("LOGIN_FAILED")
        hidden = self.settings.oidc_client_secret
        answer = await self.provider.redeem(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback,
                "code_verifier": _derived(secret, "verifier"),
            },
            (self.client_id, None if hidden is None else hidden.reveal()),
        )
        claims = await self.verifier.claims(
            str(answer.get("id_token", "")), audience=self.client_id
        )
        foreign = claims.get("azp", self.client_id) != self.client_id
        if foreign or claims.get("nonce") != _derived(secret, "nonce"):
            raise UnauthenticatedError("LOGIN_FAILED")
        subject: str = claims["sub"]
        return subject

    @property
    def _callback(self) -> str:
        return self.settings.address + CALLBACK


def _derived(secret: str, purpose: str) -> str:
    return _encoded(hmac.digest(secret.encode(), f"redress login {purpose}".encode(), sha256))


def _encoded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
