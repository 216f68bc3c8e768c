"""What is put on record of the clocks of a case: warnings, breaches, alerts, new deadlines.

Starting, pausing and stopping are not here: they follow from the case's own events
(``domain/service_levels/docket.py``). The timers append to this stream without loading it; its
version makes sure that nobody appends the same twice. Source: domain.md 3, architecture.md 9.16.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import InvalidValueError, Rule
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata
from domain.roles import PersonId
from domain.service_levels.terms import AlertCause, Recipient


def clocks_id(case: UUID) -> UUID:
    """Return the stream of the clocks of a case."""
    return uuid5(NAMESPACE, f"clocks:{case}")


def clock_id(case: UUID, code: str, number: int) -> UUID:
    """Return the id of one instance of a clock; ``number`` counts the starts in the case."""
    return uuid5(NAMESPACE, f"clock:{case}:{code}:{number}")


class CaseClocks(Aggregate):
    """The record of the clocks of one case; each event names the clock and its instance."""

    KIND = "case_clocks"

    class Warned(DomainEvent):
        """A deadline came near; the business time is the moment of the warning."""

        TOPIC = "case_clocks.warned"
        LINKS = ("case",)
        case: UUID
        clock: str
        number: int
        due_at: datetime

    class Breached(DomainEvent):
        """A deadline passed; its moment is the business time."""

        TOPIC = "case_clocks.breached"
        LINKS = ("case",)
        case: UUID
        clock: str
        number: int
        due_at: datetime

    class BreachAnnotated(DomainEvent):
        """What was reported late shows that the deadline had not passed: the breach stays."""

        TOPIC = "case_clocks.breach_annotated"
        LINKS = ("case",)
        case: UUID
        clock: str
        number: int
        mark: str
        happened_at: datetime

    class Alerted(DomainEvent):
        """A step of the alert chain: these people were told; the business time says when."""

        TOPIC = "case_clocks.alerted"
        LINKS = ("case",)
        case: UUID
        clock: str
        number: int
        cause: AlertCause
        step: int
        to: Recipient
        people: tuple[PersonId, ...]

    class DeadlineRecomputed(DomainEvent):
        """A calendar was extended or corrected; the reason says which, and both dates are kept."""

        TOPIC = "case_clocks.deadline_recomputed"
        LINKS = ("case",)
        case: UUID
        clock: str
        number: int
        calendar: str
        calendar_version: int
        old_due_at: datetime
        new_due_at: datetime
        provisional: bool

    class Rebased(DomainEvent):
        """The case falls under another version of a service-level policy; the reason says why."""

        TOPIC = "case_clocks.rebased"
        LINKS = ("case",)
        case: UUID
        policy: str
        policy_version: int

    policy: str | None
    policy_version: int

    def begin(self) -> None:
        """Nothing is on record."""
        self.policy = None
        self.policy_version = 0

    def warn(self, case: UUID, clock: str, number: int, due_at: datetime, meta: Metadata) -> None:
        """Record that a deadline came near."""
        self._warned(case=case, clock=clock, number=number, due_at=due_at, meta=meta)

    def breach(self, case: UUID, clock: str, number: int, due_at: datetime, meta: Metadata) -> None:
        """Record that a deadline passed."""
        self._breached(case=case, clock=clock, number=number, due_at=due_at, meta=meta)

    def annotate(
        self,
        case: UUID,
        clock: str,
        number: int,
        mark: str,
        happened_at: datetime,
        meta: Metadata,
    ) -> None:
        """Record why a breach is none by business time."""
        self._breach_annotated(
            case=case, clock=clock, number=number, mark=mark, happened_at=happened_at, meta=meta
        )

    def alert(
        self,
        meta: Metadata,
        *,
        case: UUID,
        clock: str,
        number: int,
        cause: AlertCause,
        step: int,
        to: Recipient,
        people: tuple[PersonId, ...],
    ) -> None:
        """Record who was told."""
        self._alerted(
            case=case,
            clock=clock,
            number=number,
            cause=cause,
            step=step,
            to=to,
            people=people,
            meta=meta,
        )

    def recompute(
        self,
        meta: Metadata,
        *,
        case: UUID,
        clock: str,
        number: int,
        calendar: str,
        calendar_version: int,
        old_due_at: datetime,
        new_due_at: datetime,
        provisional: bool,
    ) -> None:
        """Record a new deadline beside the old one."""
        self._deadline_recomputed(
            case=case,
            clock=clock,
            number=number,
            calendar=calendar,
            calendar_version=calendar_version,
            old_due_at=old_due_at,
            new_due_at=new_due_at,
            provisional=provisional,
            meta=meta,
        )

    def rebase(self, case: UUID, policy: str, policy_version: int, meta: Metadata) -> None:
        """Put the case under a policy, for a reason; under that of the last time: nothing."""
        if meta.reason is None:
            raise InvalidValueError("reason", Rule.REQUIRED)
        if (policy, policy_version) != (self.policy, self.policy_version):
            self._rebased(case=case, policy=policy, policy_version=policy_version, meta=meta)

    @event(Warned)
    def _warned(
        self, case: UUID, clock: str, number: int, due_at: datetime, meta: Metadata
    ) -> None:
        pass

    @event(Breached)
    def _breached(
        self, case: UUID, clock: str, number: int, due_at: datetime, meta: Metadata
    ) -> None:
        pass

    @event(BreachAnnotated)
    def _breach_annotated(
        self,
        case: UUID,
        clock: str,
        number: int,
        mark: str,
        happened_at: datetime,
        meta: Metadata,
    ) -> None:
        pass

    @event(Alerted)
    def _alerted(
        self,
        case: UUID,
        clock: str,
        number: int,
        cause: AlertCause,
        step: int,
        to: Recipient,
        people: tuple[PersonId, ...],
        meta: Metadata,
    ) -> None:
        pass

    @event(DeadlineRecomputed)
    def _deadline_recomputed(
        self,
        case: UUID,
        clock: str,
        number: int,
        calendar: str,
        calendar_version: int,
        old_due_at: datetime,
        new_due_at: datetime,
        provisional: bool,  # noqa: FBT001
        meta: Metadata,
    ) -> None:
        pass

    @event(Rebased)
    def _rebased(self, case: UUID, policy: str, policy_version: int, meta: Metadata) -> None:
        self.policy, self.policy_version = policy, policy_version


OF_A_CLOCK: Final = (
    CaseClocks.Warned,
    CaseClocks.Breached,
    CaseClocks.BreachAnnotated,
    CaseClocks.Alerted,
    CaseClocks.DeadlineRecomputed,
)
"""The events that name a clock."""
RECORDED: Final = (*OF_A_CLOCK, CaseClocks.Rebased)
"""All events of this stream."""
