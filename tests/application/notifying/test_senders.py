"""Senders against real mail servers, against servers that misbehave, and into a folder."""

import asyncio
import json
import socket
import ssl
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from application.notifying.senders import (
    FileSender,
    InDoubtError,
    Interrupted,
    Letter,
    NotNowError,
    RefusedError,
    address_of,
)
from application.notifying.smtp import Patience, SmtpSender, SmtpServer
from domain.notice import NoticeProblem
from domain.notifying import Language, NoticeChannel

FROM = "客服 <care@courier.example>"
BODY = "尊敬的客户：\n\n.\n..第二行\n" + "很长的一行" * 100 + "\n<b>HTML</b> & co\n"
HASTY = Patience(connect=0.2, step=0.2, confirm=0.2, altogether=0.8)


def letter(**given: Any) -> Letter:
    return Letter(
        **{
            "notice": uuid4(),
            "case_number": "C-2026-000001",
            "channel": NoticeChannel.EMAIL,
            "language": Language.ZH,
            "to": "wang@example.com",
            "subject": "投诉C-2026-000001已受理",
            "body": BODY,
            "written_at": datetime(2026, 3, 2, 4, 0, tzinfo=UTC),
        }
        | given
    )


class Mark:
    """Counts how often a letter was about to leave."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made = 0
        self.error = error

    async def __call__(self) -> None:
        if self.error is not None:
            raise self.error
        self.made += 1


def send(sender: Any, what: Letter, mark: Mark | None = None) -> Mark:
    mark = mark or Mark()
    asyncio.run(sender.send(what, mark))
    return mark


def smtp(server: SmtpServer, **options: Any) -> SmtpSender:
    return SmtpSender(server, FROM, **options)


# A server as it should be


@pytest.mark.parametrize("language", Language)
def test_a_letter_arrives_as_it_was_written(mailbox: Any, language: Language) -> None:
    box, server = mailbox
    sent = letter(language=language)
    mark = send(smtp(server), sent)

    (mail,) = box.mails
    assert mark.made == 1
    assert box.recipients == ["wang@example.com"]
    assert mail["Subject"] == sent.subject
    assert mail["From"] == FROM
    assert mail["To"] == "wang@example.com"
    assert mail["Message-ID"] == f"<{sent.notice}@courier.example>"
    assert mail["Date"].datetime == sent.written_at
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert not mail.is_multipart()
    assert mail.get_content().replace("\r\n", "\n") == BODY


def test_the_line_carries_nothing_but_plain_characters(script: Any) -> None:
    server = script()
    send(smtp(server.server), letter(subject="投诉" * 100))

    (content,) = server.contents
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) < 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_line_that_is_a_dot_does_not_end_the_letter(mailbox: Any) -> None:
    box, server = mailbox
    send(smtp(server), letter(language=Language.EN, body="a\n.\n..\nz\n"))

    assert box.mails[0].get_content().replace("\r\n", "\n") == "a\n.\n..\nz\n"


@pytest.mark.parametrize("field", ["subject", "to"])
def test_no_text_becomes_a_header_or_a_recipient(mailbox: Any, field: str) -> None:
    box, server = mailbox
    evil = "x@example.com\r\nBcc: victim@example.com\r\n\r\nbody"
    try:
        send(smtp(server), letter(**{field: evil}))
    except (NotNowError, ValueError):
        assert field == "to"

    assert "victim@example.com" not in box.recipients
    for mail in box.mails:
        assert mail["Bcc"] is None
        assert mail.get_content().replace("\r\n", "\n") == BODY


# A server that says no


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_is_busy_is_asked_again(mailbox: Any, step: str) -> None:
    box, server = mailbox
    box.replies[step] = ["451 try again later"]
    sent = letter()
    with pytest.raises(NotNowError, match="451"):
        send(smtp(server), sent)
    assert box.mails == []
    send(smtp(server), sent)
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("step", "problem"),
    [("RCPT", NoticeProblem.UNDELIVERABLE), ("DATA", NoticeProblem.REFUSED)],
)
def test_what_is_refused_for_good_is_known_for_good(
    mailbox: Any, step: str, problem: NoticeProblem
) -> None:
    box, server = mailbox
    box.replies[step] = ["550 no <wang@example.com>"]
    with pytest.raises(RefusedError) as refused:
        send(smtp(server), letter())

    assert refused.value.problem is problem
    assert "wang" not in str(refused.value)


@pytest.mark.parametrize(
    "steps",
    [
        {"connect": "554 not you"},
        {"EHLO": "550 not you"},
        {"MAIL": "550 not you"},
        {"RCPT": "530 authenticate first"},
    ],
)
def test_a_server_that_refuses_us_may_be_set_right(script: Any, steps: dict[str, str]) -> None:
    """It is not about this customer: an operator can mend it, and nothing is lost until then."""
    with pytest.raises(NotNowError):
        send(smtp(script(**steps).server), letter())


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_before_the_content_leaves_nothing_is_marked(script: Any, step: str) -> None:
    mark = Mark()
    for said in ("451 later", "550 never", "hang", "break"):
        server = script(**{step: said})
        with pytest.raises((NotNowError, RefusedError)):
            send(smtp(server.server, patience=HASTY), letter(), mark)
        assert server.contents == []
    assert mark.made == 0


def test_without_the_mark_nothing_leaves(script: Any) -> None:
    server = script()
    with pytest.raises(KeyError):
        send(smtp(server.server), letter(), Mark(KeyError()))
    assert server.contents == []


# A server that is not there, hangs, drips or breaks


def test_nobody_listens(unused_port: int) -> None:
    with pytest.raises(NotNowError, match="connecting: ConnectionRefusedError"):
        send(smtp(SmtpServer("127.0.0.1", unused_port)), letter())


def test_a_host_without_a_name() -> None:
    with pytest.raises(NotNowError, match="connecting"):
        send(smtp(SmtpServer("nowhere.invalid", 25)), letter())


@pytest.mark.parametrize("step", ["connect", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["hang", "drip", "break"])
def test_before_the_content_any_silence_means_not_sent(script: Any, step: str, how: str) -> None:
    began = time.monotonic()
    with pytest.raises(NotNowError):
        send(smtp(script(**{step: how}).server, patience=HASTY), letter())
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("how", ["hang", "drip", "break", "banana", "354 what"])
def test_after_the_content_any_silence_means_doubt(script: Any, how: str) -> None:
    server = script(content=how)
    mark = Mark()
    began = time.monotonic()
    with pytest.raises(InDoubtError):
        send(smtp(server.server, patience=HASTY), letter(), mark)

    assert time.monotonic() - began < 3
    assert mark.made == 1
    assert len(server.contents) == 1


@pytest.mark.parametrize(("said", "error"), [("452 full", NotNowError), ("554 no", RefusedError)])
def test_after_the_content_a_clear_no_is_no(script: Any, said: str, error: type) -> None:
    with pytest.raises(error):
        send(smtp(script(content=said).server), letter())


@pytest.mark.parametrize("how", ["hang", "drip", "break"])
def test_a_good_bye_that_hangs_changes_nothing(script: Any, how: str) -> None:
    server = script(QUIT=how)
    began = time.monotonic()
    send(smtp(server.server), letter())
    assert time.monotonic() - began < 0.5
    assert len(server.contents) == 1


def test_who_is_told_to_stop_stops_at_once(script: Any) -> None:
    server = script(RCPT="hang")

    async def stop() -> None:
        sending = asyncio.create_task(
            smtp(server.server, patience=Patience(step=60)).send(letter(), Mark())
        )
        await asyncio.sleep(0.2)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    began = time.monotonic()
    asyncio.run(stop())
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("broken", [True, False])
def test_a_mark_that_comes_too_late_lets_nothing_out(
    script: Any, monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    """The database hangs while it is marked: we gave up, so the content must not leave.

    Not even over a connection that could not be broken.
    """
    server = script()
    if not broken:
        monkeypatch.setattr(socket.socket, "shutdown", lambda _self, _how: None)

    async def late() -> None:
        async def mark() -> None:
            await asyncio.sleep(1.0)

        with pytest.raises(NotNowError):
            await smtp(server.server, patience=Patience(altogether=0.4)).send(letter(), mark)
        await asyncio.sleep(1.2)

    asyncio.run(late())
    assert server.contents == []


def test_what_a_mail_server_took_nobody_else_can_tell(mailbox: Any) -> None:
    sender = smtp(mailbox[1])

    assert asyncio.run(sender.interrupted(uuid4(), NoticeChannel.EMAIL)) is Interrupted.UNKNOWN


# Encryption and passwords


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and the context of a server that has it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file, secret = tmp_path / "certificate.pem", tmp_path / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return file, context


def _authenticate(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
    good = (given.login, given.password) == (b"user", b"pass@word/")
    return AuthResult(success=good, handled=False)


@pytest.fixture
def guarded(
    certificate: Any, start_mailbox: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, SmtpServer]]:
    """Start a server that asks for a password, over TLS; its certificate is trusted."""
    file, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    def start(
        scheme: str,
        *,
        password: str = "pass%40word%2F",  # noqa: S107  of a server that lives for a second
    ) -> tuple[Any, SmtpServer]:
        options: dict[str, Any] = {"authenticator": _authenticate, "auth_required": True}
        if scheme == "smtps":
            options |= {"ssl_context": context, "auth_require_tls": False}
        else:
            options |= {"tls_context": context, "require_starttls": True}
        box, port = start_mailbox(**options)
        option = "" if scheme == "smtps" else "?starttls=1"
        return box, SmtpServer.from_url(f"{scheme}://user:{password}@127.0.0.1:{port}{option}")

    return start


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_over_an_encrypted_line_with_a_password(guarded: Any, scheme: str) -> None:
    box, server = guarded(scheme)
    send(smtp(server), letter())
    assert len(box.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_wrong_password_can_be_set_right(guarded: Any, scheme: str) -> None:
    box, server = guarded(scheme, password="wrong")  # noqa: S106  that is the point
    with pytest.raises(NotNowError, match="logging in: 535"):
        send(smtp(server), letter())
    assert box.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
def test_a_server_that_nobody_vouches_for_gets_nothing(
    guarded: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    box, server = guarded(scheme)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotNowError, match="SSLCertVerificationError"):
        send(smtp(server), letter())
    assert box.mails == []


def test_a_server_that_offers_no_encryption_gets_nothing_if_it_was_asked_for(script: Any) -> None:
    plain = script().server
    with pytest.raises(NotNowError, match="logging in"):
        send(smtp(SmtpServer(plain.host, plain.port, starttls=True)), letter())


@pytest.mark.parametrize("how", ["hang", "break"])
def test_an_encrypted_line_that_stays_silent(script: Any, how: str) -> None:
    plain = script(connect=how).server
    began = time.monotonic()
    with pytest.raises(NotNowError):
        send(smtp(SmtpServer(plain.host, plain.port, tls=True), patience=HASTY), letter())
    assert time.monotonic() - began < 3


# What the settings say


@pytest.mark.parametrize(
    ("url", "expected", "shown"),
    [
        ("smtp://mail", SmtpServer("mail", 25), "smtp://mail:25"),
        ("smtp://mail:2525/", SmtpServer("mail", 2525), "smtp://mail:2525"),
        ("smtps://mail", SmtpServer("mail", 465, tls=True), "smtps://mail:465"),
        (
            "smtp://u%40x:p%2Fw@mail?starttls=1",
            SmtpServer("mail", 587, starttls=True, user="u@x", password="p/w"),  # noqa: S106
            "smtp://u%40x:***@mail:587?starttls=1",
        ),
        ("smtp://[::1]:25", SmtpServer("::1", 25), "smtp://[::1]:25"),
        (
            "smtp://u:p@127.0.0.1",
            SmtpServer("127.0.0.1", 25, user="u", password="p"),  # noqa: S106
            "smtp://u:***@127.0.0.1:25",
        ),
    ],
)
def test_an_address_of_a_server(url: str, expected: SmtpServer, shown: str) -> None:
    server = SmtpServer.from_url(url)

    assert server == expected
    assert str(server) == shown
    assert "p/w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail",
        "smtp://",
        "mail:25",
        "smtp://mail:port",
        "smtp://mail:99999",
        "smtp://user@mail?starttls=1",
        "smtp://user:secret/word@mail",
        "smtp://user:secret@mail",
        "smtps://user:secret@mail?starttls=1",
        "smtp://mail?verify=no",
        "smtp://mail?starttls=yes",
        "smtp://mail/secret",
    ],
)
def test_what_is_no_address_of_a_server(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        SmtpServer.from_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("mailbox", "address"),
    [
        ("care@example.com", "care@example.com"),
        ("客服中心 <care@example.com>", "care@example.com"),
        ("Care, Inc. <care@example.com>", None),
        ("care@example.com, boss@example.com", None),
        ("<care@example.com>\r\nBcc: x@example.com", None),
        ("Care <care>", None),
        ("", None),
    ],
)
def test_who_notices_are_from(mailbox: str, address: str | None) -> None:
    assert address_of(mailbox) == address


# The folder


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def test_an_e_mail_becomes_a_file_that_mail_programs_read(outbox: Path) -> None:
    sent = letter()
    mark = send(FileSender(outbox, FROM), sent)

    (file,) = outbox.iterdir()
    mail: Any = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert mark.made == 1
    assert file.name == f"{sent.notice}.eml"
    assert mail["To"] == "wang@example.com"
    assert mail.get_content().replace("\r\n", "\n") == BODY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(outbox.stat().st_mode) == 0o700


@pytest.mark.parametrize("channel", [NoticeChannel.SMS, NoticeChannel.PHONE])
def test_another_notice_becomes_a_task_for_a_program_or_a_person(
    outbox: Path, channel: NoticeChannel
) -> None:
    sent = letter(channel=channel, to="13800138000")
    send(FileSender(outbox, FROM), sent)

    task = json.loads((outbox / f"{sent.notice}.json").read_text("utf-8"))
    assert task == {
        "notice": str(sent.notice),
        "case": "C-2026-000001",
        "channel": channel.value,
        "language": "zh",
        "to": "13800138000",
        "subject": sent.subject,
        "text": BODY,
    }


def interrupted(outbox: Path, notice: UUID) -> Interrupted:
    return asyncio.run(FileSender(outbox, FROM).interrupted(notice, NoticeChannel.EMAIL))


def test_when_the_mark_is_made_the_whole_file_is_there_but_nobody_sees_it(outbox: Path) -> None:
    sent = letter()
    seen: dict[str, bytes] = {}

    def look() -> None:
        seen.update((file.name, file.read_bytes()) for file in outbox.iterdir())

    async def mark() -> None:
        look()

    asyncio.run(FileSender(outbox, FROM).send(sent, mark))
    assert seen == {f".{sent.notice}.tmp": (outbox / f"{sent.notice}.eml").read_bytes()}


def test_the_names_tell_what_became_of_a_letter(outbox: Path) -> None:
    sender, sent = FileSender(outbox, FROM), letter()
    with pytest.raises(KeyError):
        send(sender, sent, Mark(KeyError()))
    assert interrupted(outbox, sent.notice) is Interrupted.NOT_SENT

    send(sender, sent)
    assert interrupted(outbox, sent.notice) is Interrupted.SENT

    (outbox / f"{sent.notice}.eml").unlink()  # somebody took it, or it lies on another machine
    assert interrupted(outbox, sent.notice) is Interrupted.UNKNOWN


def test_a_file_that_is_there_is_not_written_again(outbox: Path) -> None:
    sender, sent = FileSender(outbox, FROM), letter()
    send(sender, sent)
    before = (outbox / f"{sent.notice}.eml").stat()
    assert send(sender, letter(notice=sent.notice, body="other")).made == 0
    assert (outbox / f"{sent.notice}.eml").stat() == before


def test_what_dead_processes_left_is_removed(outbox: Path) -> None:
    sender = FileSender(outbox, FROM)
    left, busy, done = letter(), letter(), letter()
    for one in (left, busy):
        with pytest.raises(KeyError):
            send(sender, one, Mark(KeyError()))
    send(sender, done)
    asyncio.run(sender.tidy([busy.notice]))

    assert {file.name for file in outbox.iterdir()} == {
        f".{busy.notice}.tmp",
        f"{done.notice}.eml",
    }


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file where the folder belongs")
    with pytest.raises(NotNowError, match="writing"):
        send(FileSender(tmp_path / "outbox", FROM), letter())


def test_a_letter_is_never_printed() -> None:
    assert "wang" not in repr(letter())
