"""Nothing that people said of themselves is told where it does not belong."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from api.bootstrap import open_dispatcher
from application.complaint_endings import CloseComplaint, RateHandling
from application.complaint_work import AnswerComplaint, DeclineComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call
from application.eventstore.errors import NotStoredError
from application.eventstore.subject_keys import MasterKey
from application.permissions import Caller
from application.shipments import (
    RecordDelivery,
)
from domain.categories import Category
from domain.complaint_words import Channel
from domain.identifiers import Waybill
from domain.rating import Score
from domain.roles import PersonId, Role

ZONE = ZoneInfo("Asia/Shanghai")
WAYBILL = Waybill("SF1234567890")
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's
AGENT = Caller("agent-1", PersonId("agent-1"), Role.FRONT_DESK)
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
    assert all(x["actor"] == "agent-1" and x["role"] == "front_desk" for x in lines)
    assert all(x["ms"] >= 0 for x in lines)


def test_no_personal_text_is_stored_readably(office: Any) -> None:
    complaint = office.closed()
    office.do(RateHandling(complaint=complaint, score=Score(1), comment=SECRET))

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
