"""The policy by which complaints are handled: dated versions, one stream (architecture.md 9.11).

A case keeps the version that was in force when its complaint was received, so that an old case is
judged by the rules of its day (domain.md 0).
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.complaint_life import OPEN, ComplaintState
from domain.effective_dates import NOTICE, require_effective_date
from domain.errors import InvalidValueError, Rule
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata, PolicyVersion
from domain.roles import Role

COMPLAINT_POLICY: Final[UUID] = uuid5(NAMESPACE, "policy:complaint")
"""The stream of the company's complaint policy."""
_MOST_DAYS: Final = 366
_MOST_HOURS: Final = 24 * _MOST_DAYS


@dataclass(frozen=True, slots=True)
class StepLimit:
    """Who is responsible for a step, and within how many hours it ends (source 2, 2)."""

    step: ComplaintState
    owner: Role
    hours: int


@dataclass(frozen=True, slots=True)
class ComplaintTerms:
    """What the policy decides.

    A closed case is reopened within ``reopen_days`` days; the customer of an open one hears of it
    every ``notice_working_days`` working days (domain.md 2).
    """

    reopen_days: int
    notice_working_days: int
    steps: tuple[StepLimit, ...]

    def __post_init__(self) -> None:
        """Refuse figures out of range, and steps that are missing, double or no steps."""
        for name, days in (
            ("reopenDays", self.reopen_days),
            ("noticeWorkingDays", self.notice_working_days),
        ):
            if not 1 <= days <= _MOST_DAYS:
                raise InvalidValueError(name, Rule.OUT_OF_RANGE, f"1-{_MOST_DAYS}")
        if any(not 1 <= step.hours <= _MOST_HOURS for step in self.steps):
            raise InvalidValueError("steps.hours", Rule.OUT_OF_RANGE, f"1-{_MOST_HOURS}")
        if sorted(step.step for step in self.steps) != sorted(STEPS):
            raise InvalidValueError("steps", Rule.EACH_ONCE, ", ".join(sorted(STEPS)))

    def step(self, state: ComplaintState) -> StepLimit | None:
        """Return owner and limit of a step; None where nobody has to act."""
        return next((step for step in self.steps if step.step is state), None)


STEPS: Final = OPEN - {ComplaintState.WAITING}
"""The states that are somebody's turn."""

DEFAULT_TERMS: Final = ComplaintTerms(
    reopen_days=30,
    notice_working_days=3,
    steps=(
        StepLimit(ComplaintState.RECEIVED, Role.FRONT_DESK, 8),
        StepLimit(ComplaintState.REGISTERED, Role.FRONT_DESK, 24),
        StepLimit(ComplaintState.ASSIGNED, Role.DEPARTMENT_HEAD, 8),
        StepLimit(ComplaintState.INVESTIGATING, Role.INVESTIGATOR, 48),
        StepLimit(ComplaintState.PROPOSED, Role.BACK_OFFICE, 24),
        StepLimit(ComplaintState.AGREED, Role.BACK_OFFICE, 8),
        StepLimit(ComplaintState.ANSWERED, Role.BACK_OFFICE, 72),
        StepLimit(ComplaintState.REMEDIED, Role.FRONT_DESK, 72),
        StepLimit(ComplaintState.FOLLOWED_UP, Role.FRONT_DESK, 24),
    ),
)
"""The shipped content of the first version (decided here)."""


@dataclass(frozen=True, slots=True)
class TermsInForce:
    """The terms of one version."""

    version: PolicyVersion | None
    terms: ComplaintTerms


class ComplaintPolicy(Aggregate):
    """The versions of the complaint policy, by the time from which they are in force."""

    KIND = "complaint_policy"

    class Adopted(DomainEvent):
        """A new version was adopted."""

        TOPIC = "complaint_policy.adopted"
        number: int
        effective_from: datetime
        terms: ComplaintTerms

    effective: list[datetime]
    terms: list[ComplaintTerms]

    def begin(self) -> None:
        """Nothing was adopted yet."""
        self.effective = []
        self.terms = []

    def adopt(self, terms: ComplaintTerms, effective_from: datetime, meta: Metadata) -> None:
        """Adopt the next version; the first one may reach back, later ones are announced.

        The terms that are in force last, once more, change nothing.
        """
        require_effective_date(effective_from, meta)
        if self.terms and terms == self.terms[-1]:
            return
        if self.effective:
            earliest = max(self.effective[-1], meta.occurred_at + NOTICE)
            if effective_from < earliest:
                raise InvalidValueError("effectiveFrom", Rule.BEFORE, earliest.isoformat())
        self._adopted(
            number=len(self.terms) + 1, effective_from=effective_from, terms=terms, meta=meta
        )

    def in_force(self, at: datetime) -> TermsInForce:
        """Return the version in force at a time; before any was adopted, the shipped terms."""
        number = bisect_right(self.effective, at)
        if number == 0:
            return TermsInForce(None, DEFAULT_TERMS)
        return TermsInForce(PolicyVersion(self.id, number), self.terms[number - 1])

    def terms_of(self, version: PolicyVersion | None) -> ComplaintTerms:
        """Return the terms of the version that a case keeps."""
        return DEFAULT_TERMS if version is None else self.terms[version.version - 1]

    @event(Adopted)
    def _adopted(
        self, number: int, effective_from: datetime, terms: ComplaintTerms, meta: Metadata
    ) -> None:
        self.effective.append(effective_from)
        self.terms.append(terms)
