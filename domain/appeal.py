"""An appeal (申诉): a complaint that its customer took to a regulator. Source: domain.md 3.

received -> found valid -> liability determined -> settled -> answered to the authority
received -> found not valid -> answered to the authority

A case of its own, linked to the complaint and counted apart. The customer may withdraw it with the
authority until it is answered; afterwards it is only read. The letter of its number is S, as in
shensu (申诉): ``S-2026-000012``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.categories import Category
from domain.complaint_life import LifeCycleRule
from domain.complaint_words import Measure, RuleSource
from domain.errors import AlreadyAppealedError, InvalidValueError, Rule, WrongStateError
from domain.identifiers import NAMESPACE
from domain.labels import Labelled
from domain.metadata import Metadata
from domain.personal import Personal


class AppealAuthority(Labelled):
    """Who sent the appeal."""

    HOTLINE_12305 = "hotline_12305", "12305 hotline", "12305申诉热线"
    POSTAL_REGULATOR = "postal_regulator", "postal regulator", "邮政管理部门"
    OTHER = "other", "other authority", "其他机关"


class AppealLiability(Labelled):
    """Who answers for what the appeal is about."""

    COMPANY = "company", "the company", "企业责任"
    CUSTOMER = "customer", "the customer", "用户责任"
    THIRD_PARTY = "third_party", "a third party", "第三方责任"
    SHARED = "shared", "shared", "共同责任"
    NONE = "none", "nobody", "无责任"


class AppealState(Labelled):
    """Where an appeal stands."""

    BLANK = "blank", "not received yet", "未收到"
    RECEIVED = "received", "received", "已收到"
    FOUND_VALID = "found_valid", "found valid", "申诉成立"
    FOUND_NOT_VALID = "found_not_valid", "found not valid", "申诉不成立"
    LIABILITY_DETERMINED = "liability_determined", "liability determined", "已定责"
    SETTLED = "settled", "settled", "已处理"
    ANSWERED = "answered", "answered to the authority", "已答复监管部门"
    WITHDRAWN = "withdrawn", "withdrawn with the authority", "用户已撤诉"


S = AppealState

OPEN_APPEALS: Final = frozenset(
    {S.RECEIVED, S.FOUND_VALID, S.FOUND_NOT_VALID, S.LIABILITY_DETERMINED, S.SETTLED}
)
"""The states of an appeal that somebody still has to work on."""

APPEAL_ALLOWED_IN: Final[Mapping[str, frozenset[AppealState]]] = {
    "receive": frozenset({S.BLANK}),
    "record_finding": frozenset({S.RECEIVED}),
    "determine_liability": frozenset({S.FOUND_VALID}),
    "settle": frozenset({S.LIABILITY_DETERMINED}),
    "answer": frozenset({S.FOUND_NOT_VALID, S.SETTLED}),
    "withdraw": OPEN_APPEALS,
}
"""In which states a command is allowed."""


def appeal_id(authority: AppealAuthority, reference: str) -> UUID:
    """Return the id of the one appeal that an authority knows by this reference.

    Letter case does not tell references apart.
    """
    return uuid5(NAMESPACE, f"appeal:{authority}:{reference.upper()}")


def appeal_number(year: int, ordinal: int) -> str:
    """Return the number that people read, such as ``S-2026-000012``."""
    return f"S-{year}-{ordinal:06d}"


class Appeal(Aggregate):
    """One appeal."""

    KIND = "appeal"

    class Received(DomainEvent):
        """An authority handed on that a customer appealed; place and department of the complaint.

        ``reference`` is the authority's own.
        """

        TOPIC = "appeal.received"
        LINKS = ("complaint",)
        number: str
        complaint: UUID
        customer: UUID
        authority: AppealAuthority
        reference: str
        cause: Category
        facts: Personal
        department: str | None = None
        region: str | None = None
        outlet: str | None = None
        partner: str | None = None

    class FindingRecorded(DomainEvent):
        """It was found whether the appeal is valid (成立), and why."""

        TOPIC = "appeal.finding_recorded"
        valid: bool
        finding: Personal

    class LiabilityDetermined(DomainEvent):
        """It was decided who is liable, by which rule; the responsible department takes over."""

        TOPIC = "appeal.liability_determined"
        liability: AppealLiability
        department: str | None = None
        rule_source: RuleSource
        rule: str

    class Settled(DomainEvent):
        """What the company does about it is done or ordered; a claim pays, never an appeal."""

        TOPIC = "appeal.settled"
        measures: tuple[Measure, ...]
        note: Personal | None = None

    class Answered(DomainEvent):
        """The authority was told the outcome."""

        TOPIC = "appeal.answered"
        answer: Personal

    class Withdrawn(DomainEvent):
        """The customer took the appeal back with the authority."""

        TOPIC = "appeal.withdrawn"

    state: AppealState
    complaint: UUID | None
    customer: UUID | None
    received_at: datetime | None
    department: str | None
    region: str | None
    outlet: str | None

    def begin(self) -> None:
        """Nothing was received yet."""
        self.state = AppealState.BLANK
        self.complaint = self.customer = None
        self.received_at = None
        self.department = self.region = self.outlet = None

    def receive(
        self,
        meta: Metadata,
        *,
        number: str,
        complaint: UUID,
        customer: UUID,
        authority: AppealAuthority,
        reference: str,
        cause: Category,
        facts: Personal,
        department: str | None = None,
        region: str | None = None,
        outlet: str | None = None,
        partner: str | None = None,
    ) -> None:
        """Take it in, once per reference of the authority."""
        self.refuse_second()
        self._received(
            number=number,
            complaint=complaint,
            customer=customer,
            authority=authority,
            reference=reference,
            cause=cause,
            facts=facts,
            department=department,
            region=region,
            outlet=outlet,
            partner=partner,
            meta=meta,
        )

    def refuse_second(self) -> None:
        """Refuse to receive what was received already."""
        if self.state not in APPEAL_ALLOWED_IN["receive"]:
            raise AlreadyAppealedError(self.id)

    def record_finding(self, finding: Personal, *, valid: bool, meta: Metadata) -> None:
        """Say whether it is valid, and why."""
        self._require("record_finding", meta)
        self._finding_recorded(valid=valid, finding=finding, meta=meta)

    def determine_liability(
        self,
        liability: AppealLiability,
        meta: Metadata,
        *,
        department: str | None,
        rule_source: RuleSource,
        rule: str,
    ) -> None:
        """Say who is liable, by which rule; without a department the appeal stays where it is."""
        self._require("determine_liability", meta)
        self._liability_determined(
            liability=liability,
            department=department,
            rule_source=rule_source,
            rule=rule,
            meta=meta,
        )

    def settle(self, measures: tuple[Measure, ...], note: Personal | None, meta: Metadata) -> None:
        """Say what is done about it, each measure once."""
        self._require("settle", meta)
        if not measures:
            raise InvalidValueError("measures", Rule.REQUIRED)
        self._settled(measures=tuple(dict.fromkeys(measures)), note=note, meta=meta)

    def answer(self, answer: Personal, meta: Metadata) -> None:
        """Tell the authority the outcome: that it is not valid, or how it was settled."""
        self._require("answer", meta)
        self._answered(answer=answer, meta=meta)

    def withdraw(self, meta: Metadata) -> None:
        """Note that the customer withdrew it with the authority."""
        self._require("withdraw", meta)
        self._withdrawn(meta=meta)

    def _require(self, command: str, meta: Metadata) -> None:
        """Refuse a command that does not fit the state, or a time before the receipt."""
        if self.state not in APPEAL_ALLOWED_IN[command]:
            raise WrongStateError(command, self.state, _refusing_rule(self.state))
        assert self.received_at is not None  # an appeal that is not blank was received
        if meta.occurred_at < self.received_at:
            raise InvalidValueError("occurredAt", Rule.BEFORE, self.received_at.isoformat())

    @event(Received)
    def _received(
        self,
        number: str,
        complaint: UUID,
        customer: UUID,
        authority: AppealAuthority,
        reference: str,
        cause: Category,
        facts: Personal,
        department: str | None,
        region: str | None,
        outlet: str | None,
        partner: str | None,
        meta: Metadata,
    ) -> None:
        self.state = AppealState.RECEIVED
        self.complaint, self.customer = complaint, customer
        self.received_at = meta.occurred_at
        self.department, self.region, self.outlet = department, region, outlet

    @event(FindingRecorded)
    def _finding_recorded(self, valid: bool, finding: Personal, meta: Metadata) -> None:  # noqa: FBT001
        self.state = AppealState.FOUND_VALID if valid else AppealState.FOUND_NOT_VALID

    @event(LiabilityDetermined)
    def _liability_determined(
        self,
        liability: AppealLiability,
        department: str | None,
        rule_source: RuleSource,
        rule: str,
        meta: Metadata,
    ) -> None:
        self.state = AppealState.LIABILITY_DETERMINED
        if department is not None:
            self.department = department

    @event(Settled)
    def _settled(
        self, measures: tuple[Measure, ...], note: Personal | None, meta: Metadata
    ) -> None:
        self.state = AppealState.SETTLED

    @event(Answered)
    def _answered(self, answer: Personal, meta: Metadata) -> None:
        self.state = AppealState.ANSWERED

    @event(Withdrawn)
    def _withdrawn(self, meta: Metadata) -> None:
        self.state = AppealState.WITHDRAWN


def _refusing_rule(state: AppealState) -> LifeCycleRule:
    if state is AppealState.BLANK:
        return LifeCycleRule.NOT_RECEIVED
    return LifeCycleRule.ORDER if state in OPEN_APPEALS else LifeCycleRule.ENDED
