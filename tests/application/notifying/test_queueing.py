"""When a notice is due, and when none is."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from application.calendars import CorrectCalendar, ShipCalendar
from application.complaint_endings import (
    CloseComplaint,
    DisputeAnswer,
    MergeComplaint,
    ReopenComplaint,
    WithdrawComplaint,
)
from application.complaint_notes import EscalateComplaint, GiveFeedback, MarkUrgency
from application.complaint_policies import AdoptComplaintPolicy
from application.complaint_work import (
    AgreeResolution,
    AnswerComplaint,
    AssignComplaint,
    CarryOutRemedy,
    DeclineComplaint,
    FollowUpComplaint,
    ProposeResolution,
    RegisterComplaint,
    ResumeComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.notices import QueueNotice
from application.notifying.queueing import AnotherReaderError, Queueing
from application.notifying.working_days import next_notice
from application.permissions import Caller
from application.shipped_calendars import SHIPPED
from domain.complaint_policy import DEFAULT_TERMS
from domain.complaint_words import DemandedBy, FollowUpOutcome, Measure, RuleSource
from domain.metadata import Source, SourceKind
from domain.notice import NoticeTemplate
from domain.notifying import Language, NoticeChannel
from domain.roles import PersonId, Role
from domain.service_levels.calendars import CHINA, DayKind, SpecialDay, WorkingCalendar

BOSS = Caller("boss", PersonId("boss"), Role.DEPARTMENT_HEAD)
SYSTEM = Caller("notices", PersonId("notices"), Role.SYSTEM)
ADMINISTRATOR = Caller("admin", PersonId("admin"), Role.ADMINISTRATOR)
SHANGHAI = ZoneInfo("Asia/Shanghai")
# The clock of the office stands at noon of Monday, 2 March 2026, in Shanghai.


def told(post: Any) -> list[str]:
    """Return what customers were told, and check that all of it left."""
    notices = post.notices()
    assert {steps[1:] for steps in notices} <= {("sent",)}
    return [steps[0] for steps in notices]


def assigned(post: Any) -> UUID:
    case: UUID = post.receive()
    post.order(RegisterComplaint(complaint=case))
    post.order(AssignComplaint(complaint=case, department="north"))
    return case


def test_a_customer_is_told_of_every_change_that_concerns_them(post: Any) -> None:
    case = assigned(post)
    measures = (Measure.APOLOGY, Measure.CORRECTION)
    for step in (
        StartInvestigation(complaint=case),
        WaitForCustomer(complaint=case, asked="请提供照片"),
        ResumeComplaint(complaint=case),
        GiveFeedback(complaint=case, feedback="正在核实"),
        EscalateComplaint(
            complaint=case,
            to=PersonId("boss"),
            demanded_by=DemandedBy.CUSTOMER,
            reason="asked for it",
        ),
        MarkUrgency(complaint=case, urgent=True),
        ProposeResolution(
            complaint=case,
            rule_source=RuleSource.LAW,
            rule="1",
            measures=measures,
            proposal="致歉",
            feasibility="easy",
        ),
        AgreeResolution(complaint=case),
        AnswerComplaint(complaint=case, answer="已核实"),
        CarryOutRemedy(complaint=case, measures=measures),
        DisputeAnswer(complaint=case, objection="不同意"),
    ):
        post.order(step)

    post.settle()

    assert told(post) == [
        "received",
        "registered",
        "waiting",
        "feedback",
        "escalated",
        "proposed",
        "answered",
        "remedy",
        "disputed",
    ]


def test_a_customer_is_told_of_the_end_and_of_a_new_beginning(post: Any) -> None:
    case = post.receive()
    for step in (
        AnswerComplaint(complaint=case, answer="已核实"),
        FollowUpComplaint(complaint=case, outcome=FollowUpOutcome.SATISFIED),
        CloseComplaint(complaint=case),
        ReopenComplaint(complaint=case, reason="asked for it"),
    ):
        post.order(step)
    post.settle()

    assert told(post) == ["received", "answered", "closed", "reopened"]


@pytest.mark.parametrize(
    ("end", "template"),
    [
        (lambda case, _: DeclineComplaint(complaint=case, explanation="这是咨询"), "declined"),
        (lambda case, _: WithdrawComplaint(complaint=case), "withdrawn"),
        (lambda case, into: MergeComplaint(complaint=case, into=into, reason="twice"), "merged"),
    ],
)
def test_other_ends_are_told_too_and_then_all_is_quiet(
    post: Any, end: Callable[[UUID, UUID], Any], template: str
) -> None:
    other = post.receive(contact=None)
    case = post.receive()
    post.order(end(case, other))
    post.settle()
    post.later(days=60)
    post.settle()

    assert told(post) == ["received", template]


@pytest.mark.parametrize("given", [{"contact": None}, {"notice_channel": NoticeChannel.NONE}])
def test_who_left_no_address_or_wants_none_gets_no_notices(
    post: Any, given: dict[str, Any]
) -> None:
    post.order(RegisterComplaint(complaint=post.receive(**given)))
    post.later(days=60)
    post.settle()

    assert post.notices() == []


# The past and the demonstration


@pytest.mark.parametrize(
    "source",
    [Source(SourceKind.IMPORT, "old", historical=True), Source(SourceKind.DEMO, "demonstration")],
)
def test_the_past_and_the_demonstration_write_to_nobody(post: Any, source: Source) -> None:
    case = post.receive(source=source)
    post.order(RegisterComplaint(complaint=case), source=source)
    post.settle()
    # Nor later, when somebody works on such a case: its address is old, or nobody's.
    post.order(AssignComplaint(complaint=case, department="north"))
    post.order(GiveFeedback(complaint=case, feedback="已核实"), BOSS)
    post.later(days=60)
    post.settle()

    assert post.notices() == []


def test_a_fact_of_the_past_in_a_live_case_is_no_news(post: Any) -> None:
    case = post.receive()
    past = Source(SourceKind.IMPORT, "old", historical=True)
    post.order(RegisterComplaint(complaint=case), source=past)
    post.settle()

    assert told(post) == ["received"]


@pytest.mark.parametrize("in_database", [True, False])
def test_both_looks_at_the_source_tell_the_past(
    post: Any, monkeypatch: pytest.MonkeyPatch, *, in_database: bool
) -> None:
    """The database leaves it out, so that a million old events cost little; then we look again."""
    from application.notifying import queueing  # noqa: PLC0415

    if in_database:
        monkeypatch.setattr(Queueing, "_decide", _decide_nothing)
    else:
        plain = queueing._EVENTS.replace('"historical"', '"nowhere"').replace('"demo"', '"none"')
        monkeypatch.setattr(queueing, "_EVENTS", plain)
    past = Source(SourceKind.IMPORT, "old", historical=True)
    for source in (past, Source(SourceKind.DEMO, "demonstration")):
        post.receive(source=source)
    post.settle()

    assert post.notices() == []


async def _decide_nothing(_self: Any, found: Any, _cases: Any) -> list[Any]:
    assert not found
    return []


def test_a_word_in_a_text_does_not_make_it_the_past(post: Any) -> None:
    tricky = '"historical":true "source":{"kind":"demo"'
    case = post.receive(region=tricky, outlet=tricky)
    post.order(RegisterComplaint(complaint=case, reason=tricky))
    post.settle()

    assert told(post) == ["received", "registered"]


# At intervals


def days_of_notices(post: Any, days: int) -> list[str]:
    """Return on which of the coming days a customer was told something."""
    found = []
    for _ in range(days):
        post.later(days=1)
        before = len(post.notices())
        post.settle()
        if len(post.notices()) > before:
            found.append(post.office.now.astimezone(SHANGHAI).strftime("%a %d"))
    return found


def test_while_a_case_is_open_its_customer_hears_every_three_working_days(post: Any) -> None:
    post.receive()
    post.settle()
    days = days_of_notices(post, 21)

    # From Monday, 2 March: Thursday, and over the weekend on.
    assert days == ["Thu 05", "Tue 10", "Fri 13", "Wed 18", "Mon 23"]
    assert told(post) == ["received", *["progress"] * 5]


def test_working_days_are_those_of_the_calendar_on_record(post: Any) -> None:
    post.order(ShipCalendar(calendar=CHINA), SYSTEM)
    post.later(days=33)
    post.receive()
    post.settle()

    # From Saturday, 4 April, over Tomb-sweeping Day: on Monday, 6 April, nobody works.
    assert days_of_notices(post, 7) == ["Thu 09"]


def test_after_a_correction_of_the_calendar_the_next_notice_is_planned_by_it(post: Any) -> None:
    post.order(ShipCalendar(calendar=CHINA), SYSTEM)
    post.receive()
    post.settle()
    closed = SpecialDay(date(2026, 3, 9), DayKind.COMPANY, "stocktaking", "盘点")
    correction = CorrectCalendar(
        calendar=CHINA, days=(closed,), source="the board", reason="decided by the board"
    )
    # In the process that sends: it sees its own changes at once, those of others within seconds.
    post.order(correction, ADMINISTRATOR, door=1)

    # From Thursday on without Monday.
    assert days_of_notices(post, 14) == ["Thu 05", "Wed 11", "Mon 16"]


def test_any_notice_begins_the_interval_anew(post: Any) -> None:
    case = post.receive()
    post.settle()
    post.later(days=2)
    post.order(RegisterComplaint(complaint=case))
    post.settle()
    post.later(days=1)
    post.settle()

    assert told(post) == ["received", "registered"]


def test_a_closed_case_is_quiet_until_it_is_opened_again(post: Any) -> None:
    case = post.receive()
    post.order(AnswerComplaint(complaint=case, answer="已核实"))
    post.order(CloseComplaint(complaint=case))
    post.settle()
    post.later(days=20)
    post.settle()
    assert told(post) == ["received", "answered", "closed"]

    post.order(ReopenComplaint(complaint=case, reason="asked for it"))
    post.settle()
    post.later(days=5)
    post.settle()
    assert told(post) == ["received", "answered", "closed", "reopened", "progress"]


def test_after_a_long_silence_one_notice_is_due_not_ten(post: Any) -> None:
    post.receive()
    post.settle()
    post.later(days=50)
    post.settle()
    post.settle()

    assert told(post) == ["received", "progress"]


def test_a_case_keeps_the_interval_of_its_policy(post: Any) -> None:
    def adopt(days: int) -> None:
        terms = type(DEFAULT_TERMS)(30, days, DEFAULT_TERMS.steps)
        at = post.office.now.replace(hour=23)
        post.order(AdoptComplaintPolicy(terms=terms, effective_from=at), ADMINISTRATOR)

    adopt(1)
    post.later(days=1)
    post.receive()
    adopt(9)
    post.settle()
    post.later(days=1, hours=5)
    post.settle()

    assert told(post) == ["received", "progress"]


def test_the_interval_can_be_given(post_over: Any, courier: Any) -> None:
    post = post_over(courier, every_working_days=1)
    post.receive()
    post.settle()
    post.later(days=1)
    post.settle()

    assert told(post) == ["received", "progress"]


@pytest.mark.parametrize(
    ("last", "days", "expected"),
    [
        # Monday to Thursday; the hour of the last notice does not matter.
        ("2026-03-02T00:01+08:00", 3, "2026-03-05T10:00+08:00"),
        ("2026-03-02T23:59+08:00", 3, "2026-03-05T10:00+08:00"),
        # The day is the one in Shanghai: there it is Tuesday already.
        ("2026-03-02T16:30+00:00", 3, "2026-03-06T10:00+08:00"),
        # Spring Festival of 2026: 15 to 23 February off, 14 and 28 February are working Saturdays.
        ("2026-02-13T12:00+08:00", 1, "2026-02-14T10:00+08:00"),
        ("2026-02-14T12:00+08:00", 1, "2026-02-24T10:00+08:00"),
        ("2026-02-27T12:00+08:00", 1, "2026-02-28T10:00+08:00"),
        # Nobody has published the holidays of 2035 yet: Friday to Wednesday.
        ("2035-06-01T12:00+08:00", 3, "2035-06-06T10:00+08:00"),
    ],
)
def test_working_days(last: str, days: int, expected: str) -> None:
    shipped = [day for year in SHIPPED[CHINA].missing([]) for day in year.days()]
    calendar = WorkingCalendar(CHINA, 1, shipped)

    due = next_notice(datetime.fromisoformat(last), days, SHANGHAI, calendar)

    assert due == datetime.fromisoformat(expected)
    assert due.tzinfo is UTC


# At least once, with the effect of once


def test_acting_again_on_what_was_acted_on_changes_nothing(post: Any) -> None:
    """As after a crash between the commands and the position."""
    case = post.receive()
    post.order(RegisterComplaint(complaint=case))
    post.later(days=5)
    post.settle()
    first = post.notices()
    assert [steps[0] for steps in first] == ["received", "registered"]

    with psycopg.connect(post.office._database) as connection:
        connection.execute("UPDATE process.positions SET position = 0")
        connection.execute("TRUNCATE process.notice_cases, process.idempotency")
    post.settle(post.another())

    assert post.notices() == first


def test_a_notice_is_queued_once_for_each_occasion(post: Any) -> None:
    case = post.receive()
    for occasion in ("v7", "v7", "v8"):
        post.order(
            QueueNotice(
                case=case,
                case_number="C-2026-000001",
                occasion=occasion,
                template=NoticeTemplate.RECEIVED,
                channel=NoticeChannel.EMAIL,
                language=Language.EN,
            ),
            SYSTEM,
        )

    assert post.notices() == [("received",), ("received",)]


def test_two_readers_of_the_log_do_not_overtake_each_other(post: Any) -> None:
    post.receive()
    moved = post.notifier.queueing._queue

    async def meanwhile(orders: Any) -> None:
        await moved(orders)
        post.notifier.queueing._queue = moved
        await post.another().queueing.advance()

    post.notifier.queueing._queue = meanwhile
    with pytest.raises(AnotherReaderError):
        post.run(post.notifier.queueing.advance())
    post.settle()
    assert told(post) == ["received"]


def test_many_events_are_read_in_steps_and_none_is_missed(
    post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from application.notifying import queueing  # noqa: PLC0415

    monkeypatch.setattr(queueing, "_STEP_EVENTS", 3)
    post.notifier.queueing._window_events = 7
    for _ in range(10):
        post.order(RegisterComplaint(complaint=post.receive()))
    post.settle()

    assert sorted(told(post)) == ["received"] * 10 + ["registered"] * 10


def test_an_event_that_cannot_be_read_is_parked_and_the_others_go_on(post: Any) -> None:
    broken = post.receive()
    post.receive()
    with psycopg.connect(post.office._database) as connection:
        connection.execute(
            "UPDATE log.stored_events SET state = '{}' WHERE originator_id = %s", [broken]
        )
    post.settle()

    assert told(post) == ["received"]
    assert post.office.rows("SELECT projection, topic FROM ops.parked_events") == [
        ("process:notices", "complaint.received")
    ]


def test_an_order_that_another_release_gave_with_other_words_is_not_given_again(
    post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from application.notifying import queueing  # noqa: PLC0415

    post.receive()
    post.settle()
    with psycopg.connect(post.office._database) as connection:
        connection.execute("UPDATE process.positions SET position = 0")
    other = queueing._Telling(NoticeTemplate.FEEDBACK)
    monkeypatch.setattr(queueing, "VISIBLE", {"complaint.received": other})
    post.settle()

    assert told(post) == ["received"]
    assert post.office.rows("SELECT FROM ops.parked_events") == []


def test_an_order_that_is_refused_is_parked_and_the_others_go_on(
    post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from application.notifying import queueing  # noqa: PLC0415

    post.receive()
    powerless = Caller("notices", PersonId("notices"), Role.AUDITOR)
    with monkeypatch.context() as patched:
        patched.setattr(queueing, "CALLER", powerless)
        post.run(post.notifier.queueing.advance())
    post.receive()
    post.settle()

    assert told(post) == ["received"]
    assert post.office.rows("SELECT position, topic, error FROM ops.parked_events") == [
        (1, "notice.queued", "NotPermittedError")
    ]


def test_a_notice_belongs_to_what_caused_it(post: Any) -> None:
    post.receive()
    post.settle()
    cause, notice, *_ = (state["meta"] for state in post.office.states())

    assert notice["correlation"] == cause["correlation"]
    assert (notice["actor"], notice["role"]) == ("notices", "system")
    assert notice["source"] == {"kind": "system", "name": "notices"}
