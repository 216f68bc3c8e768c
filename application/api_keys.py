"""Commands about API keys; making and checking the keys themselves."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import Command, handles
from domain.api_key import ApiKey
from domain.roles import PersonId, Role
from domain.text import checked_text

NAME_LENGTH: Final = 100
_PREFIX: Final = "rk_"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key at the only moment when it is known: show ``secret`` once, store the rest."""

    secret: str
    prefix: str
    digest: str


def make_key() -> NewKey:
    """Make a key ``rk_id.random`` with 256 random bits."""
    prefix = _PREFIX + secrets.token_hex(6)
    secret = f"{prefix}.{secrets.token_urlsafe(32)}"
    return NewKey(secret=secret, prefix=prefix, digest=digest_of(secret))


def digest_of(secret: str) -> str:
    """Return what is stored of a key: SHA-256, hexadecimal. 256 random bits need no slow hash."""
    return sha256(secret.encode()).hexdigest()


def prefix_of(secret: str) -> str:
    """Return the public part by which a key is found."""
    return secret.partition(".")[0]


def matches(secret: str, digest: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest_of(secret), digest)


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueApiKey(Command[UUID]):
    """Hand out a key to a holder in one role."""

    prefix: str
    digest: str
    role: Role
    holder: PersonId
    name: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeApiKey(Command[UUID]):
    """Take a key back."""

    key: UUID


@handles(IssueApiKey)
async def issue_api_key(command: IssueApiKey, desk: Desk) -> UUID:
    """Issue the key under a new id."""
    key = desk.new(ApiKey)
    name = command.name
    if name is not None:
        name = checked_text(name, field="name", max_length=NAME_LENGTH)
    key.issue(
        desk.meta,
        prefix=command.prefix,
        digest=command.digest,
        key_role=command.role,
        holder=command.holder,
        name=name,
        expires_at=command.expires_at,
    )
    desk.save(key)
    return key.id


@handles(RevokeApiKey)
async def revoke_api_key(command: RevokeApiKey, desk: Desk) -> UUID:
    """Load, revoke, save."""
    key = await desk.load(ApiKey, command.key)
    key.revoke(desk.meta)
    desk.save(key)
    return key.id
