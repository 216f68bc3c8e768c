"""How the query compiler reads clocks, as they stand and as they stood."""

from typing import Any

from graphql import GraphQLNonNull

from api.deadline_words import CHINESE, clock_words
from api.graphql.compiler.declarations import (
    Emitter,
    Planning,
    Row,
    answers,
    column,
    id_of,
    json_text,
    not_for_partners,
    one,
    part,
    reads,
    text_in,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, chosen, expression, in_text, joined
from api.graphql.service_levels import clocks_page
from projections.service_levels import SLA_CLOCKS, SLA_PAST


def _case_id(row: Row, _selected: Selected, _planning: Planning) -> Json:
    named = f"initcap({row['case_kind']}) || ':' || {row['case_id']}"
    return in_text(f"encode(({named})::bytea, 'base64')", required=True)


def _word(of: str) -> Emitter:
    """Emit the name of a mark; one that is in no vocabulary any more is its own name."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        chinese = planning.argument(selected, "lang").value == CHINESE
        words = clock_words().values()
        told = {word.code: json_text(word.zh if chinese else word.en) for word in words}
        otherwise = f"to_json({row[of]})::text"
        if not isinstance(selected.definition.type, GraphQLNonNull):
            otherwise += ", 'null'"
        return expression(f"coalesce({chosen(row[of], told)}, {otherwise})")

    return emit


def _clocks(selected: Selected, planning: Any) -> Json:
    """Emit the page of now and that of a past moment: each request says which one it asks."""
    given = planning.given(selected)
    now, then = (
        joined(planning.page("SlaClock", table, selected, clocks_page, None).pieces())
        for table in (SLA_CLOCKS, SLA_PAST)
    )

    def asked(binding: Any) -> str:
        pieces = now if given.values(binding)["as_of"] is None else then
        return str(binding.render(pieces))

    return expression(asked)


reads(
    "SlaClock",
    SLA_CLOCKS,
    operation="slaClocks",
    id=id_of("SlaClock", "id"),  # also where a row is a past state of it
    caseId=_case_id,
    label=text_in("name_en", "name_zh"),
    policy=part("CodeVersion", code=column("policy"), version=column("policy_version")),
    calendar=part("CodeVersion", code=column("calendar"), version=column("calendar_version")),
    startedByLabel=_word("started_by"),
    endedByLabel=_word("ended_by"),
    handler=not_for_partners(column("handler")),
    complaint=one("Complaint", "case_id", "complaints"),
)
answers("slaClocks", _clocks)
