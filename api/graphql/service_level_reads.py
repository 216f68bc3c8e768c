"""How the query compiler reads clocks; what was at a past moment is left to ordinary execution."""

from typing import Any

from graphql import GraphQLNonNull

from api.deadline_words import CHINESE, clock_words
from api.graphql.compiler.declarations import (
    Emitter,
    Pages,
    Planning,
    Row,
    answers,
    column,
    json_text,
    not_for_partners,
    one,
    part,
    reads,
    text_in,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import Json, UnsupportedError, chosen, expression, in_text
from api.graphql.context import Context
from api.graphql.scalars import AsOf
from api.graphql.service_levels import SlaClockFilter, clocks_page
from projections.paging import Listing
from projections.service_levels import SLA_CLOCKS, ClockRow


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


def _clocks_now(
    context: Context,
    filter: SlaClockFilter | None,  # noqa: A002  the schema's word
    as_of: AsOf | None,
    **window: Any,
) -> Listing[ClockRow]:
    if as_of is not None:
        raise UnsupportedError("asOf")
    return clocks_page(context, filter, None, **window)


reads(
    "SlaClock",
    SLA_CLOCKS,
    operation="slaClocks",
    caseId=_case_id,
    label=text_in("name_en", "name_zh"),
    policy=part("CodeVersion", code=column("policy"), version=column("policy_version")),
    calendar=part("CodeVersion", code=column("calendar"), version=column("calendar_version")),
    startedByLabel=_word("started_by"),
    endedByLabel=_word("ended_by"),
    handler=not_for_partners(column("handler")),
    complaint=one("Complaint", "case_id", "complaints"),
)
answers("slaClocks", Pages("SlaClock", _clocks_now))
