"""Parts of a complaint in the schema."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import strawberry

from api.graphql.commands import copied
from api.graphql.context import ApiInfo
from api.graphql.nodes import global_id
from api.graphql.scalars import Lang, Long, label
from domain.categories import CATEGORIES, Category, ChecklistItem
from domain.complaint_life import ComplaintState
from domain.complaint_policy import DEFAULT_TERMS
from domain.complaint_words import (
    ChecklistOutcome,
    EvidenceKind,
    LinkedKind,
    Measure,
    RuleSource,
)
from domain.roles import Role
from projections.complaint_policies import POLICY_STEPS, PolicyStepRow
from projections.complaint_remarks import EvidenceRow, EvidenceTextsRow, RemarkRow
from projections.complaints import ComplaintRow


@strawberry.type(description="A version of a policy.")
class PolicyReference:
    """The policy that a case keeps."""

    policy_id: UUID
    version: int
    id: UUID = strawberry.field(deprecation_reason="It is that of the policy: use policyId.")


def policy_of(row: ComplaintRow) -> PolicyReference | None:
    """Return the policy version that a case keeps."""
    if row.policy is None or row.policy_version is None:
        return None
    return PolicyReference(policy_id=row.policy, version=row.policy_version, id=row.policy)


@strawberry.type(description="The step that a case is in: who is responsible, and until when.")
class Step:
    """A step of the policy, for this case."""

    state: ComplaintState
    owner: Role
    hours: int
    since: datetime
    due_at: datetime

    @strawberry.field(description="The role that is responsible, by name.")
    def owner_label(self, lang: Lang = Lang.EN) -> str:
        """Name the role."""
        return label(self.owner, lang)


async def step_of(row: ComplaintRow, info: ApiInfo) -> Step | None:
    """Return the step of a case by its policy, or by the shipped terms if it keeps none."""
    state = ComplaintState(row.state)
    if row.policy is None:
        limit = DEFAULT_TERMS.step(state)
        if limit is None:
            return None
        owner, hours = limit.owner, limit.hours
    else:
        key = f"{row.policy}:{row.policy_version}:{row.state}"
        found: PolicyStepRow | None = await info.context.loader(POLICY_STEPS).load(key)
        if found is None:
            return None
        owner, hours = Role(found.owner), found.hours
    due_at = row.state_since + timedelta(hours=hours)
    return Step(state=state, owner=owner, hours=hours, since=row.state_since, due_at=due_at)


@strawberry.type(description="What was proposed to settle a complaint; it never pays.")
class Resolution:
    """A resolution names its rule and its measures."""

    rule_source: RuleSource
    rule: str
    measures: list[Measure]
    measures_left: list[Measure]
    feasibility: str | None
    proposed_at: datetime | None
    agreed_at: datetime | None


def resolution_of(row: ComplaintRow, *, feasibility: bool) -> Resolution | None:
    """Return the resolution that stands."""
    if row.rule_source is None or row.rule is None:
        return None
    return Resolution(
        rule_source=RuleSource(row.rule_source),
        rule=row.rule,
        measures=[Measure(measure) for measure in row.measures.split()],
        measures_left=[Measure(measure) for measure in row.measures_left.split()],
        feasibility=row.feasibility if feasibility else None,
        proposed_at=row.proposed_at,
        agreed_at=row.agreed_at,
    )


@strawberry.type(description="A measure of the category's checklist.")
class ChecklistEntry:
    """An item, and how it was settled."""

    entry: strawberry.Private[ChecklistItem]
    item: str
    outcome: ChecklistOutcome | None

    @strawberry.field(description="The measure in a language.")
    def label(self, lang: Lang = Lang.EN) -> str:
        """Name the measure."""
        return self.entry.zh if lang is Lang.ZH else self.entry.en


def checklist_of(row: ComplaintRow) -> list[ChecklistEntry]:
    """Return the checklist of a case; it begins when the case is registered."""
    settled = dict(entry.split(":") for entry in row.settled_items.split())
    return [
        ChecklistEntry(
            entry=item,
            item=item.code,
            outcome=ChecklistOutcome(settled[item.code]) if item.code in settled else None,
        )
        for item in CATEGORIES[Category(row.category)].checklist
    ]


@strawberry.type(description="A reference to evidence; the digest proves what lies there.")
class Evidence:
    """A piece of evidence; reference and note only for roles that may read personal data."""

    id: strawberry.ID
    number: int
    kind: EvidenceKind
    media_type: str
    size: Long
    sha256: str
    reference: str | None
    note: str | None
    added_at: datetime
    added_by: str
    superseded_at: datetime | None
    superseded_by: int | None


@strawberry.type(description="Something else that belongs to the case.")
class CaseLink:
    """A shipment or another complaint, by its id."""

    kind: LinkedKind
    target_id: strawberry.ID


def links_of(row: ComplaintRow) -> list[CaseLink]:
    """Return what a complaint was linked with, in that order."""
    named = [link.split(":") for link in row.links.split()]
    return [
        CaseLink(
            kind=LinkedKind(kind), target_id=global_id(LinkedKind(kind).name.title(), UUID(target))
        )
        for kind, target in named
    ]


def evidence_type(row: EvidenceRow, texts: EvidenceTextsRow | None, *, shown: bool) -> Evidence:
    """Return the type of a row."""
    return copied(
        Evidence,
        row,
        id=global_id("Evidence", row.position),
        kind=EvidenceKind(row.kind),
        reference=texts.reference if shown and texts is not None else None,
        note=texts.note if shown and texts is not None else None,
    )


@strawberry.type(description="Words of or to the customer, or about what was found out.")
class Remark:
    """A remark; kind is the name of the event that brought it."""

    id: strawberry.ID
    position: Long
    kind: str
    occurred_at: datetime
    actor: str
    text: str | None


def remark_type(row: RemarkRow) -> Remark:
    """Return the type of a row."""
    made: Any = copied(Remark, row, id=global_id("Remark", row.position), text=row.remark)
    return made  # type: ignore[no-any-return]
