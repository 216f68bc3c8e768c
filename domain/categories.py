"""The one tree of what complaints are about, with aliases and the measures of each category.

Source: 0, 1.1.22 (attitude, quality, information, other) and source 1 (the further kinds), whose
names are entries or aliases here. Enquiries and suggestions are answered, but are no complaints.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.errors import InvalidValueError, Rule
from domain.labels import Labelled


class Category(Labelled):
    """What the complaint is about: the leaves of the tree."""

    COURIER_ATTITUDE = "courier_attitude", "courier's attitude", "快递员服务态度"
    AGENT_ATTITUDE = "agent_attitude", "customer-service agent's attitude", "客服人员服务态度"
    DELAY = "delay", "delay", "延误"
    LOSS = "loss", "loss", "丢失"
    DAMAGE = "damage", "damage", "损坏"
    WAYBILL_ERROR = "waybill_error", "wrong waybill number", "运单号错误"
    ADDRESS_ERROR = "address_error", "wrong address", "地址错误"
    SUGGESTION = "suggestion", "suggestion", "建议"
    ENQUIRY = "enquiry", "enquiry", "咨询"
    PRODUCT_QUALITY = "product_quality", "product quality", "产品质量"
    DELIVERY = "delivery", "delivery", "配送"
    AFTER_SALE = "after_sale", "after-sale service", "售后"
    COMMUNICATION = "communication", "communication", "沟通"
    SYSTEM_FAILURE = "system_failure", "system failure", "系统故障"
    ABNORMAL_ORDER = "abnormal_order", "abnormal order", "异常订单"
    ACCOUNT_SECURITY = "account_security", "account security", "账户安全"


class CategoryGroup(Labelled):
    """The branches of the tree."""

    SERVICE_ATTITUDE = "service_attitude", "service attitude", "服务态度"
    SERVICE_QUALITY = "service_quality", "service quality", "服务质量"
    INFORMATION_ERROR = "information_error", "information error", "信息错误"
    FURTHER = "further", "further kinds", "其他类型"
    OTHER = "other", "other", "其他"


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """A measure that the documents prescribe for a category, to be ticked off in the case."""

    code: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class CategoryEntry:
    """A leaf: its branch, other names for it, and its checklist."""

    group: CategoryGroup
    aliases: tuple[str, ...]
    checklist: tuple[ChecklistItem, ...]
    is_complaint: bool = True


def _items(*items: tuple[str, str, str]) -> tuple[ChecklistItem, ...]:
    return tuple(ChecklistItem(*item) for item in items)


_APOLOGISE: Final = ("apologise", "apologise to the customer", "向客户致歉")
_VERIFY: Final = ("verify_facts", "verify the facts", "核实情况")
_COMPENSATE: Final = (
    "compensation",
    "where it cannot be made good, file a claim for compensation",
    "无法弥补的，提出赔偿申请",
)
_DELAY_CAUSED: Final = (
    "delay_caused",
    "check whether it caused a delay to compensate",
    "核查是否造成需赔偿的延误",
)
_AFTER_SALE: Final = ("after_sale_plan", "agree on repair, exchange or return", "商定维修或退换")
_TRAIN: Final = ("train_staff", "train the people involved", "对当事人员进行培训")
_PENALTY: Final = (
    "penalty_if_serious",
    "when serious, refer for a penalty",
    "情节严重的，移交处罚",
)

CATEGORIES: Final[Mapping[Category, CategoryEntry]] = {
    Category.COURIER_ATTITUDE: CategoryEntry(
        CategoryGroup.SERVICE_ATTITUDE,
        ("courier attitude", "rude courier", "快递员态度", "派件员态度"),
        _items(_VERIFY, _APOLOGISE, _TRAIN, _PENALTY),
    ),
    Category.AGENT_ATTITUDE: CategoryEntry(
        CategoryGroup.SERVICE_ATTITUDE,
        ("agent attitude", "rude agent", "客服态度"),
        _items(_VERIFY, _APOLOGISE, _TRAIN, _PENALTY),
    ),
    Category.DELAY: CategoryEntry(
        CategoryGroup.SERVICE_QUALITY,
        ("late", "late delivery", "overdue", "晚点", "迟到", "送达延迟", "时效延误"),
        _items(
            _VERIFY,
            ("delay_plan", "start the delay plan at once", "立即启动延误预案"),
            ("trace_shipment", "trace the shipment and tell the customer", "追踪快件并告知客户"),
            _COMPENSATE,
        ),
    ),
    Category.LOSS: CategoryEntry(
        CategoryGroup.SERVICE_QUALITY,
        ("lost", "missing", "shortage", "遗失", "短少", "丢件"),
        _items(
            _VERIFY,
            ("loss_plan", "start the loss plan at once", "立即启动丢失预案"),
            ("search_hubs", "search hubs and outlets", "在中转场和网点查找"),
            _COMPENSATE,
        ),
    ),
    Category.DAMAGE: CategoryEntry(
        CategoryGroup.SERVICE_QUALITY,
        ("damaged", "broken", "damaged delivery", "破损", "毁损", "配送损坏"),
        _items(
            _VERIFY,
            ("damage_plan", "start the damage plan at once", "立即启动损坏预案"),
            ("photographs", "obtain photographs of goods and packaging", "取得物品和包装照片"),
            _COMPENSATE,
        ),
    ),
    Category.WAYBILL_ERROR: CategoryEntry(
        CategoryGroup.INFORMATION_ERROR,
        ("wrong waybill", "单号错误"),
        _items(
            ("correct_waybill", "correct the waybill number at once", "立即更正运单号"),
            _DELAY_CAUSED,
        ),
    ),
    Category.ADDRESS_ERROR: CategoryEntry(
        CategoryGroup.INFORMATION_ERROR,
        ("wrong address", "地址有误"),
        _items(
            ("correct_address", "correct the address at once", "立即更正地址"),
            _DELAY_CAUSED,
        ),
    ),
    Category.SUGGESTION: CategoryEntry(
        CategoryGroup.OTHER,
        ("proposal", "意见"),
        _items(("prompt_reply", "reply promptly", "及时回复")),
        is_complaint=False,
    ),
    Category.ENQUIRY: CategoryEntry(
        CategoryGroup.OTHER,
        ("question", "inquiry", "询问", "查询"),
        _items(("prompt_reply", "reply promptly", "及时回复")),
        is_complaint=False,
    ),
    Category.PRODUCT_QUALITY: CategoryEntry(
        CategoryGroup.FURTHER,
        ("defect", "off-specification", "产品缺陷", "不符合规格", "质量问题"),
        _items(
            ("notify_departments", "tell the departments concerned at once", "立即通知相关部门"),
            ("meeting", "hold a meeting of the departments concerned", "召开相关部门会议"),
            ("responsibilities", "assign responsibilities", "落实责任"),
            ("technical_data", "obtain technical data from R&D", "取得研发部门技术资料"),
            ("engineer", "send an engineer where needed", "必要时派工程师到现场"),
        ),
    ),
    Category.DELIVERY: CategoryEntry(
        CategoryGroup.FURTHER,
        ("wrong delivery", "not delivered to the door", "错误交付", "错送", "未送货上门"),
        _items(
            _VERIFY,
            ("redeliver", "agree on a new delivery", "约定重新派送"),
            _APOLOGISE,
        ),
    ),
    Category.AFTER_SALE: CategoryEntry(
        CategoryGroup.FURTHER,
        ("repair quality", "returns", "return", "维修质量", "退换货", "售后服务"),
        _items(_VERIFY, _AFTER_SALE),
    ),
    Category.COMMUNICATION: CategoryEntry(
        CategoryGroup.FURTHER,
        ("wrong customer data", "late feedback", "客户信息错误", "反馈不及时", "沟通不畅"),
        _items(
            ("correct_data", "correct the customer's data", "更正客户信息"),
            ("feedback_now", "give the outstanding feedback at once", "立即补充反馈"),
            _APOLOGISE,
        ),
    ),
    Category.SYSTEM_FAILURE: CategoryEntry(
        CategoryGroup.FURTHER,
        ("outage", "app failure", "系统故障投诉", "无法登录", "无法查询"),
        _items(
            ("report_it", "report it to the technical department", "报告技术部门"),
            ("workaround", "offer another way to the customer", "向客户提供替代办法"),
            ("restored", "tell the customer when it works again", "恢复后告知客户"),
        ),
    ),
    Category.ABNORMAL_ORDER: CategoryEntry(
        CategoryGroup.FURTHER,
        ("order error", "订单异常", "错单"),
        _items(_VERIFY, ("correct_order", "correct or cancel the order", "更正或取消订单")),
    ),
    Category.ACCOUNT_SECURITY: CategoryEntry(
        CategoryGroup.FURTHER,
        ("stolen account", "privacy leak", "账号被盗", "信息泄露"),
        _items(
            ("secure_account", "secure the account at once", "立即保护账户"),
            ("report_security", "report it to the security department", "报告安全部门"),
            ("inform_customer", "tell the customer what to do", "告知客户应对措施"),
        ),
    ),
}  # fmt: skip


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


_BY_NAME: Final[Mapping[str, Category]] = {
    _folded(name): category
    for category, entry in CATEGORIES.items()
    for name in (category.value, category.en, category.zh, *entry.aliases)
}


def category_named(name: str, *, field: str = "category") -> Category:
    """Return the category of a name or an alias in either language, whatever its letter case."""
    found = _BY_NAME.get(_folded(name))
    if found is None:
        raise InvalidValueError(field, Rule.NOT_IN_LIST, ", ".join(Category))
    return found


def checklist_codes(category: Category) -> tuple[str, ...]:
    """Return the codes of the items of a category's checklist, in their order."""
    return tuple(item.code for item in CATEGORIES[category].checklist)
