"""``redress calendar``: months for people and programs, notices from files, faults in one line."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from api.cli.main import app
from tests.api.cases import has_chinese

ROOT = Path(__file__).resolve().parents[2]
FEBRUARY = """\
2026-02  Official Chinese calendar, version 33, published
  Mon  Tue  Wed  Thu  Fri  Sat  Sun
                                (1)
   2    3    4    5    6   (7)  (8)
   9   10   11   12   13   14+ (15)
 (16) (17) (18) (19) (20) (21) (22)
 (23)  24   25   26   27   28+
16 working days  (day off)  make-up working day+
2026-02-14  make-up working day: Spring Festival
2026-02-15  public holiday: Spring Festival
"""
Redress = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def program(tmp_path: Path, database: str) -> Redress:
    """Run ``redress`` upon the test's database."""
    url = f"postgresql://?{urlencode(conninfo_to_dict(database))}"

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
        return subprocess.run(
            [sys.executable, "-m", "api.cli.main", *arguments],
            cwd=ROOT,
            env=kept | {"REDRESS_DATA_DIR": str(tmp_path), "REDRESS_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def redress(program: Redress) -> Redress:
    """Run ``redress calendar``."""
    return partial(program, "calendar")


@pytest.fixture
def shipped(program: Redress, redress: Redress) -> Redress:
    """Run it where the shipped calendars are in the log."""
    assert program("migrate").returncode == 0
    return redress


@pytest.fixture
def notice(tmp_path: Path) -> Callable[..., str]:
    """Write a file of days and return its path."""

    def write(*lines: str) -> str:
        path = tmp_path / "notice.csv"
        path.write_text("\n".join(["date,name,is_off_day", *lines]), encoding="utf-8")
        return str(path)

    return write


def told(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return orjson.loads(done.stdout)


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    return line


def test_every_command_helps_with_an_example() -> None:
    for command in ("show", "list", "import", "correct"):
        done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(
            app, ["calendar", command, "--help"]
        )
        assert done.exit_code == 0
        assert f"Example: redress calendar {command}" in done.output


def test_a_month_is_a_grid_with_its_special_days_named(shipped: Redress) -> None:
    english, chinese = shipped("show", "2026-02"), shipped("show", "2026-02", "--lang", "zh")

    assert english.returncode == chinese.returncode == 0
    assert english.stdout.startswith(FEBRUARY)
    assert "国务院办公厅关于2026年部分节假日安排的通知" in english.stdout.splitlines()[-1]
    lines = chinese.stdout.splitlines()
    assert lines[0] == "2026-02  中国法定工作日历, 第33版, 已公布"
    assert lines[1].split() == [*"一二三四五六日"]
    assert "2026-02-14  补班日: 春节" in lines
    assert "2026-02-20  调休放假日: 春节" in lines
    assert lines[7] == "共16个工作日  (休息日)  补班日+"


def test_a_month_for_programs_says_of_every_day_whether_people_work(shipped: Redress) -> None:
    found = told(shipped("show", "2027-10", "--json"))

    assert (found["calendar"], found["month"], found["state"]) == ("cn", "2027-10", "foreseen")
    assert "795" in found["source"]
    assert len(found["days"]) == 31
    assert found["days"][0] == {
        "day": "2027-10-01",
        "kind": "holiday",
        "works": False,
        "name": "National Day",
    }
    assert found["working_days"] == sum(day["works"] for day in found["days"]) == 20
    plain = told(shipped("show", "2027-10", "--calendar", "weekends", "--json"))
    assert (plain["working_days"], plain["version"], plain["source"]) == (21, 0, None)


def test_calendars_are_listed_with_their_years(shipped: Redress) -> None:
    done = shipped("list")
    assert done.stdout.splitlines() == [
        (
            "cn           Official Chinese calendar, version 33: 2004-2026 published;"
            " 2027-2036 foreseen: statutory holidays only"
        ),
        "weekends     Monday to Friday, no holidays, version 0: weekends only",
    ]
    listed = told(shipped("list", "--json"))["calendars"]
    assert [(one["calendar"], one["version"]) for one in listed] == [("cn", 33), ("weekends", 0)]
    assert listed[0]["years"][0]["year"] == 2004


def test_to_show_and_to_list_calendars_changes_nothing(redress: Redress, database: str) -> None:
    """Neither the log, which has no calendar here, nor the schema."""
    nothing = one_line(redress("show", "2026-02"))
    assert nothing == "redress: there is no calendar 'cn': see `redress calendar list`"
    assert told(redress("list", "--json")) == {"calendars": []}
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM log.stored_events").fetchone() == (0,)
        connection.execute("UPDATE migrations.applied SET version_num = '0021'")
    for asked in (("show", "2026-02"), ("list",)):
        assert "run `redress migrate`" in one_line(redress(*asked))
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT version_num FROM migrations.applied").fetchone()
    assert found == ("0021",)


def test_a_notice_is_imported_once_and_corrected(
    redress: Redress, notice: Callable[..., str], database: str
) -> None:
    october = [f"2027-10-0{n},国庆节,True" for n in range(1, 8)]
    path = notice("2027-01-01,元旦,True", *october, "2027-09-26,国庆节,False")
    asked = ("import", path, "--year", "2027", "--source", "https://www.gov.cn/1", "--json")

    found = told(redress(*asked))
    assert (found["calendar"], found["version"]) == ("cn", 34)
    (year,) = (year for year in found["years"] if year["year"] == 2027)
    assert year == {"year": 2027, "state": "published", "source": "https://www.gov.cn/1"}
    assert told(redress(*asked))["version"] == 34, "the same file changes nothing"

    wrong = notice("2027-01-01,元旦,True")
    line = one_line(redress("import", wrong, "--year", "2027", "--source", "x"))
    assert "published_already" in line

    path = notice("2027-10-08,国庆节,True", "2027-09-26,,")
    reason = ("--reason", "extended by a day", "--source", "https://www.gov.cn/2")
    assert redress("correct", path, *reason).stdout == "cn is now at version 35\n"
    month = told(redress("show", "2027-10", "--json"))
    assert month["source"] == "https://www.gov.cn/1; https://www.gov.cn/2"
    assert [d["works"] for d in month["days"][:11]] == [False] * 10 + [True]
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb -> 'meta' FROM log.stored_events"
            " WHERE topic = 'calendar.days_corrected'"
        ).fetchone()
    assert row is not None
    assert row[0]["reason"] == "extended by a day"
    assert row[0]["role"] == "administrator"
    assert row[0]["source"]["kind"] == "cli"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["2027-10-01,国庆节,yes"], ":2: not_in_list: is_off_day must be True or False"),
        (["2027-10-01,国庆节,True"] * 2, ":3: day_once: days must hold 2027-10-01 once only"),
        (
            [f"2027-10-0{n},国庆节,True" for n in (1, 2, 3, 5, 6, 7)],
            ":5: holiday_gap: days must hold every day of a holiday: 2027-10-04 is missing",
        ),
        (["2026-10-01,国庆节,True"], ":2: outside_year: days must lie in the year"),
        (["2027-10-01,,True"], ":2: day_named: name must not be empty"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_with_line_and_rule(
    redress: Redress, notice: Callable[..., str], lines: list[str], says: str
) -> None:
    path = notice(*lines)

    line = one_line(redress("import", path, "--year", "2027", "--source", "x"))

    assert line.startswith(f"redress: {path}{says}")


@pytest.mark.parametrize(
    ("arguments", "says", "zh"),
    [
        (("show", "2026-13"), "a month is written like 2026-02", "月份须写作2026-02的形式"),
        (
            ("show", "2026-02", "--calendar", "nope"),
            "there is no calendar 'nope'",
            "没有日历'nope'",
        ),
        (
            ("import", "missing.csv", "--year", "2027", "--source", "x"),
            "missing.csv: No such file",
            "missing.csv: No such file",
        ),
        (
            ("correct", "missing.csv", "--source", "x", "--reason", "y", "--calendar", "nope"),
            "there is no calendar 'nope'",
            "没有日历'nope'",
        ),
    ],
)
def test_a_wrong_request_ends_in_one_line_of_the_language(
    redress: Redress, arguments: tuple[str, ...], says: str, zh: str
) -> None:
    assert says in one_line(redress(*arguments))
    assert zh in one_line(redress(*arguments, "--lang", "zh"))


def test_a_file_is_answered_in_the_language(redress: Redress, notice: Callable[..., str]) -> None:
    def imported(*lines: str) -> "subprocess.CompletedProcess[str]":
        asked = ("--year", "2027", "--source", "x", "--lang", "zh")
        return redress("import", notice(*lines), *asked)

    unclear = one_line(imported("2027-10-01,国庆节,yes"))
    assert unclear.endswith(":2: not_in_list: is_off_day必须是True或False")
    assert ":2: outside_year: " in (elsewhere := one_line(imported("2026-10-01,国庆节,True")))
    assert has_chinese(elsewhere.rpartition("outside_year")[2])
    assert imported("2027-01-01,元旦,True").stdout == "cn现为第34版\n"


def test_a_correction_needs_its_reason(redress: Redress, notice: Callable[..., str]) -> None:
    path = notice("2026-10-08,国庆节,True")

    assert redress("correct", path, "--source", "x").returncode == 2
    line = one_line(redress("correct", path, "--source", "x", "--reason", " "))
    assert "reason must not be empty" in line
