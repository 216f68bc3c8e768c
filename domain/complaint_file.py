"""The file of a complaint: what is taken down at intake and noted while the case is open.

The first of the three parts of ``Complaint`` (domain/complaint.py).
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from domain.aggregate import Aggregate, DomainEvent, event
from domain.categories import Category, checklist_codes
from domain.complaint_life import ComplaintState, LifeCycleRule, refusing_rule
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    LinkedKind,
    Measure,
    Severity,
)  # fmt: skip
from domain.errors import (
    ConflictOfInterestError,
    InvalidValueError,
    MergedCaseError,
    Rule,
    WrongStateError,
)
from domain.identifiers import Waybill
from domain.metadata import Metadata, PolicyVersion
from domain.notifying import Language, NoticeChannel
from domain.personal import Personal
from domain.roles import PersonId


class ComplaintFile(Aggregate):
    """State, intake, and the notes that leave a case where it stands."""

    class Received(DomainEvent):
        """A complaint, an enquiry or a suggestion reached the company (source 0, 1.1.15)."""

        TOPIC = "complaint.received"
        LINKS = ("shipment",)
        number: str
        channel: Channel
        category: Category
        severity: Severity
        urgent: bool
        customer: UUID
        complainant: Personal
        contact: Personal | None = None
        subject: Personal
        facts: Personal
        request: Personal | None = None
        waybill: Waybill | None = None
        shipment: UUID | None = None
        region: str | None = None
        outlet: str | None = None
        accused: PersonId | None = None
        partner: str | None = None
        partner_reference: str | None = None
        notice_channel: NoticeChannel | None = None
        language: Language | None = None
        seeks_compensation: bool = False
        service_levels: str | None = None

    class EvidenceAdded(DomainEvent):
        """A reference to evidence was added: where it lies, and the digest of what lies there."""

        TOPIC = "complaint.evidence_added"
        number: int
        kind: EvidenceKind
        media_type: str
        size: int
        sha256: str
        reference: Personal
        note: Personal | None = None

    class EvidenceSuperseded(DomainEvent):
        """A piece of evidence was marked as superseded; it stays where it is."""

        TOPIC = "complaint.evidence_superseded"
        number: int
        by: int | None = None

    class Linked(DomainEvent):
        """The complaint was linked with something else that belongs to the case."""

        TOPIC = "complaint.linked"
        LINKS = ("target",)
        kind: LinkedKind
        target: UUID

    class Reclassified(DomainEvent):
        """It is about something else than first thought."""

        TOPIC = "complaint.reclassified"
        category: Category

    class SeverityReassessed(DomainEvent):
        """The severity was raised or lowered; the reason stands beside it (source 1, part 2)."""

        TOPIC = "complaint.severity_reassessed"
        severity: Severity
        raised: bool

    class UrgencyMarked(DomainEvent):
        """The case got, or lost, priority in the queues."""

        TOPIC = "complaint.urgency_marked"
        urgent: bool

    class AccusedNamed(DomainEvent):
        """The person complained about became known, who is kept away from the case from now on."""

        TOPIC = "complaint.accused_named"
        accused: PersonId

    class Escalated(DomainEvent):
        """A customer or manager moved the case to a named person (source 1, 2.3)."""

        TOPIC = "complaint.escalated"
        to: PersonId
        demanded_by: DemandedBy

    class FeedbackGiven(DomainEvent):
        """A person told the customer how the case stands (source 2, 1)."""

        TOPIC = "complaint.feedback_given"
        feedback: Personal

    class ChecklistItemSettled(DomainEvent):
        """A measure prescribed for the category was done, or skipped for a reason."""

        TOPIC = "complaint.checklist_item_settled"
        item: str
        outcome: ChecklistOutcome

    state: ComplaintState
    resumes_to: ComplaintState
    received_at: datetime | None
    closed_at: datetime | None
    customer: UUID | None
    shipment: UUID | None
    partner: str | None
    policy: PolicyVersion | None
    category: Category | None
    severity: Severity | None
    urgent: bool
    accused: PersonId | None
    kept_away: set[PersonId]
    department: str | None
    region: str | None
    outlet: str | None
    handler: PersonId | None
    worked_by: set[PersonId]
    escalated: bool
    answered_before: bool
    evidence: dict[str, int]
    evidence_count: int
    links: set[UUID]
    settled: set[str]
    proposed: bool
    agreed: bool
    outstanding: tuple[Measure, ...]
    rated: bool
    seeks_compensation: bool
    merged_into: UUID | None

    def begin(self) -> None:
        """Nothing was received yet."""
        self.state = self.resumes_to = ComplaintState.BLANK
        self.received_at = self.closed_at = None
        self.customer = self.shipment = None
        self.partner = None
        self.policy = None
        self.category = None
        self.severity = None
        self.urgent = False
        self.accused = None
        self.kept_away = set()
        self.escalated = self.answered_before = False
        self.department = self.handler = self.region = self.outlet = None
        self.worked_by = set()
        self.evidence = {}
        self.evidence_count = 0
        self.links = set()
        self.settled = set()
        self.proposed = self.agreed = self.seeks_compensation = False
        self.outstanding = ()
        self.rated = False
        self.merged_into = None

    def require(self, command: str, meta: Metadata) -> None:
        """Refuse a command that does not fit the state, or a time before the complaint."""
        rule = refusing_rule(command, self.state)
        if rule is LifeCycleRule.MERGED:
            assert self.merged_into is not None
            raise MergedCaseError(self.id, self.merged_into)
        if rule is not None:
            raise WrongStateError(command, self.state, rule)
        if self.received_at is not None and meta.occurred_at < self.received_at:
            raise InvalidValueError("occurredAt", Rule.BEFORE, self.received_at.isoformat())

    def refuse_accused(self, person: PersonId | None) -> None:
        """Keep whoever was ever named as complained about away from the case (domain.md 2)."""
        if person is not None and person in self.kept_away:
            raise ConflictOfInterestError(person)

    def _may(self, command: str, meta: Metadata) -> None:
        self.require(command, meta)
        self.refuse_accused(meta.actor)

    def receive(
        self,
        meta: Metadata,
        *,
        number: str,
        channel: Channel,
        category: Category,
        severity: Severity,
        urgent: bool,
        customer: UUID,
        complainant: Personal,
        subject: Personal,
        facts: Personal,
        contact: Personal | None = None,
        request: Personal | None = None,
        waybill: Waybill | None = None,
        shipment: UUID | None = None,
        region: str | None = None,
        outlet: str | None = None,
        accused: PersonId | None = None,
        partner: str | None = None,
        partner_reference: str | None = None,
        notice_channel: NoticeChannel | None = None,
        language: Language | None = None,
        seeks_compensation: bool = False,
        service_levels: str | None = None,
    ) -> None:
        """Take in who complains, of what, and what they ask for (source 0, 1.1.15(2))."""
        self.require("receive", meta)
        self._received(
            meta=meta,
            number=number,
            channel=channel,
            category=category,
            severity=severity,
            urgent=urgent,
            customer=customer,
            complainant=complainant,
            contact=contact,
            subject=subject,
            facts=facts,
            request=request,
            waybill=waybill,
            shipment=shipment,
            region=region,
            outlet=outlet,
            accused=accused,
            partner=partner,
            partner_reference=partner_reference,
            notice_channel=notice_channel,
            language=language,
            seeks_compensation=seeks_compensation,
            service_levels=service_levels,
        )

    def add_evidence(
        self,
        meta: Metadata,
        *,
        kind: EvidenceKind,
        media_type: str,
        size: int,
        sha256: str,
        reference: Personal,
        note: Personal | None = None,
    ) -> int:
        """Add a reference to evidence and return its number; a digest that is there adds none."""
        self._may("add_evidence", meta)
        known = self.evidence.get(sha256)
        if known is not None:
            return known
        number = self.evidence_count + 1
        self._evidence_added(
            number=number,
            kind=kind,
            media_type=media_type,
            size=size,
            sha256=sha256,
            reference=reference,
            note=note,
            meta=meta,
        )
        return number

    def supersede_evidence(self, number: int, by: int | None, meta: Metadata) -> None:
        """Mark evidence as superseded, perhaps by a later piece; nothing is ever removed."""
        self._may("supersede_evidence", meta)
        active = self.evidence.values()
        if number not in active:
            raise InvalidValueError("number", Rule.NOT_IN_LIST, f"{sorted(active)}"[1:-1])
        later = {other for other in active if other > number}
        if by is not None and by not in later:
            raise InvalidValueError("by", Rule.NOT_IN_LIST, f"{sorted(later)}"[1:-1])
        self._evidence_superseded(number=number, by=by, meta=meta)

    def link(self, kind: LinkedKind, target: UUID, meta: Metadata) -> None:
        """Link the complaint with something of the same case; again changes nothing."""
        self._may("link", meta)
        if target == self.id:
            raise InvalidValueError("target", Rule.OTHER_THAN_ITSELF)
        if target not in self.links:
            self._linked(kind=kind, target=target, meta=meta)

    def reclassify(self, category: Category, meta: Metadata) -> None:
        """Say what it is really about, with the reason; its checklist starts anew."""
        self._may("reclassify", meta)
        if category is not self.category:
            _require_reason(meta)
            self._reclassified(category=category, meta=meta)

    def reassess_severity(self, severity: Severity, meta: Metadata) -> None:
        """Raise or lower the severity, always with a reason (source 1, part 2)."""
        self._may("reassess_severity", meta)
        assert self.severity is not None
        if severity is not self.severity:
            _require_reason(meta)
            order = list(Severity)
            raised = order.index(severity) > order.index(self.severity)
            self._severity_reassessed(severity=severity, raised=raised, meta=meta)

    def mark_urgency(self, *, urgent: bool, meta: Metadata) -> None:
        """Give or take priority in the queues."""
        self._may("mark_urgency", meta)
        if urgent is not self.urgent:
            self._urgency_marked(urgent=urgent, meta=meta)

    def name_accused(self, accused: PersonId, meta: Metadata) -> None:
        """Name the person complained about; if they handle the case, they no longer do."""
        self._may("name_accused", meta)
        if accused not in self.kept_away:
            self._accused_named(accused=accused, meta=meta)

    def escalate(self, to: PersonId, demanded_by: DemandedBy, meta: Metadata) -> None:
        """Move the case to a named senior manager or expert, for a reason (source 1, 2.3)."""
        self._may("escalate", meta)
        self.refuse_accused(to)
        _require_reason(meta)
        self._escalated(to=to, demanded_by=demanded_by, meta=meta)

    def give_feedback(self, feedback: Personal, meta: Metadata) -> None:
        """Tell the customer how the case stands."""
        self._may("give_feedback", meta)
        self._feedback_given(feedback=feedback, meta=meta)

    def settle_checklist_item(self, item: str, outcome: ChecklistOutcome, meta: Metadata) -> None:
        """Tick off a measure of the category's checklist; skipping one needs a reason."""
        self._may("settle_checklist_item", meta)
        assert self.category is not None
        known = checklist_codes(self.category)
        if item not in known:
            raise InvalidValueError("item", Rule.NOT_IN_LIST, ", ".join(known))
        if outcome is ChecklistOutcome.SKIPPED:
            _require_reason(meta)
        if item not in self.settled:
            self._checklist_item_settled(item=item, outcome=outcome, meta=meta)

    @event(Received)
    def _received(
        self,
        meta: Metadata,
        number: str,
        channel: Channel,
        category: Category,
        severity: Severity,
        urgent: bool,  # noqa: FBT001  fields of an event are passed by name
        customer: UUID,
        complainant: Personal,
        contact: Personal | None,
        subject: Personal,
        facts: Personal,
        request: Personal | None,
        waybill: Waybill | None,
        shipment: UUID | None,
        region: str | None,
        outlet: str | None,
        accused: PersonId | None,
        partner: str | None,
        partner_reference: str | None,
        notice_channel: NoticeChannel | None,
        language: Language | None,
        seeks_compensation: bool,  # noqa: FBT001
        service_levels: str | None,
    ) -> None:
        self.state = ComplaintState.RECEIVED
        self.received_at = meta.occurred_at
        self.customer = customer
        self.shipment = shipment
        self.region, self.outlet = region, outlet
        self.partner = partner
        self.policy = meta.policy
        self.category = category
        self.severity = severity
        self.urgent = urgent
        self.seeks_compensation = seeks_compensation
        self.accused = accused
        if accused is not None:
            self.kept_away.add(accused)
        if shipment is not None:
            self.links.add(shipment)

    @event(EvidenceAdded)
    def _evidence_added(
        self,
        number: int,
        kind: EvidenceKind,
        media_type: str,
        size: int,
        sha256: str,
        reference: Personal,
        note: Personal | None,
        meta: Metadata,
    ) -> None:
        self.evidence[sha256] = number
        self.evidence_count = number

    @event(EvidenceSuperseded)
    def _evidence_superseded(self, number: int, by: int | None, meta: Metadata) -> None:
        self.evidence = {digest: n for digest, n in self.evidence.items() if n != number}

    @event(Linked)
    def _linked(self, kind: LinkedKind, target: UUID, meta: Metadata) -> None:
        self.links.add(target)

    @event(Reclassified)
    def _reclassified(self, category: Category, meta: Metadata) -> None:
        self.category = category
        self.settled = set()

    @event(SeverityReassessed)
    def _severity_reassessed(self, severity: Severity, raised: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.severity = severity

    @event(UrgencyMarked)
    def _urgency_marked(self, urgent: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.urgent = urgent

    @event(AccusedNamed)
    def _accused_named(self, accused: PersonId, meta: Metadata) -> None:
        self.accused = accused
        self._keep_away([accused])

    @event(Escalated)
    def _escalated(self, to: PersonId, demanded_by: DemandedBy, meta: Metadata) -> None:
        self.handler = to
        self.escalated = True
        self.worked_by.add(to)

    def _keep_away(self, people: Iterable[PersonId]) -> None:
        self.kept_away.update(people)
        if self.handler in self.kept_away:
            self.handler = None

    @event(FeedbackGiven)
    def _feedback_given(self, feedback: Personal, meta: Metadata) -> None:
        self.worked_by.add(meta.actor)

    @event(ChecklistItemSettled)
    def _checklist_item_settled(self, item: str, outcome: ChecklistOutcome, meta: Metadata) -> None:
        self.settled.add(item)


def _require_reason(meta: Metadata) -> None:
    if meta.reason is None:
        raise InvalidValueError("reason", Rule.REQUIRED)
