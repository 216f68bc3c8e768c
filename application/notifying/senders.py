"""How a letter leaves: the interface of all senders, and the one that writes files.

A sender reports *before* anything can reach the customer (``handing_over``) and answers, later and
perhaps in another process, what became of a letter whose sending was interrupted after that.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from enum import Enum
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

import orjson

from domain.notice import NoticeProblem
from domain.notifying import Language, NoticeChannel, notice_channel_for

HandingOver = Callable[[], Awaitable[None]]
"""Makes durable that the letter is about to leave; raises if it must not leave (any more)."""

_MAILBOX: Final = re.compile(
    r"[^<>\"@,;:\\\x00-\x1f\x7f]* <(?P<named>[^<>\s]+)>|(?P<bare>[^<>\s]+)"
)
_BREAKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True, repr=False)
class Letter:
    """A notice in words, on its way to an address; it is never stored and never printed."""

    notice: UUID
    case_number: str
    channel: NoticeChannel
    language: Language
    to: str
    subject: str
    body: str
    written_at: datetime


class NotNowError(Exception):
    """Nothing was handed over; it may work later. The message names step and code, no person."""


class RefusedError(Exception):
    """Nothing was handed over, and it never will be."""

    def __init__(self, problem: NoticeProblem, step: str) -> None:
        super().__init__(step)
        self.problem = problem


class InDoubtError(Exception):
    """It was handed over, and nobody said whether it was taken."""


class Interrupted(Enum):
    """What became of a letter whose sending ended after ``handing_over`` without a word."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Sender(Protocol):
    """A way out."""

    name: str

    def reference(self, notice: UUID, channel: NoticeChannel) -> str:
        """Return under which name the letter can be asked for where it went."""

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Send, awaiting ``handing_over`` before the first byte of it can reach anybody.

        Raises NotNowError, RefusedError or InDoubtError; returns when it was taken.
        """

    async def interrupted(self, notice: UUID, channel: NoticeChannel) -> Interrupted:
        """Find out what became of a letter that was being handed over when its process died."""

    async def tidy(self, under_way: Collection[UUID]) -> None:
        """Remove what dead processes left, but nothing of the letters that are under way."""


def address_of(mailbox: str) -> str | None:
    """Return the address in ``care@example.com`` or ``Care <care@example.com>``, None if none."""
    found = _MAILBOX.fullmatch(mailbox)
    address = (found["named"] or found["bare"]) if found else None
    return address if notice_channel_for(address) is NoticeChannel.EMAIL else None


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters."""
    return _BREAKS.sub(" ", text).strip()


def message_id(notice: UUID, sender: str) -> str:
    """Return the one Message-ID of a notice, by which a mail server's log can be searched."""
    return f"<{notice}@{(address_of(sender) or '').rpartition('@')[2]}>"


def mail(letter: Letter, sender: str) -> EmailMessage:
    """Return the letter as an e-mail: plain text, in characters that every server takes."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = one_line(letter.subject)
    message["Date"] = letter.written_at
    message["Message-ID"] = message_id(letter.notice, sender)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "zh-CN" if letter.language is Language.ZH else "en"
    encoding = "base64" if letter.language is Language.ZH else "quoted-printable"
    message.set_content(letter.body, charset="utf-8", cte=encoding)
    return message


class FileSender:
    """Writes each letter into a folder, from where people or other programs take it.

    The complete file lies under a hidden name before the letter counts as handed over; then it gets
    its real name. So whatever kills the process, a look at the two names tells what is left to do.
    """

    name = "file"

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    def reference(self, notice: UUID, channel: NoticeChannel) -> str:
        """Return the name of the file."""
        return f"{notice}.{'eml' if channel is NoticeChannel.EMAIL else 'json'}"

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Write, report, rename."""
        target = self._folder / self.reference(letter.notice, letter.channel)
        hidden = self._hidden(letter.notice)
        if target.exists():
            return
        try:
            await asyncio.to_thread(_write, hidden, self._content(letter))
        except OSError as error:
            raise NotNowError(f"writing: {type(error).__name__}") from None
        await handing_over()
        try:
            hidden.rename(target)
        except OSError as error:
            raise NotNowError(f"renaming: {type(error).__name__}") from None
        with contextlib.suppress(OSError):  # the file is there, and may be taken by now
            _keep_names(self._folder)

    async def interrupted(self, notice: UUID, channel: NoticeChannel) -> Interrupted:
        """Look which name the file has; none, if it was taken away or lies on another machine."""
        if (self._folder / self.reference(notice, channel)).exists():
            return Interrupted.SENT
        return Interrupted.NOT_SENT if self._hidden(notice).exists() else Interrupted.UNKNOWN

    async def tidy(self, under_way: Collection[UUID]) -> None:
        """Remove hidden files: they are written anew, or never if their customer was erased."""
        kept = {self._hidden(notice) for notice in under_way}
        for file in self._folder.glob(".*.tmp"):
            if file not in kept:
                file.unlink(missing_ok=True)

    def _hidden(self, notice: UUID) -> Path:
        return self._folder / f".{notice}.tmp"

    def _content(self, letter: Letter) -> bytes:
        if letter.channel is NoticeChannel.EMAIL:
            return mail(letter, self._sender).as_bytes()
        task = {
            "notice": letter.notice,
            "case": letter.case_number,
            "channel": letter.channel,
            "language": letter.language,
            "to": letter.to,
            "subject": one_line(letter.subject),
            "text": letter.body,
        }
        return orjson.dumps(task, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, durably."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _keep_names(path.parent)


def _keep_names(folder: Path) -> None:
    """Make the names in a folder as durable as what is in the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
