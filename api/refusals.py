"""The one table from domain errors to what a caller is told: code, texts, rule."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from domain import errors
from domain.appeal import AppealState
from domain.categories import Category
from domain.complaint_life import ComplaintState, LifeCycleRule
from domain.errors import DomainError, InvalidValueError, Rule, WrongStateError
from domain.improvement import ImprovementState
from domain.notice import NoticeState
from domain.organisation import UnitState
from domain.roles import Role
from domain.service_levels.terms import Looseness


@dataclass(frozen=True, slots=True)
class RefusalText:
    """How a refusal reads; fields of the error stand in braces. ``rule`` names it for programs."""

    en: str
    zh: str
    rule: str | None = None


RULE_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    Rule.REQUIRED: ("must not be empty", "不能为空"),
    Rule.TOO_LONG: ("must have at most {limit} characters", "不能超过{limit}个字符"),
    Rule.CONTROL_CHARACTERS: ("must not contain control characters", "不能包含控制字符"),
    Rule.NOT_AN_INSTANT: ("must be an RFC 3339 instant", "必须是RFC 3339时间"),
    Rule.NO_TIME_ZONE: ("must carry a time zone", "必须带有时区"),
    Rule.IN_THE_FUTURE: ("must not lie in the future", "不能晚于当前时间"),
    Rule.NOT_IN_LIST: ("must be one of {limit}", "必须是以下之一：{limit}"),
    Rule.WAYBILL_FORMAT: (
        "must be a waybill number: 6 to 40 letters, digits and dashes",
        "必须是运单号：6至40位字母、数字或连字符",
    ),
    Rule.CODE_FORMAT: (
        "must be a short code of letters, digits, dots and dashes",
        "必须是由字母、数字、点和连字符组成的简短代码",
    ),
    Rule.NOT_A_NUMBER: ("must be a number", "必须是数字"),
    Rule.OUT_OF_RANGE: ("must be in the range {limit}", "必须在范围{limit}内"),
    Rule.CURRENCY_FORMAT: ("must be an ISO 4217 currency code", "必须是ISO 4217货币代码"),
    Rule.NOT_AN_ID: ("must be an id of this API", "必须是本接口的标识符"),
    Rule.BEFORE: ("must not lie before {limit}", "不能早于{limit}"),
    Rule.EXACTLY_ONE: ("give exactly one of them", "必须且只能给出其中一个"),
    Rule.NOT_TEXT: ("must be text", "必须是文本"),
    Rule.NOT_A_CURSOR: ("must be a cursor of this connection", "必须是本列表的游标"),
    Rule.ONE_CURRENCY: ("must be in one currency", "必须使用同一种货币"),
    Rule.DIGEST_FORMAT: (
        "must be a SHA-256 digest: 64 hexadecimal digits",
        "必须是SHA-256摘要：64位十六进制数字",
    ),
    Rule.DIGEST_MISMATCH: ("does not fit the content", "与内容不符"),
    Rule.MEDIA_TYPE_FORMAT: (
        "must be a media type such as image/jpeg",
        "必须是媒体类型，例如image/jpeg",
    ),
    Rule.NOTHING_TO_SEARCH: (
        "must contain a letter, a digit or a Chinese character to search for",
        "必须包含可供检索的字母、数字或汉字",
    ),
    Rule.NOT_BASE64: ("must be Base64", "必须是Base64编码"),
    Rule.KEY_FORMAT: (
        "must have 1 to 40 lower-case letters, digits, dashes and underscores",
        "须为1至40位小写字母、数字、连字符或下划线",
    ),
    Rule.NO_WORKING_DAY: ("must leave a working day in the week", "一周内至少须有一个工作日"),
    Rule.NO_SUCH_CALENDAR: ("must be the code of a calendar", "必须是已有日历的代码"),
    Rule.DAY_ONCE: ("must hold {limit} once only", "{limit}只能出现一次"),
    Rule.DAY_NAMED: ("must have a Chinese name for {limit}", "{limit}须有中文名称"),
    Rule.KIND_OF_DAY: (
        "must fit the week: make-up working days on weekends, days off in lieu not ({limit})",
        "须与星期相符：补班日在周末，调休放假日不在周末（{limit}）",
    ),
    Rule.OUTSIDE_YEAR: (
        "must lie in the year or in the week before it, not on {limit}",
        "须在当年或其前一周内，{limit}不在其中",
    ),
    Rule.HOLIDAY_GAP: (
        "must hold every day of a holiday: {limit} is missing",
        "须包含假期的每一天：缺少{limit}",
    ),
    Rule.YEAR_GAP: ("must not leave out {limit}", "不得跳过{limit}年"),
    Rule.YEAR_UNKNOWN: (
        "must lie in a year of this calendar: publish the year of {limit} first",
        "须在本日历已有的年份内：请先公布{limit}所在年份",
    ),
    Rule.PUBLISHED_ALREADY: (
        "{limit} is published with other days: correct the calendar",
        "{limit}年已公布且日期不同，请更正日历",
    ),
    Rule.EACH_ONCE: (
        "must hold each of these once: {limit}",
        "以下各项必须且只能出现一次：{limit}",
    ),
    Rule.OTHER_THAN_ITSELF: ("must be another one", "不能是其自身"),
    Rule.CYCLE: (
        "must not be the unit itself or one below it; the head office stands at the top",
        "不能是该单位自身或其下级单位；总部位于最上级",
    ),
    Rule.TIME_ZONE: ("must be a time zone such as Asia/Shanghai", "必须是时区，例如Asia/Shanghai"),
    Rule.OTHER_THAN_START: (
        "must name no mark that starts the clock, nor may what cancels it",
        "不能包含启动该时限的标记，取消计时的标记亦同",
    ),
    Rule.NEVER_PAUSES: ("must be false: this clock never pauses", "必须为否：该时限不得暂停"),
    Rule.ONLY_FOR_PERSON: (
        "is given only for a step that reaches a named person",
        "仅在通知指定人员时填写",
    ),
    Rule.NEVER_ENDS: (
        "names the policy of everybody, which never ends",
        "为通用政策，不得终止",
    ),
    Rule.AFTER: ("must lie after {limit}", "必须晚于{limit}"),
    Rule.NOT_THERE: ("must name one that exists", "必须是已存在的"),
    Rule.TOO_LATE: ("must not lie after {limit}", "不能晚于{limit}"),
    Rule.TOO_DEEP: (
        "must not put more than {limit} calendars below this one",
        "之下的日历不能超过{limit}层",
    ),
}

REFUSALS: Final[Mapping[type[DomainError], RefusalText]] = {
    errors.InvalidValueError: RefusalText("{field} {text}", "{field}{text}"),
    errors.WrongStateError: RefusalText(
        "{command} is not possible in state {state}{why}",
        "当前状态（{state}）下不能执行{command}{why}",
    ),
    errors.NotFoundError: RefusalText("there is no such {kind}", "没有这样的{kind}"),
    errors.NotPermittedError: RefusalText(
        "the role {role} may not {operation}",
        "角色{role}无权执行{operation}",
        "permissions",
    ),
    errors.ConflictOfInterestError: RefusalText(
        "{person} is complained about and never handles the case",
        "{person}为被投诉人，不得处理本案",
        "conflict_of_interest",
    ),
    errors.AlreadyRatedError: RefusalText(
        "the handling was rated already", "该处理已评价过", "rated_once"
    ),
    errors.OwnCaseError: RefusalText(
        "{person} worked on the case and does not take down how its handling is rated",
        "{person}参与过本案处理，不得登记对其处理的评价",
        "own_case",
    ),
    errors.NoRoleAtThatTimeError: RefusalText(
        "{person} held no role for this at {at}: appoint the person first",
        "{person}在{at}没有相应职务，请先任命",
        "role_at_that_time",
    ),
    errors.UnitNotOpenError: RefusalText(
        "the organisation had no unit {unit} at {at}",
        "组织在{at}没有单位{unit}",
        "unit_at_that_time",
    ),
    errors.AlreadyAppointedError: RefusalText(
        "{person} holds that role in that unit during that time already",
        "{person}在该期间已担任该单位的此职务",
        "one_appointment",
    ),
    errors.MergeIntoSelfError: RefusalText(
        "a complaint is not merged into itself", "投诉不能并入自身", "merge"
    ),
    errors.MergeTargetEndedError: RefusalText(
        "a complaint is merged only into an open one, not into one in state {state}",
        "只能并入未办结的投诉，目标当前状态为{state}",
        "merge",
    ),
    errors.MergedCaseError: RefusalText(
        "this complaint was merged: go on with {into}", "该投诉已合并，请在{into}中继续", "merged"
    ),
    errors.ReopeningTooLateError: RefusalText(
        "a closed case is reopened within {days} days: receive a new complaint",
        "结案后{days}天内方可重新开启，请登记新的投诉",
        "reopening_limit",
    ),
    errors.ResolutionNeededError: RefusalText(
        "propose a resolution that names its rule before the answer",
        "答复前请先提出注明依据的处理方案",
        "resolution_names_rule",
    ),
    errors.RemedyOutstandingError: RefusalText(
        "carry out the agreed remedy before closing the case",
        "结案前请先落实已商定的处理措施",
        "remedy_first",
    ),
    errors.NotAgreedError: RefusalText(
        "the customer has not agreed to the resolution yet",
        "客户尚未同意处理方案",
        "agreed_before_remedy",
    ),
    errors.NotAQualityCaseError: RefusalText(
        "a complaint about {category} is no quality case",
        "{category}类投诉不属于质量案件",
        "quality_case",
    ),
    errors.AlreadyAppealedError: RefusalText(
        "an appeal with this reference of the authority was received already",
        "该机关此编号的申诉已登记",
        "one_appeal_per_reference",
    ),
    errors.AlreadyDeliveredError: RefusalText(
        "{waybill} was delivered at {delivered_at} already",
        "运单{waybill}已于{delivered_at}送达",
        "delivered_once",
    ),
    errors.IdempotencyKeyReusedError: RefusalText(
        "the Idempotency-Key came before with another request",
        "该Idempotency-Key已用于其他请求",
        "idempotency_key",
    ),
    errors.StillRunningError: RefusalText(
        "the first request with this Idempotency-Key is still running",
        "使用该Idempotency-Key的首个请求仍在处理中",
        "idempotency_key",
    ),
    errors.LooserThanLawError: RefusalText(
        "the clock {clock} is looser than the law, {source_en}: {what}",
        "时限{clock}宽于法律规定（{source_zh}）：{what}",
        "legal_floor",
    ),
    errors.ConcurrentChangeError: RefusalText(
        "others are changing this {kind}; try again", "该{kind}正在被他人修改，请重试"
    ),
}

FAULT_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "NOT_YET_PROJECTED": (
        "the read models are at position {reached}, not yet at {position}",
        "读模型目前在位置{reached}，尚未到达{position}",
    ),
    "OUTCOME_UNKNOWN": (
        "the outcome is unknown; send it again with the same Idempotency-Key",
        "结果未知，请使用相同的Idempotency-Key重新发送",
    ),
    "UNAVAILABLE": (
        "the database is not available now; nothing was stored, try again later",
        "数据库暂不可用，未保存任何内容，请稍后重试",
    ),
    "READ_UNAVAILABLE": (
        "nothing can be read now; a command may be stored all the same, try to read again later",
        "目前无法读取数据；命令可能已保存，请稍后重新读取",
    ),
    "INTERNAL": ("an unexpected fault; it was logged", "发生意外错误，已记录日志"),
    "DEADLINE_EXCEEDED": (
        "the answer took too long; ask for less",
        "查询超时，请减少查询内容",
    ),
    "OPERATION_UNKNOWN": (
        "operationName must name an operation of the document",
        "operationName须为文档中的操作名",
    ),
    "STREAM_NEEDED": (
        "a subscription is answered over WebSocket, or with Accept: text/event-stream",
        "订阅须使用WebSocket，或带有Accept: text/event-stream",
    ),
    "NOT_ACCEPTABLE": (
        "the answer is application/graphql-response+json or application/json",
        "响应类型为application/graphql-response+json或application/json",
    ),
    "METHOD_NOT_ALLOWED": ("GraphQL is asked by GET or POST", "GraphQL请求须使用GET或POST"),
    "READING_ONLY": ("a GET only reads; send it by POST", "GET仅可查询，请改用POST"),
    "CONTENT_TYPE": (
        "the body must be application/json",
        "请求体类型须为application/json",
    ),
    "CHARSET": ("the body must be in UTF-8", "请求体须为UTF-8编码"),
    "CONTENT_ENCODING": ("the body must not be compressed", "请求体不得压缩"),
    "BODY_NOT_JSON": ("the body is not JSON", "请求体不是JSON"),
    "BODY_NOT_AN_OBJECT": ("the body must be a JSON object", "请求体须为JSON对象"),
    "BODY_TOO_LARGE": ("a body has at most 2 MiB", "请求体最大2 MiB"),
    "BODY_TOO_SLOW": ("the body took too long to arrive", "请求体传输超时"),
    "BATCH_OFF": ("one request holds one operation", "一次请求仅可包含一个操作"),
    "QUERY_MISSING": ("query is missing: send a document", "缺少query：请发送文档"),
    "QUERY_NOT_A_STRING": ("query must be a string", "query须为字符串"),
    "QUERY_STRING_BROKEN": (
        "the query string of the address cannot be read",
        "无法解析地址中的查询参数",
    ),
    "OPERATION_NAME_NOT_A_STRING": ("operationName must be a string", "operationName须为字符串"),
    "DOCUMENT_ID_NOT_A_STRING": ("documentId must be a string", "documentId须为字符串"),
    "IDEMPOTENCY_KEY_NOT_A_STRING": (
        "idempotencyKey must be a string",
        "idempotencyKey须为字符串",
    ),
    "VARIABLES_NOT_AN_OBJECT": ("variables must be a JSON object", "variables须为JSON对象"),
    "EXTENSIONS_NOT_AN_OBJECT": ("extensions must be a JSON object", "extensions须为JSON对象"),
    "AFTER_NOT_A_POSITION": (
        "Redress-After must be a position: a whole number",
        "Redress-After须为位置：整数",
    ),
}
"""What a caller is told of a fault, by the code in the error's extensions."""


def fault_message(code: str, lang: str, **values: object) -> str:
    """Return the message of a fault in ``en`` or ``zh``."""
    en, zh = FAULT_TEXTS[code]
    return (zh if lang == "zh" else en).format_map(values)


def refusal_code(error: type[DomainError]) -> str:
    """Return the stable code of a refusal, such as ``WRONG_STATE``."""
    name = error.__name__.removesuffix("Error")
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


def refusal_message(error: DomainError, lang: str) -> str:
    """Return the message of a refusal in ``en`` or ``zh``."""
    text = REFUSALS[type(error)]
    values = {field.name: _named(str(getattr(error, field.name)), lang) for field in fields(error)}
    if isinstance(error, InvalidValueError):
        en, zh = RULE_TEXTS[error.rule]
        values["text"] = (zh if lang == "zh" else en).format_map(values)
    if isinstance(error, WrongStateError):
        values["why"] = _why(error.rule, lang)
    return (text.zh if lang == "zh" else text.en).format_map(values)


_NAMED: Final = (
    *(ComplaintState, ImprovementState, AppealState, NoticeState, UnitState, Category, Role),
    Looseness,
)


def _named(value: str, lang: str) -> str:
    """Return the name of a state or role in a language; anything else as it is."""
    for names in _NAMED:
        if value in names.__members__.values():
            return names(value).zh if lang == "zh" else names(value).en
    return value


def _why(rule: str, lang: str) -> str:
    """Return what a rule of the life cycle says, after a colon; nothing for other rules."""
    if rule not in LifeCycleRule.__members__.values():
        return ""
    named = LifeCycleRule(rule)
    return f"：{named.zh}" if lang == "zh" else f": {named.en}"


def refusal_rule(error: DomainError) -> str | None:
    """Return the rule that a refusal follows."""
    if isinstance(error, InvalidValueError | WrongStateError):
        return error.rule
    return REFUSALS[type(error)].rule
