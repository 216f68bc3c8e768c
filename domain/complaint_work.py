"""The work on a complaint: from screening to the remedy and the follow-up.

The second of the three parts of ``Complaint`` (domain/complaint.py).
"""

from domain.aggregate import DomainEvent, event
from domain.categories import CATEGORIES, Category
from domain.complaint_file import ComplaintFile
from domain.complaint_life import ComplaintState
from domain.complaint_words import FollowUpOutcome, Measure, QualityStep, RuleSource
from domain.errors import (
    InvalidValueError,
    NotAgreedError,
    NotAQualityCaseError,
    RemedyOutstandingError,
    ResolutionNeededError,
    Rule,
)
from domain.metadata import Metadata
from domain.personal import Personal
from domain.roles import PersonId


class ComplaintWork(ComplaintFile):
    """The steps that move a case on."""

    class Registered(DomainEvent):
        """Screening found that it is a complaint; the case is open."""

        TOPIC = "complaint.registered"

    class Declined(DomainEvent):
        """Screening found that it is no complaint; the customer was told why."""

        TOPIC = "complaint.declined"
        explanation: Personal

    class Assigned(DomainEvent):
        """The responsible department, and perhaps a person of it, took over."""

        TOPIC = "complaint.assigned"
        department: str
        handler: PersonId | None = None

    class InvestigationStarted(DomainEvent):
        """The department began to find out what happened (source 0, 1.1.17)."""

        TOPIC = "complaint.investigation_started"

    class InvestigationRecorded(DomainEvent):
        """Something was found out."""

        TOPIC = "complaint.investigation_recorded"
        finding: Personal

    class ResolutionProposed(DomainEvent):
        """A resolution was proposed; it names its rule and its measures (source 0, 1.1.18)."""

        TOPIC = "complaint.resolution_proposed"
        rule_source: RuleSource
        rule: str
        measures: tuple[Measure, ...]
        proposal: Personal
        feasibility: str

    class ResolutionAgreed(DomainEvent):
        """The customer agreed to what was proposed (source 3, part 2(4))."""

        TOPIC = "complaint.resolution_agreed"

    class ResolutionRejected(DomainEvent):
        """The customer did not agree; the investigation goes on."""

        TOPIC = "complaint.resolution_rejected"
        objection: Personal | None = None

    class Answered(DomainEvent):
        """The customer was told the outcome; at first contact if nobody else was needed."""

        TOPIC = "complaint.answered"
        answer: Personal
        first_contact: bool

    class RemedyCarriedOut(DomainEvent):
        """Measures of the agreed resolution were carried out; ``last`` says that these were all."""

        TOPIC = "complaint.remedy_carried_out"
        measures: tuple[Measure, ...]
        last: bool
        note: Personal | None = None

    class FollowedUp(DomainEvent):
        """The customer was asked how it went (回访)."""

        TOPIC = "complaint.followed_up"
        outcome: FollowUpOutcome
        note: Personal | None = None

    class WaitingForCustomer(DomainEvent):
        """The case cannot go on before the customer has answered; its clocks pause."""

        TOPIC = "complaint.waiting_for_customer"
        asked: Personal

    class Resumed(DomainEvent):
        """The customer answered, or will not: the case goes on where it stood."""

        TOPIC = "complaint.resumed"
        customer_answered: bool

    class QualityStepTaken(DomainEvent):
        """A step of a quality case was taken (source 1, 4.1.3)."""

        TOPIC = "complaint.quality_step_taken"
        step: QualityStep
        departments: tuple[str, ...] = ()

    class CompensationSought(DomainEvent):
        """The customer asks for compensation, who had not when the complaint was received."""

        TOPIC = "complaint.compensation_sought"

    # Decisions

    def register(self, meta: Metadata) -> None:
        """Open the case after screening."""
        self._may("register", meta)
        self._registered(meta=meta)

    def decline(self, explanation: Personal, meta: Metadata) -> None:
        """Say, with an explanation, that it is no complaint."""
        self._may("decline", meta)
        self._declined(explanation=explanation, meta=meta)

    def assign(self, department: str, handler: PersonId | None, meta: Metadata) -> None:
        """Hand the case to a department; the person complained about never gets it.

        A case that is further on keeps its step: only its owner is another one.
        """
        self._may("assign", meta)
        self.refuse_accused(handler)
        self._assigned(department=department, handler=handler, meta=meta)

    def start_investigation(self, meta: Metadata) -> None:
        """Begin to find out what happened."""
        self._may("start_investigation", meta)
        self._investigation_started(meta=meta)

    def record_investigation(self, finding: Personal, meta: Metadata) -> None:
        """Note what was found out."""
        self._may("record_investigation", meta)
        self._investigation_recorded(finding=finding, meta=meta)

    def propose_resolution(
        self,
        meta: Metadata,
        *,
        rule_source: RuleSource,
        rule: str,
        measures: tuple[Measure, ...],
        proposal: Personal,
        feasibility: str,
    ) -> None:
        """Propose a resolution on a named rule, once it was found feasible; a new one replaces it.

        It pays nothing: all money goes through a claim and its approvals (domain.md 2).
        """
        self._may("propose_resolution", meta)
        if not rule:
            raise InvalidValueError("rule", Rule.REQUIRED)
        if not measures:
            raise InvalidValueError("measures", Rule.REQUIRED)
        self._resolution_proposed(
            rule_source=rule_source,
            rule=rule,
            measures=tuple(dict.fromkeys(measures)),
            proposal=proposal,
            feasibility=feasibility,
            meta=meta,
        )

    def agree_resolution(self, meta: Metadata) -> None:
        """Note that the customer agrees, before the answer or after it."""
        self._may("agree_resolution", meta)
        if not self.proposed:
            raise ResolutionNeededError(self.id)
        if not self.agreed:
            self._resolution_agreed(meta=meta)

    def reject_resolution(self, objection: Personal | None, meta: Metadata) -> None:
        """Note that the customer does not agree."""
        self._may("reject_resolution", meta)
        self._resolution_rejected(objection=objection, meta=meta)

    def answer(self, answer: Personal, meta: Metadata) -> None:
        """Tell the customer the outcome.

        The first answer, before any assignment or escalation, is a first-contact resolution. A
        complaint that was forwarded is answered on a resolution that names its rule (source 0,
        1.1.18); an enquiry or a suggestion needs none.
        """
        self._may("answer", meta)
        self._refuse_without_resolution()
        first_contact = not (self._forwarded or self.answered_before)
        self._answered(answer=answer, first_contact=first_contact, meta=meta)

    def carry_out_remedy(
        self, measures: tuple[Measure, ...], note: Personal | None, meta: Metadata
    ) -> None:
        """Note that measures were carried out, all that are left if none is named."""
        self._may("carry_out_remedy", meta)
        if not self.proposed:
            raise ResolutionNeededError(self.id)
        if not self.agreed:
            raise NotAgreedError(self.id)
        for measure in measures:
            if measure not in self.outstanding:
                raise InvalidValueError(
                    "measures", Rule.NOT_IN_LIST, ", ".join(m.name for m in self.outstanding)
                )
        done = tuple(dict.fromkeys(measures)) or self.outstanding
        if done:
            last = set(done) == set(self.outstanding)
            self._remedy_carried_out(measures=done, last=last, note=note, meta=meta)

    def follow_up(self, outcome: FollowUpOutcome, note: Personal | None, meta: Metadata) -> None:
        """Note what the customer said afterwards."""
        self._may("follow_up", meta)
        self._refuse_outstanding()
        self._followed_up(outcome=outcome, note=note, meta=meta)

    def wait_for_customer(self, asked: Personal, meta: Metadata) -> None:
        """Ask the customer for something without which the case cannot go on."""
        self._may("wait_for_customer", meta)
        self._waiting_for_customer(asked=asked, meta=meta)

    def resume(self, *, customer_answered: bool, meta: Metadata) -> None:
        """Go on where the case stood."""
        self._may("resume", meta)
        self._resumed(customer_answered=customer_answered, meta=meta)

    def record_quality_step(
        self, step: QualityStep, departments: tuple[str, ...], meta: Metadata
    ) -> None:
        """Note a step of a quality case; notified or meeting departments are named."""
        self._may("record_quality_step", meta)
        if self.category is not Category.PRODUCT_QUALITY:
            raise NotAQualityCaseError(self.id, self.category or "")
        if step in _OF_DEPARTMENTS and not departments:
            raise InvalidValueError("departments", Rule.REQUIRED)
        self._quality_step_taken(step=step, departments=departments, meta=meta)

    def seek_compensation(self, meta: Metadata) -> None:
        """Note that the customer asks for compensation; once more changes nothing."""
        self._may("seek_compensation", meta)
        if not self.seeks_compensation:
            self._compensation_sought(meta=meta)

    @property
    def _forwarded(self) -> bool:
        """Whether others than who took it in have, or had, to do with it."""
        return self.department is not None or self.escalated

    def _refuse_without_resolution(self) -> None:
        assert self.category is not None
        if self._forwarded and not self.proposed and CATEGORIES[self.category].is_complaint:
            raise ResolutionNeededError(self.id)

    def _refuse_outstanding(self) -> None:
        if self.agreed and self.outstanding:
            raise RemedyOutstandingError(self.id)

    # Evolution

    @event(Registered)
    def _registered(self, meta: Metadata) -> None:
        self.state = ComplaintState.REGISTERED

    @event(Declined)
    def _declined(self, explanation: Personal, meta: Metadata) -> None:
        self.state = ComplaintState.DECLINED

    @event(Assigned)
    def _assigned(self, department: str, handler: PersonId | None, meta: Metadata) -> None:
        if self.state is ComplaintState.REGISTERED:
            self.state = ComplaintState.ASSIGNED
        elif (self.state, self.resumes_to) == (ComplaintState.WAITING, ComplaintState.REGISTERED):
            self.resumes_to = ComplaintState.ASSIGNED
        self.department = department
        if handler is not None:
            self.worked_by.add(handler)
        if handler is not None or not self.escalated:  # who a case was escalated to keeps it
            self.handler = handler

    @event(InvestigationStarted)
    def _investigation_started(self, meta: Metadata) -> None:
        self.state = ComplaintState.INVESTIGATING
        self.worked_by.add(meta.actor)

    @event(InvestigationRecorded)
    def _investigation_recorded(self, finding: Personal, meta: Metadata) -> None:
        self.worked_by.add(meta.actor)

    @event(ResolutionProposed)
    def _resolution_proposed(
        self,
        rule_source: RuleSource,
        rule: str,
        measures: tuple[Measure, ...],
        proposal: Personal,
        feasibility: str,
        meta: Metadata,
    ) -> None:
        self.state = ComplaintState.PROPOSED
        self.proposed, self.agreed = True, False
        self.outstanding = measures
        self.worked_by.add(meta.actor)

    @event(ResolutionAgreed)
    def _resolution_agreed(self, meta: Metadata) -> None:
        if self.state is ComplaintState.PROPOSED:
            self.state = ComplaintState.AGREED
        self.agreed = True

    @event(ResolutionRejected)
    def _resolution_rejected(self, objection: Personal | None, meta: Metadata) -> None:
        self._back_to_work()

    @event(Answered)
    def _answered(self, answer: Personal, first_contact: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.state = ComplaintState.ANSWERED
        self.answered_before = True
        self.worked_by.add(meta.actor)

    @event(RemedyCarriedOut)
    def _remedy_carried_out(
        self,
        measures: tuple[Measure, ...],
        last: bool,  # noqa: FBT001
        note: Personal | None,
        meta: Metadata,
    ) -> None:
        if last:
            self.state = ComplaintState.REMEDIED
        self.outstanding = tuple(m for m in self.outstanding if m not in measures)
        self.worked_by.add(meta.actor)

    @event(FollowedUp)
    def _followed_up(self, outcome: FollowUpOutcome, note: Personal | None, meta: Metadata) -> None:
        self.state = ComplaintState.FOLLOWED_UP

    @event(WaitingForCustomer)
    def _waiting_for_customer(self, asked: Personal, meta: Metadata) -> None:
        self.resumes_to, self.state = self.state, ComplaintState.WAITING

    @event(Resumed)
    def _resumed(self, customer_answered: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.state = self.resumes_to

    @event(QualityStepTaken)
    def _quality_step_taken(
        self, step: QualityStep, departments: tuple[str, ...], meta: Metadata
    ) -> None:
        self.worked_by.add(meta.actor)

    @event(CompensationSought)
    def _compensation_sought(self, meta: Metadata) -> None:
        self.seeks_compensation = True

    def _back_to_work(self) -> None:
        """Evolve to the step at which a new resolution is looked for; what was proposed is void."""
        forwarded = self.department is not None
        self.state = ComplaintState.INVESTIGATING if forwarded else ComplaintState.REGISTERED
        self.proposed = self.agreed = False
        self.outstanding = ()


_OF_DEPARTMENTS = {QualityStep.DEPARTMENTS_NOTIFIED, QualityStep.MEETING_HELD}
