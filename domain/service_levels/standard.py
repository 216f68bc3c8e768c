"""The service-level policies that are shipped: the table of domain.md 3 as content.

``default`` holds for everybody; ``key_account`` (source 4, 12) for customers whose contract names
it. They are adopted by commands like any later version.
"""

from typing import Final

from domain.service_levels.calendars import CHINA
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.terms import (
    APPEAL,
    FIRST_FEEDBACK,
    FORWARDING,
    LEGAL_ANSWER,
    AlertCause,
    AlertStep,
    ClockTerms,
    Recipient,
    ServiceLevelTerms,
)

DEFAULT: Final = "default"
"""The code of the policy of whoever has no contract of their own."""
KEY_ACCOUNT: Final = "key_account"

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_ENDED: Final = ("declined", "withdrawn", "merged")
_AGAIN: Final = ("received", "reopened", "disputed")
_MAJOR: Final = ("major", "escalated")
_QUICK: Final = (
    AlertStep(AlertCause.WARNING, Recipient.HANDLER, 10),
    AlertStep(AlertCause.WARNING, Recipient.DEPARTMENT_HEAD, 10),
    AlertStep(AlertCause.BREACH, Recipient.DEPARTMENT_HEAD, 30),
    AlertStep(AlertCause.BREACH, Recipient.SUPERVISION, 60),
    AlertStep(AlertCause.BREACH, Recipient.COMPLIANCE, 0),
)
_ORDINARY: Final = (
    AlertStep(AlertCause.WARNING, Recipient.HANDLER, 240),
    AlertStep(AlertCause.WARNING, Recipient.DEPARTMENT_HEAD, 0),
    AlertStep(AlertCause.BREACH, Recipient.DEPARTMENT_HEAD, 240),
    AlertStep(AlertCause.BREACH, Recipient.SUPERVISION, 1440),
    AlertStep(AlertCause.BREACH, Recipient.COMPLIANCE, 0),
)


def _elapsed(seconds: int) -> Target:
    return Target(Basis.ELAPSED, seconds)


_FORWARDING: Final = ClockTerms(
    code=FORWARDING,
    name_en="forwarding",
    name_zh="转办",
    target=Target(Basis.WORKING_DAYS, 1),
    starts_on=("received", "reopened_unassigned"),
    stops_on=("assigned", "answered"),
    cancels_on=_ENDED,
    calendar=CHINA,
    source_en="customer-service contingency plan, 1.1.21(3)",
    source_zh="客户服务预案 1.1.21（3）",
    alerts=_ORDINARY,
)
_FIRST_FEEDBACK: Final = ClockTerms(
    code=FIRST_FEEDBACK,
    name_en="first feedback",
    name_zh="首次反馈",
    target=_elapsed(24 * _HOUR),
    starts_on=_AGAIN,
    stops_on=("feedback",),
    cancels_on=_ENDED,
    calendar=CHINA,
    source_en="emergency communication rules, s.1",
    source_zh="客户服务应急沟通管理办法 一",
    alerts=_ORDINARY,
)
_ANSWER: Final = ClockTerms(
    code="answer",
    name_en="answer",
    name_zh="答复",
    target=Target(Basis.WORKING_DAYS, 3),
    starts_on=_AGAIN,
    stops_on=("answered",),
    cancels_on=_ENDED,
    pauses=True,
    calendar=CHINA,
    source_en="customer-service contingency plan, 1.1.23(1)",
    source_zh="客户服务预案 1.1.23（1）",
    alerts=_ORDINARY,
)
_LEGAL_ANSWER: Final = ClockTerms(
    code=LEGAL_ANSWER,
    name_en="legal answer",
    name_zh="法定答复",
    target=Target(Basis.CALENDAR_DAYS, 7),
    starts_on=_AGAIN,
    stops_on=("answered",),
    cancels_on=_ENDED,
    calendar=CHINA,
    source_en="Interim Regulations on Express Delivery, art. 28 (art. 29 since the 2025 revision)",
    source_zh="《快递暂行条例》第二十八条（2025年修订后为第二十九条）",
    alerts=_ORDINARY,
)
_APPEAL: Final = ClockTerms(
    code=APPEAL,
    name_en="appeal",
    name_zh="申诉答复",
    target=Target(Basis.CALENDAR_DAYS, 10),
    starts_on=("appeal_received",),
    stops_on=("appeal_answered",),
    cancels_on=("appeal_withdrawn",),
    calendar=CHINA,
    source_en="Measures for Handling Postal Users' Appeals (to be confirmed by a lawyer)",
    source_zh="《邮政业用户申诉处理办法》（期限待法务确认）",
    alerts=_ORDINARY,
)
_COMPENSATION: Final = ClockTerms(
    code="compensation",
    name_en="compensation",
    name_zh="赔偿办理",
    target=Target(Basis.WORKING_DAYS, 10),
    starts_on=("compensation_sought", "compensation_reopened"),
    stops_on=("compensation_settled",),
    cancels_on=_ENDED,
    pauses=True,
    calendar=CHINA,
    source_en="customer-service contingency plan, 1.1.23(2)",
    source_zh="客户服务预案 1.1.23（2）",
    alerts=_ORDINARY,
)
_CLAIM: Final = ClockTerms(
    code="claim",
    name_en="claim",
    name_zh="理赔",
    target=Target(Basis.WORKING_DAYS, 10),
    starts_on=("claim_filed",),
    stops_on=("claim_settled", "claim_rejected"),
    cancels_on=("claim_withdrawn",),
    pauses=True,
    calendar=CHINA,
    source_en="customer-service contingency plan, 1.1.26(4)",
    source_zh="客户服务预案 1.1.26（4）",
    alerts=_ORDINARY,
)
_MAJOR_RESPONSE: Final = ClockTerms(
    code="major_response",
    name_en="major: response",
    name_zh="重大投诉响应",
    target=_elapsed(30 * _MINUTE),
    starts_on=_MAJOR,
    stops_on=("feedback",),
    cancels_on=_ENDED,
    lapses_on=("no_longer_major", "closed"),
    pauses=True,
    calendar=CHINA,
    source_en="key-account logistics proposal, s.12",
    source_zh="项目客户物流处理文案 十二",
    alerts=_QUICK,
)
_MAJOR_SOLUTION: Final = ClockTerms(
    code="major_solution",
    name_en="major: solution",
    name_zh="重大投诉解决方案",
    target=_elapsed(4 * _HOUR),
    starts_on=_MAJOR,
    stops_on=("solution_sent",),
    cancels_on=_ENDED,
    lapses_on=("no_longer_major", "closed"),
    pauses=True,
    calendar=CHINA,
    source_en="key-account logistics proposal, s.12",
    source_zh="项目客户物流处理文案 十二",
    alerts=_QUICK,
)
_QUALITY_DEPARTMENTS_TOLD: Final = ClockTerms(
    code="quality_departments_told",
    name_en="quality: departments told",
    name_zh="质量问题通知相关部门",
    target=_elapsed(30 * _MINUTE),
    starts_on=("quality_emergency",),
    stops_on=("departments_told",),
    cancels_on=_ENDED,
    lapses_on=("quality_emergency_over", "closed"),
    pauses=True,
    calendar=CHINA,
    source_en="contingency plan of quality management",
    source_zh="品管部应急预案",
    alerts=_QUICK,
)
_QUALITY_SOLUTION: Final = ClockTerms(
    code="quality_solution",
    name_en="quality: solution",
    name_zh="质量问题解决方案",
    target=_elapsed(8 * _HOUR),
    starts_on=("quality_emergency",),
    stops_on=("quality_solution_sent",),
    cancels_on=_ENDED,
    lapses_on=("quality_emergency_over", "closed"),
    pauses=True,
    calendar=CHINA,
    source_en="contingency plan of quality management, 4.1.3 b",
    source_zh="品管部应急预案 4.1.3 b",
    alerts=_QUICK,
)
_PHONE_PICK_UP: Final = ClockTerms(
    code="phone_pick_up",
    name_en="phone pick-up",
    name_zh="电话接听",
    target=_elapsed(30),
    starts_on=("call_began",),
    stops_on=("call_answered",),
    cancels_on=("call_given_up",),
    warn_percent=None,
    calendar=CHINA,
    source_en="after-sale quality measures, part 2(1)",
    source_zh="售后服务质量管理措施 二（一）",
)
_ONLINE_RESPONSE: Final = ClockTerms(
    code="online_response",
    name_en="online response",
    name_zh="在线响应",
    target=_elapsed(60),
    starts_on=("chat_began",),
    stops_on=("chat_answered",),
    cancels_on=("chat_given_up",),
    warn_percent=None,
    calendar=CHINA,
    source_en="after-sale quality measures, part 2(1)",
    source_zh="售后服务质量管理措施 二（一）",
)
_ORDINARY_SOLUTION: Final = ClockTerms(
    code="ordinary_solution",
    name_en="ordinary: solution",
    name_zh="一般投诉解决方案",
    target=_elapsed(12 * _HOUR),
    starts_on=("received_ordinary",),
    stops_on=("solution_sent",),
    cancels_on=_ENDED,
    lapses_on=(*_MAJOR, "closed"),
    pauses=True,
    calendar=CHINA,
    source_en="key-account logistics proposal, s.12",
    source_zh="项目客户物流处理文案 十二",
    alerts=_QUICK,
)
_ORDER_HANDLING: Final = ClockTerms(
    code="order_handling",
    name_en="order handling",
    name_zh="订单处理",
    target=_elapsed(24 * _HOUR),
    starts_on=("ordered",),
    stops_on=("order_reviewed",),
    cancels_on=(),
    calendar=CHINA,
    source_en="key-account logistics proposal, s.12",
    source_zh="项目客户物流处理文案 十二",
    alerts=_ORDINARY,
)

_COMMON: Final = (
    _FORWARDING,
    _FIRST_FEEDBACK,
    _ANSWER,
    _LEGAL_ANSWER,
    _APPEAL,
    _COMPENSATION,
    _CLAIM,
    _MAJOR_RESPONSE,
    _MAJOR_SOLUTION,
    _QUALITY_DEPARTMENTS_TOLD,
    _QUALITY_SOLUTION,
    _PHONE_PICK_UP,
    _ONLINE_RESPONSE,
)


def standard_terms(time_zone: str) -> dict[str, ServiceLevelTerms]:
    """Return the shipped policies by their codes, for the business time zone."""
    return {
        DEFAULT: ServiceLevelTerms(
            name_en="default service levels",
            name_zh="默认服务时限",
            time_zone=time_zone,
            clocks=_COMMON,
        ),
        KEY_ACCOUNT: ServiceLevelTerms(
            name_en="key accounts",
            name_zh="大客户服务时限",
            time_zone=time_zone,
            clocks=(*_COMMON, _ORDINARY_SOLUTION, _ORDER_HANDLING),
        ),
    }
