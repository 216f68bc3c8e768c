"""A key with which a program or a demonstration person calls the API (architecture.md 7, 9.18).

Life: issued -> revoked. The key itself is never stored, only its SHA-256 digest. A key that takes
the place of another one lets it go on for a while, so that both open at most for that time.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.metadata import Metadata
from domain.roles import PersonId, Role


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """Whom a key makes its bearer, and to what it is narrowed; None narrows nothing.

    ``operations`` are names of operations, ``read`` or ``write``; ``units`` are units of the
    organisation such as ``department:PARCELS``.
    """

    role: Role
    holder: PersonId
    name: str | None = None
    operations: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None


def successor_id(key: UUID) -> UUID:
    """Return the id of the one key that may take the place of another one."""
    return uuid5(key, "successor")


class ApiKey(Aggregate):
    """The right of one holder to act in one role."""

    KIND = "api_key"
    state_version = 2

    class Issued(DomainEvent):
        """A key was handed out; in the place of ``replaces``, which opens until then."""

        TOPIC = "api_key.issued"
        LINKS = ("replaces",)
        prefix: str
        digest: str
        key_role: Role
        holder: PersonId
        name: str | None = None
        expires_at: datetime | None = None
        operations: tuple[str, ...] | None = None
        units: tuple[str, ...] | None = None
        replaces: UUID | None = None
        replaced_until: datetime | None = None

    class Revoked(DomainEvent):
        """The key opens nothing any more."""

        TOPIC = "api_key.revoked"

    grant: KeyGrant | None
    expires_at: datetime | None
    replaces: UUID | None
    replaced_until: datetime | None
    revoked: bool

    def begin(self) -> None:
        """No key was issued yet."""
        self.grant = None
        self.expires_at = None
        self.replaces = None
        self.replaced_until = None
        self.revoked = False

    def issue(
        self,
        meta: Metadata,
        *,
        prefix: str,
        digest: str,
        key_role: Role,
        holder: PersonId,
        name: str | None = None,
        expires_at: datetime | None = None,
        operations: tuple[str, ...] | None = None,
        units: tuple[str, ...] | None = None,
        replaces: UUID | None = None,
        replaced_until: datetime | None = None,
    ) -> None:
        """Hand out the key whose SHA-256 digest (hexadecimal) this is."""
        if self.grant is not None:
            raise WrongStateError("issue", "issued")
        self._issued(
            prefix=prefix,
            digest=digest,
            key_role=key_role,
            holder=holder,
            name=name,
            expires_at=expires_at,
            operations=operations,
            units=units,
            replaces=replaces,
            replaced_until=replaced_until,
            meta=meta,
        )

    def make_way(self, successor: KeyGrant, earlier: "ApiKey | None", at: datetime) -> None:
        """Agree to a key in this one's place: for the same right, and as the second live one.

        ``earlier`` is the key whose place this one took.
        """
        if not self.live_at(at):
            raise WrongStateError("replace", "revoked" if self.revoked else "expired")
        if successor != self.grant:
            raise InvalidValueError("replaces", Rule.NOT_IN_LIST, "keys of the same right")
        overlapping = self.replaced_until is not None and at < self.replaced_until
        if overlapping and earlier is not None and earlier.live_at(at):
            raise WrongStateError("replace", "still beside the key that it replaced")

    def live_at(self, at: datetime) -> bool:
        """Say whether the key opens anything at that instant."""
        if self.grant is None or self.revoked:
            return False
        return self.expires_at is None or at < self.expires_at

    def revoke(self, meta: Metadata) -> None:
        """Take the key back; a revoked key stays revoked."""
        if self.grant is None or self.revoked:
            raise WrongStateError("revoke", "revoked" if self.revoked else "unknown")
        self._revoked(meta=meta)

    @event(Issued)
    def _issued(
        self,
        prefix: str,
        digest: str,
        key_role: Role,
        holder: PersonId,
        name: str | None,
        expires_at: datetime | None,
        operations: tuple[str, ...] | None,
        units: tuple[str, ...] | None,
        replaces: UUID | None,
        replaced_until: datetime | None,
        meta: Metadata,
    ) -> None:
        self.grant = KeyGrant(key_role, holder, name, operations, units)
        self.expires_at = expires_at
        self.replaces = replaces
        self.replaced_until = replaced_until

    @event(Revoked)
    def _revoked(self, meta: Metadata) -> None:
        self.revoked = True
