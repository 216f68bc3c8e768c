"""The history of every case: who did what, when, why, under which rule, as a sentence.

Beside it stand the links between aggregates, by which the histories of one case are joined.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.api_key import ApiKey
from projections.engine import Batch, Entry, Handler, Projection
from projections.sentences import SENTENCES, says
from projections.tables import Table

says(
    ApiKey.Issued,
    en="API key {prefix} issued to {holder} as {key_role.en}",
    zh="向{holder}发放API密钥{prefix}，角色：{key_role.zh}",
)
says(ApiKey.Revoked, en="API key revoked", zh="吊销API密钥")

MOST_LINKS: Final = 16
"""How many links an event may have at most."""


@dataclass(slots=True)
class CaseEntryRow:
    """One step of a case: both times, the person, the role, the reason, the policy, a sentence.

    ``case_id`` is the aggregate that it happened to: each is the root of a case of its own.
    """

    position: int
    case_id: UUID
    aggregate_kind: str
    version: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    role: str
    reason: str | None
    correlation: UUID
    causation: UUID | None
    policy: UUID | None
    policy_version: int | None
    source_kind: str
    source_name: str | None
    historical: bool
    sentence_en: str
    sentence_zh: str


@dataclass(slots=True)
class CaseLinkRow:
    """An event of one aggregate named another one in the field ``relation``."""

    id: int
    position: int
    from_id: UUID
    to_id: UUID
    relation: str
    occurred_at: datetime
    recorded_at: datetime


class _Words:
    """What a sentence may name: the event's fields, and words for those that are none themselves.

    ``{paid_en}`` and ``{paid_zh}`` of a field ``paid`` say yes or no, or list the names in it.
    """

    __slots__ = ("_values",)

    def __init__(self, event: DomainEvent) -> None:
        self._values = vars(event)

    def __getitem__(self, name: str) -> Any:
        values = self._values
        if name in values:
            value = values[name]
            return "–" if value is None else value
        field, _, language = name.rpartition("_")
        value, chinese = values[field], language == "zh"
        if isinstance(value, bool):
            return ("否", "是")[value] if chinese else ("no", "yes")[value]
        listed = ("、" if chinese else ", ").join(
            getattr(one, language, one) for one in value or ()
        )
        return listed or "–"


def sentences(event: DomainEvent) -> tuple[str, str]:
    """Return what an event says in English and in Chinese."""
    sentence, words = SENTENCES[type(event)], _Words(event)
    return sentence.en.format_map(words), sentence.zh.format_map(words)


CASE_ENTRIES = Table("case_entries", CaseEntryRow, key="position")
CASE_LINKS = Table("case_links", CaseLinkRow)


class AuditProjection(Projection):
    """Keeps ``read.case_entries``, an entry for every event there is, and ``read.case_links``."""

    name = "audit"
    tables = (CASE_ENTRIES, CASE_LINKS)

    def handler(self, _topic: str) -> Handler | None:
        """Take every event."""
        return AuditProjection.entered

    def entered(self, event: DomainEvent, entry: Entry, batch: Batch) -> None:
        """Add the entry, and what the event links."""
        meta = event.meta
        english, chinese = sentences(event)
        batch.put(
            CASE_ENTRIES,
            CaseEntryRow(
                position=entry.position,
                case_id=event.originator_id,
                aggregate_kind=event.aggregate_class.KIND,
                version=event.originator_version,
                topic=event.TOPIC,
                occurred_at=meta.occurred_at,
                recorded_at=entry.recorded_at,
                actor=meta.actor,
                role=meta.role.value,
                reason=meta.reason,
                correlation=meta.correlation,
                causation=meta.causation,
                policy=None if meta.policy is None else meta.policy.id,
                policy_version=None if meta.policy is None else meta.policy.version,
                source_kind=meta.source.kind.value,
                source_name=meta.source.name,
                historical=meta.source.historical,
                sentence_en=english,
                sentence_zh=chinese,
            ),
        )
        for ordinal, relation in enumerate(event.LINKS):
            linked: UUID | None = getattr(event, relation)
            if linked is not None:
                batch.put(
                    CASE_LINKS,
                    CaseLinkRow(
                        id=entry.position * MOST_LINKS + ordinal,
                        position=entry.position,
                        from_id=event.originator_id,
                        to_id=linked,
                        relation=relation,
                        occurred_at=meta.occurred_at,
                        recorded_at=entry.recorded_at,
                    ),
                )
