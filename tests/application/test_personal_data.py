"""Nothing that people said of themselves is told where it does not belong."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from api.bootstrap import open_dispatcher
from application.appeals import (
    AnswerAppeal,
    DetermineAppealLiability,
    ReceiveAppeal,
    RecordAppealFinding,
    SettleAppeal,
)
from application.complaint_endings import CloseComplaint, DisputeAnswer, RateHandling
from application.complaint_notes import AddEvidence, GiveFeedback
from application.complaint_work import (
    AgreeResolution,
    AnswerComplaint,
    AssignComplaint,
    CarryOutRemedy,
    DeclineComplaint,
    FollowUpComplaint,
    ProposeResolution,
    RecordInvestigation,
    RegisterComplaint,
    RejectResolution,
    ResumeComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call
from application.eventstore.errors import NotStoredError
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from application.shipments import (
    RecordDelivery,
)
from application.staff import JoinStaff
from domain.appeal import AppealAuthority, AppealLiability, appeal_id
from domain.categories import Category
from domain.complaint_words import Channel, EvidenceKind, FollowUpOutcome, Measure, RuleSource
from domain.identifiers import Waybill
from domain.rating import Score
from domain.roles import PersonId, Role

ZONE = ZoneInfo("Asia/Shanghai")
WAYBILL = Waybill("SF1234567890")
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
ACCOUNT_AGENT = Caller("agent-2", PersonId("agent-2"), Role.ACCOUNT_AGENT)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)
COMPLIANCE = Caller("law-1", PersonId("law-1"), Role.COMPLIANCE)
RECEIVED = ReceivedComplaint(
    channel=Channel.PHONE,
    category=Category.DELAY,
    complainant=SECRET,
    contact=SECRET,
    subject=SECRET,
    facts=SECRET,
    request=SECRET,
    accused=PersonId("courier-7"),
)
RECEIVE = ReceiveComplaint(received=RECEIVED)


def whole_text(error: BaseException | None) -> str:
    """Return everything that a traceback would print of an error and of what led to it."""
    if error is None:
        return ""
    return f"{error!r} {error} {error.args}" + whole_text(error.__cause__ or error.__context__)


def test_no_log_line_and_no_error_tells_of_people(office: Any) -> None:
    complaint = office.received()
    failing = [
        AnswerComplaint(complaint=complaint, answer=SECRET + "\x00"),
        AnswerComplaint(complaint=complaint, answer=SECRET * 9999),
        AnswerComplaint(complaint=uuid4(), answer=SECRET),
        ReceiveComplaint(received=replace(RECEIVED, complainant=SECRET * 99)),
        ReceiveComplaint(received=replace(RECEIVED, facts=SECRET + "\ud800")),
        RecordDelivery(waybill=WAYBILL, signed_by=SECRET * 99),
        GiveFeedback(complaint=complaint, feedback=SECRET + "\x00"),
        AddEvidence(
            complaint=complaint,
            kind=EvidenceKind.DOCUMENT,
            media_type="text/plain",
            size=5,
            sha256="0" * 64,
            reference=SECRET,
            content=SECRET.encode(),
        ),
    ]
    with capture_logs() as lines:
        office.received()
        office.do(DeclineComplaint(complaint=complaint, explanation=SECRET))
        errors = office.together(
            office.order(AnswerComplaint(complaint=complaint, answer=SECRET), idempotency_key="k1"),
            *map(office.order, failing),
        )

    assert all(isinstance(error, Exception) for error in errors)
    told = repr(lines) + "".join(map(whole_text, errors))
    for word in SECRET.split():
        assert word not in told


def test_a_command_has_one_log_line(office: Any) -> None:
    with capture_logs() as lines:
        complaint = office.do(RECEIVE, idempotency_key="k1").result
        office.do(RECEIVE, idempotency_key="k1")
        office.together(office.order(CloseComplaint(complaint=complaint)))

    assert [(x["event"], x["operation"], x["outcome"], x["position"]) for x in lines] == [
        ("command", "receiveComplaint", "done", 1),
        ("command", "receiveComplaint", "repeated", 1),
        ("command", "closeComplaint", "refused: WrongStateError", None),
    ]
    assert all("actor" not in x and x["role"] == "front_desk" for x in lines)
    assert all(x["ms"] >= 0 for x in lines)


def test_no_personal_text_is_stored_readably(office: Any) -> None:
    complaint = office.received()
    case: dict[str, Any] = {"complaint": complaint}
    propose = ProposeResolution(
        **case,
        rule_source=RuleSource.LAW,
        rule="art. 27",
        measures=(Measure.APOLOGY,),
        proposal=SECRET,
        feasibility="easy",
    )
    for command in (
        AddEvidence(
            **case,
            kind=EvidenceKind.RECORDING,
            media_type="audio/mpeg",
            size=5,
            sha256="0" * 64,
            reference=SECRET,
            note=SECRET,
        ),
        RegisterComplaint(**case),
        AssignComplaint(**case, department="north"),
        StartInvestigation(**case),
        RecordInvestigation(**case, finding=SECRET),
        GiveFeedback(**case, feedback=SECRET),
        propose,
        RejectResolution(**case, objection=SECRET),
        propose,
        WaitForCustomer(**case, asked=SECRET),
        ResumeComplaint(**case),
        AgreeResolution(**case),
        AnswerComplaint(**case, answer=SECRET),
        CarryOutRemedy(**case, note=SECRET),
        FollowUpComplaint(**case, outcome=FollowUpOutcome.SATISFIED, note=SECRET),
        DisputeAnswer(**case, objection=SECRET),
        propose,
        AnswerComplaint(**case, answer=SECRET),
        CloseComplaint(**case),
    ):
        office.do(command, idempotency_key=f"k{office.count()}")
    receipt = ReceiveAppeal(
        **case,
        authority=AppealAuthority.OTHER,
        reference="7",
        cause=Category.DELAY,
        facts=SECRET,
    )
    office.do(receipt, idempotency_key="appeal")
    appeal: dict[str, Any] = {"appeal": appeal_id(AppealAuthority.OTHER, "7")}
    for work in (
        RecordAppealFinding(**appeal, valid=True, finding=SECRET),
        DetermineAppealLiability(
            **appeal, liability=AppealLiability.NONE, rule_source=RuleSource.LAW, rule="art. 27"
        ),
        SettleAppeal(**appeal, measures=(Measure.APOLOGY,), note=SECRET),
        AnswerAppeal(**appeal, answer=SECRET),
    ):
        office.do(work, COMPLIANCE, idempotency_key=f"k{office.count()}")
    rate = RateHandling(**case, score=Score(1), comment=SECRET)
    office.do(rate, ACCOUNT_AGENT, idempotency_key="k1")
    office.do(JoinStaff(person=PersonId("agent-1"), name=SECRET), ADMINISTRATOR)

    everything = "".join(
        repr(office.rows(statement))
        for statement in (
            "SELECT convert_from(state, 'UTF8') FROM log.stored_events",
            "SELECT convert_from(result, 'UTF8') FROM process.idempotency",
        )
    )
    assert "sealed" not in everything
    assert "ciphertext" in everything
    for word in SECRET.split():
        assert word not in everything


def test_a_closed_store_says_that_nothing_was_stored(database: str, master: MasterKey) -> None:
    async def order_too_late() -> None:
        async with open_dispatcher(database, master, zone=ZONE) as dispatcher:
            await dispatcher.execute(RECEIVE, Call(caller=AGENT))
        with capture_logs() as lines:
            await dispatcher.execute(RECEIVE, Call(caller=AGENT))
        assert lines[0]["outcome"] == "fault"

    with pytest.raises(NotStoredError) as fault:
        asyncio.run(order_too_late())
    assert "王" not in whole_text(fault.value)
