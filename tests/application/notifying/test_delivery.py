"""Each notice leaves once: claims, marks, retries, what a dead process leaves, a person's word."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from application.complaint_notes import GiveFeedback
from application.complaint_work import RegisterComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.notices import RecordNoticeSent, ResolveNoticeDoubt
from application.notifying.delivery import PAUSES, ClaimLostError, Lane
from application.notifying.senders import InDoubtError, Interrupted, NotNowError, RefusedError
from application.permissions import Caller
from domain.categories import Category
from domain.complaint_words import Channel
from domain.errors import NotPermittedError, WrongStateError
from domain.notice import NoticeProblem, notice_id
from domain.notifying import NoticeChannel
from domain.roles import PersonId, Role

SYSTEM = Caller("notices", PersonId("notices"), Role.SYSTEM)
INVESTIGATOR = Caller("inv", PersonId("inv"), Role.INVESTIGATOR)
BY_MAIL = frozenset({NoticeChannel.EMAIL})


def fails(error: BaseException, times: int = 1_000) -> Callable[..., Any]:
    """Return a step of a sender that fails so many times."""
    left = [times]

    async def step(_letter: Any) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return step


async def dies(_letter: Any) -> None:
    """Stop working, without a trace in the database, as a process does that is killed."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def works(_letter: Any) -> None:
    """Do nothing special."""


def test_what_fails_before_it_is_handed_over_is_tried_again_with_growing_pauses(
    post_over: Any, courier: Any
) -> None:
    post = post_over(courier)
    courier.before = fails(NotNowError("RCPT: 451"), times=3)
    post.receive()
    post.settle()
    for pause in PAUSES[:3]:
        assert courier.sent == []
        ((_, due, claimed, handed_to),) = post.waiting()
        assert (due, claimed, handed_to) == (post.office.now + pause, False, None)
        post.office.now = due - timedelta(microseconds=1)
        post.settle()
        assert courier.sent == []
        post.office.now = due
        post.settle()

    assert len(courier.sent) == 1
    assert post.notices() == [("received", "sent")]
    assert post.waiting() == []
    (sent,) = post.office.rows(
        "SELECT convert_from(state, 'UTF8')::jsonb -> 'data' FROM log.stored_events"
        " WHERE topic = 'notice.sent'"
    )
    (notice,) = post.office.rows(
        "SELECT originator_id FROM log.stored_events WHERE topic = 'notice.sent'"
    )
    assert sent[0] == {"sender": "courier", "attempts": 4, "reference": f"ref-{notice[0]}"}


def test_after_about_a_day_it_has_failed(post_over: Any, courier: Any) -> None:
    post = post_over(courier, every_working_days=30)
    courier.before = fails(NotNowError("connecting: ConnectionRefusedError"))
    began = post.office.now
    post.receive()
    post.settle()
    while post.waiting():
        post.office.now = post.waiting()[0][1]
        post.settle()

    assert timedelta(hours=20) < post.office.now - began < timedelta(hours=26)
    assert post.notices() == [("received", "gave_up")]


def test_what_is_refused_for_good_is_not_tried_again(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    courier.before = fails(RefusedError(NoticeProblem.UNDELIVERABLE, "RCPT: 550"))
    post.receive()
    post.settle()

    assert post.notices() == [("received", "undeliverable")]
    assert post.waiting() == []


def test_what_was_handed_over_and_never_confirmed_is_in_doubt_and_never_sent_again(
    post_over: Any, courier: Any
) -> None:
    post = post_over(courier)
    courier.after = fails(InDoubtError("content: TimeoutError"))
    post.receive()
    for _ in range(3):
        post.settle()
        post.later(hours=12)

    assert len(courier.sent) == 1
    assert post.notices() == [("received", "in_doubt")]
    assert post.waiting() == []


@pytest.mark.parametrize("error", [ValueError("王小明"), OSError("王小明")])
def test_a_fault_of_a_sender_counts_as_what_the_mark_says(
    post_over: Any, courier: Any, error: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    post = post_over(courier)
    courier.before = fails(error, times=1)
    post.receive()
    post.settle()
    assert post.waiting()[0][0] == 1

    courier.after = fails(error)
    post.later(minutes=1)
    post.settle()
    assert post.notices() == [("received", "in_doubt")]
    said = capfd.readouterr()
    assert type(error).__name__ in said.out
    assert "王小明" not in said.out + said.err


def test_after_the_mark_a_clear_refusal_still_allows_another_attempt(
    post_over: Any, courier: Any
) -> None:
    """A server that says no, says it after the whole content, too."""
    post = post_over(courier)
    courier.after = fails(NotNowError("content: 451"), times=1)
    post.receive()
    post.settle()
    assert post.waiting()[0][2:] == (False, None)
    post.later(minutes=1)
    post.settle()

    assert post.notices() == [("received", "sent")]


# What a dead process leaves


def test_who_dies_before_the_mark_loses_nothing(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    courier.before = dies
    post.receive()
    post.settle()
    ((attempts, _, claimed, handed_to),) = post.waiting()
    assert (attempts, claimed, handed_to) == (0, True, None)

    courier.before = works
    post.settle(post.another())
    assert len(courier.sent) == 1
    assert post.notices() == [("received", "sent")]


@pytest.mark.parametrize(
    ("became", "told", "copies"),
    [
        (Interrupted.UNKNOWN, "in_doubt", 1),
        (Interrupted.SENT, "sent", 1),
        (Interrupted.NOT_SENT, "sent", 2),  # the first one never got out: the sender says so
    ],
)
def test_who_dies_after_the_mark_leaves_it_to_what_the_sender_knows(
    post_over: Any, courier: Any, became: Interrupted, told: str, copies: int
) -> None:
    post = post_over(courier)
    courier.after = dies
    courier.became = became
    post.receive()
    post.settle()
    ((_, _, claimed, handed_to),) = post.waiting()
    assert (claimed, handed_to) == (True, "courier")

    courier.after = works
    post.settle(post.another())
    assert len(courier.sent) == copies
    assert post.notices() == [("received", told)]
    assert post.waiting() == []


def test_only_the_sender_that_took_it_can_tell(post_over: Any, courier: Any) -> None:
    """After a restart with other settings, who never saw the letter is not asked."""
    post = post_over(courier)
    courier.after = dies
    courier.became = Interrupted.SENT
    post.receive()
    post.settle()

    other = type(courier)()
    other.name, other.became = "other", Interrupted.SENT
    post.settle(post.another([Lane(other, BY_MAIL)]))
    assert post.notices() == [("received", "in_doubt")]


def test_who_dies_after_the_record_does_not_repeat_it(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    courier.after = dies
    case = post.receive()
    post.settle()
    notice = notice_id(case, "v1")
    post.order(RecordNoticeSent(notice=notice, sender="courier", attempts=1), SYSTEM)
    post.settle(post.another())

    assert post.notices() == [("received", "sent")]
    assert post.waiting() == []


@pytest.mark.parametrize("sent_already", [True, False])
def test_whose_claim_was_taken_hands_nothing_over(
    post_over: Any, courier: Any, *, sent_already: bool
) -> None:
    """A process that only seemed dead wakes up before its mark."""
    post = post_over(courier)
    lost = []

    async def taken_away(_letter: Any) -> None:
        courier.before = works
        other = post.another()
        await (other.settle() if sent_already else other.delivery.recover())

    async def send(letter: Any, handing_over: Any) -> None:
        try:
            await type(courier).send(courier, letter, handing_over)
        except ClaimLostError:
            lost.append(letter.notice)
            raise

    courier.before, courier.send = taken_away, send
    post.receive()
    post.settle()

    assert len(courier.sent) == 1
    assert len(lost) == 1
    assert post.notices() == [("received", "sent")]
    assert post.waiting() == []


def test_whose_letter_was_doubted_may_still_confirm_it(post_over: Any, courier: Any) -> None:
    """A process that only seemed dead wakes up after its mark, and knows better."""
    post = post_over(courier)

    async def doubted(_letter: Any) -> None:
        courier.after = works
        await post.another().settle()

    courier.after = doubted
    post.receive()
    post.settle()

    assert len(courier.sent) == 1
    assert post.notices() == [("received", "in_doubt", "sent")]


def test_what_the_log_has_settled_is_not_sent_whatever_the_queue_says(
    post_over: Any, courier: Any
) -> None:
    post = post_over(courier)
    case = post.receive()
    post.run(post.notifier.queueing.advance())
    post.run(post.notifier.queueing.advance())
    assert len(post.waiting()) == 1
    notice = notice_id(case, "v1")
    post.order(RecordNoticeSent(notice=notice, sender="courier", attempts=1), SYSTEM)
    post.settle()

    assert courier.sent == []
    assert post.waiting() == []


# Several at once


def test_notices_of_a_case_leave_in_their_order(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    courier.before = fails(NotNowError("connecting"), times=1)
    case = post.receive()
    post.order(RegisterComplaint(complaint=case))
    post.order(GiveFeedback(complaint=case, feedback="正在核实"))
    post.settle()
    assert courier.sent == []
    post.later(minutes=1)
    post.settle()

    subjects = [letter.subject.removeprefix("投诉") for letter in courier.sent]
    assert [text.partition("已")[2] or text[-4:] for text in subjects] == [
        "受理",
        "立案",
        "处理进展",
    ]


def test_one_letter_that_hangs_does_not_hold_up_others(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    freed = asyncio.Event()

    async def hang(letter: Any) -> None:
        if letter.to == "slow@example.com":
            await freed.wait()

    courier.after = hang
    for number in range(20):
        post.receive(contact="slow@example.com" if number == 0 else "quick@example.com")

    async def work() -> None:
        stopped = asyncio.Event()
        running = asyncio.create_task(post.notifier.run(lambda: post.office._database, stopped))
        under_way = post.notifier.delivery._under_way
        await _until(lambda: len(courier.sent) == 20 and len(under_way) == 1)
        freed.set()
        stopped.set()
        await running

    post.run(work())
    assert post.notices() == [("received", "sent")] * 20


def test_no_more_leave_at_once_than_allowed(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    post.notifier = post.another([Lane(courier, BY_MAIL, at_once=3)])
    at_once, most = 0, 0

    async def count(_letter: Any) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1

    courier.after = count
    for _ in range(10):
        post.receive()
    post.settle()

    assert len(courier.sent) == 10
    assert most == 3


def test_a_way_that_is_blocked_does_not_block_the_other(post_over: Any, courier: Any) -> None:
    other = type(courier)()
    other.name = "other"
    post = post_over(courier)
    post.notifier = post.another(
        [Lane(courier, BY_MAIL, at_once=1), Lane(other, frozenset({NoticeChannel.SMS}))]
    )
    freed = asyncio.Event()

    async def hang(_letter: Any) -> None:
        await freed.wait()

    courier.before = hang
    for _ in range(3):
        post.receive()
    post.receive(contact="13800138000")

    async def work() -> None:
        stopped = asyncio.Event()
        running = asyncio.create_task(post.notifier.run(lambda: post.office._database, stopped))
        await _until(lambda: other.sent)
        assert courier.sent == []
        freed.set()
        stopped.set()
        await running

    post.run(work())


# One process at a time, for as long as it has its connection


def test_a_second_notifier_waits_until_the_first_is_gone(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    idle = type(courier)()

    async def work() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        notifiers = [post.notifier, post.another([Lane(idle, BY_MAIL)])]
        running = [asyncio.create_task(notifiers[0].run(lambda: post.office._database, first))]
        await _until(lambda: _locks(post) == 1)
        running.append(asyncio.create_task(notifiers[1].run(lambda: post.office._database, second)))
        await post.office.order(RECEIVE)
        await _until(lambda: courier.sent)
        assert idle.sent == []
        first.set()
        await running[0]
        await post.office.order(RECEIVE)
        await _until(lambda: idle.sent)
        second.set()
        await running[1]

    post.run(work())
    assert post.notices() == [("received", "sent")] * 2


def test_a_lost_connection_loses_no_letter_and_doubles_none(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    cut = asyncio.Event()

    async def slow(_letter: Any) -> None:
        await cut.wait()
        await asyncio.sleep(1.5)  # long enough for a new session, which must leave it alone

    courier.after = slow
    post.receive()

    async def work() -> None:
        stopped = asyncio.Event()
        running = asyncio.create_task(post.notifier.run(lambda: post.office._database, stopped))
        await _until(lambda: courier.sent)
        with psycopg.connect(post.office._database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        cut.set()
        courier.after = works
        await _until(lambda: post.notices() == [("received", "sent")])
        stopped.set()
        await running

    post.run(work())
    assert len(courier.sent) == 1
    assert post.waiting() == []


def test_a_stop_waits_a_little_and_then_breaks_off(
    post_over: Any, courier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from application.notifying import run  # noqa: PLC0415

    monkeypatch.setattr(run, "_STOP_SECONDS", 0.3)
    post = post_over(courier)

    async def hang(_letter: Any) -> None:
        await asyncio.Event().wait()

    courier.after = hang
    post.receive()

    async def work() -> float:
        stopped = asyncio.Event()
        running = asyncio.create_task(post.notifier.run(lambda: post.office._database, stopped))
        await _until(lambda: courier.sent)
        stopped.set()
        began = asyncio.get_running_loop().time()
        await running
        return asyncio.get_running_loop().time() - began

    assert post.run(work()) < 2
    post.settle(post.another())
    assert post.notices() == [("received", "in_doubt")]


# A person's word


def doubted(post: Any, courier: Any) -> Any:
    courier.after = fails(InDoubtError("content"), times=1)
    notice = notice_id(post.receive(), "v1")
    post.settle()
    assert post.notices() == [("received", "in_doubt")]
    return notice


@pytest.mark.parametrize(("delivered", "copies"), [(True, 1), (False, 2)])
def test_a_person_settles_a_doubt(
    post_over: Any, courier: Any, *, delivered: bool, copies: int
) -> None:
    post = post_over(courier)
    notice = doubted(post, courier)
    post.order(ResolveNoticeDoubt(notice=notice, delivered=delivered))
    post.settle()

    assert len(courier.sent) == copies
    assert len({letter.notice for letter in courier.sent}) == 1, "one Message-ID"
    again = () if delivered else ("sent",)
    assert post.notices() == [("received", "in_doubt", "doubt_resolved", *again)]


def test_a_doubt_that_is_settled_before_the_row_is_gone_is_not_lost(
    post_over: Any, courier: Any
) -> None:
    post = post_over(courier)
    courier.after = fails(InDoubtError("content"), times=1)
    notice = notice_id(post.receive(), "v1")
    delivery, queueing = post.notifier.delivery, post.notifier.queueing
    change = delivery._change

    async def meanwhile(*given: Any) -> None:
        delivery._change = change
        await post.office.order(ResolveNoticeDoubt(notice=notice, delivered=False))
        while await queueing.advance():
            pass
        await change(*given)

    delivery._change = meanwhile
    post.settle()

    assert post.notices() == [("received", "in_doubt", "doubt_resolved", "sent")]
    assert len(courier.sent) == 2


def test_only_the_desk_settles_a_doubt_and_only_once(post_over: Any, courier: Any) -> None:
    post = post_over(courier)
    notice = doubted(post, courier)
    with pytest.raises(NotPermittedError):
        post.order(ResolveNoticeDoubt(notice=notice, delivered=True), INVESTIGATOR)
    with pytest.raises(NotPermittedError):
        post.order(RecordNoticeSent(notice=notice, sender="x", attempts=1))
    post.order(ResolveNoticeDoubt(notice=notice, delivered=True))
    with pytest.raises(WrongStateError):
        post.order(ResolveNoticeDoubt(notice=notice, delivered=False))


RECEIVE = ReceiveComplaint(
    received=ReceivedComplaint(
        channel=Channel.PHONE,
        category=Category.DELAY,
        complainant="王小明",
        contact="wang@example.com",
        subject="晚",
        facts="晚",
    )
)


def _locks(post: Any) -> int:
    rows = post.office.rows(
        "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database"
        " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
    )
    return int(rows[0][0])


async def _until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  many different things
            await asyncio.sleep(0.02)
