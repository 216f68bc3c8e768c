"""API keys at the entrance: scopes, rotation, last use, and what an unknown key costs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import orjson
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from api.authentication.refusals import UnauthenticatedError
from application import api_keys
from application.api_keys import Replaced, make_key
from application.eventstore.subject_keys import MasterKey
from application.permissions import PERMISSIONS
from domain.errors import InvalidValueError, WrongStateError
from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from tests.api.identity_provider import Door, open_door

PARCELS = UnitKey(UnitKind.DEPARTMENT, "PARCELS")
EAST = UnitKey(UnitKind.REGION, "EAST")
HOUR = timedelta(hours=1)


@pytest.fixture
def door(database: str, master: MasterKey, tmp_path: Path) -> Iterator[Door]:
    with open_door(database, master, tmp_path) as found:
        yield found


def refused(door: Door, sent: str) -> str:
    with pytest.raises(UnauthenticatedError) as error:
        door.bearer(sent)
    assert sent[-20:] not in str(error.value)
    return error.value.code


def opens(door: Door, secret: str) -> bool:
    try:
        return door.bearer(secret) is not None
    except UnauthenticatedError:
        return False


# What a key may do


def test_a_key_without_scope_may_all_that_its_role_may(door: Door) -> None:
    caller = door.bearer(door.issue().secret)

    assert caller is not None
    assert (caller.units, caller.operations) == (None, None)


def test_a_key_is_narrowed_to_operations_and_units(door: Door) -> None:
    key = door.issue(operations=("receiveComplaint", "complaints"), units=(PARCELS, EAST))
    caller = door.bearer(key.secret)

    assert caller is not None
    assert caller.operations == {"receiveComplaint", "complaints"}
    assert caller.units == {PARCELS, EAST}


def test_read_and_write_stand_for_all_queries_and_all_mutations(door: Door) -> None:
    reader = door.bearer(door.issue(operations=("read",)).secret)
    writer = door.bearer(door.issue(operations=("write", "complaints")).secret)
    both = door.bearer(door.issue(operations=("read", "write")).secret)

    for caller in (reader, writer, both):
        assert caller is not None
        assert caller.operations is not None
    assert reader is not None
    assert writer is not None
    assert both is not None
    assert {"complaints", "personalData", "caseHistory"} <= (reader.operations or set())
    assert "receiveComplaint" not in (reader.operations or set())
    assert {"receiveComplaint", "issueApiKey", "complaints"} <= (writer.operations or set())
    assert "shipments" not in (writer.operations or set())
    assert both.operations == PERMISSIONS.keys()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"operations": ("dropTables",)}, "operations"),
        ({"operations": ()}, "operations"),
        ({"units": ()}, "units"),
        ({"units": (UnitKey(UnitKind.HEAD_OFFICE, "HQ"),)}, "units"),
        ({"units": (UnitKey(UnitKind.REGION, "E A\nS T"),)}, "units"),
    ],
)
def test_a_scope_names_what_there_is(door: Door, given: Any, field: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        door.issue(**given)

    assert error.value.field == field


def test_unknown_revoked_and_expired_keys_open_nothing(door: Door) -> None:
    revoked, brief = door.issue(), door.issue(expires_at=door.now() + HOUR)
    assert opens(door, revoked.secret)
    assert opens(door, brief.secret)
    door.revoke(revoked)
    door.later(hours=1)

    assert refused(door, revoked.secret) == "KEY_UNKNOWN"
    assert refused(door, brief.secret) == "KEY_EXPIRED"
    assert refused(door, brief.secret + "x") == "KEY_UNKNOWN", "only its bearer learns of its end"
    assert refused(door, make_key().secret) == "KEY_UNKNOWN"


def test_an_unknown_prefix_is_compared_like_a_known_one(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = door.issue()
    compare = Mock(wraps=api_keys.hmac.compare_digest)
    monkeypatch.setattr(api_keys.hmac, "compare_digest", compare)

    for sent in (make_key().secret, key.secret + "x", "rk_"):
        assert refused(door, sent) == "KEY_UNKNOWN"
    assert [tuple(map(len, call.args)) for call in compare.call_args_list] == [(64, 64)] * 3


def test_a_key_is_checked_in_memory_and_at_once(door: Door) -> None:
    """Nothing is awaited: the coroutine ends at its first step."""
    headers = {"authorization": f"Bearer {door.issue().secret}"}
    door.caller(**headers)

    def once() -> None:
        with pytest.raises(StopIteration):
            door.entrance.caller(headers, method="POST").send(None)

    once()
    began = perf_counter()
    for _ in range(1000):
        door.keys.caller(headers["authorization"])
    assert (perf_counter() - began) / 1000 < 200e-6  # some 5 us; a query takes longer than that


# Rotation


def test_after_a_rotation_both_keys_open_until_the_overlap_ends(door: Door) -> None:
    old = door.issue(operations=("read",), units=(EAST,), name="kiosk")
    until = door.now() + HOUR
    new = door.issue(
        operations=("read",), units=(EAST,), name="kiosk", replaces=Replaced(door.id_of(old), until)
    )

    assert door.bearer(old.secret) == door.bearer(new.secret)
    door.later(hours=1)
    assert refused(door, old.secret) == "KEY_EXPIRED"
    assert opens(door, new.secret)


def test_an_overlap_never_prolongs_a_key(door: Door) -> None:
    old = door.issue(expires_at=door.now() + HOUR)
    door.issue(replaces=Replaced(door.id_of(old), door.now() + 2 * HOUR))

    door.later(hours=1)
    assert refused(door, old.secret) == "KEY_EXPIRED"


def test_there_is_no_third_live_key(door: Door) -> None:
    first = door.issue()
    second = door.issue(replaces=Replaced(door.id_of(first), door.now() + HOUR))

    for old in (first, second):
        with pytest.raises(WrongStateError):
            door.issue(replaces=Replaced(door.id_of(old), door.now() + HOUR))
    assert len(door.rows("SELECT FROM ops.api_keys")) == 2

    door.later(hours=1)
    third = door.issue(replaces=Replaced(door.id_of(second), door.now() + HOUR))
    assert [opens(door, key.secret) for key in (first, second, third)] == [False, True, True]


def test_a_key_whose_predecessor_was_revoked_is_rotated_at_once(door: Door) -> None:
    first = door.issue()
    second = door.issue(replaces=Replaced(door.id_of(first), door.now() + HOUR))
    door.revoke(first)

    third = door.issue(replaces=Replaced(door.id_of(second), door.now() + HOUR))
    assert [opens(door, key.secret) for key in (first, second, third)] == [False, True, True]


@pytest.mark.parametrize(
    "other",
    [
        {"role": Role.ADMINISTRATOR},
        {"holder": "desk-2"},
        {"name": "other"},
        {"operations": ("read", "write")},
        {"operations": None},
        {"units": None},
    ],
)
def test_a_successor_has_the_same_right(door: Door, other: dict[str, Any]) -> None:
    right: dict[str, Any] = {"operations": ("read",), "units": (EAST,), "name": "kiosk"}
    old = door.issue(**right)

    with pytest.raises(InvalidValueError):
        door.issue(**right | other, replaces=Replaced(door.id_of(old), door.now() + HOUR))
    assert opens(door, old.secret)


def test_a_dead_key_has_no_successor(door: Door) -> None:
    revoked, expired = door.issue(), door.issue(expires_at=door.now() + HOUR)
    door.revoke(revoked)
    door.later(hours=2)

    for old in (revoked, expired):
        with pytest.raises(WrongStateError):
            door.issue(replaces=Replaced(door.id_of(old), door.now() + HOUR))


# Last use


def test_the_last_use_is_noted_to_the_minute_without_a_write_per_request(door: Door) -> None:
    key = door.issue()
    uses = "SELECT key, used_at, xmin::text FROM ops.api_key_uses"
    began = door.now()

    def noted() -> list[tuple[Any, ...]]:
        for _ in range(50):
            door.bearer(key.secret)
        door.run(asyncio.sleep(0.05))
        return door.rows(uses)

    ((used, at, written),) = noted()
    assert used == door.id_of(key)
    assert began <= at <= door.now()
    door.later(seconds=30)
    assert noted() == [(used, at, written)], "no second write within the minute"
    door.later(seconds=30)
    ((_, later, _),) = noted()
    assert later - at >= timedelta(minutes=1)


def test_a_use_that_cannot_be_noted_keeps_nobody_out(
    door: Door, capfd: pytest.CaptureFixture[str]
) -> None:
    key = door.issue()
    door.execute("DROP TABLE ops.api_key_uses")

    assert opens(door, key.secret)
    door.run(asyncio.sleep(0.05))
    assert opens(door, key.secret)
    told = capfd.readouterr()
    assert "use of a key not noted" in told.out + told.err
    assert key.secret not in told.out + told.err


def test_what_did_not_open_counts_as_no_use(door: Door) -> None:
    key = door.issue()
    assert refused(door, key.secret + "x") == "KEY_UNKNOWN"
    door.run(asyncio.sleep(0.05))

    assert door.rows("SELECT FROM ops.api_key_uses") == []


# The command line


@pytest.fixture
def redress(database: str, tmp_path: Path) -> Any:
    """Run ``redress keys`` on the test's database; return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")} | {
        "REDRESS_DATA_DIR": str(tmp_path),
        "REDRESS_DATABASE_URL": f"postgresql://?{urlencode(conninfo_to_dict(database))}",
    }

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "api.cli.main", "keys", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return run


def listed(redress: Any) -> dict[str, dict[str, Any]]:
    return {key["prefix"]: key for key in orjson.loads(redress("list", "--json"))["keys"]}


def test_a_key_is_narrowed_rotated_and_listed_by_commands(redress: Any, database: str) -> None:
    scope = ("--operation", "read", "--operation", "receiveComplaint", "--unit", "region:EAST")
    made = orjson.loads(
        redress(
            *("create", "--role", "front_desk", "--name", "kiosk", "--days", "10", *scope, "--json")
        )
    )
    assert set(made) == {"key", "prefix", "role", "holder"}

    new = orjson.loads(redress("rotate", made["prefix"], "--overlap", "2", "--json"))

    assert new["holder"] == made["holder"]
    found = listed(redress)
    old_row, new_row = found[made["prefix"]], found[new["prefix"]]
    for name in ("role", "holder", "name", "operations", "units"):
        assert old_row[name] == new_row[name]
    assert old_row["operations"] == ["read", "receiveComplaint"]
    assert old_row["units"] == ["region:EAST"]
    ends, lasts = (datetime.fromisoformat(row["expires_at"]) for row in (old_row, new_row))
    now = datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < ends - now < timedelta(hours=2)
    assert timedelta(days=9, hours=23) < lasts - now <= timedelta(days=10)

    assert "still beside" in redress("rotate", new["prefix"], code=1)
    assert "no key begins with" in redress("rotate", "rk_nothing", code=1)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.api_key_uses SELECT id, '2026-03-02T04:05:06Z' FROM ops.api_keys"
            " WHERE prefix = %s",
            [made["prefix"]],
        )
    assert listed(redress)[made["prefix"]]["last_used_at"].startswith("2026-03-02T04:05:06")
    text = redress("list")
    assert "used 2026-03-02 04:05Z read receiveComplaint region:EAST" in text
    assert "never used" in text
    assert made["key"] not in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--unit", "planet:MARS"), "--unit must be kind:code"),
        (("--unit", "head_office:HQ"), "units must be one of branch"),
        (("--unit", "region:"), "units must be a short code"),
        (("--operation", "dropTables"), "operations must be one of read, write"),
    ],
)
def test_a_wrong_scope_is_said_in_one_line(
    redress: Any, arguments: tuple[str, ...], says: str
) -> None:
    said = redress("create", "--role", "front_desk", *arguments, code=1)

    assert says in said
    assert said.count("\n") == 1
    assert listed(redress) == {}


def test_all_demonstration_keys_are_revoked_at_once(redress: Any) -> None:
    for holder, name in (("demo.a", "demonstration"), ("demo.b", "demonstration"), ("demo.c", "x")):
        redress("create", "--role", "auditor", "--holder", holder, "--name", name)

    assert "revoked 2 demonstration keys" in redress("revoke", "--demonstration")
    assert "revoked 0 demonstration keys" in redress("revoke", "--demonstration")
    live = [key["holder"] for key in listed(redress).values() if key["revoked_at"] is None]
    assert live == ["demo.c"]
    assert "or --demonstration" in redress("revoke", code=1)
