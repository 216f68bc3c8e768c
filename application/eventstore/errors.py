"""What can go wrong between a command and the log, by what the caller may conclude from it."""

from eventsourcing.persistence import IntegrityError, OperationalError


class VersionConflictError(IntegrityError):
    """Another command took the version first; nothing of this one is stored."""


class NotStoredError(OperationalError):
    """The store had no time or no room for the command; nothing of it is stored."""


class OutcomeUnknownError(OperationalError):
    """The answer of the database was lost: the command may be stored or not.

    Ask again with the same idempotency key: that does it once in either case.
    """


class SubjectKeyRacedError(OperationalError):
    """A data subject got its key elsewhere in the meantime; nothing is stored, seal again."""


class RepeatedError(Exception):
    """The idempotency key is there already: what its first command did."""

    def __init__(self, request_hash: bytes, result: bytes, position: int) -> None:
        super().__init__("repeated")
        self.request_hash = request_hash
        self.result = result
        self.position = position


class MasterKeyError(Exception):
    """The master key does not fit the keys in the database."""
