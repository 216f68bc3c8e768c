"""Mail servers of every kind, and a post office over a real database whose clock can be moved."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller

from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.notifying.delivery import Lane
from application.notifying.run import Notifier
from application.notifying.senders import FileSender, HandingOver, Interrupted, Letter
from application.notifying.smtp import Patience, SmtpSender, SmtpServer
from domain.categories import Category
from domain.complaint_words import Channel
from domain.notifying import NoticeChannel

FROM = "Care <care@courier.example>"
EVERY = frozenset(NoticeChannel) - {NoticeChannel.NONE}
HASTY = Patience(connect=1.0, step=1.0, confirm=1.0, altogether=3.0)


class Mailbox:
    """A real mail server; ``replies`` are given, one after the other, instead of taking a mail."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.replies: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}

    @property
    def message_ids(self) -> list[str]:
        return [mail["Message-ID"] for mail in self.mails]

    async def handle_MAIL(  # noqa: N802  the library's name
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.replies["MAIL"]:
            return self.replies["MAIL"].pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.replies["RCPT"]:
            return self.replies["RCPT"].pop(0)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.replies["DATA"]:
            return self.replies["DATA"].pop(0)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.extend(envelope.rcpt_tos)
        return "250 OK"


class AnyPort(Controller):
    """The library's server thread, on whatever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Script:
    """A server that says what a test tells it to, at each step: ``hang`` says nothing at all."""

    HANG = "hang"
    BREAK = "break"
    DRIP = "drip"

    def __init__(self, **steps: str) -> None:
        self.said = {
            "connect": "220 ready",
            "EHLO": "250 hello",
            "HELO": steps.get("EHLO", "250 hello"),
            "MAIL": "250 OK",
            "RCPT": "250 OK",
            "DATA": "354 go on",
            "content": "250 taken",
            "QUIT": "221 bye",
        } | steps
        self.contents: list[bytes] = []
        self.connections = 0
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    @property
    def server(self) -> SmtpServer:
        return SmtpServer("127.0.0.1", self._listening.getsockname()[1])

    def close(self) -> None:
        self._stop.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                opened, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(opened,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, opened: socket.socket) -> None:
        with opened, suppress(OSError):
            lines = opened.makefile("rb")
            if not self._say(opened, "connect"):
                return
            while line := lines.readline():
                verb = line[:4].strip().decode().upper()
                if not self._say(opened, verb):
                    return
                if verb == "QUIT":
                    return
                if verb == "DATA" and self.said["DATA"].startswith("354"):
                    content = b""
                    while (line := lines.readline()) != b".\r\n":
                        if not line:
                            return
                        content += line
                    self.contents.append(content)
                    if not self._say(opened, "content"):
                        return

    def _say(self, opened: socket.socket, step: str) -> bool:
        said = self.said[step]
        if said == self.BREAK:
            return False
        if said == self.HANG:
            self._stop.wait()
            return False
        if said == self.DRIP:
            while not self._stop.wait(0.1):
                opened.sendall(b"2")
            return False
        opened.sendall(f"{said}\r\n".encode())
        return True


@pytest.fixture
def start_mailbox() -> Iterator[Callable[..., tuple[Mailbox, int]]]:
    """Start mail servers; each takes everything, and tells its port."""
    controllers: list[AnyPort] = []

    def start(**options: Any) -> tuple[Mailbox, int]:
        box = Mailbox()
        controller = AnyPort(box, hostname="127.0.0.1", port=0, **options)
        controller.start()
        controllers.append(controller)
        return box, controller.port

    yield start
    for controller in controllers:
        controller.stop()


@pytest.fixture
def mailbox(start_mailbox: Callable[..., Any]) -> tuple[Mailbox, SmtpServer]:
    """A mail server that takes everything."""
    box, port = start_mailbox()
    return box, SmtpServer("127.0.0.1", port)


@pytest.fixture
def unused_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    """Start servers that behave as they are told."""
    made: list[Script] = []

    def start(**steps: str) -> Script:
        made.append(Script(**steps))
        return made[-1]

    yield start
    for server in made:
        server.close()


class Post:
    """A notifier over the database of an office; its clock is the office's."""

    def __init__(self, office: Any, lanes: list[Lane], **options: Any) -> None:
        self.office = office
        self.lanes = lanes
        self.options = options
        self.notifier = self.another()

    def another(self, lanes: list[Lane] | None = None) -> Notifier:
        """Return a notifier as another process would have it."""
        return Notifier(
            self.office.stores[1],
            self.lanes if lanes is None else lanes,
            lambda: self.office.now,
            **self.options,
        )

    def run(self, order: Any) -> Any:
        return self.office._runner.run(order)

    def settle(self, notifier: Notifier | None = None) -> None:
        """Do all that is due."""
        self.run((notifier or self.notifier).settle())

    def later(self, **span: float) -> None:
        self.office.now += timedelta(**span)

    def receive(self, **given: Any) -> UUID:
        received = {
            "channel": Channel.PHONE,
            "category": Category.DELAY,
            "complainant": "王小明",
            "contact": "wang@example.com",
            "subject": "快件迟到",
            "facts": "承诺次日达，三天后才送到。",
        } | given
        call = {name: received.pop(name) for name in ("source",) if name in received}
        order = ReceiveComplaint(received=ReceivedComplaint(**received))
        complaint: UUID = self.office.do(order, **call).result
        return complaint

    def order(self, command: Any, caller: Any = None, **call: Any) -> None:
        self.office.do(command, *([] if caller is None else [caller]), **call)

    def notices(self) -> list[tuple[str, ...]]:
        """Return the notices of the log: what each tells, and what happened to it."""
        rows = self.office.rows(
            "SELECT originator_id, topic, convert_from(state, 'UTF8')::jsonb -> 'data'"
            " FROM log.stored_events WHERE topic LIKE 'notice.%%' ORDER BY notification_id"
        )
        told: dict[UUID, list[str]] = {}
        for notice, topic, data in rows:
            said = data["template"] if topic == "notice.queued" else topic.removeprefix("notice.")
            told.setdefault(notice, []).append(data.get("problem") or said)
        return [tuple(steps) for steps in told.values()]

    def waiting(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.office.rows(
            "SELECT attempts, next_attempt_at, claim IS NOT NULL, handed_to FROM process.notices"
            " ORDER BY position"
        )
        return rows


@pytest.fixture
def post(office: Any, tmp_path: Path) -> Post:
    """A post whose letters all become files."""
    return Post(office, [Lane(FileSender(tmp_path / "outbox", FROM), EVERY)])


@pytest.fixture
def post_over(office: Any) -> Callable[..., Post]:
    """Make a post whose letters go over senders of the test's choice."""

    def make(sender: Any, channels: frozenset[NoticeChannel] = EVERY, **options: Any) -> Post:
        if isinstance(sender, SmtpServer):
            sender = SmtpSender(sender, FROM, patience=HASTY)
        return Post(office, [Lane(sender, channels)], **options)

    return make


class Courier:
    """A sender that notes what it sends; ``behave`` is awaited after the mark."""

    name = "courier"

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.became = Interrupted.UNKNOWN

    def reference(self, notice: UUID, _channel: NoticeChannel) -> str:
        return f"ref-{notice}"

    async def before(self, letter: Letter) -> None:
        """Do what a test wants before the mark."""

    async def after(self, letter: Letter) -> None:
        """Do what a test wants after the mark."""

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        await self.before(letter)
        await handing_over()
        self.sent.append(letter)
        await self.after(letter)

    async def interrupted(self, _notice: UUID, _channel: NoticeChannel) -> Interrupted:
        return self.became

    async def tidy(self, _under_way: Any) -> None:
        pass


@pytest.fixture
def courier() -> Courier:
    return Courier()
