"""How a customer is told how their case goes: over which channel, in which language.

What follows from a contact and a text is decided here once, when a complaint is received.
"""

import re
from typing import Final

from domain.labels import Labelled


class NoticeChannel(Labelled):
    """Over which channel a customer gets notices."""

    EMAIL = "email", "e-mail", "电子邮件"
    SMS = "sms", "SMS", "短信"
    PHONE = "phone", "phone", "电话"
    NONE = "none", "none", "不通知"


class Language(Labelled):
    """In which language a customer gets notices."""

    EN = "en", "English", "英文"
    ZH = "zh", "Chinese", "中文"


# Of an address only what every mail server takes: no quoted names, no comments, no bare domains.
_NAME: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_NAME}@{_LABEL}(?:\.{_LABEL})+")
_MOBILE: Final = re.compile(r"(?:(?:\+|00)?86)?1[3-9][0-9]{9}")
_PHONE: Final = re.compile(r"\+?[0-9]{5,20}")
_WRITTEN_BETWEEN_DIGITS: Final = re.compile(r"[ \u00a0()./\-\u2010-\u2015（）－]")
_HAN: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def notice_channel_for(contact: str | None) -> NoticeChannel:
    """Return the channel that a contact belongs to; what is no address of a kind is NONE.

    Numbers of mainland mobile phones get SMS, other numbers a call.
    """
    if contact is None:
        return NoticeChannel.NONE
    contact = contact.strip()
    if _EMAIL.fullmatch(contact):
        return NoticeChannel.EMAIL
    digits = _WRITTEN_BETWEEN_DIGITS.sub("", contact)
    if _MOBILE.fullmatch(digits):
        return NoticeChannel.SMS
    return NoticeChannel.PHONE if _PHONE.fullmatch(digits) else NoticeChannel.NONE


def language_of(text: str) -> Language:
    """Return the language of what a customer wrote: one Chinese character makes it Chinese."""
    return Language.ZH if _HAN.search(text) else Language.EN
