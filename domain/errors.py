"""Why a command was refused: one class per reason, named after it.

A refusal is part of the conversation with the caller; texts for people and protocol codes belong to
the edge (``api/refusals.py``).
"""

from dataclasses import dataclass, fields
from uuid import UUID


@dataclass(unsafe_hash=True)
class DomainError(Exception):
    """The base of every refusal; not frozen, since context managers set ``__traceback__``."""

    def __str__(self) -> str:
        """Name the reason and its fields; no field ever holds personal data."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        fields_text = ", ".join(f"{name}={value!r}" for name, value in named)
        return f"{type(self).__name__}({fields_text})"


@dataclass(unsafe_hash=True)
class InvalidValueError(DomainError):
    """A value breaks a rule of its field; ``limit`` is the figure in the rule, if it has one."""

    field: str
    rule: str
    limit: str = ""

    def within(self, parent: str) -> "InvalidValueError":
        """Name the same fault from outside: ``facts`` of ``input`` is ``input.facts``."""
        return InvalidValueError(f"{parent}.{self.field}", self.rule, self.limit)


class Rule:
    """The rules that a single value can break (their texts: ``api/refusals.py``)."""

    REQUIRED = "required"
    TOO_LONG = "too_long"
    CONTROL_CHARACTERS = "control_characters"
    NOT_AN_INSTANT = "not_an_instant"
    NO_TIME_ZONE = "no_time_zone"
    IN_THE_FUTURE = "in_the_future"
    NOT_IN_LIST = "not_in_list"
    WAYBILL_FORMAT = "waybill_format"
    CODE_FORMAT = "code_format"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    CURRENCY_FORMAT = "currency_format"
    NOT_AN_ID = "not_an_id"
    BEFORE = "before"
    EXACTLY_ONE = "exactly_one"
    NOT_TEXT = "not_text"
    NOT_A_CURSOR = "not_a_cursor"
    ONE_CURRENCY = "one_currency"


@dataclass(unsafe_hash=True)
class WrongStateError(DomainError):
    """The command does not fit the state that the aggregate is in."""

    command: str
    state: str


@dataclass(unsafe_hash=True)
class NotFoundError(DomainError):
    """Nothing exists under that id or number, or the caller may not know that it does."""

    kind: str
    reference: str


@dataclass(unsafe_hash=True)
class NotPermittedError(DomainError):
    """The caller's role does not allow the operation on this object."""

    operation: str
    role: str


@dataclass(unsafe_hash=True)
class ConflictOfInterestError(DomainError):
    """The person complained about is never its handler (domain.md 2)."""

    person: str


@dataclass(unsafe_hash=True)
class AlreadyRatedError(DomainError):
    """The handling is rated once per closing (domain.md 2)."""

    complaint: UUID


@dataclass(unsafe_hash=True)
class AlreadyDeliveredError(DomainError):
    """A shipment is delivered once; another time of delivery contradicts the recorded one."""

    waybill: str
    delivered_at: str


@dataclass(unsafe_hash=True)
class IdempotencyKeyReusedError(DomainError):
    """The idempotency key came before with another request."""


@dataclass(unsafe_hash=True)
class StillRunningError(DomainError):
    """The first request with this idempotency key has not ended yet."""


@dataclass(unsafe_hash=True)
class ConcurrentChangeError(DomainError):
    """Others changed the same object again and again while this command tried to."""

    kind: str
