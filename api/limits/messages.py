"""What a caller is told of a limit, by its code; never a word of what was sent."""

from collections.abc import Mapping
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "DOCUMENT_TOO_LARGE": (
        "the document has {found} bytes; at most {limit} are read",
        "文档有{found}字节，最多{limit}字节",
    ),
    "TOKEN_LIMIT": (
        "the document has more than {limit} words and signs",
        "文档超过{limit}个词法单元",
    ),
    "DEPTH_LIMIT": (
        "the document is nested {found} deep; at most {limit} is allowed",
        "文档嵌套{found}层，最多{limit}层",
    ),
    "ALIAS_LIMIT": (
        "the document has {found} aliases with its fragments spread; at most {limit} are allowed",
        "展开片段后文档有{found}个别名，最多{limit}个",
    ),
    "DIRECTIVE_LIMIT": (
        "{found} directives, in all or in one place; at most {limit} are allowed there",
        "指令总数或同一处的指令有{found}个，最多{limit}个",
    ),
    "FIELD_LIMIT": (
        "the document has {found} fields with its fragments spread; at most {limit} are allowed",
        "展开片段后文档有{found}个字段，最多{limit}个",
    ),
    "REPEAT_LIMIT": (
        "one field is asked for {found} times in one place; at most {limit} are allowed",
        "同一处重复查询同一字段{found}次，最多{limit}次",
    ),
    "FRAGMENT_LIMIT": (
        "{found} fragments, or uses of them; at most {limit} are allowed",
        "片段或其引用有{found}个，最多{limit}个",
    ),
    "FRAGMENT_CYCLE": ("a fragment contains itself", "片段包含其自身"),
    "OPERATION_LIMIT": (
        "the document has {found} operations; at most {limit} are allowed",
        "文档有{found}个操作，最多{limit}个",
    ),
    "VARIABLE_LIMIT": (
        "an operation has {found} variables; at most {limit} are allowed",
        "一个操作有{found}个变量，最多{limit}个",
    ),
    "MUTATION_LIMIT": (
        "the mutation has {found} commands; at most {limit} are carried out in one request",
        "变更包含{found}条命令，一次请求最多{limit}条",
    ),
    "COST_LIMIT": (
        "the query costs {found} points; at most {limit} are allowed: ask for smaller pages",
        "查询需要{found}点，最多{limit}点，请减小分页",
    ),
    "INTROSPECTION_OFF": (
        "the schema is not shown here; its text comes with the documentation",
        "此处不提供架构查询，架构文本见文档",
    ),
    "VARIABLES_TOO_LARGE": (
        "the variables are too large: {found} where at most {limit} is allowed",
        "变量过大：{found}，最多{limit}",
    ),
    "RATE_LIMITED": (
        "more than {limit} requests in a minute; try again in {wait} seconds",
        "一分钟内请求超过{limit}次，请{wait}秒后重试",
    ),
    "COST_BUDGET_SPENT": (
        "queries of more than {limit} points in a minute; try again in {wait} seconds",
        "一分钟内查询超过{limit}点，请{wait}秒后重试",
    ),
    "TOO_MANY_AT_ONCE": (
        "more than {limit} requests at once; try again in {wait} seconds",
        "同时进行的请求超过{limit}个，请{wait}秒后重试",
    ),
    # The word itself is what clients look for before they send the document in full.
    "PERSISTED_QUERY_NOT_FOUND": ("PersistedQueryNotFound", "PersistedQueryNotFound"),
    "DOCUMENT_NOT_TRUSTED": (
        "only documents that were registered before are carried out here",
        "此处仅执行预先登记的文档",
    ),
    "DOCUMENT_HASH_MISMATCH": (
        "the hash is not that of the document that was sent with it",
        "哈希与所发送的文档不符",
    ),
}


class LimitError(Exception):
    """A request is beyond a limit; ``code`` is stable, the figures are ours."""

    def __init__(self, code: str, **figures: int) -> None:
        """Check that the code has its texts: an unknown one is our mistake."""
        super().__init__(code, figures)
        self.code = code
        self._figures = figures
        self._texts = TEXTS[code]

    def message(self, lang: str) -> str:
        """Return what the caller is told in ``en`` or ``zh``."""
        en, zh = self._texts
        return (zh if lang == "zh" else en).format_map(self._figures)

    def __str__(self) -> str:
        """Return the message in English, for logs."""
        return self.message("en")
