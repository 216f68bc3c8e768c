"""Settings from the environment, read once; ``redress doctor`` prints them with their source."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from application.notifying.senders import address_of
from application.notifying.smtp import SmtpServer

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

_NOBODY: Final = "Redress <redress@localhost.invalid>"
"""Who notices in files are from, where nobody else is named."""


class SettingsError(Exception):
    """One or more settings are wrong; the message names each with its rule."""


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
    smtp_url: SmtpServer | None
    notices_from: str
    given: frozenset[str]
    """The names of the variables that were set."""

    @property
    def embedded(self) -> bool:
        """Whether the embedded PostgreSQL is used."""
        return self.database_url is None

    @property
    def loopback(self) -> bool:
        """Whether the server is reachable from this machine only."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

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
        if faults:
            raise SettingsError("; ".join(faults))
        return cls(
            database_url=url,
            data_dir=Path(environ.get("REDRESS_DATA_DIR") or ".redress").absolute(),
            host=environ.get("REDRESS_HOST") or "127.0.0.1",
            port=port,
            timezone=zone,
            log_level=level,
            oidc_issuer=environ.get("REDRESS_OIDC_ISSUER") or None,
            oidc_audience=environ.get("REDRESS_OIDC_AUDIENCE") or None,
            smtp_url=smtp,
            notices_from=sender or _NOBODY,
            given=frozenset(name for name in variable_names() if environ.get(name)),
        )


def variable_names() -> tuple[str, ...]:
    """Return the names of all environment variables that are settings."""
    return tuple(f"REDRESS_{f.name.upper()}" for f in fields(Settings) if f.name != "given")
