"""``redress`` as a program: help, keys, doctor, and faults in one line."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from api.cli.main import app
from api.embedded_postgres import EmbeddedPostgres
from api.settings import Settings, SettingsError, variable_names
from application.api_keys import digest_of
from domain.roles import Role

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *(["serve"], ["migrate"], ["import"], ["demo"], ["project"], ["rebuild"], ["doctor"]),
    ["sla", "explain"],
    *(["keys", "create"], ["keys", "list"], ["keys", "rotate"], ["keys", "revoke"]),
]
Redress = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def redress(tmp_path: Path) -> Redress:
    """Run the command line in a folder of its own, with these settings and no others."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
        return subprocess.run(
            [sys.executable, "-m", "api.cli.main", *arguments],
            cwd=ROOT,
            env=kept
            | {"REDRESS_DATA_DIR": str(tmp_path), "COLUMNS": "200", "NO_COLOR": "1"}
            | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def url(database: str) -> str:
    """The test's database as a URL."""
    return f"postgresql://?{urlencode(conninfo_to_dict(database))}"


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line on stderr with which a command failed."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def here(*arguments: str) -> tuple[int, str]:
    """Run the command line in this process: a help page needs no other one."""
    done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, list(arguments))
    return done.exit_code, done.output


def test_every_command_helps_with_an_example(redress: Redress) -> None:
    overview = redress("--help")
    assert overview.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command[0]}\b", overview.stdout)
        code, output = here(*command, "--help")
        assert code == 0, command
        assert re.search(rf"Example: (\w+=\w+ )?redress {' '.join(command)}", output), command


def test_without_a_command_it_helps_and_fails() -> None:
    code, output = here()

    assert code == 2
    assert "keys" in output


def test_a_key_is_made_listed_and_revoked(redress: Redress, url: str, database: str) -> None:
    asked = ("keys", "create", "--role", "front-desk", "--name", "kiosk", "--days", "3", "--json")
    made = redress(*asked, REDRESS_DATABASE_URL=url)
    assert made.returncode == 0, made.stderr
    key = orjson.loads(made.stdout)
    assert set(key) == {"key", "prefix", "role", "holder"}
    assert key["role"] == "front_desk"
    assert key["key"].startswith(key["prefix"] + ".")

    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT prefix, digest FROM ops.api_keys").fetchall()
    assert rows == [(key["prefix"], digest_of(key["key"]))]

    revoked = redress("keys", "revoke", key["prefix"], REDRESS_DATABASE_URL=url)
    assert revoked.returncode == 0, revoked.stderr
    assert "revoked" in one_line(redress("keys", "revoke", key["prefix"], REDRESS_DATABASE_URL=url))

    listed = redress("keys", "list", "--json", REDRESS_DATABASE_URL=url)
    assert listed.returncode == 0
    (found,) = orjson.loads(listed.stdout)["keys"]
    assert (found["prefix"], found["name"]) == (key["prefix"], "kiosk")
    assert found["revoked_at"]
    assert key["key"] not in listed.stdout + listed.stderr + made.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--role", "king"], "front_desk"),
        (["--role", "system"], "system"),
        (["--role", "auditor", "--holder", "王小明"], "--holder"),
    ],
)
def test_a_wrong_key_request_ends_in_one_line(arguments: list[str], says: str) -> None:
    code, output = here("keys", "create", *arguments)

    assert code == 1
    (line,) = output.strip().splitlines()
    assert says in line


def test_what_the_command_line_does_not_know_is_a_usage_error() -> None:
    for arguments in (["nothing"], ["keys", "create"], ["doctor", "--nothing"], ["rebuild"]):
        assert here(*arguments)[0] == 2


def test_doctor_says_that_everything_works(redress: Redress, url: str) -> None:
    done = redress("doctor", "--json", REDRESS_DATABASE_URL=url, REDRESS_LOG_LEVEL="debug")

    assert done.returncode == 0, done.stdout + done.stderr
    told = orjson.loads(done.stdout)
    assert told["ok"] is True
    assert list(told["settings"]) == list(variable_names())
    assert told["settings"]["REDRESS_LOG_LEVEL"] == ["DEBUG", "environment"]
    assert told["settings"]["REDRESS_PORT"] == ["8000", "default"]
    assert told["checks"]["durable"].startswith("fsync ")
    assert told["checks"]["events"] == 0


def test_doctor_says_what_is_wrong_and_fails(redress: Redress) -> None:
    nowhere = "postgresql://redress:secret-word@127.0.0.1:1/none"
    done = redress("doctor", "--json", REDRESS_DATABASE_URL=nowhere)

    assert done.returncode == 1
    told = orjson.loads(done.stdout)
    assert told["ok"] is False
    assert "reached" in told["checks"]["database"]
    assert "secret-word" not in done.stdout + done.stderr


@pytest.mark.parametrize("place", ["query", "user"])
def test_doctor_shows_no_password_wherever_it_stands(redress: Redress, place: str) -> None:
    urls = {
        "query": "postgresql://127.0.0.1:1/none?user=u&password=secret-word",
        "user": "postgresql://u:secret-word@127.0.0.1:1/none",
    }
    done = redress("doctor", REDRESS_DATABASE_URL=urls[place])

    assert done.returncode == 1
    assert "secret-word" not in done.stdout + done.stderr


def test_a_database_that_cannot_be_reached_is_said_in_one_line(redress: Redress) -> None:
    nowhere = "postgresql://redress@127.0.0.1:1/none"
    done = redress("migrate", REDRESS_DATABASE_URL=nowhere)

    assert "cannot be reached" in one_line(done)
    assert done.returncode == 1


def test_an_unknown_read_model_is_said_in_one_line(redress: Redress, url: str) -> None:
    line = one_line(redress("rebuild", "nothing", REDRESS_DATABASE_URL=url))

    assert "complaints" in line


def test_a_rebuild_tells_what_it_did(redress: Redress, url: str) -> None:
    done = redress("rebuild", "all", "--json", REDRESS_DATABASE_URL=url)

    assert done.returncode == 0, done.stderr
    assert {"complaints", "shipments"} <= set(orjson.loads(done.stdout)["rebuilt"])
    assert done.stderr == ""


def test_demonstration_data_never_goes_into_a_database_of_somebodys(
    redress: Redress, url: str, database: str
) -> None:
    done = redress("demo", REDRESS_DATABASE_URL=url)

    assert "REDRESS_DATABASE_URL" in one_line(done)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT 1 FROM log.stored_events").fetchone() is None


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Path]:
    """The data directory of a test that needs an embedded database of its own."""
    yield tmp_path
    EmbeddedPostgres(tmp_path).destroy()


def test_a_demonstration_of_a_size_is_played_once(redress: Redress, embedded: Path) -> None:
    asked = ("demo", "--size", "30", "--seed", "7", "--until", "2026-03-02", "--json")
    done = redress(*asked)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first = orjson.loads(done.stdout)
    assert (first["size"], first["seed"], first["until"]) == (30, 7, "2026-03-02")
    assert first["complaints"] == 30
    assert 15 <= first["shipments"] <= 30
    assert 0 < first["recorded"] < first["events"]  # what is shipped was there before
    assert first["events_per_second"] == pytest.approx(
        first["recorded"] / first["seconds"], rel=0.01
    )

    again = orjson.loads(redress(*asked).stdout)
    assert again["recorded"] == 0
    assert [again[name] for name in ("events", "complaints", "shipments")] == [
        first[name] for name in ("events", "complaints", "shipments")
    ]
    without_a_day = redress("demo", "--size", "30", "--seed", "7")
    assert without_a_day.returncode == 0, "the day is remembered"

    keys = orjson.loads((embedded / "demo-keys.json").read_bytes())
    assert set(keys) == {role.value for role in Role} - {"system"}
    for name in ("demo.json", "demo-keys.json"):
        assert (embedded / name).stat().st_mode & 0o777 == 0o600

    for other in (("--size", "31"), ("--size", "30", "--seed", "8"), ()):
        line = one_line(redress("demo", *other))
        assert "REDRESS_DATA_DIR" in line
    for other in (("--size", "30", "--seed", "7", "--until", "2026-03-01"),):
        assert "--until 2026-03-02" in one_line(redress("demo", *other))


def test_what_was_interrupted_too_long_ago_does_not_go_on(redress: Redress, embedded: Path) -> None:
    # Begun, and then nothing: as if it had been killed before the first command.
    record = embedded / "demo.json"
    record.write_text('{"size": 20, "seed": 1, "until": "2026-03-02", "played": 0}')
    week_ago = time.time() - 7 * 24 * 3600
    os.utime(record, (week_ago, week_ago))

    assert "7 days ago" in one_line(redress("demo", "--size", "20"))
    assert "in use" in one_line(redress("demo"))  # nor does a small one go into it


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--seed", "3"], "--size"),
        (["--json"], "--size"),
        (["--size", "5", "--until", "2999-01-01"], "future"),
    ],
)
def test_a_wrong_demonstration_ends_in_one_line(
    redress: Redress, arguments: list[str], says: str
) -> None:
    assert says in one_line(redress("demo", *arguments))


def test_faults_in_settings_are_named_all_at_once(redress: Redress) -> None:
    wrong: dict[str, Any] = {
        "REDRESS_PORT": "99999",
        "REDRESS_TIMEZONE": "Mars/Olympus",
        "REDRESS_LOG_LEVEL": "loud",
        "REDRESS_DATABASE_URL": "mysql://x",
    }
    done = redress("serve", **wrong)
    line = one_line(done)
    assert done.returncode == 1
    for name in wrong:
        assert name in line


@pytest.mark.parametrize("port", ["-1", "65536", "80 80", "http", "٣", "1e3"])
def test_a_port_is_a_number(port: str) -> None:
    with pytest.raises(SettingsError, match="REDRESS_PORT"):
        Settings.from_env({"REDRESS_PORT": port})


def test_every_setting_is_documented() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert [name for name in variable_names() if name not in readme] == []
