"""A case told event by event to the fold of its clocks, under rules that a test makes up.

Hours count from the receipt: Monday 2 March 2026, 10:00 in Shanghai.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.calendar import Calendar
from domain.case_clocks import CaseClocks, clocks_id
from domain.categories import Category
from domain.complaint import Complaint
from domain.complaint_words import Channel, Severity
from domain.metadata import Metadata, Source, SourceKind
from domain.personal import PersonalText
from domain.roles import PersonId, Role
from domain.service_level_policy import ServiceLevelPolicy, policy_id
from domain.service_levels.calendars import CHINA, DayKind, SpecialDay, calendar_id
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.docket import Clock, Docket, fold
from domain.service_levels.rules import Rules
from domain.service_levels.terms import ClockTerms, ServiceLevelTerms

BEGIN = datetime(2026, 3, 2, 2, tzinfo=UTC)
CASE = UUID(int=77)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOURS = 3600
_TEXT = PersonalText(UUID(int=9), "text")
_META = Metadata(
    occurred_at=BEGIN,
    actor=PersonId("agent-1"),
    role=Role.FRONT_DESK,
    correlation=UUID(int=2),
    source=Source(SourceKind.API),
)


def hours(number: float) -> datetime:
    """Return an instant so many hours after the receipt."""
    return BEGIN + timedelta(hours=number)


def meta(at: datetime, clock: Clock | None = None, **circumstances: Any) -> Metadata:  # noqa: ARG001
    return replace(_META, occurred_at=at, **circumstances)


def terms(code: str = "answer", **given: Any) -> ClockTerms:
    """Return a clock of four hours that everything can happen to, or one that differs in this."""
    return ClockTerms(
        **{
            "code": code,
            "name_en": code,
            "name_zh": code,
            "target": Target(Basis.ELAPSED, 4 * HOURS),
            "starts_on": ("received", "reopened"),
            "stops_on": ("answered",),
            "cancels_on": ("withdrawn",),
            "lapses_on": ("no_longer_major",),
            "pauses": True,
            "calendar": CHINA,
            "source_en": "the contract",
            "source_zh": "合同",
            **given,
        }
    )


def holiday(day: str) -> SpecialDay:
    return SpecialDay(date.fromisoformat(day), DayKind.HOLIDAY, "day off", "放假")


class Story:
    """Rules and one case, as the log tells them; each event has the next position."""

    def __init__(self, *clocks: ClockTerms, **policy: Any) -> None:
        self.rules = Rules()
        self.position = 0
        self.docket: Docket | None = None
        self._versions: dict[UUID, int] = {}
        self.calendar(CHINA)
        self.adopts("default", *(clocks or (terms(),)), **policy)

    # the rules

    def learns(self, cls: type[DomainEvent], stream: UUID, at: datetime, **fields: Any) -> None:
        event = self._event(cls, stream, meta(at), fields)
        self.rules.apply(event, self.position)

    def calendar(self, code: str, base: str | None = None) -> None:
        self.learns(
            Calendar.Founded,
            calendar_id(code),
            LONG_AGO,
            code=code,
            name_en=code,
            name_zh=code,
            weekend=(5, 6),
            needs_notices=base is None,
            base=base,
        )

    def publishes(self, year: int, *days: SpecialDay, code: str = CHINA) -> None:
        self._days(Calendar.YearPublished, code, year=year, days=days)

    def foresees(self, year: int, *days: SpecialDay, code: str = CHINA) -> None:
        self._days(Calendar.YearForeseen, code, year=year, days=days)

    def corrects(self, *days: SpecialDay, cleared: tuple[date, ...] = (), code: str = CHINA) -> int:
        """Correct a calendar and return the version that it has then."""
        self._days(Calendar.DaysCorrected, code, days=days, cleared=cleared)
        return self.rules.calendars.version_at(code, self.position)

    def _days(self, cls: type[DomainEvent], code: str, **fields: Any) -> None:
        stream = calendar_id(code)
        fields |= {"source": "notice", "revision": 1}
        self.learns(cls, stream, LONG_AGO, **fields)

    def adopts(
        self,
        code: str,
        *clocks: ClockTerms,
        since: datetime = LONG_AGO,
        number: int = 1,
        **policy: Any,
    ) -> None:
        adopted = ServiceLevelTerms(
            **{
                "name_en": code,
                "name_zh": code,
                "time_zone": "Asia/Shanghai",
                "clocks": clocks,
                **policy,
            }
        )
        self.learns(
            ServiceLevelPolicy.Adopted,
            policy_id(code),
            LONG_AGO,
            code=code,
            number=number,
            effective_from=since,
            terms=adopted,
        )

    # the case

    def received(self, at: datetime = BEGIN, **fields: Any) -> "Story":
        source = Source(SourceKind.IMPORT, "old", historical=True)
        said = {"source": source} if fields.pop("historical", False) else {}
        return self.happens(
            Complaint.Received,
            at,
            meta=meta(at, **said),
            **{
                "number": "C-2026-000001",
                "channel": Channel.PHONE,
                "category": Category.DELAY,
                "severity": Severity.MAJOR,
                "urgent": False,
                "customer": UUID(int=9),
                "complainant": _TEXT,
                "subject": _TEXT,
                "facts": _TEXT,
                **fields,
            },
        )

    def happens(self, cls: type[DomainEvent], at: datetime, **fields: Any) -> "Story":
        """Tell an event of the complaint."""
        said = fields.pop("meta", None) or meta(at)
        self._fold(self._event(cls, CASE, said, fields))
        return self

    def records(self, cls: type[DomainEvent], at: datetime, **fields: Any) -> "Story":
        """Tell an event of the clock stream, of the first clock unless another is given."""
        if cls is not CaseClocks.Rebased:
            assert self.docket is not None
            first = self.docket.clocks[0]
            fields = {"clock": first.code, "number": 1, **fields}
        self._fold(self._event(cls, clocks_id(CASE), meta(at), {"case": CASE, **fields}))
        return self

    def answered(self, at: datetime) -> "Story":
        return self.happens(Complaint.Answered, at, answer=_TEXT, first_contact=False)

    def waits(self, at: datetime) -> "Story":
        return self.happens(Complaint.WaitingForCustomer, at, asked=_TEXT)

    def resumes(self, at: datetime) -> "Story":
        return self.happens(Complaint.Resumed, at, customer_answered=True)

    def lowered(self, at: datetime) -> "Story":
        severity = Severity.GENERAL
        return self.happens(Complaint.SeverityReassessed, at, severity=severity, raised=False)

    def withdrawn(self, at: datetime) -> "Story":
        return self.happens(Complaint.Withdrawn, at)

    def reopened(self, at: datetime) -> "Story":
        return self.happens(Complaint.Reopened, at)

    def assigned(self, at: datetime, department: str, handler: str | None = None) -> "Story":
        by = None if handler is None else PersonId(handler)
        return self.happens(Complaint.Assigned, at, department=department, handler=by)

    def warned(self, at: datetime, due_at: datetime, **fields: Any) -> "Story":
        return self.records(CaseClocks.Warned, at, due_at=due_at, **fields)

    def breached(self, due_at: datetime, **fields: Any) -> "Story":
        return self.records(CaseClocks.Breached, due_at, due_at=due_at, **fields)

    def rebased(self, at: datetime, policy: str, version: int = 1) -> "Story":
        return self.records(CaseClocks.Rebased, at, policy=policy, policy_version=version)

    def recomputed(self, at: datetime, version: int) -> "Story":
        """Let the first clock follow a version of its calendar."""
        clock = self.clock()
        return self.records(
            CaseClocks.DeadlineRecomputed,
            at,
            calendar=clock.calendar,
            calendar_version=version,
            old_due_at=clock.due_at,
            new_due_at=clock.due_at,
            provisional=False,
        )

    def take(self, record: CaseClocks | None) -> list[DomainEvent]:
        """Fold what the timers made, as the log would give it back."""
        events = [] if record is None else list(record.collect_events())
        for event in events:
            self.position += 1
            self._versions[event.originator_id] = event.originator_version
            self._fold(event)
        return events

    # what came of it

    @property
    def clocks(self) -> list[Clock]:
        assert self.docket is not None
        return self.docket.clocks

    def clock(self, code: str | None = None, number: int = 1) -> Clock:
        assert self.docket is not None
        found = self.docket.find(code or self.docket.clocks[0].code, number)
        assert found is not None
        return found

    def _event(
        self, cls: type[DomainEvent], stream: UUID, said: Metadata, fields: dict[str, Any]
    ) -> DomainEvent:
        self.position += 1
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        return cls(originator_id=stream, originator_version=version, meta=said, **fields)

    def _fold(self, event: DomainEvent) -> None:
        self.docket = fold(self.docket, event, self.position, self.rules)
