"""A small demonstration company, worked by distinct people through the real commands.

Deterministic for a given day, and safe to repeat: every command carries an idempotency key.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from application.complaint_endings import CloseComplaint, RateHandling
from application.complaint_work import (
    AnswerComplaint,
    AssignComplaint,
    DeclineComplaint,
    RegisterComplaint,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call, Command, Dispatcher
from application.permissions import Caller
from application.shipments import RateDelivery, RecordDelivery, RecordMilestone, RecordShipment
from domain.categories import Category
from domain.complaint_words import Channel, Severity
from domain.identifiers import Waybill
from domain.metadata import Source, SourceKind
from domain.money import Money
from domain.rating import Score
from domain.roles import PersonId, Role
from domain.shipment import Milestone, MilestoneKind, ServiceClass, ShipmentFacts

_SOURCE: Final = Source(SourceKind.DEMO, "demonstration")


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    role: Role


_FRONT = (_Person("demo.front.1", Role.FRONT_DESK), _Person("demo.front.2", Role.FRONT_DESK))
_BACK = (_Person("demo.back.1", Role.BACK_OFFICE), _Person("demo.back.2", Role.BACK_OFFICE))
_HEAD = _Person("demo.head.1", Role.DEPARTMENT_HEAD)

_PLACES: Final = (
    ("上海", "杭州", ServiceClass.INTER_PROVINCE, "华东", "杭州西湖网点"),
    ("广州", "深圳", ServiceClass.SAME_PROVINCE, "华南", "深圳南山网点"),
    ("北京", "北京", ServiceClass.SAME_CITY, "华北", "北京朝阳网点"),
    ("成都", "重庆", ServiceClass.INTER_PROVINCE, "西南", "重庆渝中网点"),
    ("上海", "香港", ServiceClass.HK_MACAU_TAIWAN, "华东", "香港九龙网点"),
)


@dataclass(frozen=True, slots=True)
class _Story:
    """A complaint as it might have happened: how far it got, and what was said."""

    category: Category
    channel: Channel
    name: str
    contact: str
    subject: str
    facts: str
    request: str
    outcome: str  # received, registered, declined, assigned, answered, closed, rated
    answer: str = ""
    score: int = 0
    severity: Severity = Severity.GENERAL
    urgent: bool = False


_STORIES: Final = (
    _Story(
        Category.DELAY, Channel.PHONE, "王小明", "13800000001",
        "快件迟到三天", "承诺次日达，三天后才送到。", "退还运费", "rated",
        "核实为干线拥堵，已致歉并改进线路安排。", 4,
    ),
    _Story(
        Category.DAMAGE, Channel.MOBILE_APP, "李娟", "13800000002",
        "包裹外箱破损", "收到时外箱破裂，杯子碎了两个。", "赔偿损失", "answered",
        "已登记理赔，专员将在一个工作日内联系您。", severity=Severity.SERIOUS,
    ),
    _Story(
        Category.COURIER_ATTITUDE, Channel.HOTLINE, "陈刚", "13800000003",
        "快递员态度差", "电话中拒绝送货上门并挂断。", "道歉", "closed",
        "已对当事人培训并致歉。",
    ),
    _Story(
        Category.LOSS, Channel.WEB_CHAT, "John Smith", "john@example.com",
        "Parcel never arrived", "Tracking stopped at the hub a week ago.", "Find it or refund",
        "assigned", severity=Severity.MAJOR, urgent=True,
    ),
    _Story(
        Category.ADDRESS_ERROR, Channel.EMAIL, "Anna Müller", "anna@example.com",
        "Wrong address on the label", "The house number was printed wrongly.", "Correct it",
        "rated", "The address was corrected and the parcel delivered again.", 5,
    ),
    _Story(
        Category.ENQUIRY, Channel.PHONE, "赵敏", "13800000006",
        "咨询保价规则", "想了解贵重物品如何保价。", "说明规则", "answered",
        "已说明保价费率和赔付规则。",
    ),
    _Story(
        Category.SUGGESTION, Channel.COUNTER, "孙强", "13800000007",
        "建议延长营业时间", "希望网点周末营业到晚上八点。", "考虑建议", "declined",
        "感谢建议，这不属于投诉，已转运营部门参考。",
    ),
    _Story(
        Category.DELAY, Channel.SOCIAL_MEDIA, "Maria Rossi", "maria@example.com",
        "Two days late", "Promised for Monday, it came on Wednesday.", "An explanation",
        "registered",
    ),
    _Story(
        Category.DELIVERY, Channel.SMS, "周涛", "13800000009",
        "未经同意放驿站", "没有联系就放到驿站。", "送货上门", "received",
    ),
    _Story(
        Category.SYSTEM_FAILURE, Channel.MOBILE_APP, "吴静", "13800000010",
        "无法查询物流", "应用一直提示系统繁忙。", "恢复查询", "rated",
        "系统已恢复，补发查询链接。", 2, urgent=True,
    ),
)  # fmt: skip


class _Script:
    """Gives each command its person, its time and its idempotency key."""

    def __init__(self, dispatcher: Dispatcher, now: datetime) -> None:
        self._dispatcher = dispatcher
        self._count = 0
        # The clock starts ten days ago, so that nothing of it lies in the future.
        self._start = now.replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=10)

    def at(self, hours: float) -> datetime:
        return self._start + timedelta(hours=hours)

    async def __call__(self, person: _Person, command: Command[UUID]) -> UUID:
        self._count += 1
        call = Call(
            caller=Caller(person.id, PersonId(person.id), person.role),
            source=_SOURCE,
            idempotency_key=f"demonstration-{self._start.date()}-{self._count}",
        )
        return (await self._dispatcher.execute(command, call)).result


async def load(
    dispatcher: Dispatcher,
    now: datetime,
    on_step: Callable[[], Awaitable[None] | None] = lambda: None,
) -> None:
    """Play the company's last ten days: 20 shipments, 10 complaints in every state."""
    script = _Script(dispatcher, now)
    for number in range(20):
        await _ship(script, number)
        on_step()
    for number, story in enumerate(_STORIES):
        await _complain(script, number, story)
        on_step()


def _waybill(number: int) -> Waybill:
    return Waybill(f"RD{2026000000 + number * 37}")


async def _ship(script: _Script, number: int) -> None:
    origin, destination, service, region, outlet = _PLACES[number % len(_PLACES)]
    waybill, begin = _waybill(number), number * 2.0
    system = _Person("demo.transport", Role.SYSTEM)
    facts = ShipmentFacts(
        service_class=service,
        origin=origin,
        destination=destination,
        region=region,
        outlet=outlet,
        accepted_at=script.at(begin + 3),
        promised_by=script.at(begin + 51),
        fee=Money(1200 + number * 100, "CNY"),
        declared_value=Money(20000 + number * 5000, "CNY"),
        insured=number % 3 == 0,
    )
    await script(system, RecordShipment(waybill=waybill, facts=facts, occurred_at=script.at(begin)))
    for hours, kind in (
        (begin, MilestoneKind.ORDERED),
        (begin + 3, MilestoneKind.PICKED_UP),
        (begin + 9, MilestoneKind.HUB_SCAN),
        (begin + 12, MilestoneKind.LINE_HAUL),
    ):
        milestone = Milestone(kind, origin)
        command = RecordMilestone(
            waybill=waybill, milestone=milestone, occurred_at=script.at(hours)
        )
        await script(system, command)
    late = number % 4 == 0
    if number % 7 != 3:  # noqa: PLR2004  one in seven is still on its way
        delivered = script.at(begin + (75 if late else 40))
        await script(system, RecordDelivery(waybill=waybill, occurred_at=delivered))
        await script(
            system,
            RateDelivery(
                waybill=waybill,
                reference="app",
                score=Score(2 if late else 5 - number % 2),
                occurred_at=delivered + timedelta(hours=2),
            ),
        )


async def _complain(script: _Script, number: int, story: _Story) -> None:
    front, back = _FRONT[number % 2], _BACK[number % 2]
    begin = 100 + number * 6.0
    _, _, _, region, outlet = _PLACES[number % len(_PLACES)]
    received = ReceivedComplaint(
        channel=story.channel,
        category=story.category,
        severity=story.severity,
        urgent=story.urgent,
        complainant=story.name,
        contact=story.contact,
        subject=story.subject,
        facts=story.facts,
        request=story.request,
        waybill=_waybill(number),
        region=region,
        outlet=outlet,
    )
    complaint = await script(
        front, ReceiveComplaint(received=received, occurred_at=script.at(begin))
    )
    common: dict[str, Any] = {"complaint": complaint}
    if story.outcome == "declined":
        command = DeclineComplaint(
            **common, explanation=story.answer, occurred_at=script.at(begin + 1)
        )
        await script(front, command)
        return
    if story.outcome == "received":
        return
    await script(front, RegisterComplaint(**common, occurred_at=script.at(begin + 1)))
    if story.outcome == "registered":
        return
    assign = AssignComplaint(
        **common,
        department="运营部" if number % 2 else "客服部",
        handler=PersonId(back.id),
        occurred_at=script.at(begin + 2),
        reason="responsible department",
    )
    await script(_HEAD, assign)
    if story.outcome == "assigned":
        return
    answer = AnswerComplaint(**common, answer=story.answer, occurred_at=script.at(begin + 24))
    await script(back, answer)
    if story.outcome == "answered":
        return
    await script(back, CloseComplaint(**common, occurred_at=script.at(begin + 30)))
    if story.outcome == "rated":
        rate = RateHandling(**common, score=Score(story.score), occurred_at=script.at(begin + 40))
        await script(front, rate)
