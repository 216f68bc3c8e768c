"""How the query compiler reads complaints: masks, parts, what stands beside them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from api.graphql.audit import timeline_page
from api.graphql.compiler.conditions import where
from api.graphql.compiler.declarations import (
    Emitter,
    One,
    Pages,
    Planning,
    Row,
    answers,
    column,
    derived,
    label_sql,
    listed,
    many,
    not_for_partners,
    one,
    page,
    part,
    personal,
    reads,
    relation,
    text_in,
    words,
)
from api.graphql.compiler.selection import Selected
from api.graphql.compiler.sql import (
    NULL,
    Json,
    chosen,
    expression,
    in_text,
    literal,
    or_null,
    quoted,
)
from api.graphql.complaints import (
    BETWEEN_CUSTOMER_AND_COMPANY,
    WORDS,
    ComplaintGroup,
    complaint_search,
    complaints_page,
    counted_conditions,
    queue_page,
)
from domain.categories import CATEGORIES
from domain.complaint_policy import DEFAULT_TERMS
from domain.complaint_words import Measure, QualityStep
from projections.complaint_policies import POLICY_STEPS
from projections.complaint_remarks import EVIDENCE, EVIDENCE_TEXTS, REMARKS
from projections.complaints import COMPLAINT_TEXTS, COMPLAINTS
from projections.tables import Table

_TEXTS: Final = (
    "complainant", "contact", "subject", "facts", "request", "explanation", "proposal", "answer",
    "ratingComment",
)  # fmt: skip


def _category_group(row: Row, _selected: Selected, _planning: Planning) -> Json:
    groups = {category.value: entry.group for category, entry in CATEGORIES.items()}
    return expression(
        chosen(row["category"], {value: f'"{group.name}"' for value, group in groups.items()})
    )


# The step: by the policy that the case keeps, or by the shipped terms


@dataclass(slots=True)
class _StepRow:
    state: str
    owner: str
    hours: int
    since: datetime
    due_at: datetime


def _step(row: Row) -> str:
    state, since = row["state"], row["state_since"]
    shipped = ", ".join(
        f"({quoted(limit.step.value)}, {quoted(limit.owner.value)}, {limit.hours})"
        for limit in DEFAULT_TERMS.steps
    )
    version = f"{row['policy']}::text || ':' || {row['policy_version']} || ':' || {state}"
    return (
        f"SELECT {state} AS state, owner, hours, {since} AS since,"
        f" {since} + hours * interval '1 hour' AS due_at FROM ("
        f"SELECT s.owner, s.hours FROM read.{POLICY_STEPS.name} AS s WHERE s.id = {version}"
        f" UNION ALL SELECT d.owner, d.hours FROM (VALUES {shipped}) AS d (step, owner, hours)"
        f" WHERE {row['policy']} IS NULL AND d.step = {state}) AS limits"
    )


reads("Step", Table("steps", _StepRow, key="state"))


# The checklist of the category


@dataclass(slots=True)
class _ChecklistRow:
    place: int
    item: str
    en: str
    zh: str
    outcome: str | None


def _checklist(row: Row) -> str:
    items = [
        f"({place}, {quoted(category.value)}, {quoted(item.code)}, {quoted(item.en)},"
        f" {quoted(item.zh)})"
        for category, entry in CATEGORIES.items()
        for place, item in enumerate(entry.checklist)
    ]
    settled = f"substring({row['settled_items']} from '(?:^| )' || v.item || ':([a-z_]+)')"
    return (
        f"SELECT v.place, v.item, v.en, v.zh, {settled} AS outcome"
        f" FROM (VALUES {', '.join(items)}) AS v (place, category, item, en, zh)"
        f" WHERE v.category = {row['category']}"
    )


reads("ChecklistEntry", Table("checklist", _ChecklistRow, key="place"), label=text_in("en", "zh"))


# Links


@dataclass(slots=True)
class _LinkRow:
    place: int
    kind: str
    target: str


def _links(row: Row) -> str:
    return (
        "SELECT place, split_part(link, ':', 1) AS kind, split_part(link, ':', 2) AS target"
        f" FROM unnest(string_to_array({row['links']}, ' '))"
        " WITH ORDINALITY AS linked (link, place)"
    )


def _target(row: Row, _selected: Selected, _planning: Planning) -> Json:
    named = f"initcap({row['kind']}) || ':' || {row['target']}"
    return in_text(f"encode(({named})::bytea, 'base64')", required=True)


reads("CaseLink", Table("links", _LinkRow, key="place"), targetId=_target)


# Evidence and remarks


def _of_evidence(name: str) -> Emitter:
    """Emit a text of evidence; to partners only of what they added themselves."""

    def emit(row: Row, selected: Selected, planning: Planning) -> Json:
        shown = personal(EVIDENCE_TEXTS, name)(row, selected, planning)
        if not planning.view.partner or not planning.view.may("personalData"):
            return shown
        added_by = row["added_by"]

        def own(binding: Any) -> str:
            return f"{added_by} = {binding.parameter(binding.context.caller.actor, 'text')}"

        return expression("CASE WHEN ", own, " THEN ", *shown.pieces(), " ELSE 'null' END")

    return emit


reads("Evidence", EVIDENCE, reference=_of_evidence("reference"), note=_of_evidence("note"))
reads("Remark", REMARKS, text=column("remark"))


def _told_to_partners(row: Row, planning: Planning) -> str:
    if not planning.view.partner:
        return "true"
    kinds = ", ".join(map(quoted, sorted(BETWEEN_CUSTOMER_AND_COMPANY)))
    return f"{row['kind']} IN ({kinds})"


def _remarks(row: Row, selected: Selected, planning: Planning) -> Json:
    if not planning.view.may("personalData"):
        return literal("[]")
    return many("Remark", "complaint", "position", where=_told_to_partners)(row, selected, planning)


def _feasibility(row: Row, _selected: Selected, planning: Planning) -> Json:
    if planning.view.partner or not planning.view.may("personalData"):
        return literal(NULL)
    return or_null([f"to_json({row['feasibility']})::text"])


reads(
    "Complaint",
    COMPLAINTS,
    operation="complaints",
    **{text: personal(COMPLAINT_TEXTS) for text in _TEXTS},
    categoryGroup=_category_group,
    accused=not_for_partners(column("accused")),
    policy=part(
        "PolicyReference",
        "policy",
        policyId=column("policy"),
        version=column("policy_version"),
        id=column("policy"),
    ),
    step=derived("Step", _step),
    resolution=part(
        "Resolution",
        "rule_source",
        measures=words("measures", Measure),
        measuresLeft=words("measures_left", Measure),
        feasibility=_feasibility,
    ),
    checklist=derived("ChecklistEntry", _checklist, "place"),
    qualitySteps=words("quality_steps", QualityStep),
    links=derived("CaseLink", _links, "place"),
    evidence=many("Evidence", "complaint", "position"),
    remarks=_remarks,
    timeline=page("CaseEntry", "case_id", timeline_page, "caseHistory"),
    clocks=many("SlaClock", "case_id", "started_at, id", operation="slaClocks"),
    mergedInto=one("Complaint", "merged_into", "complaints"),
    shipment=one("Shipment", "shipment", "shipments"),
)
answers("complaints", Pages("Complaint", complaints_page))
answers("workQueue", Pages("Complaint", queue_page))
answers("complaint", One("Complaint", complaint_search))


# Counts


@dataclass(slots=True)
class _CountRow:
    place: int
    key: str | None
    count: int


def _counts(selected: Selected, planning: Any) -> Json:
    group: ComplaintGroup = planning.argument(selected, "groupBy")
    values, given = WORDS.get(group), planning.given(selected)
    row = planning.row(_COUNTS)

    def key(counted: Row, _selected: Selected, _planning: Planning) -> Json:
        name = f"upper({counted['key']})" if values is not None else counted["key"]
        return or_null([f"to_json({name})::text"])

    def label(counted: Row, field: Selected, plan: Planning) -> Json:
        if values is None:
            return key(counted, field, plan)
        return or_null([label_sql(counted["key"], values, plan.argument(field, "lang"))])

    def within(binding: Any) -> str:
        arguments = given.values(binding)
        chosen_ones = counted_conditions(binding.context, arguments["filter"])
        return where(chosen_ones, COMPLAINTS, "", binding)

    found = planning.fields("ComplaintCount", row, selected.sets, {"key": key, "label": label})
    source = (
        f"(SELECT {group.value} AS key, count(*) AS count,"
        f" row_number() OVER (ORDER BY count(*) DESC, {group.value}) AS place"
        f" FROM {relation(COMPLAINTS)} WHERE "
    )
    rest = f" GROUP BY {group.value}) AS {row.alias}"
    return listed(found, row, "place", [source, within, rest])


_COUNTS: Final = Table("counts", _CountRow, key="place")
answers("complaintCounts", _counts)
