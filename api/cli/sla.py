"""``redress sla``: why the deadlines of a case are what they are. Reads only."""

from datetime import datetime
from typing import Annotated, Any, Final, LiteralString
from uuid import UUID

import orjson
import typer

from api.bootstrap import open_event_store
from api.case_state import Moment
from api.cli.context import database, fail_in, run, settings
from api.deadline_words import arithmetic, day_text, text_of
from api.service_levels import Explanation, explain_case
from application.desk import EventStore
from domain.case_clocks import clock_id
from domain.notifying import Language
from domain.service_levels.docket import Docket
from projections.service_levels import DocketRow, docket_of

sla = typer.Typer(no_args_is_help=True, help="Explain the deadlines of cases.")

_FIND: LiteralString = """
SELECT d.case_id, d.stream, d.docket FROM read.sla_dockets AS d WHERE d.case_id = %(id)s
    OR d.case_id IN (SELECT c.id FROM read.complaints AS c WHERE c.number = %(number)s)
    OR d.case_id IN (SELECT a.id FROM read.appeals AS a WHERE a.number = %(number)s)
    OR d.case_id IN (SELECT s.id FROM read.shipments AS s WHERE s.waybill = %(number)s)
"""
_LONGEST: Final = 100
_NO_CLOCKS: Final = {
    Language.EN: "{} has no clocks.",
    Language.ZH: "{}没有时限。",
}


@sla.command("explain", epilog="Example: redress sla explain C-2026-000012 --lang zh")
def explain(
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its number, waybill or id.")],
    lang: Annotated[Language, typer.Option("--lang", help="The language.")] = Language.EN,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="INSTANT", help="As of this business time (RFC 3339)."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print every clock of a case: its reckoning, and every day with why it counts or not."""
    moment = None if as_of is None else Moment("occurred_at", _instant(as_of, lang))

    async def explained() -> tuple[Docket, list[Explanation]]:
        chosen = settings()
        with database(migrate=False, log_level="WARNING") as opened:
            async with open_event_store(
                opened.conninfo, opened.master, zone=chosen.timezone, cached=1
            ) as store:
                docket = await _docket(store, case, lang)
                return docket, await explain_case(store, docket, moment)

    docket, found = run(explained)
    if as_json:
        clocks = [_as_json(docket, of, lang) for of in found]
        number, case_id = docket.facts.number, docket.case
        typer.echo(orjson.dumps({"case": number, "id": case_id, "clocks": clocks}))
        return
    if not found:
        typer.echo(_NO_CLOCKS[lang].format(docket.facts.number))
    for place, of in enumerate(found):
        if place:
            typer.echo()
        _print(of, lang)


def _instant(text: str, lang: Language) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        fail_in(
            lang,
            en="an instant is written like 2026-03-02T10:00:00+08:00, with its time zone",
            zh="时间须写作2026-03-02T10:00:00+08:00的形式，并带有时区",
        )
    return found


async def _docket(store: EventStore, case: str, lang: Language) -> Docket:
    try:
        key = UUID(case)
    except ValueError:
        key = None
    asked = {"id": key, "number": case}
    if len(case) > _LONGEST or not case.isprintable():
        fail_in(
            lang,
            en="a case is named by its number, such as C-2026-000012, or by its id",
            zh="请以编号（例如C-2026-000012）或标识符指明案件",
        )
    async with store.pool.connection() as connection:
        row = await (await connection.execute(_FIND, asked)).fetchone()
    if row is None:
        fail_in(
            lang,
            en=f"there is no case {case!r} with clocks; a new one is there after `redress project`",
            zh=f"没有带时限的案件{case!r}；新案件在运行`redress project`之后可查",
        )
    return docket_of(DocketRow(*row))


def _print(of: Explanation, lang: Language) -> None:
    clock = of.clock
    name = of.terms.name_zh if lang is Language.ZH else of.terms.name_en
    typer.echo(f"{name} ({clock.code} {clock.number}): {text_of(clock.state, lang)}")
    typer.echo(arithmetic(of, lang))
    for day in of.days:
        step, kind, named = day_text(day, lang)
        counted = day.number or ""
        typer.echo(f"  {day.day}  {counted:>3}  {step}; {': '.join(filter(None, (kind, named)))}")


def _as_json(docket: Docket, of: Explanation, lang: Language) -> dict[str, Any]:
    clock = of.clock
    days = []
    for day in of.days:
        step, kind, name = day_text(day, lang)
        labels = {"step_label": step, "kind_label": kind, "name": name or None}
        days.append(
            {"day": day.day, "step": day.step, "kind": day.kind, "number": day.number} | labels
        )
    return {
        "id": clock_id(docket.case, clock.code, clock.number),
        "clock": clock.code,
        "number": clock.number,
        "state": clock.state,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "rolled_to": clock.rolled_to,
        "provisional": clock.provisional,
        "ended_at": clock.ended_at,
        "policy": {"code": clock.policy, "version": clock.policy_version},
        "calendar": {"code": clock.calendar, "version": clock.calendar_version},
        "time_zone": clock.zone,
        "arithmetic": arithmetic(of, lang),
        "days": days,
    }
