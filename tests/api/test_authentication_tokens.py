"""Access tokens of an identity provider: which are believed, and whom they stand for."""

import hmac
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Any

import orjson
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jwt import encode

from api.authentication.provider import FRESH_SECONDS, KEPT_SECONDS, _public_keys
from api.authentication.refusals import NoRoleError, UnauthenticatedError
from api.authentication.tokens import LONGEST
from application.eventstore.subject_keys import MasterKey
from domain.organisation import UnitKey, UnitKind
from domain.roles import Role, person_id
from tests.api.identity_provider import (
    AUDIENCE,
    EVERY,
    KEYS,
    Door,
    IdentityProvider,
    identity_provider,
    open_door,
)

PARCELS = UnitKey(UnitKind.DEPARTMENT, "PARCELS")
EAST = UnitKey(UnitKind.REGION, "EAST")
HEAD_OFFICE = UnitKey(UnitKind.HEAD_OFFICE, "HQ")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        yield found


@pytest.fixture
def door(
    database: str, master: MasterKey, tmp_path: Path, provider: IdentityProvider
) -> Iterator[Door]:
    with open_door(
        database, master, tmp_path, OIDC_ISSUER=provider.issuer, OIDC_AUDIENCE=AUDIENCE
    ) as found:
        found.appoint("agent-1", Role.FRONT_DESK)
        yield found


def refused(door: Door, token: str) -> str:
    """Return the code with which a token is refused; the reason never quotes it."""
    with pytest.raises(UnauthenticatedError) as error:
        door.bearer(token)
    for part in token.split("."):
        assert len(part) < 8 or part not in str(error.value) + repr(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return error.value.code


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(
        urlsafe_b64encode(orjson.dumps(part)).rstrip(b"=").decode() for part in (header, claims)
    )


def claims_of(token: str) -> dict[str, Any]:
    middle = token.split(".")[1]
    found: dict[str, Any] = orjson.loads(urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


# What is believed


@pytest.mark.parametrize("key", ["rsa", "ec", "okp"])
def test_a_person_is_who_the_provider_says(
    door: Door, provider: IdentityProvider, key: str
) -> None:
    caller = door.bearer(provider.token(key=key))

    assert caller is not None
    assert (caller.actor, caller.principal, caller.role) == ("agent-1", "agent-1", Role.FRONT_DESK)
    assert caller.units == {PARCELS}
    assert caller.operations is None


def test_ps256_and_access_token_types_are_believed(door: Door, provider: IdentityProvider) -> None:
    for header in ({"alg": "PS256"}, {"typ": "at+jwt"}, {"typ": "application/AT+JWT"}):
        assert door.bearer(provider.token(header=header)) is not None


def test_an_audience_may_stand_among_others(door: Door, provider: IdentityProvider) -> None:
    assert door.bearer(provider.token(aud=["other", AUDIENCE])) is not None


def test_clocks_may_differ_by_a_minute(door: Door, provider: IdentityProvider) -> None:
    now = int(time())
    for claims in ({"exp": now - 50}, {"nbf": now + 50}, {"iat": now + 50}):
        assert door.bearer(provider.token(**claims)) is not None


# What is not


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": -61}, "TOKEN_EXPIRED"),
        ({"nbf": 70}, "TOKEN_INVALID"),
        ({"iat": 70}, "TOKEN_INVALID"),
    ],
)
def test_a_token_is_good_in_its_time_only(
    door: Door, provider: IdentityProvider, claims: dict[str, int], code: str
) -> None:
    shifted = {name: int(time()) + by for name, by in claims.items()}

    assert refused(door, provider.token(**shifted)) == code


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-api"},
        {"aud": ["another-api"]},
        {"aud": []},
        {"exp": "never"},
        {"sub": ""},
        {"sub": 5},
        *({name: None} for name in ("iss", "aud", "sub", "exp", "iat")),
    ],
)
def test_a_token_names_issuer_audience_subject_and_times(
    door: Door, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    assert refused(door, provider.token(**claims)) == "TOKEN_INVALID"


def test_a_token_without_a_signature_is_refused(door: Door, provider: IdentityProvider) -> None:
    claims = claims_of(provider.token())

    for algorithm in ("none", "None", "NONE", ""):
        token = unsigned({"alg": algorithm, "kid": "rsa"}, claims) + "."
        assert refused(door, token) == "TOKEN_INVALID"


def test_a_public_key_is_no_shared_secret(door: Door, provider: IdentityProvider) -> None:
    """HS256 with what everybody may know as the secret."""
    claims = claims_of(provider.token())
    rsa = KEYS["rsa"]
    assert isinstance(rsa, RSAKey)
    public = [rsa.as_pem(private=False), orjson.dumps(rsa.as_dict(private=False))]
    for secret in public:
        head = unsigned({"alg": "HS256", "kid": "rsa"}, claims)
        seal = hmac.digest(secret, head.encode(), sha256)
        token = f"{head}.{urlsafe_b64encode(seal).rstrip(b'=').decode()}"
        assert refused(door, token) == "TOKEN_INVALID"


def test_a_shared_secret_among_the_providers_keys_verifies_nothing(
    door: Door, provider: IdentityProvider
) -> None:
    known = OctKey.import_key({"kty": "oct", "k": "A" * 43, "kid": "shared"})
    token = encode(
        {"alg": "HS256", "kid": "shared"}, claims_of(provider.token()), known, registry=EVERY
    )

    assert refused(door, token) == "TOKEN_INVALID"
    assert set(_public_keys([known.as_dict(), KEYS["ec"].as_dict() | {"kid": "ec"}])) == {"ec"}


def test_the_algorithms_are_ours_to_choose(door: Door, provider: IdentityProvider) -> None:
    for algorithm in ("RS384", "RS512", "PS384", "PS512"):
        assert refused(door, provider.token(header={"alg": algorithm})) == "TOKEN_INVALID"
    provider.keys["wide"] = ECKey.generate_key("P-384")
    token = encode(
        {"alg": "ES384", "kid": "wide"},
        claims_of(provider.token()),
        provider.keys["wide"],
        registry=EVERY,
    )
    assert refused(door, token) == "TOKEN_INVALID"


def test_somebody_elses_key_under_a_known_name_is_refused(
    door: Door, provider: IdentityProvider
) -> None:
    claims = claims_of(provider.token())
    foreign = RSAKey.generate_key(2048)

    assert refused(door, encode({"alg": "RS256", "kid": "rsa"}, claims, foreign)) == "TOKEN_INVALID"


def test_a_changed_claim_breaks_the_signature(door: Door, provider: IdentityProvider) -> None:
    head, _, seal = provider.token().split(".")
    changed = claims_of(provider.token()) | {"sub": "boss-1"}
    middle = urlsafe_b64encode(orjson.dumps(changed)).rstrip(b"=").decode()

    assert refused(door, f"{head}.{middle}.{seal}") == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "{issuer}/jwks"},
        {"x5u": "{issuer}/chain"},
        {"jwk": KEYS["rsa"].as_dict(private=False)},
        {"x5c": ["MIIB"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": []},
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"kid": None},
        {"unheard": "of"},
    ],
)
def test_a_token_that_brings_or_points_to_anything_is_refused(
    door: Door, provider: IdentityProvider, header: dict[str, Any]
) -> None:
    """Signed by the provider itself, so that nothing but the header is wrong."""
    door.bearer(provider.token())
    asked = provider.asked.total()
    head = {"alg": "RS256", "kid": "rsa"} | {
        name: value.format(issuer=provider.issuer) if isinstance(value, str) else value
        for name, value in header.items()
    }
    start = unsigned(head, claims_of(provider.token()))
    rsa = KEYS["rsa"]
    assert isinstance(rsa, RSAKey)
    seal = EVERY.algorithms["RS256"].sign(start.encode(), rsa)
    token = f"{start}.{urlsafe_b64encode(seal).rstrip(b'=').decode()}"

    assert refused(door, token) == "TOKEN_INVALID"
    assert provider.asked.total() == asked, "nothing in a token leads anywhere"


def test_a_token_has_a_length(door: Door, provider: IdentityProvider) -> None:
    short = len(provider.token(more=""))
    fitting = provider.token(more="x" * ((LONGEST - short) * 3 // 4 - 4))
    assert LONGEST - 20 < len(fitting) <= LONGEST
    assert door.bearer(fitting) is not None

    assert refused(door, provider.token(more="x" * LONGEST)) == "TOKEN_INVALID"
    assert refused(door, "x" * 1_000_000) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "token", ["x", ".", "..", "a.b.c", "W10.e30.x", "bnVsbA.e30.", "é.é.é", "{}.{}.{}", "\x00.a.b"]
)
def test_what_is_no_token_at_all_is_refused(door: Door, token: str) -> None:
    assert refused(door, token) == "TOKEN_INVALID"


# The provider's keys


def test_the_provider_is_asked_once(door: Door, provider: IdentityProvider) -> None:
    for _ in range(5):
        door.bearer(provider.token())

    assert provider.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}


def test_a_new_key_is_found_when_a_token_names_it(door: Door, provider: IdentityProvider) -> None:
    door.bearer(provider.token())
    door.past_caches()
    provider.keys = {"rsa": RSAKey.generate_key(2048), "new": RSAKey.generate_key(2048)}
    new = encode({"alg": "RS256", "kid": "new"}, claims_of(provider.token()), provider.keys["new"])

    assert door.bearer(new) is not None
    assert provider.asked["/jwks"] == 2


def test_a_key_that_was_withdrawn_verifies_nothing(door: Door, provider: IdentityProvider) -> None:
    old = provider.token(exp=int(time() + 2 * FRESH_SECONDS))
    door.bearer(old)
    del provider.keys["rsa"]
    door.later(seconds=FRESH_SECONDS + 1)

    assert refused(door, old) == "TOKEN_INVALID"


def test_foreign_key_ids_do_not_make_the_provider_busy(
    door: Door, provider: IdentityProvider
) -> None:
    for number in range(20):
        assert refused(door, provider.token(header={"kid": f"k{number}"})) == "TOKEN_INVALID"
    assert provider.asked["/jwks"] == 1

    door.past_caches()
    for number in range(20):
        assert refused(door, provider.token(header={"kid": f"k{number}"})) == "TOKEN_INVALID"
    assert provider.asked["/jwks"] == 2


def test_a_silent_provider_is_done_without_for_a_while(
    door: Door, provider: IdentityProvider
) -> None:
    token = provider.token(exp=int(time() + 2 * KEPT_SECONDS))
    door.bearer(token)
    provider.silent = True

    door.later(seconds=FRESH_SECONDS + 1)
    assert door.bearer(token) is not None
    door.later(seconds=KEPT_SECONDS)
    assert refused(door, token) == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://elsewhere.example"},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": None},
        {"token_endpoint": "http://tokens.example/token"},
    ],
)
def test_a_provider_that_says_it_is_another_is_not_believed(
    door: Door, provider: IdentityProvider, about: dict[str, Any]
) -> None:
    provider.about |= about

    assert refused(door, provider.token()) == "PROVIDER_UNAVAILABLE"


# The person's role


def test_without_an_appointment_in_force_nobody_is_let_in(
    door: Door, provider: IdentityProvider
) -> None:
    day = timedelta(days=1)
    door.appoint("past", Role.AUDITOR, ends=-day / 2)
    door.appoint("future", Role.AUDITOR, begins=day)

    for person in ("past", "future", "stranger"):
        with pytest.raises(NoRoleError) as error:
            door.bearer(provider.token(person))
        assert error.value.code == "NO_APPOINTMENT"
        assert person not in str(error.value)


def test_an_appointment_that_ends_stops_counting_within_seconds(
    door: Door, provider: IdentityProvider
) -> None:
    token = provider.token()
    assert door.bearer(token) is not None
    door.execute("UPDATE read.appointments SET ends_at = now()")

    door.past_caches()
    with pytest.raises(NoRoleError):
        door.bearer(token)


def test_one_of_several_roles_is_chosen_by_the_header(
    door: Door, provider: IdentityProvider
) -> None:
    door.appoint("both", Role.AUDITOR, EAST)
    door.appoint("both", Role.FRONT_DESK)
    token = provider.token("both")

    with pytest.raises(NoRoleError) as error:
        door.bearer(token)
    assert error.value.choices == (Role.AUDITOR, Role.FRONT_DESK)
    assert "Redress-Role" in error.value.detail
    assert "auditor, front_desk" in error.value.detail_in("zh")

    auditor, desk = (door.bearer(token, redress_role=each) for each in ("AUDITOR", "front_desk"))
    assert auditor is not None
    assert desk is not None
    assert (auditor.role, auditor.units) == (Role.AUDITOR, {EAST})
    assert (desk.role, desk.units) == (Role.FRONT_DESK, {PARCELS})
    for other in ("administrator", "system", "", "x"):
        with pytest.raises(NoRoleError, match="auditor, front_desk"):
            door.bearer(token, redress_role=other)


def test_units_come_from_the_appointments_and_the_head_office_is_the_whole_company(
    door: Door, provider: IdentityProvider
) -> None:
    door.appoint("two", Role.AUDITOR)
    door.appoint("two", Role.AUDITOR, EAST)
    two = door.bearer(provider.token("two"))
    door.appoint("boss", Role.AUDITOR, EAST)
    door.appoint("boss", Role.AUDITOR, HEAD_OFFICE)
    boss = door.bearer(provider.token("boss"))

    assert two is not None
    assert boss is not None
    assert (two.units, boss.units) == ({PARCELS, EAST}, None)


def test_a_subject_that_is_no_opaque_id_gets_a_pseudonym(
    door: Door, provider: IdentityProvider, master: MasterKey
) -> None:
    subject = "wang@example.com"
    name = str(master.pseudonym(f"oidc:{provider.issuer}", subject))
    door.appoint(name, Role.FRONT_DESK)

    caller = door.bearer(provider.token(subject))

    assert caller is not None
    assert caller.actor == person_id(name, field="sub")
    assert MasterKey(bytes(32)).pseudonym(f"oidc:{provider.issuer}", subject).hex not in name


# Beside keys


def test_keys_open_beside_tokens(door: Door) -> None:
    key = door.issue()
    caller = door.bearer(key.secret)

    assert caller is not None
    assert caller.principal == "desk-1"
    assert refused(door, "rk_000000000000.x") == "KEY_UNKNOWN"


def test_nothing_that_was_sent_is_logged(
    door: Door,
    provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    key, tokens = door.issue(), [provider.token(), provider.token(exp=1), provider.token(aud="x")]
    for sent in (*tokens, key.secret, "rk_000000000000.secret-word", "secret-word"):
        for _ in range(2):
            try:
                door.bearer(sent)
            except UnauthenticatedError as error:
                assert "secret-word" not in str(error)  # noqa: PT017  success is good, too
    provider.silent = True
    door.later(seconds=KEPT_SECONDS + 1)
    assert refused(door, tokens[0]) == "PROVIDER_UNAVAILABLE"

    said = capfd.readouterr()
    told = caplog.text + said.out + said.err
    assert "identity provider not understood" in told
    for sent in (*tokens, key.secret, "secret-word"):
        assert sent not in told
        assert sent.split(".")[-1] not in told
