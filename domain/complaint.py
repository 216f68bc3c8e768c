"""A complaint (投诉), from the first word to the customer's rating. Source: domain.md 2.

received -> registered -> assigned -> answered -> closed (-> rated, once)
received -> declined, with an explanation (it is no complaint)
received | registered -> answered at first contact, nobody else needed
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from domain.aggregate import Aggregate, DomainEvent, event
from domain.errors import AlreadyRatedError, ConflictOfInterestError, WrongStateError
from domain.identifiers import Waybill
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.personal import Personal
from domain.rating import Score
from domain.roles import PersonId


class Channel(Labelled):
    """How the customer reached the company (source 0, 1.1.15, 1.1.21; 2 s.5; 4 s.6)."""

    PHONE = "phone", "phone", "电话"
    HOTLINE = "hotline", "24 h hotline", "24小时热线"
    EMAIL = "email", "e-mail", "电子邮件"
    WEB_CHAT = "web_chat", "web site chat", "网站在线客服"
    MOBILE_APP = "mobile_app", "mobile app", "手机应用"
    SOCIAL_MEDIA = "social_media", "social media", "社交媒体"
    SMS = "sms", "SMS", "短信"
    FAX = "fax", "fax", "传真"
    COUNTER = "counter", "counter", "柜台"
    PARTNER_API = "partner_api", "partner API", "合作方接口"


class Category(Labelled):
    """What the complaint is about: the leaves of the tree of source 0, 1.1.22 and source 1."""

    COURIER_ATTITUDE = "courier_attitude", "courier's attitude", "快递员服务态度"
    AGENT_ATTITUDE = "agent_attitude", "customer-service agent's attitude", "客服人员服务态度"
    DELAY = "delay", "delay", "延误"
    LOSS = "loss", "loss", "丢失"
    DAMAGE = "damage", "damage", "损坏"
    WAYBILL_ERROR = "waybill_error", "wrong waybill number", "运单号错误"
    ADDRESS_ERROR = "address_error", "wrong address", "地址错误"
    SUGGESTION = "suggestion", "suggestion", "建议"
    ENQUIRY = "enquiry", "enquiry", "咨询"
    PRODUCT_QUALITY = "product_quality", "product quality", "产品质量"
    DELIVERY = "delivery", "delivery", "配送"
    AFTER_SALE = "after_sale", "after-sale service", "售后"
    COMMUNICATION = "communication", "communication", "沟通"
    SYSTEM_FAILURE = "system_failure", "system failure", "系统故障"
    ABNORMAL_ORDER = "abnormal_order", "abnormal order", "异常订单"
    ACCOUNT_SECURITY = "account_security", "account security", "账户安全"


class Severity(Labelled):
    """How grave it is (source 1, part 2)."""

    GENERAL = "general", "general", "一般"
    SERIOUS = "serious", "serious", "严重"
    MAJOR = "major", "major", "重大"


class ComplaintState(Labelled):
    """Where a complaint stands."""

    BLANK = "blank", "not received yet", "未受理"
    RECEIVED = "received", "received", "已接收"
    REGISTERED = "registered", "registered", "已立案"
    DECLINED = "declined", "declined", "不予立案"
    ASSIGNED = "assigned", "assigned", "已分派"
    ANSWERED = "answered", "answered", "已答复"
    CLOSED = "closed", "closed", "已结案"


ALLOWED_IN: Final[Mapping[str, frozenset[ComplaintState]]] = {
    "receive": frozenset({ComplaintState.BLANK}),
    "register": frozenset({ComplaintState.RECEIVED}),
    "decline": frozenset({ComplaintState.RECEIVED}),
    "assign": frozenset({ComplaintState.REGISTERED, ComplaintState.ASSIGNED}),
    "answer": frozenset(
        {ComplaintState.RECEIVED, ComplaintState.REGISTERED, ComplaintState.ASSIGNED}
    ),
    "close": frozenset({ComplaintState.ANSWERED}),
    "rate": frozenset({ComplaintState.CLOSED}),
}
"""The life cycle as a table: in which states a command is allowed."""


class Complaint(Aggregate):
    """One customer's complaint."""

    KIND = "complaint"

    class Received(DomainEvent):
        """A complaint, an enquiry or a suggestion reached the company (source 0, 1.1.15)."""

        TOPIC = "complaint.received"
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

    class Answered(DomainEvent):
        """The customer was told the outcome; at first contact if nobody else was needed."""

        TOPIC = "complaint.answered"
        answer: Personal
        first_contact: bool

    class Closed(DomainEvent):
        """Nothing is left to do."""

        TOPIC = "complaint.closed"

    class HandlingRated(DomainEvent):
        """The customer rated how the complaint was handled."""

        TOPIC = "complaint.handling_rated"
        score: Score
        comment: Personal | None = None

    state: ComplaintState
    customer: UUID | None
    accused: PersonId | None
    partner: str | None
    rated: bool

    def begin(self) -> None:
        """Nothing was received yet."""
        self.state = ComplaintState.BLANK
        self.customer = None
        self.accused = None
        self.partner = None
        self.rated = False

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
    ) -> None:
        """Take in who complains, of what, and what they ask for (source 0, 1.1.15(2))."""
        self._require("receive")
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
        )

    def register(self, meta: Metadata) -> None:
        """Open the case after screening."""
        self._require("register")
        self._refuse_accused(meta.actor)
        self._registered(meta=meta)

    def decline(self, explanation: Personal, meta: Metadata) -> None:
        """Say, with an explanation, that it is no complaint."""
        self._require("decline")
        self._refuse_accused(meta.actor)
        self._declined(explanation=explanation, meta=meta)

    def assign(self, department: str, handler: PersonId | None, meta: Metadata) -> None:
        """Hand the case to a department; the person complained about never gets it."""
        self._require("assign")
        self._refuse_accused(meta.actor)
        self._refuse_accused(handler)
        self._assigned(department=department, handler=handler, meta=meta)

    def answer(self, answer: Personal, meta: Metadata) -> None:
        """Tell the customer the outcome; before any assignment it is a first-contact resolution."""
        self._require("answer")
        self._refuse_accused(meta.actor)
        self._answered(
            answer=answer, first_contact=self.state is not ComplaintState.ASSIGNED, meta=meta
        )

    def close(self, meta: Metadata) -> None:
        """End the case."""
        self._require("close")
        self._refuse_accused(meta.actor)
        self._closed(meta=meta)

    def rate(self, score: Score, comment: Personal | None, meta: Metadata) -> None:
        """Take the customer's rating of the handling, once per closing."""
        self._require("rate")
        if self.rated:
            raise AlreadyRatedError(self.id)
        self._handling_rated(score=score, comment=comment, meta=meta)

    def _require(self, command: str) -> None:
        if self.state not in ALLOWED_IN[command]:
            raise WrongStateError(command, self.state)

    def _refuse_accused(self, person: PersonId | None) -> None:
        """Keep the person complained about away from the case (domain.md 2)."""
        if person is not None and person == self.accused:
            raise ConflictOfInterestError(person)

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
    ) -> None:
        self.state = ComplaintState.RECEIVED
        self.customer = customer
        self.accused = accused
        self.partner = partner

    @event(Registered)
    def _registered(self, meta: Metadata) -> None:
        self.state = ComplaintState.REGISTERED

    @event(Declined)
    def _declined(self, explanation: Personal, meta: Metadata) -> None:
        self.state = ComplaintState.DECLINED

    @event(Assigned)
    def _assigned(self, department: str, handler: PersonId | None, meta: Metadata) -> None:
        self.state = ComplaintState.ASSIGNED

    @event(Answered)
    def _answered(self, answer: Personal, first_contact: bool, meta: Metadata) -> None:  # noqa: FBT001
        self.state = ComplaintState.ANSWERED

    @event(Closed)
    def _closed(self, meta: Metadata) -> None:
        self.state = ComplaintState.CLOSED
        self.rated = False

    @event(HandlingRated)
    def _handling_rated(self, score: Score, comment: Personal | None, meta: Metadata) -> None:
        self.rated = True
