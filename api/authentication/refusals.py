"""Why somebody is not let in. No text ever quotes what was sent."""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.roles import Role

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "KEY_UNKNOWN": (
        "the API key is not known, expired or revoked",
        "API密钥未知、已过期或已被吊销",
    ),
    "KEY_EXPIRED": ("the API key has expired: ask for a new one", "API密钥已过期，请申请新的密钥"),
    "TOKEN_INVALID": ("the access token is not valid here", "访问令牌在此无效"),
    "TOKEN_EXPIRED": (
        "the access token has expired: sign in again",
        "访问令牌已过期，请重新登录",
    ),
    "PROVIDER_UNAVAILABLE": (
        "the identity provider does not answer: try again later",
        "身份提供方无响应，请稍后重试",
    ),
    "ENTRANCE_UNAVAILABLE": (
        "who you are cannot be looked up now: try again later",
        "目前无法核实您的身份，请稍后重试",
    ),
    "LOGIN_FAILED": (
        "the sign-in did not succeed: begin it again",
        "登录未成功，请重新登录",
    ),
    "SESSION_EXPIRED": ("the session has ended: sign in again", "会话已结束，请重新登录"),
    "CSRF": (
        "in a session, a change needs X-CSRF-Token, and a WebSocket an Origin of this site",
        "在会话中，修改操作须带有X-CSRF-Token，WebSocket须来自本站",
    ),
    "NOT_SIGNED_IN": ("nobody is signed in", "尚未登录"),
    "NO_APPOINTMENT": (
        "you hold no appointment now: ask your administrator",
        "您目前没有任职，请联系管理员",
    ),
    "ROLE_TO_CHOOSE": (
        "choose one of your roles with the header Redress-Role: {choices}",
        "请用请求头Redress-Role选择您的一个角色：{choices}",
    ),
}


class _NotLetInError(Exception):
    """Somebody is not let in; ``code`` is for programs, ``detail`` for people."""

    def __init__(self, code: str, choices: Sequence[Role] = ()) -> None:
        self.code = code
        self.choices = tuple(choices)
        self.detail = self.detail_in("en")
        super().__init__(self.detail)

    def detail_in(self, lang: str) -> str:
        """Return what is told to a person, in ``en`` or ``zh``."""
        en, zh = _TEXTS[self.code]
        return (zh if lang == "zh" else en).format(choices=", ".join(self.choices))


class UnauthenticatedError(_NotLetInError):
    """What was sent does not say who is calling."""


class NoRoleError(_NotLetInError):
    """The person is known and holds no role, or has not said which of ``choices`` is meant."""


STATUS_OF: Final[Mapping[str, tuple[int, str]]] = {
    "CSRF": (403, "Forbidden"),
    "PROVIDER_UNAVAILABLE": (503, "Service Unavailable"),
    "ENTRANCE_UNAVAILABLE": (503, "Service Unavailable"),
}
"""How HTTP answers where it is neither 401 for the unknown nor 403 for those without a role."""
