"""What notices say, in both languages.

Braces stand for ``number``, ``category``, ``text`` (what the company wrote to the customer),
``measures``, ``step`` and ``other`` (the number of another complaint). No text names a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.notice import NoticeTemplate
from domain.notifying import Language


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        """Return it in one of them."""
        return self.zh if language is Language.ZH else self.en


@dataclass(frozen=True, slots=True)
class Text:
    """A subject line, which is seen by whoever looks at a screen, and what is said beneath it."""

    subject: Words
    body: Words


GREETING: Final = Words("Dear {name},", "尊敬的{name}：")
NEUTRAL_GREETING: Final = Words("Dear customer,", "尊敬的客户：")
CLOSING: Final = Words(
    "Please quote the number {number} when you contact us.\n\nYours sincerely,\nCustomer Service",
    "如需与我们联系，请提供投诉编号{number}。\n\n此致\n敬礼\n\n客户服务部",
)

TEXTS: Final[Mapping[NoticeTemplate, Text]] = {
    NoticeTemplate.RECEIVED: Text(
        Words("We have received your complaint {number}", "投诉{number}已受理"),
        Words(
            "Thank you for telling us. We have received your complaint under the number {number}"
            " (subject: {category}) and are looking into it. We will keep you informed of every"
            " step.",
            "感谢您的反映。您的投诉我们已经收到，编号为{number}，类别为“{category}”，现正在审核。"
            "每一步进展我们都会及时告知您。",
        ),
    ),
    NoticeTemplate.REGISTERED: Text(
        Words("Your complaint {number} has been registered", "投诉{number}已立案"),
        Words(
            "Your complaint {number} (subject: {category}) has been registered. The department"
            " responsible will now look into what happened.",
            "您的投诉{number}（类别：{category}）已正式立案，将由责任部门核实情况并处理。",
        ),
    ),
    NoticeTemplate.DECLINED: Text(
        Words("About your message {number}", "关于您反映的事项{number}"),
        Words(
            "We have looked into your message {number}. It is not handled as a complaint, for the"
            " following reason:\n\n{text}\n\nIf you see this differently, please let us know.",
            "您反映的事项{number}，经我们审核，未作为投诉立案。说明如下：\n\n{text}\n\n"
            "如您对此有不同意见，欢迎随时与我们联系。",
        ),
    ),
    NoticeTemplate.WAITING: Text(
        Words("We need your help with complaint {number}", "投诉{number}需要您的协助"),
        Words(
            "To go on with your complaint {number} we need an answer from you:\n\n{text}\n\n"
            "We will continue as soon as we hear from you.",
            "为继续处理您的投诉{number}，需要您协助回复以下事项：\n\n{text}\n\n"
            "收到您的回复后，我们将立即继续处理。",
        ),
    ),
    NoticeTemplate.FEEDBACK: Text(
        Words("How your complaint {number} stands", "投诉{number}的处理进展"),
        Words(
            "This is how your complaint {number} stands:\n\n{text}",
            "您的投诉{number}目前进展如下：\n\n{text}",
        ),
    ),
    NoticeTemplate.PROPOSED: Text(
        Words("Our proposal for your complaint {number}", "投诉{number}的处理方案"),
        Words(
            "For your complaint {number} we propose the following:\n\n{text}\n\n"
            "Measures: {measures}.\n\nPlease tell us whether you agree. Nothing is carried out"
            " before you do.",
            "针对您的投诉{number}，我们提出以下处理方案：\n\n{text}\n\n措施：{measures}。\n\n"
            "请告知您是否同意该方案，我们将在征得您同意后落实。",
        ),
    ),
    NoticeTemplate.ANSWERED: Text(
        Words("Our answer to your complaint {number}", "投诉{number}的处理答复"),
        Words(
            "We have examined your complaint {number}. Our answer:\n\n{text}\n\n"
            "If you do not agree with it, please let us know: we will look into it again.",
            "您的投诉{number}已处理，现答复如下：\n\n{text}\n\n"
            "如您对答复有异议，请告知我们，我们将重新核查。",
        ),
    ),
    NoticeTemplate.REMEDY: Text(
        Words("Measures carried out for complaint {number}", "投诉{number}的处理措施已落实"),
        Words(
            "As agreed with you about your complaint {number}, we have carried out: {measures}.",
            "就您的投诉{number}，按照与您商定的方案，以下措施已经落实：{measures}。",
        ),
    ),
    NoticeTemplate.CLOSED: Text(
        Words("Your complaint {number} has been closed", "投诉{number}已结案"),
        Words(
            "Your complaint {number} has been closed.{text}\n\nHow satisfied are you with the way"
            " we handled it? We would be grateful for your rating, from 1 (very dissatisfied) to"
            " 5 (very satisfied), and for a word on what we could do better.",
            "您的投诉{number}已办结。{text}\n\n您对本次处理是否满意？诚邀您评分："
            "1分为非常不满意，5分为非常满意，并欢迎留下宝贵意见。",
        ),
    ),
    NoticeTemplate.REOPENED: Text(
        Words("Your complaint {number} is being handled again", "投诉{number}已重新处理"),
        Words(
            "Your complaint {number} has been opened again, and we are working on it.",
            "您的投诉{number}已重新开启，我们正在继续处理。",
        ),
    ),
    NoticeTemplate.DISPUTED: Text(
        Words("Your objection about complaint {number}", "投诉{number}的异议已受理"),
        Words(
            "We have taken down that you do not agree with our answer to your complaint {number},"
            " and are looking into it again.",
            "您对投诉{number}答复提出的异议我们已经收到，现正在重新核查。",
        ),
    ),
    NoticeTemplate.WITHDRAWN: Text(
        Words("You have withdrawn your complaint {number}", "投诉{number}已撤回"),
        Words(
            "As you asked, your complaint {number} has been withdrawn. If this is not what you"
            " wanted, please let us know.",
            "根据您的要求，投诉{number}已撤回。如并非您本人意愿，请及时与我们联系。",
        ),
    ),
    NoticeTemplate.MERGED: Text(
        Words("Your complaint {number} continues as {other}", "投诉{number}已并入{other}"),
        Words(
            "Your complaint {number} is about the same matter as {other}. Both are now handled"
            " together under the number {other}.",
            "您的投诉{number}与投诉{other}属于同一事项，现已合并，将以编号{other}继续处理。",
        ),
    ),
    NoticeTemplate.ESCALATED: Text(
        Words("Your complaint {number} has been escalated", "投诉{number}已升级处理"),
        Words(
            "Your complaint {number} has been handed to a senior manager, who will see to it"
            " personally.",
            "您的投诉{number}已升级，由高级管理人员专门负责处理。",
        ),
    ),
    NoticeTemplate.PROGRESS: Text(
        Words("How your complaint {number} stands", "投诉{number}的处理进度"),
        Words(
            "We are still working on your complaint {number}. At present {step}. We will inform"
            " you as soon as there is news, and in any case again within a few working days.",
            "您的投诉{number}仍在处理中，目前{step}。如有进展，我们将第一时间通知您，"
            "并会在几个工作日内再次向您说明进度。",
        ),
    ),
}

RESULT: Final = Words("\n\nThe result:\n\n{text}", "\n\n处理结果：\n\n{text}")
"""What a notice of closing adds when an answer was given."""

STEPS: Final[Mapping[str, Words]] = {
    "complaint.received": Words("it is being examined", "正在审核"),
    "complaint.registered": Words(
        "it is being passed on to the department responsible", "正在分派责任部门"
    ),
    "complaint.assigned": Words("it is with the department responsible", "责任部门正在处理"),
    "complaint.investigation_started": Words("we are finding out what happened", "正在调查核实"),
    "complaint.investigation_recorded": Words("we are finding out what happened", "正在调查核实"),
    "complaint.resolution_proposed": Words(
        "we have made you a proposal and await your answer", "处理方案已提出，等待您的确认"
    ),
    "complaint.resolution_agreed": Words(
        "what we agreed with you is being carried out", "正在落实与您商定的措施"
    ),
    "complaint.resolution_rejected": Words(
        "we are looking for another solution", "正在另拟处理方案"
    ),
    "complaint.answered": Words("you have our answer", "已向您答复"),
    "complaint.remedy_carried_out": Words(
        "measures that we agreed with you have been carried out", "与您商定的措施已落实"
    ),
    "complaint.waiting_for_customer": Words("we await an answer from you", "等待您的回复"),
    "complaint.resumed": Words("we are working on it again", "已恢复处理"),
    "complaint.disputed": Words("we are examining your objection", "正在核查您提出的异议"),
    "complaint.reopened": Words("we are working on it again", "正在重新处理"),
    "complaint.escalated": Words("it is with a senior manager", "由高级管理人员负责处理"),
}
"""What is happening in a case, by its latest event that says so."""
