"""A complaint (投诉), from the first word to the customer's rating. Source: domain.md 2.

received -> registered -> assigned -> under investigation -> resolution proposed -> agreed
-> answered -> remedy carried out -> followed up -> closed (-> rated, once per closing)

Also: declined with an explanation; answered at first contact; waiting for the customer and resumed;
disputed (back to investigation); reopened; withdrawn; merged. Which command fits which state stands
in ``domain/complaint_life.py``. Three parts, one aggregate: the file (``complaint_file.py``), the
work (``complaint_work.py``), and here the endings.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.aggregate import DomainEvent, event
from domain.complaint_life import ALLOWED_IN, ComplaintState
from domain.complaint_work import ComplaintWork
from domain.errors import (
    AlreadyRatedError,
    InvalidValueError,
    MergeIntoSelfError,
    MergeTargetEndedError,
    OwnCaseError,
    ReopeningTooLateError,
    Rule,
)
from domain.metadata import Metadata
from domain.personal import Personal
from domain.rating import Score
from domain.roles import PersonId


class Complaint(ComplaintWork):
    """One customer's complaint."""

    KIND = "complaint"
    state_version = 4

    class Closed(DomainEvent):
        """Nothing is left to do."""

        TOPIC = "complaint.closed"

    class HandlingRated(DomainEvent):
        """The customer rated how the complaint was handled."""

        TOPIC = "complaint.handling_rated"
        score: Score
        comment: Personal | None = None

    class Reopened(DomainEvent):
        """The closed case was opened again; the reason stands beside it."""

        TOPIC = "complaint.reopened"

    class Disputed(DomainEvent):
        """The customer disputes the answer: back to investigation."""

        TOPIC = "complaint.disputed"
        objection: Personal

    class Withdrawn(DomainEvent):
        """The customer took the complaint back."""

        TOPIC = "complaint.withdrawn"

    class Merged(DomainEvent):
        """It is a duplicate: the case goes on in another complaint, to which this one redirects."""

        TOPIC = "complaint.merged"
        LINKS = ("into",)
        into: UUID

    class Absorbed(DomainEvent):
        """A duplicate was merged into this complaint; who had to do with it comes along."""

        TOPIC = "complaint.absorbed"
        LINKS = ("duplicate",)
        duplicate: UUID
        accused: tuple[PersonId, ...] = ()
        worked_by: tuple[PersonId, ...] = ()

    def close(self, meta: Metadata) -> None:
        """End the case, when everything agreed is carried out."""
        self._may("close", meta)
        self._refuse_without_resolution()
        self._refuse_outstanding()
        self._closed(meta=meta)

    def rate(self, score: Score, comment: Personal | None, meta: Metadata) -> None:
        """Take the customer's rating of the handling, once per closing.

        It is taken down by somebody who did not work on the case: nobody rates themselves.
        """
        self.require("rate", meta)
        self.refuse_accused(meta.actor)
        if meta.actor in self.worked_by:
            raise OwnCaseError(meta.actor)
        self._refuse_before_closing(meta)
        if self.rated:
            raise AlreadyRatedError(self.id)
        self._handling_rated(score=score, comment=comment, meta=meta)

    def reopen(self, within_days: int, meta: Metadata) -> None:
        """Open a closed case again, for a reason, within the days of its policy."""
        self._may("reopen", meta)
        if meta.reason is None:
            raise InvalidValueError("reason", Rule.REQUIRED)
        self._refuse_before_closing(meta)
        assert self.closed_at is not None
        if meta.occurred_at > self.closed_at + timedelta(days=within_days):
            raise ReopeningTooLateError(self.id, within_days)
        self._reopened(meta=meta)

    def dispute(self, objection: Personal, meta: Metadata) -> None:
        """Take down that the customer does not accept the answer."""
        self._may("dispute", meta)
        self._disputed(objection=objection, meta=meta)

    def withdraw(self, meta: Metadata) -> None:
        """Take down that the customer takes the complaint back."""
        self._may("withdraw", meta)
        self._withdrawn(meta=meta)

    def merge(self, into: "Complaint", meta: Metadata) -> None:
        """Merge a duplicate into an open complaint; both are saved together.

        Since a merged complaint is never merged into again, merges cannot form a circle.
        """
        self._may("merge", meta)
        into.refuse_accused(meta.actor)
        if into.id == self.id:
            raise MergeIntoSelfError(self.id)
        if meta.reason is None:
            raise InvalidValueError("reason", Rule.REQUIRED)
        if into.state not in ALLOWED_IN["absorb"]:
            raise MergeTargetEndedError(into.id, into.state)
        into.require("absorb", meta)
        self._merged(into=into.id, meta=meta)
        into._absorbed(  # noqa: SLF001  the other half of one fact
            duplicate=self.id,
            accused=tuple(sorted(self.kept_away)),
            worked_by=tuple(sorted(self.worked_by)),
            meta=replace(meta, policy=into.policy),
        )

    def raise_improvement(self, meta: Metadata) -> None:
        """Check that the case may raise an improvement action (source 0, 1.1.20(2))."""
        self._may("raise_improvement", meta)
        self._refuse_before_closing(meta)

    def _refuse_before_closing(self, meta: Metadata) -> None:
        assert self.closed_at is not None
        if meta.occurred_at < self.closed_at:
            raise InvalidValueError("occurredAt", Rule.BEFORE, self.closed_at.isoformat())

    @event(Closed)
    def _closed(self, meta: Metadata) -> None:
        self.state = ComplaintState.CLOSED
        self.closed_at = meta.occurred_at
        self.rated = False
        self.worked_by.add(meta.actor)

    @event(HandlingRated)
    def _handling_rated(self, score: Score, comment: Personal | None, meta: Metadata) -> None:
        self.rated = True

    @event(Reopened)
    def _reopened(self, meta: Metadata) -> None:
        self._back_to_work()
        if self.department is not None:
            self.state = ComplaintState.ASSIGNED
        self.closed_at = None

    @event(Disputed)
    def _disputed(self, objection: Personal, meta: Metadata) -> None:
        self._back_to_work()

    @event(Withdrawn)
    def _withdrawn(self, meta: Metadata) -> None:
        self.state = ComplaintState.WITHDRAWN

    @event(Merged)
    def _merged(self, into: UUID, meta: Metadata) -> None:
        self.state = ComplaintState.MERGED
        self.merged_into = into

    @event(Absorbed)
    def _absorbed(
        self,
        duplicate: UUID,
        accused: tuple[PersonId, ...],
        worked_by: tuple[PersonId, ...],
        meta: Metadata,
    ) -> None:
        self.links.add(duplicate)
        self.worked_by.update(worked_by)
        if self.accused is None and accused:
            self.accused = accused[0]
        self._keep_away(accused)
