"""Settings from the environment, read once; ``redress doctor`` prints them with their source."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from application.notifying.senders import address_of
from application.notifying.smtp import SmtpServer

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

_NOBODY: Final = "Redress <redress@localhost.invalid>"
"""Who notices in files are from, where nobody else is named."""

_SWITCHES: Final = {"TRUSTED_ONLY": False, "INTROSPECTION": True, "SUGGESTIONS": True}
_SHARES: Final = {"REQUESTS_PER_MINUTE": 6_000, "COST_PER_MINUTE": 10_000_000}
_DIGITS: Final = 16

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """One or more settings are wrong; the message names each with its rule."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is neither printed nor logged."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text; only for whom it is meant."""
        return self._text

    def __str__(self) -> str:
        return "***"


def is_safe_url(url: str) -> bool:
    """Say whether it is an address to which secrets may go: https, or this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; see the table in README.md."""

    database_url: str | None
    data_dir: Path
    host: str
    port: int
    timezone: ZoneInfo
    log_level: str
    oidc_issuer: str | None
    oidc_audience: str | None
    oidc_client_id: str | None
    oidc_client_secret: Secret | None
    public_url: str | None
    smtp_url: SmtpServer | None
    notices_from: str
    trusted_documents: Path | None
    trusted_only: bool
    introspection: bool
    suggestions: bool
    requests_per_minute: int
    cost_per_minute: int
    given: frozenset[str]
    """The names of the variables that were set."""

    @property
    def embedded(self) -> bool:
        """Whether the embedded PostgreSQL is used."""
        return self.database_url is None

    @property
    def loopback(self) -> bool:
        """Whether the server is reachable from this machine only."""
        return self.host in _LOOPBACK

    @property
    def address(self) -> str:
        """Where browsers find the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def secure(self) -> bool:
        """Whether browsers come over https; only on the machine itself they need not."""
        if self.public_url is not None:
            return self.public_url.startswith("https://")
        return not self.loopback

    @property
    def master_key_file(self) -> Path:
        """Where the key is that wraps the keys of data subjects."""
        return self.data_dir / "keys" / "master.key"

    @property
    def demo_keys_file(self) -> Path:
        """Where the first ``make run`` writes the demonstration keys."""
        return self.data_dir / "demo-keys.json"

    @property
    def outbox(self) -> Path:
        """Where notices lie that do not leave by e-mail."""
        return self.data_dir / "outbox"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and check everything; SettingsError lists all faults at once."""
        faults: list[str] = []
        port_text = environ.get("REDRESS_PORT") or "8000"
        port = int(port_text) if port_text.isascii() and port_text.isdecimal() else -1
        if not 0 <= port <= 65535:  # noqa: PLR2004  the range of ports
            faults.append(f"REDRESS_PORT must be a number from 0 to 65535, not {port_text!r}")
        zone_name = environ.get("REDRESS_TIMEZONE") or "Asia/Shanghai"
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
            faults.append(f"REDRESS_TIMEZONE must name an IANA time zone, not {zone_name!r}")
        level = (environ.get("REDRESS_LOG_LEVEL") or "INFO").upper()
        if level not in _LOG_LEVELS:
            faults.append(f"REDRESS_LOG_LEVEL must be one of {', '.join(_LOG_LEVELS)}")
        url = environ.get("REDRESS_DATABASE_URL") or None
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            faults.append("REDRESS_DATABASE_URL must begin with postgresql://")
        smtp = None
        try:
            smtp_url = environ.get("REDRESS_SMTP_URL")
            smtp = SmtpServer.from_url(smtp_url) if smtp_url else None
        except ValueError as fault:  # it may hold a password: name the rule alone
            faults.append(f"REDRESS_SMTP_URL {fault}")
        sender = environ.get("REDRESS_NOTICES_FROM") or ""
        if address_of(sender or _NOBODY) is None:
            faults.append("REDRESS_NOTICES_FROM must be an address such as Care <care@example.com>")
        elif smtp is not None and not sender:
            faults.append("REDRESS_NOTICES_FROM must be set, too, since REDRESS_SMTP_URL is")
        faults += _sign_in_faults(environ)
        switches = {name: _switch(environ, name, faults) for name in _SWITCHES}
        shares = {name: _share(environ, name, faults) for name in _SHARES}
        manifest = environ.get("REDRESS_TRUSTED_DOCUMENTS") or None
        if switches["TRUSTED_ONLY"] and manifest is None:
            faults.append(
                "REDRESS_TRUSTED_DOCUMENTS must be set, too, since REDRESS_TRUSTED_ONLY is"
            )
        if faults:
            raise SettingsError("; ".join(faults))
        secret = environ.get("REDRESS_OIDC_CLIENT_SECRET")
        return cls(
            database_url=url,
            data_dir=Path(environ.get("REDRESS_DATA_DIR") or ".redress").absolute(),
            host=environ.get("REDRESS_HOST") or "127.0.0.1",
            port=port,
            timezone=zone,
            log_level=level,
            oidc_issuer=environ.get("REDRESS_OIDC_ISSUER") or None,
            oidc_audience=environ.get("REDRESS_OIDC_AUDIENCE") or None,
            oidc_client_id=environ.get("REDRESS_OIDC_CLIENT_ID") or None,
            oidc_client_secret=Secret(secret) if secret else None,
            public_url=(environ.get("REDRESS_PUBLIC_URL") or "").rstrip("/") or None,
            smtp_url=smtp,
            notices_from=sender or _NOBODY,
            trusted_documents=None if manifest is None else Path(manifest).absolute(),
            trusted_only=switches["TRUSTED_ONLY"],
            introspection=switches["INTROSPECTION"],
            suggestions=switches["SUGGESTIONS"],
            requests_per_minute=shares["REQUESTS_PER_MINUTE"],
            cost_per_minute=shares["COST_PER_MINUTE"],
            given=frozenset(name for name in variable_names() if environ.get(name)),
        )


def variable_names() -> tuple[str, ...]:
    """Return the names of all environment variables that are settings."""
    return tuple(f"REDRESS_{f.name.upper()}" for f in fields(Settings) if f.name != "given")


def _switch(environ: Mapping[str, str], name: str, faults: list[str]) -> bool:
    text = (environ.get(f"REDRESS_{name}") or "").lower()
    if text not in {"", "on", "off"}:
        faults.append(f"REDRESS_{name} must be on or off")
    return _SWITCHES[name] if not text else text == "on"


def _share(environ: Mapping[str, str], name: str, faults: list[str]) -> int:
    text = environ.get(f"REDRESS_{name}") or str(_SHARES[name])
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else 0
    if not number:
        faults.append(f"REDRESS_{name} must be a whole number from 1 up, not {text!r}")
    return number


def _sign_in_faults(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the settings for the sign-in of people."""
    issuer, audience, client, secret, public = (
        environ.get(f"REDRESS_{name}") or ""
        for name in (
            *("OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"),
            "PUBLIC_URL",
        )
    )
    at_home = (environ.get("REDRESS_HOST") or "127.0.0.1") in _LOOPBACK
    rules = {
        "REDRESS_OIDC_ISSUER must begin with https://": issuer and not is_safe_url(issuer),
        "REDRESS_OIDC_AUDIENCE must be set, too, since REDRESS_OIDC_ISSUER is": issuer
        and not audience,
        "REDRESS_OIDC_ISSUER must be set, too, since REDRESS_OIDC_CLIENT_ID is": client
        and not issuer,
        "REDRESS_OIDC_CLIENT_ID must be set, too, since REDRESS_OIDC_CLIENT_SECRET is": secret
        and not client,
        "REDRESS_OIDC_AUDIENCE must not be REDRESS_OIDC_CLIENT_ID: an ID token opens nothing": (
            client and audience == client
        ),
        "REDRESS_PUBLIC_URL must be https://host, without a path": public
        and not (is_safe_url(public) and public.rstrip("/").count("/") == 2),  # noqa: PLR2004
        "REDRESS_PUBLIC_URL must be set, too, since REDRESS_OIDC_CLIENT_ID is": client
        and not public
        and not at_home,
    }
    return [rule for rule, broken in rules.items() if broken]
