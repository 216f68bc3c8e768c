"""The life of a notice, and what a contact and a text suggest."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import WrongStateError
from domain.metadata import Metadata
from domain.notice import (
    ALLOWED_IN,
    Notice,
    NoticeFinding,
    NoticeProblem,
    NoticeState,
    NoticeTemplate,
    notice_id,
)
from domain.notifying import Language, NoticeChannel, language_of, notice_channel_for

CASE = UUID(int=9)
QUEUED: dict[str, Any] = {
    "case": CASE,
    "case_number": "C-2026-000001",
    "occasion": "v7",
    "template": NoticeTemplate.ANSWERED,
    "channel": NoticeChannel.EMAIL,
    "language": Language.ZH,
}
Step = Callable[[Notice, Metadata], None]


def queue(notice: Notice, meta: Metadata) -> None:
    notice.queue(meta, **QUEUED)


def sent(notice: Notice, meta: Metadata) -> None:
    notice.record_sent("smtp", 2, "<1@example.com>", meta)


def failed(notice: Notice, meta: Metadata) -> None:
    notice.record_failed(NoticeProblem.GAVE_UP, 9, meta)


def doubted(notice: Notice, meta: Metadata) -> None:
    notice.record_in_doubt("smtp", 1, None, meta)


def found(*, delivered: bool) -> Step:
    return lambda notice, meta: notice.resolve_doubt(delivered=delivered, meta=meta)


COMMANDS: dict[str, Step] = {
    "queue": queue,
    "record_sent": sent,
    "record_failed": failed,
    "record_in_doubt": doubted,
    "resolve_doubt": found(delivered=True),
}
WAYS: dict[NoticeState, tuple[Step, ...]] = {
    NoticeState.BLANK: (),
    NoticeState.QUEUED: (queue,),
    NoticeState.SENT: (queue, sent),
    NoticeState.FAILED: (queue, failed),
    NoticeState.IN_DOUBT: (queue, doubted),
}


def test_it_is_queued_for_an_occasion_of_a_case(scenario: Any) -> None:
    scenario(Notice).when(queue).then(scenario.event(Notice.Queued, **QUEUED))


def test_it_is_sent(scenario: Any) -> None:
    told = {"sender": "smtp", "attempts": 2, "reference": "<1@example.com>"}
    scenario(Notice).given(queue).when(sent).then(scenario.event(Notice.Sent, **told))


def test_it_fails(scenario: Any) -> None:
    told = {"problem": NoticeProblem.GAVE_UP, "attempts": 9}
    scenario(Notice).given(queue).when(failed).then(scenario.event(Notice.Failed, **told))


def test_nobody_knows_whether_it_was_taken(scenario: Any) -> None:
    scenario(Notice).given(queue).when(doubted).then(
        scenario.event(Notice.InDoubt, sender="smtp", attempts=1)
    )


@pytest.mark.parametrize(
    ("delivered", "finding", "state"),
    [
        (True, NoticeFinding.DELIVERED, NoticeState.SENT),
        (False, NoticeFinding.NOT_DELIVERED, NoticeState.QUEUED),
    ],
)
def test_a_person_finds_out(
    scenario: Any, delivered: bool, finding: NoticeFinding, state: NoticeState
) -> None:
    scenario(Notice).given(queue, doubted).when(found(delivered=delivered)).then(
        scenario.event(Notice.DoubtResolved, finding=finding)
    )
    notice = Notice(UUID(int=1))
    for step in (queue, doubted, found(delivered=delivered)):
        step(notice, scenario.meta())
    assert notice.state is state


@pytest.mark.parametrize("late", [sent, failed])
def test_a_word_that_comes_late_ends_the_doubt(scenario: Any, late: Step) -> None:
    notice = Notice(UUID(int=1))
    for step in (queue, doubted, late):
        step(notice, scenario.meta())

    assert notice.state in {NoticeState.SENT, NoticeState.FAILED}


def test_the_table_speaks_of_every_command() -> None:
    assert set(ALLOWED_IN) == set(COMMANDS)
    assert set(WAYS) == set(NoticeState)


@pytest.mark.parametrize("state", NoticeState)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_refused_in_every_other_state(
    scenario: Any, command: str, state: NoticeState
) -> None:
    story = scenario(Notice).given(*WAYS[state]).when(COMMANDS[command])
    if state in ALLOWED_IN[command]:
        story._carry_out()
    else:
        story.refused(WrongStateError(command, state))


def test_an_occasion_has_one_notice() -> None:
    ids = {notice_id(case, o) for case in (CASE, UUID(int=8)) for o in ("v7", "v8", "interval:1")}

    assert len(ids) == 6
    assert notice_id(CASE, "v7") == UUID("4d071f5f-82fa-550b-ae91-509e61174322"), "for ever"


# What a contact and a text suggest


@pytest.mark.parametrize(
    ("contact", "channel"),
    [
        ("wang@example.com", NoticeChannel.EMAIL),
        ("  o'brien+x@mail.example.co.uk ", NoticeChannel.EMAIL),
        ("13800138000", NoticeChannel.SMS),
        ("+86 138-0013-8000", NoticeChannel.SMS),
        ("0086 138 0013 8000", NoticeChannel.SMS),
        ("(010) 8888 6666", NoticeChannel.PHONE),
        ("+852 2123 4567", NoticeChannel.PHONE),
        ("12345", NoticeChannel.PHONE),
        ("12800138000", NoticeChannel.PHONE),
        (None, NoticeChannel.NONE),
        ("", NoticeChannel.NONE),
        ("1234", NoticeChannel.NONE),
        ("微信 wang", NoticeChannel.NONE),
        ("wang@localhost", NoticeChannel.NONE),
        ("a@b@example.com", NoticeChannel.NONE),
        ("a..b@example.com", NoticeChannel.NONE),
        ("wang@example.com, li@example.com", NoticeChannel.NONE),
        ("wang@example.com\r\nBcc: li@example.com", NoticeChannel.NONE),
        ("Wang <wang@example.com>", NoticeChannel.NONE),
        ("王@例子.中国", NoticeChannel.NONE),
        ("１３８００１３８０００", NoticeChannel.NONE),
        ("x" * 65 + "@example.com", NoticeChannel.NONE),
        ("wang@" + "x" * 250 + ".com", NoticeChannel.NONE),
    ],
)
def test_the_channel_of_a_contact(contact: str | None, channel: NoticeChannel) -> None:
    assert notice_channel_for(contact) is channel


@given(st.text())
def test_an_address_is_one_plain_word(contact: str) -> None:
    if notice_channel_for(contact) is NoticeChannel.EMAIL:
        address = contact.strip()
        assert address.isascii()
        assert not set(address) & set(' \t\r\n<>,;:\\"()[]')
        assert address.count("@") == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("It is late.", Language.EN),
        ("", Language.EN),
        ("C'est trop tard, über", Language.EN),
        ("晚了", Language.ZH),
        ("It is late 晚", Language.ZH),
        ("𠮷", Language.ZH),
        ("，。！", Language.EN),
    ],
)
def test_the_language_of_a_text(text: str, language: Language) -> None:
    assert language_of(text) is language
