"""``redress serve`` opens to other machines only when people have credentials of their own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

Serve = Callable[..., "subprocess.Popen[str]"]
EVERYWHERE = "0.0.0.0"  # noqa: S104  that is what is tested


@pytest.fixture
def serve(database: str, tmp_path: Path) -> Iterator[Serve]:
    """Start servers on the test's database."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: str) -> "subprocess.Popen[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
        given = {
            "DATA_DIR": str(tmp_path),
            "DATABASE_URL": f"postgresql://?{urlencode(conninfo_to_dict(database))}",
            "PORT": "0",
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "serve"],
            env=kept | {f"REDRESS_{name}": value for name, value in given.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def key(database: str) -> Callable[..., None]:
    """Put a key into the table of keys."""

    def insert(prefix: str, holder: str, name: str | None, **more: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO ops.api_keys (id, prefix, digest, role, holder, name, issued_at,"
                " expires_at, revoked_at)"
                " VALUES (gen_random_uuid(), %s, 'd', 'auditor', %s, %s, now(), %s, %s)",
                [prefix, holder, name, more.get("expires_at"), more.get("revoked_at")],
            )

    return insert


def refusal(process: "subprocess.Popen[str]") -> str:
    """Return the one line with which a server did not start."""
    out, error = process.communicate(timeout=30)
    assert process.returncode == 1, out
    assert out == ""
    assert error.startswith("redress: ")
    assert error.count("\n") == 1
    return error


def serves(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return "Redress serves on" in process.stdout.readline()


def test_nobody_is_let_in_from_elsewhere_while_nobody_can_sign_in(
    serve: Serve, key: Callable[..., None]
) -> None:
    yesterday = "2026-01-01T00:00:00Z"
    key("rk_1", "desk", None, expires_at=yesterday)
    key("rk_2", "desk", None, revoked_at=yesterday)
    key("rk_3", "demo.auditor", "demonstration", revoked_at=yesterday)

    for host in (EVERYWHERE, "::"):
        told = refusal(serve(HOST=host))
        assert "nobody can sign in" in told
        assert "redress keys create" in told


def test_printed_keys_open_nothing_to_other_machines(
    serve: Serve, key: Callable[..., None]
) -> None:
    key("rk_1", "desk", None)
    key("rk_2", "demo.auditor", "demonstration")

    for settings in ({}, {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "redress"}):
        told = refusal(serve(HOST=EVERYWHERE, **settings))
        assert "redress keys revoke --demonstration" in told


def test_a_real_key_opens_the_server_to_other_machines(
    serve: Serve, key: Callable[..., None]
) -> None:
    key("rk_1", "desk", None)
    key("rk_2", "demo.auditor", "demonstration", revoked_at="2026-01-01T00:00:00Z")

    assert serves(serve(HOST=EVERYWHERE))


def test_a_provider_opens_the_server_to_other_machines(serve: Serve) -> None:
    issuer = {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "redress"}

    assert serves(serve(HOST=EVERYWHERE, **issuer))


def test_on_loopback_printed_keys_are_enough(serve: Serve, key: Callable[..., None]) -> None:
    key("rk_1", "demo.auditor", "demonstration")

    assert serves(serve())


def test_demonstration_keys_are_never_made_for_other_machines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli.main", "demo"],
        env=os.environ | {"REDRESS_DATA_DIR": str(tmp_path / "data"), "REDRESS_HOST": EVERYWHERE},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "for this machine alone" in done.stderr
    assert not (tmp_path / "data").exists()
