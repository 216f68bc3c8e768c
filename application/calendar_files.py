"""Holiday notices as CSV files: one line for each day that differs from its weekday.

Columns ``date,name,is_off_day``, and if wanted ``kind`` and ``name_en``. In a correction a line
with a date alone clears that day. Other columns are passed over.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Final

from application.shipped_calendars import FESTIVALS, english_name, statutory_days
from domain.service_levels.calendars import SATURDAY_AND_SUNDAY, DayKind, SpecialDay

_COLUMNS: Final = ("date", "name", "is_off_day")
_OFF: Final = {"true": True, "false": False}
_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Said:
    """A message in both languages."""

    en: str
    zh: str


class CalendarFileError(Exception):
    """A file that is no notice; says in which line, and which rule it breaks."""

    def __init__(self, line: int, rule: str, *, en: str, zh: str) -> None:
        super().__init__(f"{line}: {rule}: {en}")
        self.line, self.rule, self.said = line, rule, Said(en, zh)


@dataclass(slots=True)
class CalendarFile:
    """The days of a file, in its order."""

    days: list[SpecialDay] = field(default_factory=list)
    cleared: list[date] = field(default_factory=list)
    lines: list[tuple[date, int]] = field(default_factory=list)

    def line_of(self, day: date) -> int:
        """Return the last line of a day; of one that is missing, the line that it should precede.

        The header is line 1.
        """
        same = [line for listed, line in self.lines if listed == day]
        if same:
            return same[-1]
        later = sorted((listed, line) for listed, line in self.lines if listed > day)
        return later[0][1] if later else max((line for _, line in self.lines), default=1)


def read_calendar_file(
    path: Path, weekend: frozenset[int] = SATURDAY_AND_SUNDAY, *, clearing: bool = False
) -> CalendarFile:
    """Read a file; only where ``clearing`` is meant may a line hold a date alone."""
    found = CalendarFile()
    for line, row in _rows(path):
        day = _date(row["date"], line)
        found.lines.append((day, line))
        if clearing and not row["name"] and not row["is_off_day"]:
            found.cleared.append(day)
            continue
        kind = _kind(row, day, weekend, line)
        if not row["name"]:
            raise CalendarFileError(
                line, "day_named", en="name must not be empty", zh="name不能为空"
            )
        name_en = row.get("name_en") or english_name(row["name"])
        found.days.append(SpecialDay(day, kind, name_en, row["name"]))
    if not found.lines:
        raise CalendarFileError(1, "required", en="the file has no day", zh="文件中没有日期")
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open("rb") as opened:
        # Not by its size: a device has none, and a file may grow.
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise CalendarFileError(
            1,
            "too_long",
            en=f"a notice has at most {_MOST_BYTES} bytes",
            zh=f"通知文件不能超过{_MOST_BYTES}字节",
        )
    with TextIOWrapper(BytesIO(content), encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in _COLUMNS if name not in header]
            if missing:
                raise CalendarFileError(
                    1,
                    "required",
                    en=f"missing columns: {', '.join(missing)}",
                    zh=f"缺少列：{'、'.join(missing)}",
                )
            for row in reader:
                if not any(row):
                    continue
                if len(row) != len(header):
                    raise CalendarFileError(
                        reader.line_num,
                        "columns",
                        en=f"{len(row)} fields under {len(header)} columns",
                        zh=f"{len(header)}列之下有{len(row)}个字段",
                    )
                yield reader.line_num, dict(zip(header, map(str.strip, row), strict=True))
        except csv.Error as error:
            raise CalendarFileError(
                reader.line_num, "csv", en=str(error), zh=f"不是有效的CSV：{error}"
            ) from None
        except UnicodeDecodeError:
            raise CalendarFileError(
                reader.line_num + 1, "utf_8", en="must be UTF-8", zh="必须是UTF-8编码"
            ) from None


def _date(text: str, line: int) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CalendarFileError(
            line,
            "not_a_date",
            en=f"date must be a date such as 2027-02-06, not {text[:40]!r}",
            zh=f"date必须是2027-02-06形式的日期，而非{text[:40]!r}",
        ) from None


def _kind(row: Mapping[str, str], day: date, weekend: frozenset[int], line: int) -> DayKind:
    """Return the kind that is given, or the one that weekday and regulation tell."""
    off = _OFF.get(row["is_off_day"].lower())
    if off is None:
        raise CalendarFileError(
            line,
            "not_in_list",
            en="is_off_day must be True or False",
            zh="is_off_day必须是True或False",
        )
    if row.get("kind"):
        if row["kind"] not in DayKind.__members__.values():
            raise CalendarFileError(
                line,
                "not_in_list",
                en=f"kind must be one of {', '.join(DayKind)}",
                zh=f"kind必须是以下之一：{'、'.join(DayKind)}",
            )
        kind = DayKind(row["kind"])
        if kind.works is off:
            raise CalendarFileError(
                line,
                "kind_of_day",
                en=f"{kind.value} is at odds with is_off_day",
                zh=f"{kind.value}与is_off_day不符",
            )
        return kind
    on_weekend = day.weekday() in weekend
    if not off:
        return DayKind.MAKE_UP if on_weekend else DayKind.WORKING
    if on_weekend or day.year not in FESTIVALS:
        return DayKind.HOLIDAY
    statutory = {special.day for special in statutory_days(day.year)}
    return DayKind.HOLIDAY if day in statutory else DayKind.IN_LIEU
