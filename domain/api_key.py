"""A key with which a program or a demonstration person calls the API (architecture.md 7, 9.18).

Life: issued -> revoked. The key itself is never stored, only its SHA-256 digest.
"""

from datetime import datetime

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import WrongStateError
from domain.metadata import Metadata
from domain.roles import PersonId, Role


class ApiKey(Aggregate):
    """The right of one holder to act in one role."""

    KIND = "api_key"

    class Issued(DomainEvent):
        """A key was handed out."""

        TOPIC = "api_key.issued"
        prefix: str
        digest: str
        key_role: Role
        holder: PersonId
        name: str | None = None
        expires_at: datetime | None = None

    class Revoked(DomainEvent):
        """The key opens nothing any more."""

        TOPIC = "api_key.revoked"

    issued: bool
    revoked: bool

    def begin(self) -> None:
        """No key was issued yet."""
        self.issued = False
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
    ) -> None:
        """Hand out the key whose SHA-256 digest (hexadecimal) this is."""
        if self.issued:
            raise WrongStateError("issue", "issued")
        self._issued(
            prefix=prefix,
            digest=digest,
            key_role=key_role,
            holder=holder,
            name=name,
            expires_at=expires_at,
            meta=meta,
        )

    def revoke(self, meta: Metadata) -> None:
        """Take the key back; a revoked key stays revoked."""
        if not self.issued or self.revoked:
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
        meta: Metadata,
    ) -> None:
        self.issued = True

    @event(Revoked)
    def _revoked(self, meta: Metadata) -> None:
        self.revoked = True
