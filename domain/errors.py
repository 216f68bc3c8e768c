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
    DIGEST_FORMAT = "digest_format"
    DIGEST_MISMATCH = "digest_mismatch"
    MEDIA_TYPE_FORMAT = "media_type_format"
    NOTHING_TO_SEARCH = "nothing_to_search"
    TIME_ZONE = "time_zone"
    CYCLE = "cycle"
    OTHER_THAN_ITSELF = "other_than_itself"
    EACH_ONCE = "each_once"
    NOT_BASE64 = "not_base64"
    KEY_FORMAT = "key_format"
    NO_WORKING_DAY = "no_working_day"
    NO_SUCH_CALENDAR = "no_such_calendar"
    DAY_ONCE = "day_once"
    DAY_NAMED = "day_named"
    KIND_OF_DAY = "kind_of_day"
    OUTSIDE_YEAR = "outside_year"
    HOLIDAY_GAP = "holiday_gap"
    YEAR_GAP = "year_gap"
    YEAR_UNKNOWN = "year_unknown"
    PUBLISHED_ALREADY = "published_already"
    OTHER_THAN_START = "other_than_start"
    NEVER_PAUSES = "never_pauses"
    ONLY_FOR_PERSON = "only_for_person"
    NEVER_ENDS = "never_ends"
    AFTER = "after"
    NOT_THERE = "not_there"
    TOO_LATE = "too_late"
    TOO_DEEP = "too_deep"


@dataclass(unsafe_hash=True)
class WrongStateError(DomainError):
    """The command does not fit the state that the aggregate is in; ``rule`` says why not."""

    command: str
    state: str
    rule: str = "life_cycle"


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
class OwnCaseError(DomainError):
    """Who worked on a case never takes down how its handling is rated (domain.md 2)."""

    person: str


@dataclass(unsafe_hash=True)
class NoRoleAtThatTimeError(DomainError):
    """The person held no fitting role in the organisation at that time (domain.md 1)."""

    person: str
    at: str


@dataclass(unsafe_hash=True)
class UnitNotOpenError(DomainError):
    """The organisation had no such unit, or none any more, at that time (domain.md 1)."""

    unit: str
    at: str


@dataclass(unsafe_hash=True)
class AlreadyAppointedError(DomainError):
    """The person holds that role in that unit during that time already."""

    person: str


@dataclass(unsafe_hash=True)
class MergeIntoSelfError(DomainError):
    """A complaint is never merged into itself."""

    complaint: UUID


@dataclass(unsafe_hash=True)
class MergeTargetEndedError(DomainError):
    """A complaint is merged only into one that is still open (domain.md 2)."""

    complaint: UUID
    state: str


@dataclass(unsafe_hash=True)
class MergedCaseError(DomainError):
    """The complaint was merged: its case goes on in another one."""

    complaint: UUID
    into: UUID


@dataclass(unsafe_hash=True)
class ReopeningTooLateError(DomainError):
    """A closed case is reopened within the days that its policy allows (domain.md 2)."""

    complaint: UUID
    days: int


@dataclass(unsafe_hash=True)
class ResolutionNeededError(DomainError):
    """A forwarded complaint is answered on a resolution that names its rule (source 0, 1.1.18)."""

    complaint: UUID


@dataclass(unsafe_hash=True)
class RemedyOutstandingError(DomainError):
    """What was agreed with the customer is carried out before the case is closed (source 0)."""

    complaint: UUID


@dataclass(unsafe_hash=True)
class NotAgreedError(DomainError):
    """A remedy is agreed with the customer before it is carried out (source 3, part 2(4))."""

    complaint: UUID


@dataclass(unsafe_hash=True)
class NotAQualityCaseError(DomainError):
    """The steps of a quality case belong to complaints about product quality (source 1, 4.1.3)."""

    complaint: UUID
    category: str


@dataclass(unsafe_hash=True)
class AlreadyAppealedError(DomainError):
    """An appeal is received once under the reference of its authority."""

    appeal: UUID


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


@dataclass(unsafe_hash=True)
class LooserThanLawError(DomainError):
    """A policy may tighten what the law demands of a clock, never loosen it (domain.md 3)."""

    clock: str
    what: str
    source_en: str
    source_zh: str
