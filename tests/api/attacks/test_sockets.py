"""Attacks below HTTP: slow, endless, ambiguous and oversized requests to a real server."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from api.endpoint import requests
from api.settings import Settings
from tests.api.attacks.judging import JSON, codes, judged, leaks
from tests.api.cases import NOBODY
from tests.api.streaming import Running, listening

VIEWER = {"query": "{ viewer { role } }"}
BODY = json.dumps(VIEWER).encode()
PATIENCE_SECONDS = 5.0
LONGEST_HEADERS = 8 * 1024 * 1024
SMUGGLED = b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Smuggled: yes\r\n\r\n"


@pytest.fixture(scope="module")
def served(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.from_env({"REDRESS_DATA_DIR": str(tmp_path_factory.mktemp("served"))})
    with listening(shared.database, settings) as server:
        yield server


def opened(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)


def head(*lines: str, path: str = "/graphql", method: str = "POST") -> bytes:
    """Return the beginning of a request as it stands, up to the empty line."""
    first = f"{method} {path} HTTP/1.1"
    return "\r\n".join([first, "Host: x", "Content-Type: application/json", *lines, "", ""]).encode(
        "latin-1"
    )


def everything(connection: socket.socket, seconds: float = 1.0) -> bytes:
    """Return what comes until the server closes, or says no more for a while."""
    connection.settimeout(seconds)
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except (TimeoutError, ConnectionResetError):
        pass
    return found


def body_of(answer: bytes) -> str:
    """Return what stands below the headers, of which the server's own are no business of ours."""
    return answer.partition(b"\r\n\r\n")[2].decode("latin-1")


def told(server: Running, content: bytes, seconds: float = 1.0) -> bytes:
    with closing(opened(server)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # if the answer comes before the end
            connection.sendall(content)
        return everything(connection, seconds)


def is_well(server: Running) -> None:
    """Make sure that others are served, and soon."""
    began = monotonic()
    found = httpx.post(f"{server.url}/graphql", json=VIEWER, timeout=2.0, trust_env=False)
    assert found.json() == {"data": {"viewer": None}}
    assert monotonic() - began < 2.0


def test_a_client_that_sends_a_byte_now_and_then_is_cut_off(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.8)
    with closing(opened(served)) as connection:
        connection.sendall(head("Content-Length: 1000"))
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.1):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        slow = threading.Thread(target=trickle)
        slow.start()
        try:
            for _ in range(5):
                is_well(served)
                sleep(0.1)
            answer = everything(connection, 3.0)
        finally:
            stop.set()
            slow.join()

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"BODY_TOO_SLOW"' in answer
    assert b"connection: close" in answer.lower()
    assert leaks(body_of(answer)) == []


def test_half_begun_requests_keep_nobody_else_waiting(served: Running) -> None:
    with ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(closing(opened(served)))
            connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: "[: 1 + number % 40])
        is_well(served)
    is_well(served)


@pytest.mark.parametrize("line", [b"x" * 65_536, b"\r\nX-A: y" * 8_192], ids=["one", "many"])
def test_headers_without_end_are_cut_off(served: Running, line: bytes) -> None:
    with closing(opened(served)) as connection:
        connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: ")
        sent = 0
        try:
            while sent < LONGEST_HEADERS:
                connection.sendall(line)
                sent += len(line)
        except OSError:
            pass  # it was closed before
        assert sent < LONGEST_HEADERS
    is_well(served)


def test_a_body_without_end_is_too_large(served: Running) -> None:
    for piece in (b"10000\r\n" + b" " * 0x10000 + b"\r\n", b"1\r\n \r\n" * 10_000):
        with closing(opened(served)) as connection:
            connection.sendall(head("Transfer-Encoding: chunked"))
            sent = 0
            try:
                while sent < 3 * requests.LARGEST_BODY * (6 if len(piece) < 0xFFFF else 1):
                    connection.sendall(piece)
                    sent += len(piece)
            except OSError:
                pass  # it was closed before
            answer = everything(connection)
        assert answer == b"" or (answer.startswith(b"HTTP/1.1 413") and b"BODY_TOO_LARGE" in answer)
        is_well(served)


AMBIGUOUS = {
    "length and chunks": (
        head(f"Content-Length: {5 + len(SMUGGLED)}", "Transfer-Encoding: chunked"),
        b"0\r\n\r\n" + SMUGGLED,
    ),
    "chunks and length": (
        head("Transfer-Encoding: chunked", "Content-Length: 4"),
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
    ),
    "two lengths": (
        head("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"),
        SMUGGLED,
    ),
    "two lengths in one": (head(f"Content-Length: 0, {len(SMUGGLED)}"), SMUGGLED),
    "a signed length": (head(f"Content-Length: +{len(SMUGGLED)}"), SMUGGLED),
    "a negative length": (head("Content-Length: -1"), SMUGGLED),
    "a length in hexadecimal": (head("Content-Length: 0x0"), SMUGGLED),
    "a length of 5,000 digits": (head("Content-Length: " + "9" * 5_000), SMUGGLED),
    "an unknown coding": (head("Transfer-Encoding: xchunked"), SMUGGLED),
    "a coding after chunks": (
        head("Transfer-Encoding: chunked, identity"),
        b"0\r\n\r\n" + SMUGGLED,
    ),
    "a coding with a tab": (
        head("Transfer-Encoding:\x0bchunked", "Content-Length: 5"),
        b"0\r\n\r\n" + SMUGGLED,
    ),
    "a space before the colon": (
        head("Transfer-Encoding : chunked", f"Content-Length: {5 + len(SMUGGLED)}"),
        b"0\r\n\r\n" + SMUGGLED,
    ),
    "a folded header": (
        head("X-A: 1", " Transfer-Encoding: chunked", "Content-Length: 5"),
        b"0\r\n\r\n" + SMUGGLED,
    ),
    "a header without a name": (head(": x", "Content-Length: 0"), SMUGGLED),
    "a header without a colon": (head("Content-Length 0"), SMUGGLED),
    "a chunk of a signed size": (head("Transfer-Encoding: chunked"), b"-1\r\n\r\n" + SMUGGLED),
    "a chunk beyond numbers": (
        head("Transfer-Encoding: chunked"),
        b"f" * 40 + b"\r\n" + SMUGGLED,
    ),
    "a chunk of two sizes": (head("Transfer-Encoding: chunked"), b"0 5\r\n\r\n" + SMUGGLED),
    "U+0000 in a header": (head("Authorization: Bearer \x00", "Content-Length: 0"), SMUGGLED),
    "a carriage return in a header": (head("X-A: 1\rX-B: 2", "Content-Length: 0"), SMUGGLED),
    "a path of 200 KB": (head("Content-Length: 0", path="/" + "x" * 200_000), SMUGGLED),
    "HTTP/0.9": (b"GET /graphql\r\n", SMUGGLED),
    "HTTP/2 without asking": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SMUGGLED),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", SMUGGLED),
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_what_is_hidden_in_an_ambiguous_request_is_never_answered(
    served: Running, shape: str
) -> None:
    answer = told(served, b"".join(AMBIGUOUS[shape]), 0.5)

    assert answer.count(b"HTTP/1.1 ") <= 1, answer[:1000]
    assert b'{"status":"live"}' not in answer
    assert b" 500 " not in answer
    assert leaks(body_of(answer)) == []
    is_well(served)


@pytest.mark.parametrize(
    "headers",
    [
        {"Idempotency-Key": "\x80\xff"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer " + "." * 50_000},
        {"Cookie": "redress=" + "%00" * 1_000},
        {"Cookie": ";" * 10_000},
        {"Accept": "*/*;q=" + "9" * 5_000},
        {"Accept": ",".join(["application/json;q=0.1"] * 500)},
        {"Accept-Language": ",".join(["zh;q=1e400"] * 500)},
        {"Redress-After": "\xb2"},
        {"Redress-Role": "'; DROP TABLE read.complaints; --"},
        {"Origin": "null", "Referer": "\xff"},
        {"X-Forwarded-For": "\xff," * 1_000, "X-Forwarded-Proto": "javascript"},
        {"Host": "[::1"},
        {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"},
        {"traceparent": "00-" + "z" * 32 + "-" + "0" * 16 + "-01"},
        {"Expect": "200-maybe"},
        {f"X-{n}": "y" for n in range(500)},
    ],
    ids=lambda h: " ".join(h)[:40],
)
def test_hostile_headers_harm_nobody(served: Running, headers: dict[str, str]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(f"{served.url}/graphql", json=VIEWER, headers=sent, trust_env=False)

    assert answer.status_code < 500
    assert leaks(answer.text) == []
    is_well(served)


def test_what_an_attack_does_in_this_process_it_does_over_a_socket(
    shared: Any, served: Running
) -> None:
    key = {"Authorization": f"Bearer {shared.keys['partner']}"}
    subscription = f'subscription {{ caseChanged(caseId: "{NOBODY}") {{ topic }} }}'
    before = shared.events()
    for content, status, code in (
        (b"[" * 1_000_000, 400, "BODY_NOT_JSON"),
        (json.dumps({"query": "{a" * 50_000}).encode(), 200, "DOCUMENT_TOO_LARGE"),
        (json.dumps({"query": subscription}).encode(), 400, "STREAM_NEEDED"),
        (b'{"query":"\xed\xa0\x80"}', 400, "BODY_NOT_JSON"),
    ):
        found = httpx.post(
            f"{served.url}/graphql", content=content, headers=JSON | key, trust_env=False
        )
        assert (found.status_code, codes(judged(found))) == (status, {code})
    assert shared.events() == before
