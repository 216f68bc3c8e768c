"""``redress serve`` from outside: one server a data directory, clear errors, no process left."""

import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

Eventually = Callable[..., Any]
RECEIVE = """
mutation { receiveComplaint(input: {channel: PHONE, category: DELAY, complainant: "A",
  subject: "B", facts: "C"}) { ... on ComplaintPayload { position complaint { id } } } }
"""


def post(url: str, key: str, document: str = "{ viewer { role } }", **headers: str) -> Any:
    headers = {"authorization": f"Bearer {key}", **headers}
    return httpx.post(
        f"{url}/graphql", json={"query": document}, headers=headers, timeout=20, trust_env=False
    )


def one_line(text: str) -> str:
    assert text.startswith("redress: ")
    assert text.count("\n") == 1
    return text


def test_the_life_of_a_server(deployment: Any, eventually: Eventually) -> None:
    url = deployment.start()
    first_start = deployment.started_in
    postmaster = deployment.postmaster()

    # Another server is refused; other commands work beside it.
    refused = deployment.run("serve")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "another server runs on" in one_line(refused.stderr)
    made = deployment.create_key("back_office")
    assert deployment.json("doctor")["ok"]

    # A key is good at once, and refused at once when it is revoked.
    assert post(url, made["key"]).json() == {"data": {"viewer": {"role": "BACK_OFFICE"}}}
    answer = post(url, made["key"], RECEIVE).json()["data"]["receiveComplaint"]
    assert answer["complaint"]["id"]
    assert deployment.run("keys", "revoke", made["prefix"]).returncode == 0
    assert post(url, made["key"]).status_code == 401

    # Commands that came and went did not take the database along; Ctrl-C does.
    assert deployment.postmaster().pid == postmaster.pid
    assert deployment.stop(signal.SIGINT) == 0
    assert deployment.processes() == []
    assert deployment.errors() == ""

    deployment.start()
    print(f"first start {first_start:.2f} s, second start {deployment.started_in:.2f} s")

    # kill -9: the child notices and ends, the database with it, and a new start finds everything.
    deployment.kill_server()
    began = time.monotonic()
    eventually(lambda: not deployment.processes(), 20)
    print(f"everything gone {time.monotonic() - began:.2f} s after kill -9")
    url = deployment.start()
    key = deployment.create_key()["key"]
    found = post(url, key, "{ complaints { totalCount } }").json()
    assert found == {"data": {"complaints": {"totalCount": 1}}}
    assert deployment.stop(signal.SIGTERM) == 0
    assert deployment.processes() == []

    # With another deployment's master key nothing starts.
    (deployment.data / "keys" / "master.key").write_text(b64encode(bytes(32)).decode())
    refused = deployment.run("serve")
    assert refused.returncode == 1
    assert "keys/master.key" in one_line(refused.stderr)
    assert deployment.processes() == []


def test_keys_made_and_revoked_while_the_database_was_away(
    deployment: Any, eventually: Eventually
) -> None:
    """The server hears nothing while it has no connection: it asks again afterwards."""
    url = deployment.start()
    revoked = deployment.create_key()
    assert post(url, revoked["key"]).status_code == 200

    # Nobody restarts what is frozen; the CLI takes the place of the supervisor.
    server = psutil.Process(deployment.server.pid)
    server.suspend()
    try:
        deployment.kill_postgres(backends=True)
        assert deployment.run("keys", "revoke", revoked["prefix"]).returncode == 0
        made = deployment.create_key()
    finally:
        server.resume()
    eventually(lambda: post(url, made["key"]).status_code == 200, 10)
    assert post(url, revoked["key"]).status_code == 401


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_projector_asked_to_end_ends_in_order(
    deployment: Any, eventually: Eventually, signal_number: int
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "project", "--supervised"],
        env=deployment.environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stderr is not None
    try:
        deployment.postmaster()
        eventually(lambda: listening(deployment), 30)
        child.send_signal(signal_number)
        assert child.wait(20) == 0
        assert child.stderr.read() == b""
    finally:
        child.stdin.close()
        child.stderr.close()
        child.kill()
        child.wait(10)
    assert deployment.processes() == []


def listening(deployment: Any) -> bool:
    try:
        return bool(
            deployment.rows(
                "SELECT FROM pg_stat_activity WHERE query = 'LISTEN \"redress_events\"'"
            )
        )
    except psycopg.OperationalError:  # it is not there yet
        return False


def test_port_in_use(deployment: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = deployment.run("serve", REDRESS_PORT=port)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"cannot listen on 127.0.0.1:{port}" in one_line(refused.stderr)
    assert not (deployment.data / "postgres.json").exists()  # it was refused before anything began


def test_the_address_of_another_machine(deployment: Any) -> None:
    refused = deployment.run("serve", REDRESS_HOST="192.0.2.1")
    assert refused.returncode == 1
    assert "set REDRESS_PORT" in one_line(refused.stderr)


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_a_master_key_that_is_none(deployment: Any, content: str) -> None:
    file: Path = deployment.data / "keys" / "master.key"
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="utf-8")
    refused = deployment.run("serve")
    assert refused.returncode == 1
    assert str(file) in one_line(refused.stderr)
    assert "nonsense" not in refused.stderr


def test_bad_settings_are_all_named_at_once(deployment: Any) -> None:
    refused = deployment.run(
        "serve",
        REDRESS_PORT="eighty",
        REDRESS_TIMEZONE="Mars/Olympus",
        REDRESS_LOG_LEVEL="loud",
        REDRESS_DATABASE_URL="mysql://nowhere",
    )
    assert refused.returncode == 1
    told = one_line(refused.stderr)
    for name in ("PORT", "TIMEZONE", "LOG_LEVEL", "DATABASE_URL"):
        assert f"REDRESS_{name}" in told
    assert not deployment.data.exists()
