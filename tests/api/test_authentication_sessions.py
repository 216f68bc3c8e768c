"""Sessions of the console: signing in, what a cookie is good for, and how it ends."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from api.authentication.refusals import UnauthenticatedError
from api.settings import Settings, SettingsError
from application.eventstore.subject_keys import MasterKey
from domain.organisation import UnitKey, UnitKind
from domain.roles import Role
from tests.api.identity_provider import (
    AUDIENCE,
    CLIENT,
    SECRET,
    Door,
    IdentityProvider,
    identity_provider,
    open_door,
)

SITE = "https://redress.example"
PARCELS = UnitKey(UnitKind.DEPARTMENT, "PARCELS")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        yield found


@pytest.fixture
def door(
    database: str, master: MasterKey, tmp_path: Path, provider: IdentityProvider
) -> Iterator[Door]:
    """An entrance that browsers reach over https."""
    with open_door(
        database,
        master,
        tmp_path,
        OIDC_ISSUER=provider.issuer,
        OIDC_AUDIENCE=AUDIENCE,
        OIDC_CLIENT_ID=CLIENT,
        OIDC_CLIENT_SECRET=SECRET,
        PUBLIC_URL=SITE,
    ) as found:
        found.appoint("agent-1", Role.FRONT_DESK, PARCELS)
        yield found


@pytest.fixture
def home(database: str, master: MasterKey, tmp_path: Path) -> Iterator[Door]:
    """An entrance on loopback, without a provider."""
    with open_door(database, master, tmp_path) as found:
        yield found


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def signed_in(door: Door) -> tuple[str, str]:
    """Sign in with a key; return the cookie header and the session's CSRF token."""
    answer = door.send("POST", "/session", headers=bearer(door.issue().secret))
    assert answer.status_code == 204
    told = door.send("GET", "/session").json()
    name = door.entrance.cookie("redress")
    return f"{name}={door.client.cookies[name]}", told["csrfToken"]


def begun(door: Door) -> dict[str, str]:
    """Begin to sign in; return what the provider is asked."""
    answer = door.send("GET", "/session/login")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{door.entrance.settings.oidc_issuer}/authorize?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def finished(door: Door, **given: str) -> httpx.Response:
    return door.send("GET", "/session/callback", params=given)


def code_of(answer: httpx.Response, status: int = 401) -> Any:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["code"]


def refused(door: Door, cookie: str, method: str = "GET", **headers: str) -> str:
    with pytest.raises(UnauthenticatedError) as error:
        door.caller(method, cookie=cookie, **headers)
    assert cookie.partition("=")[2] not in str(error.value)
    return error.value.code


# With a key


def test_a_key_begins_a_session_that_acts_as_the_key(home: Door) -> None:
    key = home.issue(units=(PARCELS,))
    answer = home.send("POST", "/session", headers=bearer(key.secret))
    (given,) = answer.headers.get_list("set-cookie")
    cookie, _, attributes = given.partition("; ")

    caller = home.caller("GET", cookie=cookie)

    assert caller == home.bearer(key.secret)
    assert set(attributes.split("; ")) == {"HttpOnly", "Max-Age=28800", "Path=/", "SameSite=lax"}
    assert key.secret not in str(answer.headers)
    told = home.send("GET", "/session").json()
    assert told == {
        "actor": "desk-1",
        "role": "front_desk",
        "roles": ["front_desk"],
        "units": ["department:PARCELS"],
        "csrfToken": told["csrfToken"],
    }


def test_over_https_the_cookie_belongs_to_this_host_alone(door: Door) -> None:
    for path, headers in (("/session", bearer(door.issue().secret)), ("/session/login", {})):
        method = "POST" if headers else "GET"
        (given,) = door.send(method, path, headers=headers).headers.get_list("set-cookie")
        attributes = set(given.split("; ")[1:]) - {"Max-Age=28800", "Max-Age=600"}
        assert given.startswith("__Host-redress")
        assert attributes == {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}


def test_a_server_open_to_others_gives_cookies_for_https_only() -> None:
    for environ, secure in (
        ({}, False),
        ({"REDRESS_HOST": "0.0.0.0"}, True),  # noqa: S104  that is the point
        ({"REDRESS_PUBLIC_URL": "https://redress.example"}, True),
        ({"REDRESS_PUBLIC_URL": "http://localhost:8000"}, False),
    ):
        assert Settings.from_env(environ).secure is secure


def test_only_a_digest_of_the_session_is_stored(door: Door) -> None:
    cookie, _ = signed_in(door)
    secret = cookie.partition("=")[2]
    ((stored, everything),) = door.rows("SELECT digest, sessions::text FROM ops.sessions")

    assert len(secret) == 43
    assert stored == sha256(secret.encode()).digest()
    assert secret not in everything


@pytest.mark.parametrize(
    "authorization", [None, "Bearer rk_000000000000.x", "Bearer x", "Basic eDp5"]
)
def test_without_a_good_key_no_session_begins(home: Door, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = home.send("POST", "/session", headers=headers)

    assert code_of(answer) == "KEY_UNKNOWN"
    assert "set-cookie" not in answer.headers
    assert home.rows("SELECT FROM ops.sessions") == []


def test_a_session_is_no_key_to_another_session(door: Door) -> None:
    signed_in(door)

    assert code_of(door.send("POST", "/session")) == "KEY_UNKNOWN"


def test_a_session_id_that_somebody_planted_is_never_taken_over(door: Door) -> None:
    planted = "x" * 43
    name = door.entrance.cookie("redress")
    door.client.cookies.set(name, planted, domain="redress.example")
    key = door.issue()
    answer = door.send("POST", "/session", headers=bearer(key.secret))

    assert planted not in answer.headers["set-cookie"]
    assert refused(door, f"{name}={planted}") == "SESSION_EXPIRED"


def test_signing_in_again_ends_the_session_before(door: Door) -> None:
    first, _ = signed_in(door)
    second, _ = signed_in(door)

    assert first != second
    assert refused(door, first) == "SESSION_EXPIRED"
    assert door.caller("GET", cookie=second) is not None


# What other sites cannot do


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post"])
def test_a_change_with_the_cookie_needs_the_sessions_csrf_token(door: Door, method: str) -> None:
    cookie, token = signed_in(door)
    _, foreign = signed_in(door)
    cookie, token = signed_in(door)

    assert door.caller(method, cookie=cookie, x_csrf_token=token) is not None
    assert refused(door, cookie, method) == "CSRF"
    for wrong in (foreign, token[:-1], token + "x", "", "é"):
        assert refused(door, cookie, method, x_csrf_token=wrong) == "CSRF"


def test_reading_with_the_cookie_needs_no_csrf_token(door: Door) -> None:
    cookie, _ = signed_in(door)

    for method in ("GET", "HEAD", "OPTIONS"):
        assert door.caller(method, cookie=cookie) is not None


def test_a_bearer_wins_over_the_cookie(door: Door) -> None:
    cookie, _ = signed_in(door)
    other = door.issue(Role.AUDITOR, "auditor-1")

    caller = door.caller("POST", cookie=cookie, authorization=f"Bearer {other.secret}")
    assert caller is not None
    assert caller.role is Role.AUDITOR
    assert refused(door, cookie, authorization="Bearer rk_1.x") == "KEY_UNKNOWN"


def test_a_websocket_with_the_cookie_comes_from_this_site(door: Door) -> None:
    cookie, _ = signed_in(door)
    shake = {"upgrade": "WebSocket", "host": "redress.example"}

    assert door.caller("GET", cookie=cookie, origin=SITE, **shake) is not None
    for origin in ("https://evil.example", f"{SITE}.evil.example", "null", "", "http://x"):
        assert refused(door, cookie, "GET", origin=origin, **shake) == "CSRF"
    assert refused(door, cookie, "GET", **shake) == "CSRF"
    assert refused(door, cookie, "WEBSOCKET", host="redress.example") == "CSRF"
    checked = door.entrance.caller({"cookie": cookie}, method="WEBSOCKET", origin_checked=True)
    assert door.run(checked) is not None


def test_without_a_public_address_the_origin_is_that_of_the_host(home: Door) -> None:
    cookie, _ = signed_in(home)
    shake = {"upgrade": "websocket", "host": "127.0.0.1:8000"}

    assert home.caller("GET", cookie=cookie, origin="http://127.0.0.1:8000", **shake) is not None
    for origin in ("http://127.0.0.1:9000", "http://evil.example", "ftp://127.0.0.1:8000", "null"):
        assert refused(home, cookie, "GET", origin=origin, **shake) == "CSRF"
    assert refused(home, cookie, "GET", upgrade="websocket") == "CSRF"


# How it ends


def test_signing_out_ends_the_session_and_needs_the_csrf_token(door: Door) -> None:
    cookie, token = signed_in(door)
    assert code_of(door.send("DELETE", "/session"), 403) == "CSRF"
    assert door.caller("GET", cookie=cookie) is not None

    answer = door.send("DELETE", "/session", headers={"X-CSRF-Token": token})

    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert refused(door, cookie) == "SESSION_EXPIRED"
    assert code_of(door.send("DELETE", "/session")) == "NOT_SIGNED_IN"
    assert code_of(door.send("GET", "/session")) == "NOT_SIGNED_IN"


def test_an_idle_session_ends_and_one_in_use_does_not(door: Door) -> None:
    cookie, _ = signed_in(door)
    for _ in range(3):
        door.later(minutes=29)
        assert door.caller("GET", cookie=cookie) is not None

    door.later(minutes=30)
    assert refused(door, cookie) == "SESSION_EXPIRED"


def test_a_session_lasts_eight_hours_however_busy(door: Door) -> None:
    cookie, _ = signed_in(door)
    for _ in range(19):
        door.later(minutes=25)
        assert door.caller("GET", cookie=cookie) is not None

    door.later(minutes=5)
    assert refused(door, cookie) == "SESSION_EXPIRED"


def test_old_sessions_are_forgotten_when_a_new_one_begins(door: Door) -> None:
    signed_in(door)
    door.later(hours=9)
    signed_in(door)

    assert len(door.rows("SELECT FROM ops.sessions")) == 1


def test_a_revoked_or_expired_key_ends_the_sessions_made_from_it(door: Door) -> None:
    key = door.issue()
    door.send("POST", "/session", headers=bearer(key.secret))
    name = door.entrance.cookie("redress")
    cookie = f"{name}={door.client.cookies[name]}"
    assert door.caller("GET", cookie=cookie) is not None
    door.revoke(key)
    assert refused(door, cookie) == "SESSION_EXPIRED"

    brief = door.issue(expires_at=door.now().replace(year=door.now().year + 1))
    door.send("POST", "/session", headers=bearer(brief.secret))
    door.execute("UPDATE ops.api_keys SET expires_at = now() WHERE prefix = %s", brief.prefix)
    door.run(door.keys.reload())
    assert refused(door, f"{name}={door.client.cookies[name]}") == "KEY_EXPIRED"


def test_a_cookie_of_another_name_is_nobodys(door: Door) -> None:
    cookie, _ = signed_in(door)

    assert door.caller("GET", cookie="redress=" + cookie.partition("=")[2]) is None
    assert door.caller("GET", cookie="other=1") is None
    assert door.caller("GET") is None


# With the provider


def test_a_person_signs_in_at_the_provider(door: Door, provider: IdentityProvider) -> None:
    asked = begun(door)
    assert asked["redirect_uri"] == f"{SITE}/session/callback"
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid", "S256")

    answer = finished(door, code=provider.authorize(asked, "agent-1"), state=asked["state"])

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    told = door.send("GET", "/session").json()
    assert (told["actor"], told["role"]) == ("agent-1", "front_desk")
    assert told["units"] == ["department:PARCELS"]
    name = door.entrance.cookie("redress")
    cookie = f"{name}={door.client.cookies[name]}"
    assert refused(door, cookie, "POST") == "CSRF"
    assert door.caller("POST", cookie=cookie, x_csrf_token=told["csrfToken"]) is not None


def test_who_holds_several_roles_is_told_which(door: Door, provider: IdentityProvider) -> None:
    door.appoint("agent-1", Role.AUDITOR)
    asked = begun(door)
    finished(door, code=provider.authorize(asked, "agent-1"), state=asked["state"])

    told = door.send("GET", "/session").json()
    assert (told["role"], told["roles"]) == (None, ["auditor", "front_desk"])
    assert told["csrfToken"]
    chosen = door.send("GET", "/session", headers={"Redress-Role": "auditor"}).json()
    assert (chosen["role"], chosen["csrfToken"]) == ("auditor", told["csrfToken"])


def test_who_holds_no_appointment_begins_no_session(door: Door, provider: IdentityProvider) -> None:
    asked = begun(door)
    answer = finished(door, code=provider.authorize(asked, "stranger"), state=asked["state"])

    assert code_of(answer, 403) == "NO_APPOINTMENT"
    assert door.rows("SELECT FROM ops.sessions") == []


def test_the_answer_belongs_to_the_browser_that_asked(
    door: Door, provider: IdentityProvider
) -> None:
    """Otherwise somebody could sign others in as themselves."""
    attackers = begun(door)
    stolen = {"code": provider.authorize(attackers, "agent-1"), "state": attackers["state"]}

    begun(door)  # the victim's own, under another secret
    assert code_of(finished(door, **stolen)) == "LOGIN_FAILED"
    door.client.cookies.clear()
    assert code_of(finished(door, **stolen)) == "LOGIN_FAILED"
    assert door.rows("SELECT FROM ops.sessions") == []


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": AUDIENCE},
        {"aud": [CLIENT, "other"], "azp": "other"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
    ],
)
def test_an_id_token_is_for_this_sign_in_of_this_client(
    door: Door, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    asked = begun(door)
    code = provider.authorize(asked, "agent-1", **claims)

    refusal = code_of(finished(door, code=code, state=asked["state"]))

    assert refusal in {"LOGIN_FAILED", "TOKEN_INVALID", "TOKEN_EXPIRED"}
    assert door.rows("SELECT FROM ops.sessions") == []


def test_a_code_is_redeemed_with_the_verifier_once(door: Door, provider: IdentityProvider) -> None:
    asked = begun(door)
    code = provider.authorize(asked | {"code_challenge": "another"}, "agent-1")
    assert code_of(finished(door, code=code, state=asked["state"])) == "LOGIN_FAILED"

    asked = begun(door)
    code = provider.authorize(asked, "agent-1")
    assert finished(door, code=code, state=asked["state"]).status_code == 303
    assert code_of(finished(door, code=code, state=asked["state"])) == "LOGIN_FAILED"


@pytest.mark.parametrize("state", ["", "x", "é"])
def test_an_answer_without_the_state_of_this_sign_in_is_not_taken(
    door: Door, provider: IdentityProvider, state: str
) -> None:
    asked = begun(door)

    answer = finished(door, code=provider.authorize(asked, "agent-1"), state=state)

    assert code_of(answer) == "LOGIN_FAILED"
    assert provider.asked["/token"] == 0
    assert door.rows("SELECT FROM ops.sessions") == []


def test_a_sign_in_that_the_provider_refused_fails(door: Door) -> None:
    asked = begun(door)

    answer = finished(door, error="access_denied", state=asked["state"])

    assert code_of(answer) == "LOGIN_FAILED"
    assert "access_denied" not in answer.text


def test_a_provider_that_does_not_answer_is_said(door: Door, provider: IdentityProvider) -> None:
    provider.silent = True
    answer = door.send("GET", "/session/login", headers={"Accept-Language": "zh"})

    assert code_of(answer, 503) == "PROVIDER_UNAVAILABLE"
    assert "身份提供方" in answer.json()["detail"]


def test_an_id_token_opens_nothing_by_itself(door: Door, provider: IdentityProvider) -> None:
    with pytest.raises(UnauthenticatedError):
        door.bearer(provider.token(aud=CLIENT))


def test_without_a_provider_there_is_no_sign_in_at_one(home: Door) -> None:
    assert home.send("GET", "/session/login").status_code == 404
    assert code_of(finished(home, code="x", state="y")) == "LOGIN_FAILED"


# Settings


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"OIDC_ISSUER": "http://id.example", "OIDC_AUDIENCE": "a"}, "ISSUER must begin"),
        ({"OIDC_ISSUER": "https://u:p@id.example", "OIDC_AUDIENCE": "a"}, "ISSUER must begin"),
        ({"OIDC_ISSUER": "https://id.example"}, "AUDIENCE must be set"),
        ({"OIDC_CLIENT_ID": "c"}, "ISSUER must be set"),
        ({"OIDC_CLIENT_SECRET": "secret-word"}, "CLIENT_ID must be set"),
        (
            {"OIDC_ISSUER": "https://id.example", "OIDC_AUDIENCE": "c", "OIDC_CLIENT_ID": "c"},
            "an ID token opens nothing",
        ),
        ({"PUBLIC_URL": "http://redress.example"}, "PUBLIC_URL must be https"),
        ({"PUBLIC_URL": "https://redress.example/path"}, "PUBLIC_URL must be https"),
        (
            {
                "OIDC_ISSUER": "https://id.example",
                "OIDC_AUDIENCE": "a",
                "OIDC_CLIENT_ID": "c",
                "HOST": "0.0.0.0",  # noqa: S104
            },
            "PUBLIC_URL must be set",
        ),
    ],
)
def test_wrong_settings_of_the_sign_in_are_named(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says) as error:
        Settings.from_env({f"REDRESS_{name}": value for name, value in given.items()})

    assert "secret-word" not in str(error.value)


def test_the_clients_secret_is_never_shown(door: Door) -> None:
    settings = door.entrance.settings
    assert settings.oidc_client_secret is not None

    assert settings.oidc_client_secret.reveal() == SECRET
    assert SECRET not in repr(settings) + str(settings.oidc_client_secret)
