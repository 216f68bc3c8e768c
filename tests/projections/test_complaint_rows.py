"""The row of a complaint beside its aggregate, after any sequence of commands."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any, Final
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.aggregate import DomainEvent
from domain.categories import CATEGORIES, Category, checklist_codes
from domain.complaint import Complaint
from domain.complaint_life import ALLOWED_IN, OPEN, ComplaintState
from domain.complaint_words import (
    Channel,
    ChecklistOutcome,
    DemandedBy,
    EvidenceKind,
    FollowUpOutcome,
    LinkedKind,
    Measure,
    QualityStep,
    RuleSource,
    Severity,
)
from domain.errors import DomainError
from domain.metadata import Metadata, PolicyVersion, Source, SourceKind
from domain.personal import Erased, PersonalText, Sealed
from domain.rating import Score
from domain.roles import PersonId, Role
from projections import PROJECTIONS
from projections.complaint_remarks import EVIDENCE, REMARKS
from projections.complaints import COMPLAINT_TEXTS, COMPLAINTS, ComplaintRow, priority
from projections.engine import Batch, Entry

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
CUSTOMER: Final = UUID(int=7)
TEXT: Final = PersonalText(CUSTOMER, "the parcel never came")
PEOPLE: Final = [PersonId(f"person-{n}") for n in range(4)]
SELDOM: Final = 0.015
OFTEN: Final = 0.35
POLICY: Final = PolicyVersion(UUID(int=5), 3)
CASES: Final = (UUID(int=1), UUID(int=2))
S = ComplaintState

Decide = Callable[[Complaint, Metadata, Complaint], object]
"""A command on a case, with another one beside it."""


class _NoKeys:
    """Opens nothing: the texts of these events were never sealed."""

    def begin_batch(self, rows: Iterable[Sequence[Any]]) -> None:
        raise AssertionError(rows)

    def open(self, sealed: Sealed, stream: UUID, version: int, field: str) -> str | Erased:
        raise AssertionError((sealed, stream, version, field))


ITEMS: Final = sorted({code for category in CATEGORIES for code in checklist_codes(category)})
NUMBERS: Final = range(1, 5)


def _receives(r: Random) -> Decide:
    given = {
        "channel": r.choice([*Channel]),
        "category": r.choice([Category.PRODUCT_QUALITY, *Category]),
        "severity": r.choice([*Severity]),
        "urgent": r.choice([True, False]),
        "accused": r.choice([None, None, *PEOPLE]),
        "seeks_compensation": r.choice([True, False]),
    }
    return lambda case, meta, _other: case.receive(
        replace(meta, policy=POLICY),
        number=f"C-2026-{case.id.int:06d}",
        customer=CUSTOMER,
        complainant=TEXT,
        subject=TEXT,
        facts=TEXT,
        **given,
    )


def _plain(name: str) -> Callable[[Random], Decide]:
    return lambda _r: lambda case, meta, _other: getattr(case, name)(meta)


def _with_text(name: str) -> Callable[[Random], Decide]:
    return lambda _r: lambda case, meta, _other: getattr(case, name)(TEXT, meta)


def _with(name: str, *choices: Any) -> Callable[[Random], Decide]:
    """Return what draws each argument from its choices; the metadata follows."""

    def drawn(r: Random) -> Decide:
        values = [r.choice([*among]) for among in choices]
        return lambda case, meta, _other: getattr(case, name)(*values, meta)

    return drawn


def _measures(r: Random, among: Iterable[Measure]) -> tuple[Measure, ...]:
    choices = sorted(among)
    return tuple(r.choice(choices) for _ in range(r.randint(0, 3)) if choices)


def _proposes(r: Random) -> Decide:
    source, chosen = r.choice([*RuleSource]), _measures(r, Measure)
    return lambda case, meta, _other: case.propose_resolution(
        meta, rule_source=source, rule="art. 27", measures=chosen, proposal=TEXT, feasibility="yes"
    )


def _carries_out(r: Random) -> Decide:
    return lambda case, meta, _other: case.carry_out_remedy(
        _measures(r, case.outstanding), None, meta
    )


def _adds_evidence(r: Random) -> Decide:
    digest = r.choice("abcd") * 64
    return lambda case, meta, _other: case.add_evidence(
        meta,
        kind=EvidenceKind.CCTV,
        media_type="video/mp4",
        size=1,
        sha256=digest,
        reference=TEXT,
    )


def _rates(r: Random) -> Decide:
    score = Score(r.randint(1, 5))
    return lambda case, meta, _other: case.rate(
        score, None, replace(meta, actor=PersonId("uninvolved"))
    )


def _resumes(r: Random) -> Decide:
    answered = r.choice([True, False])
    return lambda case, meta, _other: case.resume(customer_answered=answered, meta=meta)


def _marks(r: Random) -> Decide:
    urgent = r.choice([True, False])
    return lambda case, meta, _other: case.mark_urgency(urgent=urgent, meta=meta)


COMMANDS: Final[dict[str, Callable[[Random], Decide]]] = {
    "receive": _receives,
    "register": _plain("register"),
    "decline": _with_text("decline"),
    "assign": _with("assign", ["north", "south"], [None, *PEOPLE]),
    "start_investigation": _plain("start_investigation"),
    "record_investigation": _with_text("record_investigation"),
    "propose_resolution": _proposes,
    "agree_resolution": _plain("agree_resolution"),
    "reject_resolution": _with_text("reject_resolution"),
    "answer": _with_text("answer"),
    "carry_out_remedy": _carries_out,
    "follow_up": _with("follow_up", FollowUpOutcome, [None, TEXT]),
    "close": _plain("close"),
    "rate": _rates,
    "reopen": _with("reopen", [30]),
    "dispute": _with_text("dispute"),
    "wait_for_customer": _with_text("wait_for_customer"),
    "resume": _resumes,
    "withdraw": _plain("withdraw"),
    "merge": lambda _r: lambda case, meta, other: case.merge(other, meta),
    "absorb": lambda _r: lambda case, meta, other: other.merge(case, meta),
    "add_evidence": _adds_evidence,
    "supersede_evidence": _with("supersede_evidence", NUMBERS, [None, *NUMBERS]),
    "link": _with("link", LinkedKind, [UUID(int=8), UUID(int=9)]),
    "reclassify": _with("reclassify", Category),
    "reassess_severity": _with("reassess_severity", Severity),
    "mark_urgency": _marks,
    "name_accused": _with("name_accused", PEOPLE),
    "escalate": _with("escalate", PEOPLE, DemandedBy),
    "give_feedback": _with_text("give_feedback"),
    "seek_compensation": _plain("seek_compensation"),
    "settle_checklist_item": _with("settle_checklist_item", ITEMS, ChecklistOutcome),
    "record_quality_step": _with("record_quality_step", QualityStep, [(), ("R&D",)]),
}
"""Each command by the name that the life cycle knows it by, with arguments by chance."""

FORWARD: Final = {
    S.RECEIVED: "register",
    S.REGISTERED: "assign",
    S.ASSIGNED: "start_investigation",
    S.INVESTIGATING: "propose_resolution",
    S.PROPOSED: "agree_resolution",
    S.AGREED: "answer",
    S.ANSWERED: "carry_out_remedy",
    S.REMEDIED: "follow_up",
    S.FOLLOWED_UP: "close",
    S.CLOSED: "reopen",
    S.WAITING: "resume",
}
"""The step that leads on."""
ENDING: Final = {"withdraw", "merge", "absorb"}
"""Seldom chosen, so that lives are long ones."""


class Told:
    """Two complaints, and the rows that their events make."""

    def __init__(self) -> None:
        self.cases = [Complaint(key) for key in CASES]
        self.batch = Batch(_NoKeys())
        self.position = 0

    def command(self, r: Random, at: datetime) -> str:
        """Give one of the cases a command that fits its state; a rule may still refuse it."""
        case = r.choice([self.cases[0], *self.cases])
        (other,) = (each for each in self.cases if each is not case)
        fitting = sorted(
            name for name in COMMANDS if case.state in ALLOWED_IN[name] and name not in ENDING
        )
        if r.random() < SELDOM:
            fitting = sorted(name for name in ENDING if case.state in ALLOWED_IN[name])
        elif case.state in FORWARD and r.random() < OFTEN:
            fitting = [FORWARD[case.state]]
        if not fitting:
            return "nothing"
        name = r.choice(fitting)
        decide = COMMANDS[name](r)
        meta = Metadata(
            occurred_at=at,
            actor=r.choice(PEOPLE),
            role=Role.FRONT_DESK,
            correlation=UUID(int=3),
            source=Source(SourceKind.API),
            reason=r.choice([None, "a reason", "a reason"]),
        )
        try:
            decide(case, meta, other)
        except DomainError:
            assert not case.pending_events
            return "refused"
        for changed in self.cases:
            self.fold(changed.collect_events())
        return name

    def fold(self, events: Iterable[DomainEvent]) -> None:
        for event in events:
            self.position += 1
            topic = event.TOPIC
            entry = Entry(
                position=self.position,
                recorded_at=event.meta.occurred_at,
                stream=event.originator_id,
                version=event.originator_version,
                topic=topic,
                state=b"",
                decode=_never,
                _event=event,
            )
            for name in ("complaints", "complaint_remarks"):
                projection = PROJECTIONS[name]
                handler = projection.handler(topic)
                if handler is not None:
                    handler(projection, event, entry, self.batch)


def _never(stream: UUID, version: int, topic: str, state: bytes) -> DomainEvent:
    raise AssertionError((stream, version, topic, state))


def agrees(row: ComplaintRow, case: Complaint) -> None:
    """Check everything that both know."""
    assert row.state == case.state
    assert row.open is (case.state in OPEN)
    if case.state is S.WAITING:
        assert row.resumes_to == case.resumes_to
    elif case.state in OPEN or case.state is S.CLOSED:
        assert row.resumes_to is None
    assert (row.department, row.handler, row.accused) == (
        case.department,
        case.handler,
        case.accused,
    )
    assert (row.category, row.severity, row.urgent, row.seeks_compensation) == (
        case.category,
        case.severity,
        case.urgent,
        case.seeks_compensation,
    )
    assert row.measures_left.split() == [measure.value for measure in case.outstanding]
    assert {*row.measures_left.split()} <= {*row.measures.split()}
    assert (row.agreed_at is not None) is case.agreed
    assert (row.rule is not None) is case.proposed
    assert {entry.partition(":")[0] for entry in row.settled_items.split()} == case.settled
    assert row.closed_at == case.closed_at
    assert (row.ended_at is None) is (case.state in OPEN)
    if case.state is S.CLOSED:
        assert (row.score is not None) is case.rated
    assert row.merged_into == case.merged_into
    assert (row.merged_into is not None) is (case.state is S.MERGED)
    assert (row.customer, row.received_at) == (case.customer, case.received_at)
    assert case.policy == PolicyVersion(row.policy or CUSTOMER, row.policy_version or 0)
    assert row.version == case.version
    assert row.received_at <= row.state_since <= row.changed_at


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_row_agrees_with_the_aggregate_after_every_command(seed: int) -> None:
    told, r = Told(), Random(seed)
    for n in range(80):
        before = {case.id: (case.state, case.version) for case in told.cases}
        at = BEGIN + timedelta(hours=n)
        told.command(r, at)
        for case in told.cases:
            row = told.batch.find(COMPLAINTS, case.id)
            if row is None:
                assert case.version == 0
                continue
            agrees(row, case)
            state, version = before[case.id]
            if case.version > version:
                assert row.changed_at == at
                if case.state is not state:
                    assert row.state_since == at

    for case in told.cases:
        if case.version == 0:
            continue
        pieces = told.batch.change_all(EVIDENCE, case.id)
        assert [piece.number for piece in pieces] == [*range(1, case.evidence_count + 1)]
        active = {piece.sha256: piece.number for piece in pieces if piece.superseded_at is None}
        assert active == case.evidence
        texts = told.batch.find(COMPLAINT_TEXTS, case.id)
        assert texts is not None
        assert texts.customer == CUSTOMER


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_events_read_again_make_the_same_rows(seed: int) -> None:
    told, again, r = Told(), Told(), Random(seed)
    events: list[DomainEvent] = []
    keep = told.fold

    def noting(happened: Iterable[DomainEvent]) -> None:
        taken = list(happened)
        events.extend(taken)
        keep(taken)

    told.fold = noting  # type: ignore[method-assign]
    for n in range(40):
        told.command(r, BEGIN + timedelta(hours=n))
    for event in events:
        again.fold([event])

    for key in CASES:
        assert told.batch.find(COMPLAINTS, key) == again.batch.find(COMPLAINTS, key)
        assert told.batch.change_all(EVIDENCE, key) == again.batch.change_all(EVIDENCE, key)
    assert [*told.batch._of(REMARKS).rows.values()] == [*again.batch._of(REMARKS).rows.values()]


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(Severity),
            st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001  all UTC
        ),
        min_size=2,
        max_size=8,
    )
)
def test_the_queue_has_urgent_then_grave_then_old_cases_first(
    cases: list[tuple[bool, Severity, datetime]],
) -> None:
    told = Told()
    told.cases[0].receive(
        _meta(BEGIN),
        number="C-2026-000001",
        channel=Channel.PHONE,
        category=Category.DELAY,
        severity=Severity.GENERAL,
        urgent=False,
        customer=CUSTOMER,
        complainant=TEXT,
        subject=TEXT,
        facts=TEXT,
    )
    told.fold(told.cases[0].collect_events())
    row = told.batch.change(COMPLAINTS, CASES[0])

    def place(case: tuple[bool, Severity, datetime]) -> int:
        urgent, severity, received = case
        row.urgent, row.severity = urgent, severity.value
        row.received_at = received.replace(tzinfo=UTC)
        return priority(row)

    for one, two in product(cases, cases):
        ranks = [
            (not urgent, -[*Severity].index(severity), received)
            for urgent, severity, received in (one, two)
        ]
        apart = abs((one[2] - two[2]).total_seconds()) > 1e-3 or ranks[0][:2] != ranks[1][:2]
        if apart:
            assert (place(one) < place(two)) is (ranks[0] < ranks[1])
        assert -(2**63) <= place(one) < 2**63


def _meta(at: datetime) -> Metadata:
    return Metadata(
        occurred_at=at,
        actor=PEOPLE[0],
        role=Role.FRONT_DESK,
        correlation=UUID(int=3),
        source=Source(SourceKind.API),
    )


def test_every_command_of_the_life_cycle_is_tried() -> None:
    assert {*ALLOWED_IN} - {*COMMANDS} == {"raise_improvement"}


def test_lives_by_chance_go_through_every_command_and_every_state() -> None:
    given_commands, states = set(), set()
    for seed in range(90):
        told, r = Told(), Random(seed)
        for n in range(80):
            given_commands.add(told.command(r, BEGIN + timedelta(hours=n)))
            states |= {case.state for case in told.cases}

    assert given_commands - {"refused", "nothing"} == {*COMMANDS}
    assert states == {*ComplaintState}
