"""What notices say, to whom, and that nobody can make them say anything else."""

import re
from string import Formatter
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.complaint_endings import CloseComplaint, MergeComplaint
from application.complaint_notes import GiveFeedback, ReclassifyComplaint
from application.complaint_work import (
    AnswerComplaint,
    AssignComplaint,
    DeclineComplaint,
    ProposeResolution,
    RegisterComplaint,
    StartInvestigation,
    WaitForCustomer,
)
from application.notifying.queueing import VISIBLE
from application.notifying.templates import CLOSING, GREETING, RESULT, STEPS, TEXTS, Words
from domain.categories import Category
from domain.complaint_words import Measure, RuleSource
from domain.notice import NoticeTemplate
from domain.notifying import Language, NoticeChannel

BRACES = {"number", "category", "text", "measures", "step", "other", "name"}


def letters(post: Any, courier: Any) -> dict[str, Any]:
    """Return the letters that were sent, by what they are."""
    post.settle()
    rows = post.office.rows(
        "SELECT originator_id, convert_from(state, 'UTF8')::jsonb #>> '{data,template}'"
        " FROM log.stored_events WHERE topic = 'notice.queued'"
    )
    templates = dict(rows)
    return {templates[letter.notice]: letter for letter in courier.sent}


@pytest.fixture
def post(post_over: Any, courier: Any) -> Any:
    return post_over(courier)


# Texts


def test_there_is_a_text_for_everything() -> None:
    assert set(TEXTS) == set(NoticeTemplate)
    assert {told.template for told in VISIBLE.values()} == set(NoticeTemplate) - {
        NoticeTemplate.PROGRESS
    }


@pytest.mark.parametrize(
    "words",
    [GREETING, CLOSING, RESULT, *STEPS.values()]
    + [words for text in TEXTS.values() for words in (text.subject, text.body)],
    ids=lambda words: words.en[:30],
)
def test_both_languages_say_the_same_with_the_same_braces(words: Words) -> None:
    en, zh = ({f for _, f, _, _ in Formatter().parse(text) if f} for text in (words.en, words.zh))

    assert en == zh or en - {"category"} == zh
    assert en <= BRACES
    assert not re.search(r"[\u4e00-\u9fff]", words.en)
    assert re.search(r"[\u4e00-\u9fff]", words.zh)
    assert not re.search(r"[,;:?!]", words.zh), "Chinese texts have Chinese punctuation"


@pytest.mark.parametrize("text", TEXTS.values(), ids=[template.value for template in TEXTS])
def test_a_subject_line_shows_nothing_personal(text: Any) -> None:
    for words in (text.subject.en, text.subject.zh):
        assert {f for _, f, _, _ in Formatter().parse(words) if f} <= {"number", "other"}
        assert len(words) < 70


# Letters


def test_a_receipt_in_chinese(post: Any, courier: Any) -> None:
    post.receive()
    letter = letters(post, courier)["received"]

    assert letter.to == "wang@example.com"
    assert letter.language is Language.ZH
    assert letter.subject == f"投诉{letter.case_number}已受理"
    assert letter.body == (
        f"尊敬的王小明：\n\n感谢您的反映。您的投诉我们已经收到，编号为{letter.case_number}，"
        "类别为“延误”，现正在审核。每一步进展我们都会及时告知您。\n\n"
        f"如需与我们联系，请提供投诉编号{letter.case_number}。\n\n此致\n敬礼\n\n客户服务部\n"
    )


def test_a_receipt_in_english(post: Any, courier: Any) -> None:
    post.receive(complainant="Anna Müller-O'Neill", facts="It is late.")
    letter = letters(post, courier)["received"]

    assert letter.subject == f"We have received your complaint {letter.case_number}"
    assert letter.body.startswith("Dear Anna Müller-O'Neill,\n\nThank you for telling us.")
    assert "(subject: delay)" in letter.body


def test_the_language_and_the_channel_that_the_customer_chose(post: Any, courier: Any) -> None:
    post.receive(
        language=Language.EN, contact="+86 138-0013-8000", notice_channel=NoticeChannel.PHONE
    )
    post.receive(language=Language.EN, contact="+86 138-0013-8000")
    post.settle()

    assert post.notices() == [("received", "no_address"), ("received", "sent")]
    (letter,) = courier.sent
    assert (letter.channel, letter.to) == (NoticeChannel.SMS, "+8613800138000")
    assert letter.subject.startswith("We have")


def test_each_letter_tells_what_was_written_at_that_step(post: Any, courier: Any) -> None:
    case = post.receive()
    for step in (
        RegisterComplaint(complaint=case),
        AssignComplaint(complaint=case, department="north"),
        StartInvestigation(complaint=case),
        GiveFeedback(complaint=case, feedback="已联系网点"),
        ProposeResolution(
            complaint=case,
            rule_source=RuleSource.LAW,
            rule="1",
            measures=(Measure.APOLOGY, Measure.CORRECTION),
            proposal="上门致歉",
            feasibility="internal remark",
        ),
        AnswerComplaint(complaint=case, answer="核实为分拣错误"),
        WaitForCustomer(complaint=case, asked="请提供照片"),
    ):
        post.order(step)
    told = letters(post, courier)

    said = {
        "feedback": "已联系网点",
        "proposed": "上门致歉",
        "answered": "核实为分拣错误",
        "waiting": "请提供照片",
    }
    for template, text in said.items():
        assert text in told[template].body
        assert not any(other in told[template].body for other in said.values() if other != text)
    assert "措施：致歉、更正" in told["proposed"].body
    assert "internal remark" not in "".join(letter.body for letter in courier.sent)


def test_a_refusal_explains_and_an_end_tells_the_result(post: Any, courier: Any) -> None:
    post.order(DeclineComplaint(complaint=post.receive(), explanation="这是咨询"))
    case = post.receive()
    post.order(AnswerComplaint(complaint=case, answer="已补发"))
    post.order(CloseComplaint(complaint=case))
    told = letters(post, courier)

    assert "这是咨询" in told["declined"].body
    assert "处理结果：\n\n已补发" in told["closed"].body
    assert "诚邀您评分" in told["closed"].body


def test_a_merged_case_names_the_one_where_it_goes_on(post: Any, courier: Any) -> None:
    into = post.receive(contact=None)
    post.order(MergeComplaint(complaint=post.receive(), into=into, reason="twice"))
    letter = letters(post, courier)["merged"]
    ((number,),) = post.office.rows(
        "SELECT convert_from(state, 'UTF8')::jsonb #>> '{data,number}' FROM log.stored_events"
        " WHERE originator_id = %s AND originator_version = 1",
        into,
    )

    assert f"并入{number}" in letter.subject
    assert letter.body.count(number) == 2


def test_a_progress_notice_names_the_step_and_the_category_of_the_day(
    post: Any, courier: Any
) -> None:
    case = post.receive(facts="It is late.", complainant="Anna")
    post.order(RegisterComplaint(complaint=case))
    post.order(AssignComplaint(complaint=case, department="north"))
    post.settle()
    post.order(StartInvestigation(complaint=case))
    post.order(ReclassifyComplaint(complaint=case, category=Category.LOSS, reason="never found"))
    post.later(days=3)
    told = letters(post, courier)

    assert "At present we are finding out what happened." in told["progress"].body
    assert "(subject: delay)" in told["registered"].body


# To whom


def test_who_was_erased_gets_no_letter(post: Any, courier: Any) -> None:
    case = post.receive()
    with psycopg.connect(post.office._database) as connection:
        connection.execute("UPDATE keys.subject_keys SET wrapped = NULL")
    post.order(RegisterComplaint(complaint=case))
    post.settle()

    assert courier.sent == []
    assert post.notices() == [("received", "erased"), ("registered", "erased")]


def test_nothing_personal_is_stored_with_a_notice(post: Any, courier: Any) -> None:
    case = post.receive()
    post.order(GiveFeedback(complaint=case, feedback="已联系网点"))
    post.settle()
    assert len(courier.sent) == 2

    for table in ("process.notices", "process.notice_cases", "log.stored_events"):
        rows = post.office.rows(f"SELECT t::text FROM {table} AS t")  # noqa: S608
        stored = str(rows) + str(post.office.states())
        assert not re.search("王小明|wang@|已联系网点", stored)


def test_nothing_personal_is_logged(
    post: Any, courier: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(_letter: Any) -> None:
        raise OSError("wang@example.com 王小明")

    courier.before = fail
    post.receive()
    post.settle()
    said = "".join(capfd.readouterr())

    assert "notice not sent" in said
    assert not re.search("王小明|wang@", said)


# What customers and staff write


@pytest.mark.parametrize(
    "name",
    [
        "x\r\nBcc: victim@example.com",
        "<b>王小明</b>",
        "Win a prize: http://evil.example",
        "evil.example/free",
        "call 13800138000",
        "a@b.example",
        "N" * 100,
        "{number}",
        "\u202egnaw",
        "-- ",
    ],
)
def test_what_is_no_name_is_not_repeated(post: Any, courier: Any, name: str) -> None:
    """Else anybody could let us write whatever they like to whomever they like."""
    post.receive(complainant=name)
    letter = letters(post, courier)["received"]

    assert letter.body.startswith("尊敬的客户：\n\n感谢您的反映。")
    assert name not in letter.subject + letter.body


@pytest.mark.parametrize(
    "name", ["王小明", "José María de la Cruz", "J. O’Brien", "阿卜杜勒·拉赫曼"]
)
def test_a_name_is(post: Any, courier: Any, name: str) -> None:
    post.receive(complainant=name)

    assert letters(post, courier)["received"].body.startswith(f"尊敬的{name}：")


def test_braces_and_invisible_characters_in_a_text_mean_nothing(post: Any, courier: Any) -> None:
    case = post.receive()
    post.order(GiveFeedback(complaint=case, feedback="{number} {0} %s\r\n\u202e<i>第二行</i>\ta"))
    body = letters(post, courier)["feedback"].body

    assert "{number} {0} %s\n<i>第二行</i> a" in body


def test_the_whole_way_with_a_customer_who_wants_to_be_a_header(
    post_over: Any, mailbox: Any
) -> None:
    box, server = mailbox
    post = post_over(server)
    case = post.receive(
        complainant="x\r\nBcc: victim@example.com", subject="y\r\nBcc: victim@example.com"
    )
    post.order(GiveFeedback(complaint=case, feedback="z\r\nBcc: victim@example.com\r\n.\r\nQUIT"))
    post.settle()

    assert post.notices() == [("received", "sent"), ("feedback", "sent")]
    assert box.recipients == ["wang@example.com"] * 2
    assert [mail["Bcc"] for mail in box.mails] == [None, None]
    assert {UUID(mail["Message-ID"][1:37]).version for mail in box.mails} == {5}
    assert all(mail.get_content_type() == "text/plain" for mail in box.mails)
