"""``redress sla explain``: the deadlines of a case on the command line."""

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.api.appeals import received
from tests.api.cases import NOBODY, done, has_chinese, taken
from tests.api.clocks import breach, clocks_by_code, load_content
from tests.api.test_explain_deadline_api import ANSWER_EN, ANSWER_ZH, FRIDAY

ROOT = Path(__file__).resolve().parents[2]
Redress = Callable[..., "subprocess.CompletedProcess[str]"]
NUMBER = "query N($id: ID!) { complaint(id: $id) { number } }"


@pytest.fixture(scope="module")
def company(shared: Any) -> Any:
    """A case that was answered late, and the breach on record."""
    load_content(shared)
    case = taken(shared, occurredAt=FRIDAY)
    breach(shared, case, "answer")
    late = "2025-02-10T02:00:00Z"
    done(shared, "answerComplaint", complaintId=case, answer="已答复", occurredAt=late)
    shared.case = case
    shared.number = shared.graphql(NUMBER, {"id": case})["complaint"]["number"]
    return shared


@pytest.fixture
def explain(company: Any, tmp_path: Path) -> Redress:
    """Run the command on the company's database."""
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "keys" / "master.key").write_text(b64encode(bytes(range(32))).decode())
    url = f"postgresql://?{urlencode(conninfo_to_dict(company.database.conninfo))}"

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith("REDRESS_")}
        given = {"REDRESS_DATA_DIR": str(tmp_path), "REDRESS_DATABASE_URL": url}
        return subprocess.run(
            [sys.executable, "-m", "api.cli.main", "sla", "explain", *arguments],
            cwd=ROOT,
            env=kept | given | {"COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_every_clock_of_a_case_is_told_with_its_days(company: Any, explain: Redress) -> None:
    before = company.events()
    done = explain(company.number)

    assert done.returncode == 0, done.stderr
    assert company.events() == before
    lines = done.stdout.splitlines()
    assert "answer (answer 1): met late" in lines
    assert ANSWER_EN in done.stdout
    assert "  2025-01-26    1  counted; make-up working day: Spring Festival" in lines
    assert "  2025-01-25       skipped; weekend" in lines
    for clock in ("forwarding", "first feedback", "legal answer"):
        assert any(line.startswith(f"{clock} (") for line in lines)


def test_it_is_told_in_chinese_and_by_the_id(company: Any, explain: Redress) -> None:
    ((key,),) = company.rows("SELECT id FROM read.complaints WHERE number = %s", company.number)
    done = explain(str(key), "--lang", "zh")

    assert "答复 (answer 1): 逾期完成" in done.stdout.splitlines()
    assert ANSWER_ZH in done.stdout
    assert "  2025-01-26    1  计入; 补班日: 春节" in done.stdout


def test_json_is_one_object_with_every_clock(company: Any, explain: Redress) -> None:
    told = orjson.loads(explain(company.number, "--json").stdout)

    assert told["case"] == company.number
    rows = {clock["clock"]: clock for clock in told["clocks"]}
    assert set(rows) == set(clocks_by_code(company, company.case, "id"))
    answer = rows["answer"]
    assert (answer["state"], answer["due_at"]) == ("met_late", "2025-02-05T16:00:00+00:00")
    assert answer["policy"] == {"code": "default", "version": 1}
    assert answer["days"][2] == {
        "day": "2025-01-26",
        "step": "counted",
        "kind": "make_up",
        "number": 1,
        "step_label": "counted",
        "kind_label": "make-up working day",
        "name": "Spring Festival",
    }
    assert answer["arithmetic"].startswith(ANSWER_EN)


@pytest.mark.parametrize(
    ("as_of", "state"),
    [
        ("2025-02-05T23:59:00+08:00", "running"),
        ("2025-02-06T00:00:00+08:00", "breached"),
        ("2025-02-10T10:00:00+08:00", "met late"),
    ],
)
def test_as_of_an_instant_it_is_told_as_it_was(
    company: Any, explain: Redress, as_of: str, state: str
) -> None:
    done = explain(company.number, "--as-of", as_of)

    assert f"answer (answer 1): {state}" in done.stdout.splitlines()


def test_an_appeal_is_found_by_its_number(company: Any, explain: Redress) -> None:
    received(company, taken(company))
    ((number,),) = company.rows("SELECT number FROM read.appeals")

    assert "appeal (appeal 1): running" in explain(number).stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "told", "zh"),
    [
        (("C-1999-000001",), "there is no case 'C-1999-000001'", "案件'C-1999-000001'"),
        ((NOBODY,), "there is no case", "没有带时限的案件"),
        (("x" * 200,), "a case is named by its number", "请以编号"),
        (("C-1999-000001", "--as-of", "yesterday"), "an instant is written like", "时间须写作"),
        (("C-1999-000001", "--as-of", "2025-01-01T00:00:00"), "with its time zone", "并带有时区"),
    ],
)
def test_what_is_not_there_is_told_in_one_line_of_the_language(
    explain: Redress, arguments: tuple[str, ...], told: str, zh: str
) -> None:
    for lang, says in (("en", told), ("zh", zh)):
        done = explain(*arguments, "--lang", lang)

        assert done.returncode == 1
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("redress: ")
        assert says in line
        assert has_chinese(line) is (lang == "zh")


def test_before_a_case_was_received_it_has_no_clocks(company: Any, explain: Redress) -> None:
    done = explain(company.number, "--as-of", "2025-01-01T00:00:00Z")

    assert done.stdout.strip() == f"{company.number} has no clocks."
