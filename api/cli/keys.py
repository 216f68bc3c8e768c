"""``redress keys``: API keys for programs and people."""

from datetime import timedelta
from typing import Annotated

import orjson
import psycopg
import typer

from api.bootstrap import utc_now
from api.cli.context import database, fail, open_commands, operator_call, run
from api.refusals import refusal_message
from application.api_keys import IssueApiKey, RevokeApiKey, make_key
from domain.errors import DomainError
from domain.roles import PersonId, Role, person_id

keys = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")

_ROLES = ", ".join(role.value for role in Role if role is not Role.SYSTEM)
_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


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
    )

    async def issue() -> None:
        async with open_commands() as dispatcher:
            try:
                await dispatcher.execute(command, operator_call())
            except DomainError as refusal:
                fail(refusal_message(refusal, "en"))

    run(issue)
    if as_json:
        answer = {"key": key.secret, "prefix": key.prefix, "role": chosen.value, "holder": owner}
        typer.echo(orjson.dumps(answer))
    else:
        typer.echo(key.secret)


@keys.command("list", epilog="Example: redress keys list --json")
def list_keys(*, as_json: _AsJson = False) -> None:
    """List keys: prefix, role, holder, name, expiry, whether revoked. Never the key itself."""
    with database(log_level="WARNING") as opened, psycopg.connect(opened.conninfo) as connection:
        rows = connection.execute(
            "SELECT prefix, role, holder, name, expires_at, issued_at, revoked_at"
            " FROM ops.api_keys ORDER BY issued_at"
        ).fetchall()
    names = ("prefix", "role", "holder", "name", "expires_at", "issued_at", "revoked_at")
    listed = [dict(zip(names, row, strict=True)) for row in rows]
    if as_json:
        typer.echo(orjson.dumps({"keys": listed}))
        return
    for key in listed:
        state = "revoked" if key["revoked_at"] else "live"
        typer.echo(f"{key['prefix']}  {key['role']:<16} {key['holder']:<24} {state}")


@keys.command("revoke", epilog="Example: redress keys revoke rk_0123456789ab")
def revoke(
    prefix: Annotated[str, typer.Argument(help="The part of the key before the dot.")],
) -> None:
    """Revoke a key; a running server refuses it at once."""

    async def take_back() -> None:
        async with open_commands() as dispatcher:
            with database(log_level="WARNING") as opened:
                with psycopg.connect(opened.conninfo) as connection:
                    row = connection.execute(
                        "SELECT id FROM ops.api_keys WHERE prefix = %s", [prefix]
                    ).fetchone()
                if row is None:
                    fail(f"no key begins with {prefix}: see `redress keys list`")
                try:
                    await dispatcher.execute(RevokeApiKey(key=row[0]), operator_call())
                except DomainError as refusal:
                    fail(refusal_message(refusal, "en"))

    run(take_back)
    typer.echo(f"revoked {prefix}")
