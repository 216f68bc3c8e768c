"""The small company of ``make run``: few people, twenty shipments, a complaint in every state.

Safe to repeat for the same day: every command carries an idempotency key.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final

from application.demonstration.cases import steps_of
from application.demonstration.clock import CHINA, DAY, Clock
from application.demonstration.company import FEW_PLACES
from application.demonstration.parcels import parcel
from application.demonstration.people import Roster, staff
from application.demonstration.phrases import wording
from application.demonstration.play import Stage
from application.demonstration.stories import Stories, Story, digest
from application.dispatch import Dispatcher
from domain.categories import Category
from domain.complaint_life import ComplaintState
from domain.complaint_words import Channel, Severity
from domain.identifiers import Waybill
from domain.notifying import Language, language_of

_SHIPMENTS: Final = 20
_SEED: Final = 0
_C, _S = Category, ComplaintState


@dataclass(frozen=True, slots=True)
class _Told:
    """A complaint so many days ago, in the customer's words, and what becomes of it."""

    days: float
    category: Category
    channel: Channel
    name: str
    contact: str
    subject: str
    facts: str
    request: str
    ends_in: ComplaintState | None = None
    turns: tuple[str, ...] = ()
    severity: Severity = Severity.GENERAL
    urgent: bool = False
    again: bool = False


_RATED: Final = ("rated", "commented")
_TOLD: Final = (
    _Told(
        24.6, _C.DELAY, Channel.PHONE, "王小明", "13800000001",
        "快件迟到三天", "承诺次日达，三天后才送到。", "退还运费", turns=_RATED,
    ),
    _Told(
        9.4, _C.DAMAGE, Channel.MOBILE_APP, "李娟", "13800000002",
        "包裹外箱破损", "收到时外箱破裂，杯子碎了两个。", "赔偿损失",
        _S.ANSWERED, severity=Severity.SERIOUS,
    ),
    _Told(
        20.5, _C.COURIER_ATTITUDE, Channel.HOTLINE, "陈刚", "13800000003",
        "快递员态度差", "电话中拒绝送货上门并挂断。", "道歉", _S.CLOSED,
    ),
    _Told(
        7.3, _C.LOSS, Channel.WEB_CHAT, "John Smith", "john@example.com",
        "Parcel never arrived", "Tracking stopped at the hub a week ago.", "Find it or refund",
        _S.PROPOSED, ("escalated", "feedback"), severity=Severity.MAJOR, urgent=True,
    ),
    _Told(
        22.4, _C.ADDRESS_ERROR, Channel.EMAIL, "Anna Müller", "anna@example.com",
        "Wrong address on the label", "The house number was printed wrongly.", "Correct it",
        turns=_RATED,
    ),
    _Told(
        2.6, _C.ENQUIRY, Channel.PHONE, "赵敏", "13800000006",
        "咨询保价规则", "想了解贵重物品如何保价。", "说明规则",
        _S.ANSWERED, ("first_contact_though_no_complaint",),
    ),
    _Told(
        5.5, _C.SUGGESTION, Channel.COUNTER, "孙强", "13800000007",
        "建议延长营业时间", "希望网点周末营业到晚上八点。", "考虑建议",
        turns=("declined_though_no_complaint",),
    ),
    _Told(
        0.6, _C.DELAY, Channel.SOCIAL_MEDIA, "Maria Rossi", "maria@example.com",
        "Two days late", "Promised for Monday, it came on Wednesday.", "An explanation",
        _S.REGISTERED,
    ),
    _Told(
        0.3, _C.DELIVERY, Channel.SMS, "周涛", "13800000009",
        "未经同意放驿站", "没有联系就放到驿站。", "送货上门", _S.RECEIVED,
    ),
    _Told(
        26.4, _C.SYSTEM_FAILURE, Channel.MOBILE_APP, "吴静", "13800000010",
        "无法查询物流", "应用一直提示系统繁忙。", "恢复查询",
        turns=("disputed", *_RATED), urgent=True,
    ),
    _Told(
        5.3, _C.DAMAGE, Channel.WEB_CHAT, "郑洁", "13800000011",
        "花瓶开裂", "打开包装发现花瓶有裂纹，外箱完好。", "赔偿", _S.WAITING, ("waiting",),
    ),
    _Told(
        6.6, _C.LOSS, Channel.HOTLINE, "Peter Novak", "peter@example.com",
        "Signed for by somebody else", "Tracking says delivered, I have nothing.", "Find it",
        turns=("withdrawn",),
    ),
    _Told(
        8.5, _C.DELIVERY, Channel.PHONE, "何丽", "13800000013",
        "没有送货上门", "选了送货上门，却让我自己去取。", "送货上门", _S.AGREED, ("rejected",),
    ),
    _Told(
        6.4, _C.AFTER_SALE, Channel.EMAIL, "马超", "13800000014",
        "理赔没有结果", "申请理赔十天，没有回音。", "给出结果", _S.INVESTIGATING, again=True,
    ),
    _Told(
        3.6, _C.COMMUNICATION, Channel.MOBILE_APP, "冯雪", "13800000015",
        "投诉后没有反馈", "上周反映的问题，至今没有人告诉我进展。", "告知进展", _S.ASSIGNED,
    ),
    _Told(
        12.4, _C.AGENT_ATTITUDE, Channel.HOTLINE, "Clara Weller", "clara@example.com",
        "Agent hung up", "I asked for a manager, and the agent hung up.", "An apology",
        _S.REMEDIED,
    ),
    _Told(
        16.5, _C.PRODUCT_QUALITY, Channel.COUNTER, "许立新", "13800000017",
        "包装箱开裂", "在网点买的纸箱，装了书就开裂。", "更换", _S.FOLLOWED_UP,
    ),
)  # fmt: skip


async def load(
    dispatcher: Dispatcher, now: datetime, on_step: Callable[[], object] = lambda: None
) -> None:
    """Found the company and play its last weeks, up to the beginning of the day."""
    clock = Clock(now.astimezone(CHINA).date())
    stage = Stage(dispatcher, clock, "small")
    members = staff(FEW_PLACES, many=False)
    await stage.found(FEW_PLACES, members)
    roster = Roster(members)
    stories = Stories(_SEED, clock, roster)
    number = 0
    for told in _TOLD:
        chance = Random(digest(_SEED, number))  # noqa: S311  the same every time
        story = _story(told, number, stories, chance)
        assert story.parcel is not None  # each of them has one
        await stage.ship(story.parcel)
        again = stories if told.again else None
        await stage.go_through(
            steps_of(story, chance, clock=clock, roster=roster, complained_again=again)
        )
        number += 2 if told.again else 1
        on_step()
    for other in range(number, number + _SHIPMENTS - len(_TOLD)):
        await stage.ship(
            parcel(
                Random(digest(_SEED, other)),  # noqa: S311  the same every time
                _waybill(other),
                -other * DAY,
                None,
                clock=clock,
                words=wording(Language.ZH),
                places=FEW_PLACES,
            )
        )
        on_step()


def _waybill(number: int) -> Waybill:
    return Waybill(f"RD{2026000000 + number * 37}")


def _story(told: _Told, number: int, stories: Stories, chance: Random) -> Story:
    story = stories.told(
        number,
        chance,
        at=int(-told.days * DAY),
        language=language_of(told.facts),
        category=told.category,
        turns=frozenset(told.turns),
        ends_in=told.ends_in,
        waybill=_waybill(number),
        places=FEW_PLACES,
    )
    taken_down = replace(
        story.taken_down,
        channel=told.channel,
        category=told.category,
        severity=told.severity,
        urgent=told.urgent,
        complainant=told.name,
        contact=told.contact,
        customer_reference=None,
        subject=told.subject,
        facts=told.facts,
        request=told.request,
        waybill=_waybill(number),
        partner_reference=None,
    )
    return replace(story, taken_down=taken_down)
