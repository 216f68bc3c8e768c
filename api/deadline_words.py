"""A deadline as one paragraph that a lawyer can follow, in English or Chinese.

``_English`` and ``_Chinese`` say the same things; ``arithmetic`` puts them in order.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final, Protocol

from api.service_levels import Explanation
from domain.labels import Labelled
from domain.service_levels.calendars import YearState
from domain.service_levels.deadlines import Basis, ExplainedDay, Pause, Step
from domain.service_levels.docket import REBASED, RECOMPUTED, ClockState, Recomputation
from domain.service_levels.marks import Mark, vocabulary

CHINESE: Final = "zh"
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = timedelta(0)
_HOUR: Final = 3_600
_MINUTE: Final = 60
_OTHER_WORDS: Final = {
    REBASED: Mark(REBASED, "put under another policy", "改按其他政策执行"),
    RECOMPUTED: Mark(RECOMPUTED, "deadline computed anew", "时限重新计算"),
}


def clock_words() -> dict[str, Mark]:
    """Return what starts, ends and annotates clocks: marks, and what the clocks do themselves."""
    return vocabulary() | _OTHER_WORDS


def clock_word(code: str, lang: str) -> str:
    """Name it; one that is in no vocabulary any more is its own name."""
    found = clock_words().get(code)
    if found is None:
        return code
    return found.zh if lang == CHINESE else found.en


def arithmetic(of: Explanation, lang: str) -> str:
    """Return how the deadline was reckoned."""
    words: _Words = _Chinese(of) if lang == CHINESE else _English(of)
    reckoning = [words.start(), words.target(), *_days(of, words), words.due()]
    notes = [words.rules(), *_notes(of, words)]
    return words.joined(reckoning, notes)


class _Run:
    """Days in a row that are the same to a deadline."""

    def __init__(self, days: list[ExplainedDay], *, plain: bool, over: bool) -> None:
        self.first, self.last = days[0].day, days[-1].day
        self.step, self.kind = days[0].step, days[0].kind
        self.names = ("", "") if plain else (days[0].name_en, days[0].name_zh)
        self.numbers = (days[0].number, days[-1].number)
        self.plain = plain
        self.over = over

    def why(self, kind: str, name: str) -> str:
        """Say what kind of day it is, where that matters."""
        return "" if self.plain else ": ".join(filter(None, (kind, name)))


class _Words(Protocol):
    """What is said of a deadline, in one language."""

    def start(self) -> str: ...
    def target(self) -> str: ...
    def pause(self, pause: Pause) -> str: ...
    def run(self, run: _Run) -> str: ...
    def due(self) -> str: ...
    def rules(self) -> str: ...
    def law(self) -> str: ...
    def provisional(self, years: list[int]) -> str: ...
    def rolled(self, at: datetime) -> str: ...
    def moved(self, by: Recomputation) -> str: ...
    def ended(self, by: str, at: datetime) -> str: ...
    def still(self, left: int) -> str: ...
    def breached(self) -> str: ...
    def annotated(self, by: str, at: datetime) -> str: ...
    def joined(self, reckoning: list[str], notes: list[str]) -> str: ...


def _days(of: Explanation, words: _Words) -> Iterator[str]:
    for pause in of.pauses:
        yield words.pause(pause)
    basis = of.terms.target.basis
    if basis is Basis.ELAPSED:
        return
    plain = basis is Basis.CALENDAR_DAYS

    def alike(day: ExplainedDay) -> object:
        counted = day.step is Step.PAUSED or plain
        return day.step, None if counted else (day.kind, day.name_en, day.name_zh)

    before = 0
    for _, found in groupby(of.days, alike):
        days = list(found)
        over = days[0].step is Step.DUE and days[0].number == before
        yield words.run(_Run(days, plain=plain or days[0].step is Step.PAUSED, over=over))
        before = days[-1].number


def _notes(of: Explanation, words: _Words) -> Iterator[str]:
    clock = of.clock
    if of.legal is not None:
        yield words.law()
    if clock.provisional:
        yield words.provisional(
            [known.year for known in of.years if known.state is not YearState.PUBLISHED]
        )
    if clock.rolled_to is not None:
        yield words.rolled(clock.rolled_to)
    for moved in clock.recomputed:
        yield words.moved(moved)
    if clock.state is ClockState.PAUSED and clock.left is not None:
        yield words.still(clock.left)
    if clock.ended_at is not None and clock.ended_by is not None:
        yield words.ended(clock.ended_by, clock.ended_at)
    if clock.breached_at is not None:
        yield words.breached()
    if clock.annotated_at is not None and clock.annotated_by is not None:
        yield words.annotated(clock.annotated_by, clock.annotated_at)


class _Speaker:
    """What both languages share."""

    def __init__(self, of: Explanation) -> None:
        self.of = of
        self.clock = of.clock
        self.in_days = of.terms.target.basis is not Basis.ELAPSED
        self.year = of.clock.started_at.astimezone(of.zone).year

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.of.zone)

    def ends_day(self, at: datetime) -> date | None:
        """Return the day at whose 24:00 an instant lies, for deadlines in days."""
        local = self.local(at)
        midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        return local.date() - _DAY if self.in_days and midnight == _MIDNIGHT else None


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _parts(seconds: int) -> list[tuple[int, int]]:
    """Return hours, minutes and seconds, those that are not 0, each with the place of its unit."""
    hours, rest = divmod(seconds, _HOUR)
    found = [(hours, 0), (rest // _MINUTE, 1), (rest % _MINUTE, 2)]
    return [part for part in found if part[0]] or [(0, 2)]


_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_ENGLISH_UNITS: Final = ("hour", "minute", "second")


class _English(_Speaker):
    """In English."""

    def start(self) -> str:
        word = clock_word(self.clock.started_by, "en")
        return f"{word[0].upper()}{word[1:]} on {self._at(self.clock.started_at)}"

    def target(self) -> str:
        target = self.of.terms.target
        return f"{self.of.terms.name_en} within {self._amount(target.amount)}"

    def pause(self, pause: Pause) -> str:
        since = self._at(pause.since)
        if pause.until is None:
            return f"waiting for the customer since {since}"
        return f"waiting for the customer from {since} to {self._at(pause.until)}"

    def run(self, run: _Run) -> str:  # noqa: PLR0911  one a kind of day
        days, many = self._span(run.first, run.last), run.first != run.last
        why = run.why(run.kind.en, run.names[0])
        named = f"{days} ({why})" if why else days
        match run.step:
            case Step.START:
                return f"the day of the start, {days}, does not count"
            case Step.RESUMED:
                return f"{days}, the day of the resumption, does not count"
            case Step.PAUSED:
                return f"{days} {'do' if many else 'does'} not count: waiting for the customer"
            case Step.SKIPPED:
                return f"{named} {'do' if many else 'does'} not count"
            case Step.COUNTED:
                first, last = run.numbers
                return f"{named} are days {first} to {last}" if many else f"{named} is day {first}"
            case _ if run.over:
                return f"{named} is the last day, since none remained at the pause"
            case _:
                return f"{named} is day {run.numbers[0]}, the last"

    def due(self) -> str:
        return f"due at {self._until(self.clock.due_at)}, {self.clock.zone}"

    def rules(self) -> str:
        clock, of = self.clock, self.of
        return (
            f"By policy {clock.policy}, version {clock.policy_version}, in force since"
            f" {self._day(self.local(of.effective_from).date())}"
            f" ({of.terms.source_en}); calendar: {of.calendar_names[0]},"
            f" version {clock.calendar_version}"
        )

    def law(self) -> str:
        assert self.of.legal is not None
        return f"Legal source: {self.of.legal.en}"

    def provisional(self, years: list[int]) -> str:
        named = ", ".join(map(str, years))
        return f"Provisional: the calendar of {named} is not published yet, and the date may move"

    def rolled(self, at: datetime) -> str:
        return (
            "The last day is a day off: rolled to the next working day (Civil Code, art. 203) it"
            f" would be {self._until(at)}; the earlier date counts"
        )

    def moved(self, by: Recomputation) -> str:
        why = "" if by.reason is None else f" ({by.reason})"
        return (
            f"Computed anew on {self._at(by.at)} by version {by.calendar_version} of the"
            f" calendar{why}: before, it was due at {self._until(by.old_due_at)}"
        )

    def ended(self, by: str, at: datetime) -> str:
        return f"It ended on {self._at(at)} ({clock_word(by, 'en')}): {self.clock.state.en}"

    def still(self, left: int) -> str:
        remain = "remains" if left == 1 else "remain"
        return f"It stands still; {self._amount(left)} {remain}"

    def breached(self) -> str:
        assert self.clock.breached_at is not None
        return f"A breach is on record: nothing was done by {self._until(self.clock.breached_at)}"

    def annotated(self, by: str, at: datetime) -> str:
        return (
            "By business time the breach was none, as was reported late:"
            f" {clock_word(by, 'en')} on {self._at(at)}"
        )

    def joined(self, reckoning: list[str], notes: list[str]) -> str:
        return ". ".join(["; ".join(reckoning), *notes]) + "."

    def _amount(self, amount: int) -> str:
        if self.in_days:
            basis = self.of.terms.target.basis.en
            return f"{amount} {basis if amount != 1 else basis.removesuffix('s')}"
        return " ".join(
            f"{n} {_ENGLISH_UNITS[unit]}{'' if n == 1 else 's'}" for n, unit in _parts(amount)
        )

    def _at(self, at: datetime) -> str:
        local = self.local(at)
        return f"{self._full(local.date())} at {_time(local)}"

    def _until(self, at: datetime) -> str:
        day = self.ends_day(at)
        if day is not None:
            return f"24:00 on {self._full(day)}"
        local = self.local(at)
        return f"{_time(local)} on {self._full(local.date())}"

    def _full(self, day: date) -> str:
        return f"{_WEEKDAYS[day.weekday()]} {self._day(day)}"

    def _day(self, day: date) -> str:
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def _span(self, first: date, last: date) -> str:
        if first == last:
            return self._short(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day} to {self._short(last)}"
        return f"{self._short(first)} to {self._short(last)}"

    def _short(self, day: date) -> str:
        full = self._day(day)
        return full if day.year != self.year else full.removesuffix(f" {day.year}")


_CHINESE_WEEKDAYS: Final = "一二三四五六日"
_CHINESE_UNITS: Final = ("小时", "分钟", "秒")


class _Chinese(_Speaker):
    """In Chinese."""

    def start(self) -> str:
        return f"{self._at(self.clock.started_at)}{clock_word(self.clock.started_by, CHINESE)}"

    def target(self) -> str:
        terms = self.of.terms
        return f"须在{self._amount(terms.target.amount)}内完成{terms.name_zh}"

    def pause(self, pause: Pause) -> str:
        if pause.until is None:
            return f"自{self._at(pause.since)}起等待客户"
        return f"{self._at(pause.since)}至{self._at(pause.until)}等待客户"

    def run(self, run: _Run) -> str:  # noqa: PLR0911  one a kind of day
        days = self._span(run.first, run.last)
        why = run.why(run.kind.zh, run.names[1])
        named = f"{days}（{why.replace(': ', '：')}）" if why else days
        first, last = run.numbers
        match run.step:
            case Step.START:
                return f"起始日{days}不计入"
            case Step.RESUMED:
                return f"{days}为恢复日，不计入"
            case Step.PAUSED:
                return f"{days}等待客户，不计入"
            case Step.SKIPPED:
                return f"{named}不计入"
            case Step.COUNTED:
                return f"{named}为第{first}日" if first == last else f"{named}为第{first}至{last}日"
            case _ if run.over:
                return f"{named}为期限届满日，因暂停时已无剩余日数"
            case _:
                return f"{named}为第{first}日，即期限届满日"

    def due(self) -> str:
        return f"于{self._until(self.clock.due_at)}届满（{self.clock.zone}）"

    def rules(self) -> str:
        clock, of = self.clock, self.of
        return (
            f"依据政策{clock.policy}第{clock.policy_version}版"
            f"（自{self._day(self.local(of.effective_from).date())}起生效，{of.terms.source_zh}）；"
            f"日历：{of.calendar_names[1]}第{clock.calendar_version}版"
        )

    def law(self) -> str:
        assert self.of.legal is not None
        return f"法律依据：{self.of.legal.zh}"

    def provisional(self, years: list[int]) -> str:
        named = "、".join(f"{year}年" for year in years)
        return f"暂定：{named}日历尚未公布，期限可能变动"

    def rolled(self, at: datetime) -> str:
        return (
            "期限届满日为休息日：如依《民法典》第二百零三条顺延至下一工作日，"
            f"则为{self._until(at)}；以较早日期为准"
        )

    def moved(self, by: Recomputation) -> str:
        why = "" if by.reason is None else f"（{by.reason}）"
        return (
            f"{self._at(by.at)}按日历第{by.calendar_version}版重新计算{why}："
            f"原于{self._until(by.old_due_at)}届满"
        )

    def ended(self, by: str, at: datetime) -> str:
        return f"{self._at(at)}结束（{clock_word(by, CHINESE)}）：{self.clock.state.zh}"

    def still(self, left: int) -> str:
        return f"现已暂停，剩余{self._amount(left)}"

    def breached(self) -> str:
        assert self.clock.breached_at is not None
        return f"超时已记录在案：截至{self._until(self.clock.breached_at)}尚未完成"

    def annotated(self, by: str, at: datetime) -> str:
        return f"据补报，按业务时间并未超时：{self._at(at)}{clock_word(by, CHINESE)}"

    def joined(self, reckoning: list[str], notes: list[str]) -> str:
        return "。".join(["；".join(reckoning), *notes]) + "。"

    def _amount(self, amount: int) -> str:
        if self.in_days:
            return f"{amount}个{self.of.terms.target.basis.zh}"
        return "".join(f"{n}{_CHINESE_UNITS[unit]}" for n, unit in _parts(amount))

    def _at(self, at: datetime) -> str:
        local = self.local(at)
        return f"{self._full(local.date())}{_time(local)}"

    def _until(self, at: datetime) -> str:
        day = self.ends_day(at)
        if day is not None:
            return f"{self._full(day)}24:00"
        return self._at(at)

    def _full(self, day: date) -> str:
        return f"{self._day(day)}（星期{_CHINESE_WEEKDAYS[day.weekday()]}）"

    def _day(self, day: date) -> str:
        return f"{day.year}年{day.month}月{day.day}日"

    def _span(self, first: date, last: date) -> str:
        if first == last:
            return self._short(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{self._short(first)}至{last.day}日"
        return f"{self._short(first)}至{self._short(last)}"

    def _short(self, day: date) -> str:
        full = self._day(day)
        return full if day.year != self.year else full.removeprefix(f"{day.year}年")


def day_text(day: ExplainedDay, lang: str) -> tuple[str, str, str]:
    """Return what a day is to the deadline, its kind and its name."""
    if lang == CHINESE:
        return day.step.zh, day.kind.zh, day.name_zh
    return day.step.en, day.kind.en, day.name_en


def text_of(value: Labelled, lang: str) -> str:
    """Return the name of a value in a language."""
    return value.zh if lang == CHINESE else value.en
