"""The history of every case: who did what, when, why, under which rule, as a sentence."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.api_key import ApiKey
from projections.engine import SENTENCES, Batch, Entry, Handler, Projection, says
from projections.tables import Table

says(
    ApiKey.Issued,
    en="API key {prefix} issued to {holder} as {key_role.en}",
    zh="向{holder}发放API密钥{prefix}，角色：{key_role.zh}",
)
says(ApiKey.Revoked, en="API key revoked", zh="吊销API密钥")


@dataclass(slots=True)
class CaseEntryRow:
    """One step of a case: both times, the person, the role, the reason, the policy, a sentence."""

    position: int
    case_id: UUID
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


CASE_ENTRIES = Table("case_entries", CaseEntryRow, key="position")


class AuditProjection(Projection):
    """Keeps ``read.case_entries``: an entry for every event there is."""

    name = "audit"
    tables = (CASE_ENTRIES,)

    def handler(self, _topic: str) -> Handler | None:
        """Take every event."""
        return AuditProjection.entered

    def entered(self, event: DomainEvent, entry: Entry, batch: Batch) -> None:
        """Add the entry."""
        meta, sentence = event.meta, SENTENCES[type(event)]
        values = {name: "–" if value is None else value for name, value in vars(event).items()}
        batch.put(
            CASE_ENTRIES,
            CaseEntryRow(
                position=entry.position,
                case_id=event.originator_id,
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
                sentence_en=sentence.en.format_map(values),
                sentence_zh=sentence.zh.format_map(values),
            ),
        )
