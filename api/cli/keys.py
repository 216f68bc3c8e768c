"""``redress keys``: API keys for programs and people."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, LiteralString
from uuid import UUID

import orjson
import psycopg
import typer
from psycopg.rows import dict_row

from api.bootstrap import utc_now
from api.cli.context import database, fail, open_commands, operator_call, run
from api.cli.demo import DEMONSTRATION_KEY
from api.refusals import refusal_message
from application.api_keys import (
    NARROWING,
    IssueApiKey,
    NewKey,
    Replaced,
    RevokeApiKey,
    make_key,
    unit_key,
)
from domain.errors import DomainError
from domain.organisation import UnitKey
from domain.roles import PersonId, Role, person_id

keys = typer.Typer(no_args_is_help=True, help="Create, rotate, list and revoke API keys.")

_ROLES = ", ".join(role.value for role in Role if role is not Role.SYSTEM)
_LISTED: LiteralString = """
SELECT k.prefix, k.role, k.holder, k.name, k.operations, k.units, k.expires_at, k.issued_at,
    k.revoked_at, u.used_at AS last_used_at
FROM ops.api_keys AS k LEFT JOIN ops.api_key_uses AS u ON u.key = k.id
ORDER BY k.issued_at
"""
_FIND: LiteralString = """
SELECT id, role, holder, name, operations, units, issued_at, expires_at
FROM ops.api_keys WHERE prefix = %s
"""
_FIND_DEMONSTRATION: LiteralString = """
SELECT id FROM ops.api_keys WHERE revoked_at IS NULL AND name = %s AND holder LIKE 'demo.%%'
"""
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Prefix = Annotated[str, typer.Argument(help="The part of the key before the dot.")]


@keys.command("create", epilog="Example: redress keys create --role front_desk --name kiosk --json")
def create(
    role: Annotated[str, typer.Option(help=f"One of {_ROLES}.")],
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    holder: Annotated[
        str | None, typer.Option(help="Opaque id of the person or partner; default: the key's own.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until it expires.", min=1, max=3650)
    ] = None,
    operation: Annotated[
        list[str] | None,
        typer.Option(help="Narrow it to this operation, or to read or write; may be repeated."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="Narrow it to this unit, such as department:PARCELS; may be repeated."),
    ] = None,
    *,
    as_json: _AsJson = False,
) -> None:
    """Create a key and print it once; only its digest is stored."""
    try:
        chosen = Role(role.strip().lower().replace("-", "_"))
    except ValueError:
        fail(f"--role must be one of {_ROLES}")
    if chosen is Role.SYSTEM:
        fail("the role system belongs to the system itself")
    key = make_key()
    try:
        owner = PersonId(key.prefix) if holder is None else person_id(holder, field="holder")
    except DomainError:
        fail("--holder must be 1 to 64 letters, digits, dots, colons, dashes, underscores")
    command = IssueApiKey(
        prefix=key.prefix,
        digest=key.digest,
        role=chosen,
        holder=owner,
        name=name,
        expires_at=None if days is None else utc_now() + timedelta(days=days),
        operations=tuple(operation) if operation else None,
        units=_units(unit) if unit else None,
    )
    _issue(command, key, as_json=as_json)


@keys.command("rotate", epilog="Example: redress keys rotate rk_0123456789ab --overlap 48")
def rotate(
    prefix: _Prefix,
    overlap: Annotated[
        int, typer.Option(help="Hours for which the old key still opens.", min=0, max=24 * 90)
    ] = 24,
    *,
    as_json: _AsJson = False,
) -> None:
    """Print a new key of the same right; the old one ends after the overlap.

    A key that expires is followed by one that lasts as long.
    """
    old, key, now = _find(prefix), make_key(), utc_now()
    lasts: timedelta | None = old["expires_at"] and old["expires_at"] - old["issued_at"]
    command = IssueApiKey(
        prefix=key.prefix,
        digest=key.digest,
        role=Role(old["role"]),
        holder=PersonId(old["holder"]),
        name=old["name"],
        expires_at=None if lasts is None else now + lasts,
        operations=None if old["operations"] is None else tuple(old["operations"]),
        units=None if old["units"] is None else tuple(map(unit_key, old["units"])),
        replaces=Replaced(old["id"], until=now + timedelta(hours=overlap)),
    )
    _issue(command, key, as_json=as_json)


@keys.command("list", epilog="Example: redress keys list --json")
def list_keys(*, as_json: _AsJson = False) -> None:
    """List keys: prefix, role, holder, scope, expiry, last use. Never the key itself."""
    with (
        database(log_level="WARNING") as opened,
        psycopg.connect(opened.conninfo, row_factory=dict_row) as connection,
    ):
        listed = connection.execute(_LISTED).fetchall()
    if as_json:
        typer.echo(orjson.dumps({"keys": listed}))
        return
    now = utc_now()
    for key in listed:
        used: datetime | None = key["last_used_at"]
        last = "never used" if used is None else f"used {used.astimezone(UTC):%Y-%m-%d %H:%MZ}"
        narrowed = " ".join([*(key["operations"] or ()), *(key["units"] or ())])
        typer.echo(
            f"{key['prefix']}  {key['role']:<16} {key['holder']:<24} {_state(key, now):<8}"
            f" {last:<22} {narrowed}".rstrip()
        )


@keys.command("revoke", epilog="Example: redress keys revoke rk_0123456789ab")
def revoke(
    prefix: Annotated[
        str | None, typer.Argument(help="The part of the key before the dot.")
    ] = None,
    *,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Revoke all demonstration keys.")
    ] = False,
) -> None:
    """Revoke a key; a running server refuses it at once, and sessions made from it."""
    if (prefix is None) is not demonstration:
        fail("give the part of a key before the dot, or --demonstration")
    if prefix is not None:
        _revoke([_find(prefix)["id"]])
        typer.echo(f"revoked {prefix}")
        return
    with database(log_level="WARNING") as opened, psycopg.connect(opened.conninfo) as connection:
        rows = connection.execute(_FIND_DEMONSTRATION, [DEMONSTRATION_KEY]).fetchall()
    _revoke([row[0] for row in rows])
    typer.echo(f"revoked {len(rows)} demonstration keys")


def _units(given: list[str]) -> tuple[UnitKey, ...]:
    try:
        return tuple(map(unit_key, given))
    except ValueError:
        fail(f"--unit must be kind:code, with one of {', '.join(NARROWING)}")


def _find(prefix: str) -> dict[str, Any]:
    with (
        database(log_level="WARNING") as opened,
        psycopg.connect(opened.conninfo, row_factory=dict_row) as connection,
    ):
        row = connection.execute(_FIND, [prefix]).fetchone()
    if row is None:
        fail(f"no key begins with {prefix}: see `redress keys list`")
    return row


def _issue(command: IssueApiKey, key: NewKey, *, as_json: bool) -> None:
    """Issue a key, and print it now or never."""

    async def issue() -> None:
        async with open_commands() as dispatcher:
            try:
                await dispatcher.execute(command, operator_call())
            except DomainError as refusal:
                fail(refusal_message(refusal, "en"))

    run(issue)
    if as_json:
        answer = {
            "key": key.secret,
            "prefix": key.prefix,
            "role": command.role.value,
            "holder": command.holder,
        }
        typer.echo(orjson.dumps(answer))
    else:
        typer.echo(key.secret)


def _revoke(found: list[UUID]) -> None:
    async def take_back() -> None:
        async with open_commands() as dispatcher:
            for key in found:
                try:
                    await dispatcher.execute(RevokeApiKey(key=key), operator_call())
                except DomainError as refusal:
                    fail(refusal_message(refusal, "en"))

    run(take_back)


def _state(key: dict[str, Any], now: datetime) -> str:
    if key["revoked_at"]:
        return "revoked"
    return "expired" if key["expires_at"] and key["expires_at"] <= now else "live"
