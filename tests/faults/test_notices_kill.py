"""kill -9 while notices are being sent: none is lost, none leaves twice.

A real mail server in this process counts what arrives; the notices go half to it, half to the
folder. Whoever writes the complaints never stops, so that every killed process was at work.
"""

import asyncio
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller

from api.bootstrap import open_dispatcher
from application.complaint_endings import CloseComplaint
from application.complaint_work import AnswerComplaint
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call
from application.permissions import Caller
from domain.categories import Category
from domain.complaint_words import Channel
from domain.roles import PersonId, Role

HERE = Path(__file__).parent
CALL = Call(caller=Caller("desk", PersonId("desk"), Role.FRONT_DESK))
KILLS, KILLS_AT_FULL_VOLUME = 3, 20
CASES_PER_SECOND = 25
OUTCOMES = """
SELECT q.originator_id, convert_from(q.state, 'UTF8')::jsonb #>> '{data,channel}',
    array_agg(e.topic ORDER BY e.originator_version) FILTER (WHERE e.topic <> 'notice.queued')
FROM log.stored_events AS q JOIN log.stored_events AS e ON e.originator_id = q.originator_id
WHERE q.topic = 'notice.queued' GROUP BY 1, 2
"""
TO_TELL = """
SELECT count(*) FROM log.stored_events
WHERE topic IN ('complaint.received', 'complaint.answered', 'complaint.closed')
"""
AT_REST = """
SELECT NOT EXISTS (SELECT FROM process.notices)
    AND position = (SELECT max(notification_id) FROM log.stored_events)
FROM process.positions WHERE process = 'notices'
"""


class Counting:
    """A mail server's handler that takes its time, before and after it has taken a mail."""

    def __init__(self, chance: random.Random) -> None:
        self.arrived: Counter[UUID] = Counter()
        self._chance = chance

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message_id = str(message_from_bytes(envelope.content)["Message-ID"])
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        self.arrived[UUID(message_id[1:37])] += 1
        await asyncio.sleep(self._chance.uniform(0, 0.05))
        return "250 OK"


class AnyPort(Controller):
    """The library's server thread, on whatever port is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


async def complain(dispatcher: Any, number: int) -> None:
    contact = f"wang{number}@example.com" if number % 2 else f"138{number:08}"
    received = ReceivedComplaint(
        channel=Channel.PHONE,
        category=Category.LOSS,
        complainant="王小明",
        contact=contact,
        subject="包裹丢失",
        facts="一直没有收到。",
    )
    case = (await dispatcher.execute(ReceiveComplaint(received=received), CALL)).result
    await dispatcher.execute(AnswerComplaint(complaint=case, answer="已找到。"), CALL)
    await dispatcher.execute(CloseComplaint(complaint=case), CALL)


@contextmanager
def complaints(company: Any) -> Iterator[None]:
    """Keep complaints coming."""
    stop = threading.Event()

    async def keep() -> None:
        zone = ZoneInfo("UTC")
        async with open_dispatcher(company.conninfo, company.master, zone=zone) as dispatcher:
            number = 0
            while not stop.is_set():
                number += 1
                await complain(dispatcher, number)
                await asyncio.sleep(1 / CASES_PER_SECOND)

    thread = threading.Thread(target=asyncio.run, args=(keep(),))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


@contextmanager
def killed_notifiers(
    company: Any, folder: Path, port: int, seed: int, kills: int
) -> Iterator["subprocess.Popen[str]"]:
    given = [company.conninfo, folder, f"smtp://127.0.0.1:{port}", str(seed), str(kills)]
    process = subprocess.Popen(
        [sys.executable, HERE / "notifier.py", *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.acceptance
def test_no_notice_is_lost_and_none_leaves_twice(
    company: Any, tmp_path: Path, eventually: Callable[..., Any], *, full_volume: bool
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    kills = KILLS_AT_FULL_VOLUME if full_volume else KILLS
    mails = Counting(random.Random(seed))
    server = AnyPort(mails, hostname="127.0.0.1", port=0)
    server.start()
    try:
        with killed_notifiers(company, tmp_path, server.port, seed, kills) as process:
            assert process.stdout is not None
            with complaints(company):
                for line in process.stdout:
                    if line.startswith("the last one"):
                        break
                    print(f"seed {seed}: {line.strip()}", flush=True)
            eventually(lambda: company.rows(AT_REST) == [(True,)], 120)
    finally:
        server.stop()

    outcomes = company.rows(OUTCOMES)
    figures = Counter((channel, *topics) for _, channel, topics in outcomes)
    print(f"seed {seed}: {kills} kills, {dict(figures)}")
    assert company.rows(TO_TELL) == [(len(outcomes),)], "one notice for each event"
    assert min(figures["email", "notice.sent"], figures["sms", "notice.sent"]) > 5 * kills
    if full_volume:
        assert figures["email", "notice.in_doubt"] > kills / 4, "they were killed at work"

    assert set(figures) <= {
        ("email", "notice.sent"),
        ("email", "notice.in_doubt"),
        ("sms", "notice.sent"),
    }
    assert set(mails.arrived.values()) == {1}, "never twice"
    by_mail = {
        n: topics == ["notice.sent"] for n, channel, topics in outcomes if channel == "email"
    }
    assert {notice for notice, sent in by_mail.items() if sent} <= set(mails.arrived)
    assert set(mails.arrived) <= set(by_mail)

    files = sorted(path.name for path in (tmp_path / "outbox").iterdir())
    assert files == sorted(f"{n}.json" for n, channel, _ in outcomes if channel == "sms")
