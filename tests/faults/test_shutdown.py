"""A server that is asked to end under load loses no acknowledged command and cuts no answer."""

import asyncio
import json
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

RECEIVE = """
mutation ($input: ReceiveComplaintInput!) {
  it: receiveComplaint(input: $input) { ... on ComplaintPayload { position } }
}
"""
QUERY = "{ complaints(first: 50) { edges { node { id number state stateLabel(lang: ZH) } } } }"
RECEIVED = "SELECT count(*) FROM log.stored_events WHERE topic = 'complaint.received'"
SLOW = "S0-0"
READY = b"GET /health/ready HTTP/1.1\r\nHost: redress\r\n\r\n"


class CleanEndError(Exception):
    """The server is gone, and sent nothing that it did not finish."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Seen:
    sent: list[str] = field(default_factory=list)
    acknowledged: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    refused: int = 0
    probes: list[Answer] = field(default_factory=list)


class Wire:
    """One connection, looked at byte by byte."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).hostname, urlsplit(url).port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes) -> None:
        if self.writer is None:
            try:
                self.reader, self.writer = await asyncio.open_connection(*self.address)
            except OSError as error:
                raise CleanEndError from error
        self.writer.write(data)
        with suppress(ConnectionError):  # whether an answer came before says the reader
            await self.writer.drain()

    async def answer(self) -> Answer:
        """Read one answer: all of it or, the server being gone, not one byte of it."""
        assert self.reader is not None
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            begun = getattr(error, "partial", b"") or bytes(self.reader._buffer)  # type: ignore[attr-defined]
            if begun:
                raise AssertionError(f"an answer was cut in its head: {begun!r}") from error
            raise CleanEndError from error
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            assert await self.reader.read() == b""
            self.close()
        return Answer(int(first.split()[1]), headers, json.loads(body))

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def request(key: str, document: str, token: str = "", **given: Any) -> bytes:
    body = json.dumps({"query": document, "variables": given}).encode()
    named = f"Idempotency-Key: {token}\r\n" if token else ""
    head = (
        "POST /graphql HTTP/1.1\r\nHost: redress\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\n{named}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def receive(key: str, token: str) -> bytes:
    given = {
        "channel": "PHONE",
        "category": "LOSS",
        "complainant": "A",
        "subject": token,
        "facts": "It never came. " * 50,
    }
    return request(key, RECEIVE, token, input=given)


async def client(url: str, key: str, name: str, seen: Seen) -> None:
    wire = Wire(url)
    chance = random.Random(name)
    try:
        for number in range(1_000_000):
            token = f"{name}-{number}"
            if number % 3:
                seen.sent.append(token)
                await wire.send(receive(key, token))
            else:
                await wire.send(request(key, QUERY))
            answer = await wire.answer()
            assert answer.status == 200, answer
            assert "errors" not in answer.body, answer.body
            if number % 3:
                seen.acknowledged[token] = answer.body["data"]["it"]["position"]
            seen.answers += 1
            await asyncio.sleep(chance.uniform(0, 0.05))
    except CleanEndError:
        seen.refused += 1
    finally:
        wire.close()


async def slow_client(url: str, key: str, stopping: asyncio.Event, seen: Seen) -> None:
    """Send half of a command before the server is asked to end, and half of it after."""
    wire, token = Wire(url), SLOW
    sent = receive(key, token)
    seen.sent.append(token)
    await wire.send(sent[:-100])
    await stopping.wait()
    await asyncio.sleep(1.5)
    await wire.send(sent[-100:])
    answer = await wire.answer()
    assert answer.headers["connection"] == "close"
    seen.acknowledged[token] = answer.body["data"]["it"]["position"]


async def probe(url: str, seen: Seen) -> None:
    wire = Wire(url)
    try:
        while True:
            await wire.send(READY)
            seen.probes.append(await wire.answer())
            await asyncio.sleep(0.02)
    except CleanEndError:
        wire.close()


async def load(
    url: str, keys: list[str], clients: int, seconds: float, stop: Callable[[], None]
) -> Seen:
    seen, stopping = Seen(), asyncio.Event()
    idle = Wire(url)
    await idle.send(b"")
    async with asyncio.TaskGroup() as group:
        group.create_task(slow_client(url, keys[0], stopping, seen))
        group.create_task(probe(url, seen))
        for number in range(clients):
            group.create_task(client(url, keys[number % len(keys)], f"C{number}", seen))
        await asyncio.sleep(seconds)
        stop()
        stopping.set()
    idle.close()
    return seen


async def ask_again(url: str, keys: list[str], seen: Seen) -> dict[str, int]:
    """Send every command again under its key and return the positions."""
    found: dict[str, int] = {}

    async def some(tokens: list[str]) -> None:
        wire = Wire(url)
        for token in tokens:
            number = int(token[1:].partition("-")[0])
            await wire.send(receive(keys[number % len(keys)], token))
            found[token] = (await wire.answer()).body["data"]["it"]["position"]
        wire.close()

    async with asyncio.TaskGroup() as group:
        for part in range(8):
            group.create_task(some(seen.sent[part::8]))
    return found


def test_a_server_asked_to_end_loses_and_cuts_nothing(deployment: Any, full_volume: bool) -> None:
    clients, seconds = (120, 15.0) if full_volume else (24, 1.5)
    url = deployment.start()
    keys = [deployment.create_key()["key"] for _ in range(4 if full_volume else 1)]
    began: list[float] = []

    def stop() -> None:
        began.append(time.monotonic())
        deployment.server.send_signal(signal.SIGTERM)

    seen = asyncio.run(load(url, keys, clients, seconds, stop))
    assert deployment.server.wait(60) == 0
    print(
        f"{seen.answers} answers, {len(seen.acknowledged)} acknowledged, ended in"
        f" {time.monotonic() - began[0]:.2f} s"
    )
    assert deployment.errors() == ""
    assert deployment.processes() == []
    assert len(seen.acknowledged) > clients
    assert seen.refused == clients
    assert SLOW in seen.acknowledged

    # It said that it was not ready while it still answered.
    last = seen.probes[-1]
    assert last.status == 503
    assert last.body["serving"] is False
    assert last.headers["connection"] == "close"
    assert any(probe.status == 200 for probe in seen.probes)

    url = deployment.start()
    positions = {row[0] for row in deployment.rows("SELECT notification_id FROM log.stored_events")}
    assert set(seen.acknowledged.values()) <= positions
    again = asyncio.run(ask_again(url, keys, seen))
    assert {token: again[token] for token in seen.acknowledged} == seen.acknowledged
    assert deployment.rows(RECEIVED) == [(len(seen.sent),)]
    assert deployment.stop(signal.SIGTERM) == 0
