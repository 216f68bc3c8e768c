"""Why a stream is refused or ended: close codes, and what people are told, in two languages."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final


class Ending(Enum):
    """Why a connection ends; the value is the close code of a WebSocket.

    4400 to 4429 are those of the protocol graphql-transport-ws, the others those of RFC 6455.
    """

    STOPPING = (1001, "the server stops: connect again", "服务器正在停止，请重新连接")
    TOO_LARGE = (1009, "a message has at most 2 MiB", "消息最大2 MiB")
    FAULT = (1011, "an unexpected fault; it was logged", "意外错误，已记录")
    TOO_SLOW = (
        1013,
        "messages were not taken in time: come back with the last position",
        "消息接收过慢，请以最后的位置重新连接",
    )
    TOO_MANY = (
        4413,
        "too many connections are open: close some of them",
        "打开的连接过多，请关闭部分连接",
    )
    INVALID = (
        4400,
        "not a message of graphql-transport-ws",
        "不是graphql-transport-ws协议的消息",
    )
    NOT_INTRODUCED = (4401, "send connection_init first", "请先发送connection_init")
    NOT_LET_IN = (4403, "not or no longer let in", "未获准或已不再获准访问")
    SUBPROTOCOL = (
        4406,
        "the subprotocol must be graphql-transport-ws",
        "子协议须为graphql-transport-ws",
    )
    INIT_TIMEOUT = (4408, "connection_init did not come in time", "未及时收到connection_init")
    ID_IN_USE = (4409, "an operation with this id is running", "该id的操作正在进行")
    INTRODUCED_TWICE = (4429, "connection_init was sent twice", "connection_init重复发送")

    @property
    def code(self) -> int:
        """The close code."""
        return self.value[0]

    def told(self, lang: str) -> str:
        """Return what a person is told in ``en`` or ``zh``."""
        _, en, zh = self.value
        return zh if lang == "zh" else en


class EndedError(Exception):
    """The connection ends; ``detail`` says more than the ending itself does."""

    def __init__(self, ending: Ending, detail: str | None = None) -> None:
        super().__init__(ending.name)
        self.ending = ending
        self.detail = detail

    def reason(self, lang: str) -> str:
        """Return what a person is told."""
        return self.detail or self.ending.told(lang)


def why(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return why the tasks of a connection ended: the first reason brought the others."""
    first = group.exceptions[0]
    return why(first) if isinstance(first, BaseExceptionGroup) else first


_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "TOO_MANY_OPERATIONS": (
        "a connection carries at most {limit} operations at once",
        "一个连接同时最多进行{limit}个操作",
    ),
    "TOO_MANY_CONNECTIONS": (
        "at most {limit} connections may be open: close some of them",
        "最多可打开{limit}个连接，请关闭部分连接",
    ),
    "LET_IN_NO_LONGER": Ending.NOT_LET_IN.value[1:],
}


def stream_errors(code: str, lang: str, **figures: int) -> list[Any]:
    """Return the errors of an answer that refuses an operation or ends a stream."""
    en, zh = _TEXTS[code]
    message = (zh if lang == "zh" else en).format_map(figures)
    return [{"message": message, "extensions": {"code": code}}]
