"""kill -9 while clocks run out: no warning and no breach is lost, and none is there twice.

What has to be on record is worked out here from the raw events of the cases. Whoever opens and
answers cases never stops, so that every killed process was at work.
"""

import asyncio
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from api.bootstrap import open_dispatcher
from application.complaint_work import (
    AnswerComplaint,
    RegisterComplaint,
    ResumeComplaint,
    WaitForCustomer,
)
from application.complaints import ReceiveComplaint, ReceivedComplaint
from application.dispatch import Call, Dispatcher
from application.permissions import Caller
from application.service_level_policies import AdoptServiceLevelPolicy
from application.standard_content import load_standard_content
from domain.categories import Category
from domain.complaint_words import Channel
from domain.metadata import Source, SourceKind
from domain.roles import PersonId, Role
from domain.service_levels.calendars import CHINA
from domain.service_levels.deadlines import Basis, Target
from domain.service_levels.standard import standard_terms
from domain.service_levels.terms import ClockTerms, ServiceLevelTerms

HERE = Path(__file__).parent
ZONE = ZoneInfo("Asia/Shanghai")
KILLS, KILLS_AT_FULL_VOLUME = 4, 50
CASES_PER_SECOND = 15
QUICK, SLOW = timedelta(seconds=2), timedelta(seconds=3)
FEW = timedelta(milliseconds=800)
"""What is stored sooner than this after it happened is known to the timers when they decide."""
AT_REST = """
SELECT (SELECT min(due_at) FROM process.case_clocks) > now() + interval '1 hour'
    AND position = (SELECT max(notification_id) FROM log.stored_events)
FROM process.positions WHERE process = 'timers'
"""
EVENTS = """
SELECT topic, originator_id, convert_from(state, 'UTF8')::jsonb, recorded_at
FROM log.stored_events WHERE topic ~ '^(complaint|case_clocks)[.]' ORDER BY notification_id
"""


def call(role: Role) -> Call:
    name = role.value
    source = Source(SourceKind.SYSTEM if role is Role.SYSTEM else SourceKind.API)
    return Call(caller=Caller(name, PersonId(name), role), source=source)


def short(code: str, target: timedelta, *, pauses: bool) -> ClockTerms:
    return ClockTerms(
        code=code,
        name_en=code,
        name_zh=code,
        target=Target(Basis.ELAPSED, int(target.total_seconds())),
        starts_on=("received",),
        stops_on=("answered",),
        calendar=CHINA,
        source_en="the test",
        source_zh="测试",
        pauses=pauses,
    )


# Those who work


async def prepare(dispatcher: Dispatcher) -> None:
    await load_standard_content(dispatcher, call(Role.SYSTEM), ZONE)
    clocks = (
        *standard_terms(ZONE.key)["default"].clocks,
        short("quick", QUICK, pauses=False),
        short("slow", SLOW, pauses=True),
    )
    terms = ServiceLevelTerms("short", "短时限", ZONE.key, clocks)
    since = datetime.now(UTC) - timedelta(days=1)
    adopt = AdoptServiceLevelPolicy(code="short", terms=terms, effective_from=since)
    await dispatcher.execute(adopt, call(Role.ADMINISTRATOR))


async def work_on_a_case(dispatcher: Dispatcher, chance: random.Random) -> None:
    """Open a case; perhaps wait for its customer; answer it in time, late, belatedly or never."""

    async def do(command: Any) -> Any:
        return (await dispatcher.execute(command, call(Role.FRONT_DESK))).result

    received = ReceivedComplaint(
        channel=Channel.PHONE,
        category=Category.LOSS,
        complainant="王小明",
        subject="包裹丢失",
        facts="一直没有收到。",
        service_levels="short",
    )
    case = await do(ReceiveComplaint(received=received))
    if chance.random() < 0.3:
        await do(RegisterComplaint(complaint=case))
        await asyncio.sleep(chance.uniform(0, 3.5))
        await do(WaitForCustomer(complaint=case, asked="哪一件？"))
        await asyncio.sleep(chance.uniform(0, 2))
        await do(ResumeComplaint(complaint=case))
    if chance.random() < 0.3:
        return
    await asyncio.sleep(chance.uniform(0, 4))
    said = datetime.now(UTC)
    if chance.random() < 0.2:
        await asyncio.sleep(2)  # reported late
    await do(AnswerComplaint(complaint=case, answer="已找到。", occurred_at=said))


@contextmanager
def complaints(company: Any, seed: int) -> Iterator[None]:
    """Keep cases coming, of which the first run out now; in the end all are done."""
    stop, ready = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    async def keep() -> None:
        chance = random.Random(seed)
        async with open_dispatcher(company.conninfo, company.master, zone=ZONE) as dispatcher:
            await prepare(dispatcher)
            asyncio.get_running_loop().call_later(SLOW.total_seconds(), ready.set)
            cases = []
            while not stop.is_set():
                cases.append(asyncio.create_task(work_on_a_case(dispatcher, chance)))
                await asyncio.sleep(1 / CASES_PER_SECOND)
            await asyncio.gather(*cases)

    def run() -> None:
        try:
            asyncio.run(keep())
        except BaseException as error:  # told to who waits
            failed.append(error)
            ready.set()
            raise

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(30)
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert failed == []


@contextmanager
def killed_timekeepers(company: Any, seed: int, kills: int) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, HERE / "timekeeper.py", company.conninfo, str(seed), str(kills)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait(10)


# What must be on record


@dataclass
class Case:
    """What the raw events say of one case."""

    received: datetime
    waits: list[datetime] = field(default_factory=list)
    resumes: list[datetime] = field(default_factory=list)
    answered: datetime | None = None
    late: bool = False  # something was stored so late that the timers may have decided before
    recorded: Counter[tuple[str, str]] = field(default_factory=Counter)

    def due(self, clock: str) -> datetime:
        if clock == "quick":
            return self.received + QUICK
        due = self.received + SLOW
        for since, until in zip(self.waits, self.resumes, strict=True):
            if since < due:
                due += until - since
        return due

    def warn(self, clock: str) -> datetime:
        return self.received + (self.due(clock) - self.received) * 0.8

    def passed(self, moment: datetime) -> bool:
        return self.answered is None or self.answered > moment

    def faults(self, clock: str) -> list[str]:
        """Say what is on record of a clock and should not be, or is missing."""
        warned, breached, annotated = (
            self.recorded[what, clock] for what in ("warned", "breached", "breach_annotated")
        )
        should_warn, should_breach = self.passed(self.warn(clock)), self.passed(self.due(clock))
        found = []
        if warned > 1 or warned < should_warn or (warned > should_warn and not self.late):
            found.append(f"{warned} warnings instead of {should_warn:d}")
        if breached < should_breach or (breached > should_breach and not self.late):
            found.append(f"{breached} breaches instead of {should_breach:d}")
        if annotated != breached - should_breach:
            found.append(f"{annotated} annotations of {breached} breaches")
        return found


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def cases_of(rows: list[tuple[str, UUID, dict[str, Any], datetime]]) -> dict[UUID, Case]:
    cases: dict[UUID, Case] = {}
    for topic, stream, state, recorded_at in rows:
        kind, what = topic.split(".")
        at = instant(state["meta"]["occurred_at"])
        if kind == "case_clocks":
            data = state["data"]
            cases[UUID(data["case"])].recorded[what, data["clock"]] += 1
            continue
        case = cases.setdefault(stream, Case(at))
        case.late = case.late or recorded_at - at > FEW
        if what == "waiting_for_customer":
            case.waits.append(at)
        elif what == "resumed":
            case.resumes.append(at)
        elif what == "answered":
            case.answered = at
    return cases


@pytest.mark.acceptance
def test_no_warning_and_no_breach_is_lost_or_doubled(
    company: Any, eventually: Callable[..., Any], *, full_volume: bool
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    kills = KILLS_AT_FULL_VOLUME if full_volume else KILLS
    with ExitStack() as stack:
        with complaints(company, seed):
            process = stack.enter_context(killed_timekeepers(company, seed, kills))
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("the last one"):
                    break
                print(f"seed {seed}: {line.strip()}", flush=True)
        eventually(lambda: company.rows(AT_REST) == [(True,)], 120)

    cases = cases_of(company.rows(EVENTS))
    recorded = sum((case.recorded for case in cases.values()), Counter[tuple[str, str]]())
    late = sum(case.late for case in cases.values())
    print(f"seed {seed}: {kills} kills, {len(cases)} cases, {late} late, {dict(recorded)}")
    faults = {
        (case_id, clock): case.faults(clock)
        for case_id, case in cases.items()
        for clock in ("quick", "slow")
        if case.faults(clock)
    }
    assert faults == {}
    assert min(recorded[what, "slow"] for what in ("warned", "breached")) > 3 * kills
    assert late < len(cases) / 2, "most of it was known when it was decided"
    if full_volume:
        assert recorded["breach_annotated", "quick"] > kills / 10
