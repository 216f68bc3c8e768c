"""Letters as e-mails to an SMTP server, which may refuse, hang, drip or die at any step.

Until the content begins to leave, every failure means: not sent. From then on only the server's
reply tells what happened, and without it nobody knows.
"""

import asyncio
import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import UUID

from application.notifying.senders import (
    HandingOver,
    InDoubtError,
    Interrupted,
    Letter,
    NotNowError,
    RefusedError,
    address_of,
    mail,
    message_id,
)
from domain.notice import NoticeProblem
from domain.notifying import NoticeChannel

_PORTS: Final = {"smtp": 25, "smtps": 465}
_SUBMISSION_PORT: Final = 587
_READY, _GO_ON, _TAKEN, _AUTHENTICATE = 220, 354, range(200, 300), 530
_LATER, _NEVER = range(400, 500), range(500, 600)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where e-mails go, as ``REDRESS_SMTP_URL`` says; its text hides the password."""

    host: str
    port: int
    tls: bool = False  # from the first byte
    starttls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def from_url(cls, url: str) -> "SmtpServer":
        """Read ``smtp://user:password@host:port?starttls=1`` or ``smtps://...``; ValueError."""
        try:
            parts = urlsplit(url)
            port = parts.port
            options = dict(parse_qsl(parts.query, strict_parsing=True) if parts.query else ())
        except ValueError:  # its message may quote the password
            raise ValueError(
                "must be smtp://user:password@host:port, / and @ as %2F, %40"
            ) from None
        starttls = options.pop("starttls", "0")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("must begin with smtp:// or smtps:// and name a host")
        if options or starttls not in {"0", "1"} or parts.path not in {"", "/"} or parts.fragment:
            raise ValueError("takes no path and no option but starttls=1")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("needs both a user and a password, or neither")
        tls = parts.scheme == "smtps"
        if tls and starttls == "1":
            raise ValueError("takes starttls=1 with smtp:// only")
        server = cls(
            host=parts.hostname,
            port=port or (_SUBMISSION_PORT if starttls == "1" else _PORTS[parts.scheme]),
            tls=tls,
            starttls=starttls == "1",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )
        if server.user and not (tls or server.starttls or server.host in _LOOPBACK):
            raise ValueError("sends a password only with smtps:// or starttls=1")
        return server

    def __str__(self) -> str:
        """Return the address without the password."""
        login = f"{quote(self.user)}:***@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        option = "?starttls=1" if self.starttls else ""
        return f"{'smtps' if self.tls else 'smtp'}://{login}{host}:{self.port}{option}"


_GOOD_BYE_SECONDS: Final = 1.0
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, a server may take: to connect, for a step, to confirm, altogether."""

    connect: float = 10.0
    step: float = 20.0
    confirm: float = 60.0
    altogether: float = 120.0


class SmtpSender:
    """Sends each letter over a connection of its own, in a thread that can be cut off."""

    name = "smtp"

    def __init__(
        self, server: SmtpServer, sender: str, *, patience: Patience | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._address = address_of(sender) or ""
        self._patience = patience or Patience()

    def reference(self, notice: UUID, _channel: NoticeChannel) -> str:
        """Return the Message-ID."""
        return message_id(notice, self._sender)

    async def send(self, letter: Letter, handing_over: HandingOver) -> None:
        """Send it, or say why not, within the time that the server is given altogether."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def mark() -> None:
            asyncio.run_coroutine_threadsafe(_awaited(handing_over), loop).result()

        content = mail(letter, self._sender).as_bytes()
        line = _Line(self._server, self._address, self._patience, mark)

        def work() -> None:
            try:
                line.deliver(letter.to, content)
            except Exception as error:  # noqa: BLE001  it belongs to who waits
                outcome: Exception | None = error
            else:
                outcome = None
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(_tell, done, outcome)
            line.hang_up()

        # A thread of its own, which the end of the process does not wait for.
        threading.Thread(target=work, name="smtp", daemon=True).start()
        try:
            async with asyncio.timeout(self._patience.altogether):
                await asyncio.shield(done)
        except TimeoutError:
            if line.cut():
                raise InDoubtError("altogether: TimeoutError") from None
            raise NotNowError("altogether: TimeoutError") from None
        except asyncio.CancelledError:
            line.cut()
            raise
        finally:
            done.cancel()  # what the thread has to say later, nobody asks for

    async def interrupted(self, _notice: UUID, _channel: NoticeChannel) -> Interrupted:
        """Know nothing: nobody but the server can tell."""
        return Interrupted.UNKNOWN

    async def tidy(self, under_way: Collection[UUID]) -> None:
        """Leave nothing behind that needs it."""


async def _awaited(handing_over: HandingOver) -> None:
    await handing_over()


def _tell(done: "asyncio.Future[None]", outcome: Exception | None) -> None:
    if done.done():
        return
    if outcome is None:
        done.set_result(None)
    else:
        done.set_exception(outcome)


class _Client(smtplib.SMTP):
    """The library's client over a connection that is there already."""

    def __init__(self, host: str, opened: socket.socket, *, name: str, timeout: float) -> None:
        self._opened = opened
        super().__init__(host, 0, local_hostname=name, timeout=timeout)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return self._opened


class _Line:
    """One conversation with a server, which another thread can cut."""

    def __init__(
        self,
        server: SmtpServer,
        sender: str,
        patience: Patience,
        mark: Callable[[], None],
    ) -> None:
        self._server = server
        self._sender = sender
        self._name = sender.rpartition("@")[2]
        self._patience = patience
        self._mark = mark
        self._lock = threading.Lock()
        self._is_cut = False
        self._content_leaves = False
        self._expects_content = False
        self._socket: socket.socket | None = None
        self._client: smtplib.SMTP | None = None

    def deliver(self, recipient: str, content: bytes) -> None:
        """Hand the content over and return when the server has taken it."""
        step = "connecting"
        try:
            client = self._connect()
            step = "logging in"
            self._log_in(client)
            step = "MAIL"
            _expect(step, client.mail(self._sender), _TAKEN)
            step = "RCPT"
            _expect(step, client.rcpt(recipient), _TAKEN, never=NoticeProblem.UNDELIVERABLE)
            step = "DATA"
            _expect(step, client.docmd("DATA"), {_GO_ON}, never=NoticeProblem.REFUSED)
            self._expects_content = True
        except smtplib.SMTPResponseException as error:
            raise NotNowError(f"{step}: {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotNowError(f"{step}: {type(error).__name__}") from None
        self._mark()
        with self._lock:
            if self._is_cut:
                raise NotNowError("DATA: TimeoutError")
            self._content_leaves = True
        try:
            self._allow(self._patience.confirm)
            client.send(_stuffed(content))
            reply = client.getreply()
            self._expects_content = False
        except (smtplib.SMTPException, OSError) as error:
            raise InDoubtError(f"content: {type(error).__name__}") from None
        if reply[0] not in _TAKEN and reply[0] not in _LATER and reply[0] not in _NEVER:
            raise InDoubtError(f"content: {reply[0]}")
        _expect("content", reply, _TAKEN, never=NoticeProblem.REFUSED)

    def cut(self) -> bool:
        """Break the connection; say whether content may have left."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Not that of an encrypted socket, which its own thread uses right now.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return self._content_leaves

    def hang_up(self) -> None:
        """Say good-bye if that is quick, and close."""
        with contextlib.suppress(smtplib.SMTPException, OSError, ValueError):
            if self._client is not None and not self._expects_content:
                self._allow(_GOOD_BYE_SECONDS)
                self._client.quit()
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.close()
            if self._socket is not None:
                self._socket.close()

    def _connect(self) -> smtplib.SMTP:
        patience, server = self._patience, self._server
        self._hold(socket.create_connection((server.host, server.port), timeout=patience.connect))
        if server.tls:
            assert self._socket is not None
            context = ssl.create_default_context()
            self._hold(
                context.wrap_socket(
                    self._socket, server_hostname=server.host, do_handshake_on_connect=False
                )
            )
            self._handshake()
        assert self._socket is not None
        self._allow(patience.step)
        self._client = _Client(server.host, self._socket, name=self._name, timeout=patience.step)
        return self._client

    def _handshake(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        self._allow(self._patience.step)
        self._socket.do_handshake()

    def _log_in(self, client: smtplib.SMTP) -> None:
        client.ehlo_or_helo_if_needed()
        if self._server.starttls:
            client.starttls(context=ssl.create_default_context())
            assert client.sock is not None
            self._hold(client.sock)
            client.ehlo_or_helo_if_needed()
        if self._server.user is not None and self._server.password is not None:
            client.login(self._server.user, self._server.password)

    def _hold(self, opened: socket.socket) -> None:
        """Keep the socket at hand for whoever cuts the line."""
        with self._lock:
            self._socket = opened
            if self._is_cut:
                raise TimeoutError

    def _allow(self, seconds: float) -> None:
        assert self._socket is not None
        self._socket.settimeout(seconds)


def _expect(
    step: str,
    reply: tuple[int, Any],
    good: Collection[int],
    *,
    never: NoticeProblem | None = None,
) -> None:
    """Go on, or raise what a refusal means: for good only if it is about this very letter."""
    code = reply[0]
    if code in good:
        return
    if never is not None and code in _NEVER and code != _AUTHENTICATE:
        raise RefusedError(never, f"{step}: {code}")
    raise NotNowError(f"{step}: {code}")


def _stuffed(content: bytes) -> bytes:
    """Return the content as it goes over the line: dots doubled, and the one that ends it."""
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"
