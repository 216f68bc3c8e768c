"""Commands about API keys; making and checking the keys themselves."""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from application.desk import Desk
from application.dispatch import HANDLERS, Command, handles
from application.permissions import PERMISSIONS
from domain.api_key import ApiKey, KeyGrant, successor_id
from domain.errors import InvalidValueError, Rule
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role
from domain.text import checked_text, code

NAME_LENGTH: Final = 100
READ: Final = "read"
WRITE: Final = "write"
"""The words for all queries and for all mutations among the operations of a key."""
NARROWING: Final = tuple(kind for kind in UnitKind if kind is not UnitKind.HEAD_OFFICE)
"""The kinds of units to which a key can be narrowed."""
PREFIX: Final = "rk_"
_NO_DIGEST: Final = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key at the only moment when it is known: show ``secret`` once, store the rest."""

    secret: str
    prefix: str
    digest: str


def make_key() -> NewKey:
    """Make a key ``rk_id.random`` with 256 random bits."""
    prefix = PREFIX + secrets.token_hex(6)
    secret = f"{prefix}.{secrets.token_urlsafe(32)}"
    return NewKey(secret=secret, prefix=prefix, digest=digest_of(secret))


def digest_of(secret: str) -> str:
    """Return what is stored of a key: SHA-256, hexadecimal. 256 random bits need no slow hash."""
    return sha256(secret.encode()).hexdigest()


def prefix_of(secret: str) -> str:
    """Return the public part by which a key is found."""
    return secret.partition(".")[0]


def matches(secret: str, digest: str | None) -> bool:
    """Compare in constant time, also when no key is known (None): time tells nothing."""
    return hmac.compare_digest(digest_of(secret), digest or _NO_DIGEST)


def allowed_operations(words: Iterable[str]) -> frozenset[str]:
    """Return the operations that the words of a key stand for."""
    writes = frozenset(handler.operation for handler in HANDLERS.values())
    groups = {READ: PERMISSIONS.keys() - writes, WRITE: writes}
    return frozenset(name for word in words for name in groups.get(word, (word,)))


def unit_key(text: str) -> UnitKey:
    """Read a unit as a key names it, ``kind:code``; ValueError if there is no such kind."""
    kind, _, unit_code = text.partition(":")
    return UnitKey(UnitKind(kind), unit_code)


@dataclass(frozen=True, slots=True)
class Replaced:
    """The key whose place a new one takes, and until when it still opens."""

    key: UUID
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class IssueApiKey(Command[UUID]):
    """Hand out a key to a holder in one role, narrowed to operations and units if they are given.

    With ``replaces`` it takes the place of a key of the same right.
    """

    prefix: str
    digest: str
    role: Role
    holder: PersonId
    name: str | None = None
    expires_at: datetime | None = None
    operations: tuple[str, ...] | None = None
    units: tuple[UnitKey, ...] | None = None
    replaces: Replaced | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokeApiKey(Command[UUID]):
    """Take a key back."""

    key: UUID


@handles(IssueApiKey)
async def issue_api_key(command: IssueApiKey, desk: Desk) -> UUID:
    """Issue the key under a new id, or under the id of the one successor of another key."""
    grant = _grant(command)
    replaced = command.replaces
    if replaced is None:
        key = desk.new(ApiKey)
    else:
        old = await desk.load(ApiKey, replaced.key)
        earlier = None if old.replaces is None else await desk.load_or_blank(ApiKey, old.replaces)
        old.make_way(grant, earlier, desk.meta.occurred_at)
        key = await desk.load_or_blank(ApiKey, successor_id(old.id))
    key.issue(
        desk.meta,
        prefix=command.prefix,
        digest=command.digest,
        key_role=grant.role,
        holder=grant.holder,
        name=grant.name,
        expires_at=command.expires_at,
        operations=grant.operations,
        units=grant.units,
        replaces=None if replaced is None else replaced.key,
        replaced_until=None if replaced is None else replaced.until,
    )
    desk.save(key)
    return key.id


def _grant(command: IssueApiKey) -> KeyGrant:
    name = command.name
    if name is not None:
        name = checked_text(name, field="name", max_length=NAME_LENGTH)
    return KeyGrant(
        role=command.role,
        holder=command.holder,
        name=name,
        operations=_checked_operations(command.operations),
        units=_checked_units(command.units),
    )


def _checked_operations(operations: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if operations is None:
        return None
    if not operations:
        raise InvalidValueError("operations", Rule.REQUIRED)
    for name in operations:
        if name not in {READ, WRITE} and name not in PERMISSIONS:
            raise InvalidValueError("operations", Rule.NOT_IN_LIST, f"{READ}, {WRITE}, operations")
    return tuple(sorted(set(operations)))


def _checked_units(units: tuple[UnitKey, ...] | None) -> tuple[str, ...] | None:
    if units is None:
        return None
    if not units:
        raise InvalidValueError("units", Rule.REQUIRED)
    for unit in units:
        if unit.kind is UnitKind.HEAD_OFFICE:  # it is the whole company: narrowed to nothing
            raise InvalidValueError("units", Rule.NOT_IN_LIST, ", ".join(NARROWING))
        code(unit.code, field="units")
    return tuple(sorted(str(unit) for unit in set(units)))


@handles(RevokeApiKey)
async def revoke_api_key(command: RevokeApiKey, desk: Desk) -> UUID:
    """Load, revoke, save."""
    key = await desk.load(ApiKey, command.key)
    key.revoke(desk.meta)
    desk.save(key)
    return key.id
