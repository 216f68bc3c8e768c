import hmac
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest

from application import api_keys
from application.api_keys import (
    IssueApiKey,
    NewKey,
    Replaced,
    RevokeApiKey,
    digest_of,
    make_key,
    matches,
    prefix_of,
)
from application.permissions import Caller
from domain.api_key import successor_id
from domain.errors import (
    NotFoundError,
    WrongStateError,
)
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
ADMINISTRATOR = Caller("root", PersonId("root"), Role.ADMINISTRATOR)


def test_a_key_is_a_public_prefix_and_256_random_bits() -> None:
    key = make_key()

    assert re.fullmatch(r"rk_[0-9a-f]{12}\.[A-Za-z0-9_-]{43}", key.secret)
    assert key.prefix == key.secret.split(".", maxsplit=1)[0]


def test_no_two_keys_are_alike() -> None:
    keys = [make_key() for _ in range(1000)]

    assert len({key.secret for key in keys}) == len({key.prefix for key in keys}) == 1000


def test_what_is_stored_is_the_digest_of_the_whole_key() -> None:
    key = make_key()

    assert key.digest == digest_of(key.secret) == sha256(key.secret.encode()).hexdigest()
    assert key.secret.partition(".")[2] not in key.prefix + key.digest


def test_a_key_is_found_by_its_prefix() -> None:
    key = make_key()

    assert prefix_of(key.secret) == key.prefix
    assert prefix_of("no dot at all") == "no dot at all"
    assert prefix_of("rk_1.secret.more") == "rk_1"


def test_a_key_matches_its_own_digest_only() -> None:
    key, other = make_key(), make_key()

    assert matches(key.secret, key.digest)
    assert not matches(other.secret, key.digest)
    assert not matches(key.secret + "x", key.digest)
    assert not matches("", key.digest)
    assert not matches("键", key.digest)


def test_digests_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(api_keys.hmac, "compare_digest", compare)
    key = make_key()

    assert matches(key.secret, key.digest)
    compare.assert_called_once_with(key.digest, key.digest)


def test_a_new_key_cannot_be_changed() -> None:
    key, other = make_key(), make_key()

    assert key == NewKey(secret=key.secret, prefix=key.prefix, digest=key.digest)
    with pytest.raises(AttributeError):
        key.secret = other.secret  # type: ignore[misc]


def test_a_key_is_issued_and_revoked_in_the_table_that_servers_ask(office: Any) -> None:
    new = make_key()
    expires = NOON + timedelta(days=30)
    key = office.do(
        IssueApiKey(
            prefix=new.prefix,
            digest=new.digest,
            role=Role.PARTNER,
            holder=PersonId("shop"),
            name="the shop",
            expires_at=expires,
        ),
        ADMINISTRATOR,
    ).result

    assert office.rows(
        "SELECT id, prefix, digest, role, holder, name, expires_at, revoked_at FROM ops.api_keys"
    ) == [(key, new.prefix, new.digest, "partner", "shop", "the shop", expires, None)]

    office.do(RevokeApiKey(key=key), ADMINISTRATOR)

    # The same transaction: PostgreSQL names it in every row that it wrote.
    assert office.rows(
        "SELECT k.revoked_at = e.recorded_at, k.xmin = e.xmin"
        " FROM ops.api_keys AS k JOIN log.stored_events AS e ON e.originator_id = k.id"
        " WHERE e.topic = 'api_key.revoked'"
    ) == [(True, True)]
    assert office.topics(key) == ["api_key.issued", "api_key.revoked"]
    assert new.secret.encode() not in repr(office.states()).encode()


def test_a_revoked_key_stays_revoked(office: Any) -> None:
    new = make_key()
    key = office.do(
        IssueApiKey(
            prefix=new.prefix, digest=new.digest, role=Role.AUDITOR, holder=PersonId("auditor-1")
        ),
        ADMINISTRATOR,
    ).result
    office.do(RevokeApiKey(key=key), ADMINISTRATOR)

    with pytest.raises(WrongStateError):
        office.do(RevokeApiKey(key=key), ADMINISTRATOR)
    with pytest.raises(NotFoundError):
        office.do(RevokeApiKey(key=uuid4()), ADMINISTRATOR)


def test_a_scope_is_in_the_event_and_in_the_table_that_servers_ask(office: Any) -> None:
    new = make_key()
    office.do(
        IssueApiKey(
            prefix=new.prefix,
            digest=new.digest,
            role=Role.FRONT_DESK,
            holder=PersonId("desk"),
            operations=("write", "complaints", "write"),
            units=(UnitKey(UnitKind.REGION, "EAST"), UnitKey(UnitKind.DEPARTMENT, "A")),
        ),
        ADMINISTRATOR,
    )

    scope = ["complaints", "write"], ["department:A", "region:EAST"]
    assert office.rows("SELECT operations, units FROM ops.api_keys") == [scope]
    data = office.states()[0]["data"]
    assert (data["operations"], data["units"]) == scope


def test_a_successor_ends_the_other_key_in_the_same_transaction(office: Any) -> None:
    old, new = make_key(), make_key()
    right: dict[str, Any] = {"role": Role.AUDITOR, "holder": PersonId("auditor-1")}
    first = office.do(
        IssueApiKey(prefix=old.prefix, digest=old.digest, **right), ADMINISTRATOR
    ).result
    until = NOON + timedelta(hours=1)
    second = office.do(
        IssueApiKey(prefix=new.prefix, digest=new.digest, replaces=Replaced(first, until), **right),
        ADMINISTRATOR,
    ).result

    assert second == successor_id(first)
    assert office.rows("SELECT id, expires_at, replaces FROM ops.api_keys ORDER BY issued_at") == [
        (first, until, None),
        (second, None, first),
    ]
    assert len(office.rows("SELECT DISTINCT xmin::text FROM ops.api_keys")) == 1


def test_of_two_rotations_at_once_one_is_refused(office: Any) -> None:
    old = make_key()
    right: dict[str, Any] = {"role": Role.AUDITOR, "holder": PersonId("auditor-1")}
    first = office.do(
        IssueApiKey(prefix=old.prefix, digest=old.digest, **right), ADMINISTRATOR
    ).result
    replaced = Replaced(first, NOON + timedelta(hours=1))
    made = [make_key(), make_key()]

    outcomes = office.together(
        *(
            office.order(
                IssueApiKey(prefix=key.prefix, digest=key.digest, replaces=replaced, **right),
                ADMINISTRATOR,
                door=door,
            )
            for door, key in enumerate(made)
        )
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Outcome", "WrongStateError"]
    assert len(office.rows("SELECT FROM ops.api_keys")) == 2
