"""Units of the organisation as they stand, with the dates from and to which they exist."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.organisation import Unit
from projections.engine import Batch, Entry, Projection, on
from projections.tables import Table


@dataclass(slots=True)
class UnitRow:
    """A unit under its newest names and at its newest place."""

    id: UUID
    kind: str
    code: str
    name_en: str
    name_zh: str
    parent: UUID | None
    time_zone: str | None
    founded_at: datetime
    closed_at: datetime | None
    version: int


UNITS = Table("units", UnitRow)


class OrganisationProjection(Projection):
    """Keeps ``read.units``."""

    name = "organisation"
    tables = (UNITS,)
    keyed = (UNITS,)

    @on(
        Unit.Founded,
        en="Unit {code} ({kind.en}) founded as {name_en}",
        zh="设立{kind.zh}{code}，名称：{name_zh}",
    )
    def founded(self, event: Unit.Founded, _entry: Entry, batch: Batch) -> None:
        """Insert the unit."""
        batch.put(
            UNITS,
            UnitRow(
                id=event.originator_id,
                kind=event.kind.value,
                code=event.code,
                name_en=event.name_en,
                name_zh=event.name_zh,
                parent=event.parent,
                time_zone=event.time_zone,
                founded_at=event.meta.occurred_at,
                closed_at=None,
                version=event.originator_version,
            ),
        )

    @on(Unit.Renamed, en="Unit renamed {name_en}", zh="单位更名为{name_zh}")
    def renamed(self, event: Unit.Renamed, _entry: Entry, batch: Batch) -> None:
        """Replace the names."""
        row = batch.change(UNITS, event.originator_id)
        row.name_en, row.name_zh = event.name_en, event.name_zh
        row.version = event.originator_version

    @on(Unit.Moved, en="Unit moved below unit {parent}", zh="单位改隶于单位{parent}")
    def moved(self, event: Unit.Moved, _entry: Entry, batch: Batch) -> None:
        """Replace the unit above."""
        row = batch.change(UNITS, event.originator_id)
        row.parent = event.parent
        row.version = event.originator_version

    @on(Unit.Closed, en="Unit closed", zh="撤销单位")
    def closed(self, event: Unit.Closed, _entry: Entry, batch: Batch) -> None:
        """Note the end."""
        row = batch.change(UNITS, event.originator_id)
        row.closed_at = event.meta.occurred_at
        row.version = event.originator_version
