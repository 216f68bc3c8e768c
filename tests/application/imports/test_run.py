"""An import takes over what is right, names what is wrong, and may be repeated at any point."""

import asyncio
import csv
import gzip
import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import psycopg
import pytest
import structlog
import typer
from psycopg import sql
from typer.testing import CliRunner

from api.bootstrap import open_dispatcher
from api.cli import imports
from api.embedded_postgres import EmbeddedPostgres
from application.dispatch import Call, Command, Dispatcher, Outcome
from application.eventstore.errors import NotStoredError
from application.eventstore.subject_keys import MasterKey
from application.imports import run
from application.imports.files import DataFileError
from application.imports.mapping import Mapping, parse_mapping, read_mapping
from application.imports.rejects import Counts, ImportStoppedError, ImportSummary
from application.imports.run import Progress, run_import
from application.permissions import Caller
from domain.errors import ConcurrentChangeError, NotPermittedError
from domain.identifiers import shipment_id, waybill
from domain.roles import PersonId, Role

ROOT = Path(__file__).parents[3]
OLIST = ROOT / "docs" / "import" / "olist.toml"
ORDERS = ROOT.parent / "shared" / "data" / "olist_orders_3000.csv.gz"
ZONE = ZoneInfo("Asia/Shanghai")
CALLER = Caller("cli", PersonId("import"), Role.SYSTEM)
SECRET = "王小明 13800138000"  # noqa: S105  a person's, not a machine's

MAPPING = parse_mapping(
    """
    [source]
    name = "acme"
    time_zone = "Asia/Shanghai"
    time_format = "%Y-%m-%d %H:%M"
    [shipment]
    waybill = "no"
    ordered_at = "at"
    customer_reference = "customer"
    service_class = { column = "class", map = { "市内" = "same_city" } }
    destination = "city"
    delivered_at = "delivered"
    fee = "fee"
    milestones.ordered = "at"
    [rating]
    when = { column = "score", present = true }
    key = ["no", "review"]
    rated_at = "at"
    score = "score"
    comment = "text"
    [complaint]
    when = { column = "score", at_most = 2 }
    key = ["no", "review"]
    received_at = "at"
    channel = { value = "phone" }
    category = { value = "delivery" }
    complainant = { value = "unknown" }
    customer_reference = "customer"
    subject = { value = "Bad review" }
    facts = { column = "text", default = "no text" }
    waybill = "no"
    answered_at = "answered"
    answer = "answer"
    """
)
HEADER = "no at customer class city delivered fee score review text answered answer".split()  # noqa: SIM905


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Leave out the line that every command logs: thousands of them are no help."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


def line(no: str, **cells: str) -> dict[str, str]:
    return dict.fromkeys(HEADER, "") | {"no": no, "at": "2025-03-04 10:00"} | cells


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def some_rows(count: int) -> list[dict[str, str]]:
    return [
        line(
            f"WB{n:06}",
            customer=f"c{n}",
            fee=f"{n}.50",
            delivered="2025-03-06 12:00" if n % 3 else "",
            score=str(n % 6 or ""),
            text=SECRET,
        )
        for n in range(count)
    ]


def imported(
    database: str, master: MasterKey, files: list[Path], mapping: Mapping = MAPPING, **options: Any
) -> ImportSummary:
    async def go() -> ImportSummary:
        async with open_dispatcher(database, master, zone=ZONE) as dispatcher:
            return await run_import(dispatcher, mapping, files, caller=CALLER, **options)

    return asyncio.run(go())


def checked(files: list[Path], mapping: Mapping = MAPPING) -> ImportSummary:
    return asyncio.run(run_import(None, mapping, files, caller=CALLER, check=True))


def raw_events(database: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT * FROM log.stored_events ORDER BY 1, 2, 3").fetchall()


def facts(database: str) -> list[tuple[Any, ...]]:
    """Return what the log says, without what differs from one run to the next."""

    def settled(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: settled(inner)
                for name, inner in value.items()
                if name not in {"nonce", "ciphertext", "correlation", "number"}
            }
        return [settled(inner) for inner in value] if isinstance(value, list) else value

    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT originator_id, originator_version, topic, state FROM log.stored_events"
            " ORDER BY 1, 2"
        ).fetchall()
    return [(*row[:3], settled(orjson.loads(row[3]))) for row in rows]


def rejected_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


@contextmanager
def another_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"t_{uuid4().hex}"
    with psycopg.connect(postgres.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE redress_template").format(sql.Identifier(name))
        )
        yield postgres.conninfo(dbname=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_rows_become_events_at_their_own_times(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    data = write(
        tmp_path / "a.csv",
        [line("WB123456", fee="9.34", delivered="2025-03-06 12:00", score="1", text=SECRET)],
    )
    summary = imported(database, master, [data])
    assert summary.as_json() == {
        "check": False,
        "rows_read": 1,
        "imported": {"shipments": 1, "complaints": 1, "ratings": 1},
        "unchanged": {"shipments": 0, "complaints": 0, "ratings": 0},
        "rejected": 0,
        "rejects_files": [],
        "rejects_file": None,
        "first_rejects": [],
    }
    events = {topic: state for _, _, topic, state in facts(database)}
    assert set(events) == {
        "shipment.opened",
        "shipment.facts_recorded",
        "shipment.milestone_recorded",
        "shipment.delivered",
        "shipment.delivery_rated",
        "complaint.received",
    }
    assert events["shipment.facts_recorded"]["data"]["facts"]["fee"] == {
        "amount_minor": 934,
        "currency": "CNY",
    }
    for topic, state in events.items():
        at = "2025-03-06T04:00" if topic == "shipment.delivered" else "2025-03-04T02:00"
        assert state["meta"]["occurred_at"].startswith(at)
        assert state["meta"]["source"] == {"kind": "import", "name": "acme", "historical": True}
    assert os.listdir(tmp_path) == ["a.csv"]  # noqa: PTH208


def test_an_answered_complaint_is_imported_with_its_answer_at_its_time(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    answered = {"score": "1", "answered": "2025-03-05 09:30", "answer": SECRET}
    data = write(tmp_path / "a.csv", [line("WB123456", **answered), line("WB123457", score="1")])

    assert imported(database, master, [data]).imported == Counts(2, 2, 2)
    before = raw_events(database)
    assert imported(database, master, [data]).imported == Counts()

    assert raw_events(database) == before
    (told,) = [state for _, _, topic, state in facts(database) if topic == "complaint.answered"]
    assert told["meta"]["occurred_at"].startswith("2025-03-05T01:30")
    assert told["meta"]["source"] == {"kind": "import", "name": "acme", "historical": True}
    assert told["data"]["first_contact"] is True
    assert SECRET not in str(before)


BAD: list[tuple[dict[str, str], str, str]] = [
    (line(""), "shipment.waybill", "required"),
    (line("x"), "shipment.waybill", "waybill_format"),
    (line("WB100001", **{"class": "宇宙"}), "shipment.service_class", "not_in_list"),
    (line("WB100002", at="yesterday"), "shipment.ordered_at", "not_an_instant"),
    (line("WB100003", at="2999-01-01 00:00"), "shipment.ordered_at", "in_the_future"),
    (line("WB100004", score="3", text="x" * 10_001), "rating.comment", "too_long"),
    (line("WB100005", city="a\x00b"), "shipment.destination", "control_characters"),
    (line("WB100006", fee="1.005"), "shipment.fee", "too_precise"),
    (line("WB100007", score="9"), "rating.score", "out_of_range"),
    (
        line("WB100008", score="1", answered="2025-03-04 09:59"),
        "complaint.answered_at",
        "before",
    ),
    (
        line("WB100009", score="1", answered="2999-01-01 00:00"),
        "complaint.answered_at",
        "in_the_future",
    ),
    (line("GOOD0001", fee="2.00"), "shipment", "contradicts_row"),
    (line("GOOD0002", delivered="2025-04-01 00:00"), "shipment", "contradicts_row"),
]


def test_bad_rows_are_named_and_the_rest_is_imported(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    good = [line("GOOD0001", fee="1.00"), line("GOOD0002", delivered="2025-03-06 12:00")]
    data = write(tmp_path / "a.csv", [*good, *(row | {"customer": SECRET} for row, _, _ in BAD)])
    with data.open("ab") as file:
        file.write(b"WB200001,2025-03-04 10:00,\xff,,,,,,,,,\r\n")
        file.write(b"WB200002,too few\r\n")
        file.write(b'WB200003,2025-03-04 10:00,"not closed,,,,,,,,,\r\n')
        file.write(b'GOOD0003,2025-03-04 10:00,,,,,,3,,"two\nlines",,\r\n')
        file.write(b"WB200004,2025-03-04 10:00,,,,,,,," + b"x" * 2_000_000 + b",,\r\n")
        file.write(b"GOOD0004,2025-03-04 10:00,,,,,,,,,,\r\n")
    broken = {18: "wrong_columns", 19: "bad_quotes", 22: "row_too_long", 17: "bad_encoding"}
    first_bad = 2 + len(good)
    expected = {first_bad + n: (at, rule) for n, (_, at, rule) in enumerate(BAD)} | {
        number: ("row", rule) for number, rule in broken.items()
    }

    looked = checked([data])
    assert not list(tmp_path.glob("*.rejected*"))
    summary = imported(database, master, [data])
    assert looked.imported == summary.imported == Counts(shipments=4, ratings=1)
    assert looked.rejected == summary.rejected == len(expected)
    assert summary.rows_read == 4 + len(expected)

    target = tmp_path / "a.csv.rejected.csv"
    assert summary.rejects_files == [str(target)]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    rows = rejected_rows(target)
    assert {int(row["line"]): (row["field"], row["rule"]) for row in rows} == expected
    assert list(rows[0])[:4] == ["line", "field", "rule", "reason"]
    assert list(rows[0])[4:16] == HEADER
    for row in rows:
        assert SECRET not in row["reason"]
        assert not row["reason"].isascii()
    assert SECRET not in json.dumps(summary.as_json(), ensure_ascii=False)
    assert b"\xff" in target.read_bytes()
    with psycopg.connect(database) as connection:
        shipments = connection.execute(
            "SELECT DISTINCT originator_id FROM log.stored_events"
        ).fetchall()
    assert {each for (each,) in shipments} == {
        shipment_id(waybill(f"GOOD000{n}")) for n in range(1, 5)
    }


def test_corrected_rejects_can_be_imported_as_they_are(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    data = write(tmp_path / "a.csv", [line("WB123456", fee="1,00", city="重庆")])
    imported(database, master, [data])
    rejected = tmp_path / "a.csv.rejected.csv"
    text = rejected.read_text("utf-8")
    assert "fee: is not a number" in text
    rejected.write_text(text.replace('"1,00"', "1.00"), "utf-8")
    assert imported(database, master, [rejected]).imported == Counts(shipments=1)


def test_importing_twice_changes_nothing(database: str, master: MasterKey, tmp_path: Path) -> None:
    rows = some_rows(60)
    data = write(tmp_path / "a.csv", [*rows, *rows[:10]])
    looked = checked([data])
    first = imported(database, master, [data])
    ratings = sum(bool(row["score"]) for row in rows)
    complaints = sum(row["score"] in {"1", "2"} for row in rows)
    assert first.imported == looked.imported == Counts(60, complaints, ratings)
    assert first.unchanged == looked.unchanged
    assert first.unchanged.shipments == 10
    before = raw_events(database)
    assert before
    again = imported(database, master, [data])
    assert again.imported == Counts()
    assert again.unchanged.shipments == 70
    assert raw_events(database) == before


def test_rows_of_one_waybill_keep_their_order(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    rows = [
        line("WB123456", score=str(n % 5 + 1), review=f"r{n // 2}", text=f"n{n}") for n in range(40)
    ]
    summary = imported(database, master, [write(tmp_path / "a.csv", rows)])
    assert (summary.imported.ratings, summary.unchanged.ratings) == (20, 20)
    rated = [
        (state["data"]["reference"], state["data"]["score"])
        for _, _, topic, state in facts(database)
        if topic == "shipment.delivery_rated"
    ]
    assert rated == [(f"WB123456:r{n}", 2 * n % 5 + 1) for n in range(20)]


def test_a_changed_delivery_of_a_later_file_is_rejected(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    imported(
        database,
        master,
        [write(tmp_path / "a.csv", [line("WB123456", delivered="2025-03-06 12:00")])],
    )
    later = write(tmp_path / "b.csv", [line("WB123456", delivered="2025-03-07 12:00")])
    summary = imported(database, master, [later])
    assert [(r.field, r.rule) for r in summary.first_rejects] == [
        ("shipment.delivered_at", "already_delivered")
    ]
    assert "delivered: the shipment" in summary.first_rejects[0].reason


def test_what_cannot_be_imported_at_all_is_said_before_anything_is(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.csv", some_rows(3))
    empty = tmp_path / "empty.csv"
    empty.touch()
    other = tmp_path / "other.csv"
    other.write_text("no,at\nWB123456,2025-03-04 10:00\n")
    (tmp_path / "sub").mkdir()
    twin = write(tmp_path / "sub" / "good.csv", some_rows(1))
    wrong: list[tuple[list[Path], dict[str, Any], str]] = [
        ([], {}, "no data file"),
        ([good, tmp_path / "none.csv"], {}, "none.csv: No such file"),
        ([good, tmp_path], {}, "Is a directory"),
        ([good, empty], {}, "empty.csv: the file is empty"),
        ([good, other], {}, "other.csv: columns missing: answer, answered, city, class, customer"),
        ([good], {"rejects_dir": tmp_path / "none"}, "--rejects-dir"),
        ([good], {"rejects_dir": Path("/proc")}, "no file of rejected rows can be written"),
        ([good, good], {}, "would share one file"),
        ([good, twin], {"rejects_dir": tmp_path}, "would share one file"),
    ]
    for files, options, said in wrong:
        with pytest.raises(DataFileError) as error:
            imported(database, master, files, **options)
        assert said in str(error.value)
    with pytest.raises(NotPermittedError):
        asyncio.run(
            run_import(
                None,
                MAPPING,
                [good],
                caller=Caller("a", PersonId("a"), Role.FRONT_DESK),
                check=True,
            )
        )
    assert raw_events(database) == []


def test_a_header_alone_is_an_import_of_nothing(tmp_path: Path) -> None:
    summary = checked([write(tmp_path / "a.csv", [])])
    assert (summary.rows_read, summary.rejected, summary.imported) == (0, 0, Counts())


def test_rejects_may_go_elsewhere(database: str, master: MasterKey, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    data = write(tmp_path / "a.csv", [line("x")])
    summary = imported(database, master, [data], rejects_dir=tmp_path / "out")
    assert summary.rejects_files == [str(tmp_path / "out" / "a.csv.rejected.csv")]
    assert sorted(p.name for p in tmp_path.rglob("*.csv*")) == ["a.csv", "a.csv.rejected.csv"]


def test_what_comes_before_damage_in_a_file_is_imported(
    database: str, master: MasterKey, tmp_path: Path
) -> None:
    whole = gzip.compress(write(tmp_path / "a.csv", some_rows(2000)).read_bytes())
    (tmp_path / "a.csv.gz").write_bytes(whole[:-2000])
    with pytest.raises(DataFileError, match=r"a\.csv\.gz: unreadable after line \d+"):
        imported(database, master, [tmp_path / "a.csv.gz"])
    assert len(raw_events(database)) > 1000


def test_progress_ends_at_all_bytes(tmp_path: Path) -> None:
    files = [write(tmp_path / name, some_rows(250)) for name in ("a.csv", "b.csv")]
    seen: list[Progress] = []
    asyncio.run(
        run_import(None, MAPPING, files, caller=CALLER, check=True, on_progress=seen.append)
    )
    total = sum(file.stat().st_size for file in files)
    assert seen[-1] == Progress(500, total, total)
    assert seen == sorted(seen, key=lambda p: (p.rows, p.bytes_read))
    assert len(seen) == 7


class FaultyDispatcher(Dispatcher):
    """Fails with a fault, that is no refusal, before it does what it is told."""

    def __init__(self, wrapped: Dispatcher, fault: Exception, times: int) -> None:
        self._wrapped = wrapped
        self._fault = fault
        self.times = times

    async def execute(self, command: Command[Any], call: Call) -> Outcome[Any]:
        if self.times:
            self.times -= 1
            raise self._fault
        return await self._wrapped.execute(command, call)


@pytest.mark.parametrize(
    "fault", [NotStoredError("the database cannot be reached"), ConcurrentChangeError("shipment")]
)
def test_a_fault_is_no_refusal(
    database: str,
    master: MasterKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    monkeypatch.setattr(run, "PAUSES", (0.0, 0.0))
    data = write(tmp_path / "a.csv", some_rows(30))

    async def go(times: int) -> ImportSummary:
        async with open_dispatcher(database, master, zone=ZONE) as dispatcher:
            faulty = FaultyDispatcher(dispatcher, fault, times)
            return await run_import(faulty, MAPPING, [data], caller=CALLER)

    with pytest.raises(ImportStoppedError, match="it is safe to run the import again"):
        asyncio.run(go(10_000))
    assert raw_events(database) == []
    summary = asyncio.run(go(2))
    assert summary.imported.shipments == 30
    assert summary.rejected == 0


def test_the_command_line_ends_with_one_json_object(
    database: str, master: MasterKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        imports, "open_commands", lambda: open_dispatcher(database, master, zone=ZONE)
    )
    data = olist_rows(tmp_path / "orders.csv", 5)
    with data.open("a") as file:
        file.write("too,few\n")
    application = typer.Typer()
    application.command()(imports.import_files)

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(application, ["--mapping", str(OLIST), *arguments])

    looked = invoke("--check", "--json", str(data))
    assert looked.exit_code == 0
    assert orjson.loads(looked.stdout)["imported"]["shipments"] == 5
    assert raw_events(database) == []

    done = invoke("--json", str(data))
    assert done.exit_code == 0
    answer = orjson.loads(done.stdout.splitlines()[-1])
    assert answer["imported"] == {"shipments": 5, "complaints": 2, "ratings": 5}
    assert answer["rejected"] == 1
    assert answer["rejects_file"] == f"{data}.rejected.csv"

    told = invoke(str(data))
    assert "unchanged 5, 2, 5" in told.stdout
    assert f"{data}:7: row: wrong_columns" in told.stdout

    failed = invoke("--json", str(tmp_path / "none.csv"))
    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert failed.stderr == f"redress: {tmp_path / 'none.csv'}: No such file or directory\n"


IMPORT = """
import asyncio, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from api.bootstrap import open_dispatcher
from application.eventstore.subject_keys import MasterKey
from application.imports.mapping import read_mapping
from application.imports.run import run_import
from application.permissions import Caller
from domain.roles import PersonId, Role

async def go(conninfo, mapping, data):
    options = dict(caller=Caller("cli", PersonId("import"), Role.SYSTEM))
    mapping = read_mapping(Path(mapping))
    if not conninfo:
        return await run_import(None, mapping, [Path(data)], check=True, **options)
    master = MasterKey(bytes(range(32)))
    async with open_dispatcher(conninfo, master, zone=ZoneInfo("Asia/Shanghai")) as dispatcher:
        return await run_import(dispatcher, mapping, [Path(data)], **options)

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024

import time
import structlog
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
began = time.perf_counter()
summary = asyncio.run(go(*sys.argv[1:]))
print(summary.rows_read, summary.imported.shipments, peak(), time.perf_counter() - began)
"""


def in_a_process(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


OLIST_HEADER = """
order_id order_purchase_timestamp order_approved_at order_delivered_carrier_date
order_delivered_customer_date order_estimated_delivery_date customer_unique_id customer_city
customer_state item_price_sum freight_sum review_id review_score review_comment_title
review_comment_message review_creation_date
""".split()  # noqa: SIM905  a header is easier to read as one


def olist_rows(path: Path, count: int) -> Path:
    """Write a file in the example's shape in which every row is another order."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(OLIST_HEADER)
        at = "2018-03-04 10:00:00"
        for n in range(count):
            known = (f"order{n:07}", *[at] * 5, f"customer{n}", "recife", "PE", "10.0", "9.34")
            writer.writerow([*known, f"review{n}", n % 5 + 1, "", "texto " * 10, at])
    return path


def test_an_import_killed_in_the_middle_ends_as_if_it_had_not_been(
    database: str, master: MasterKey, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    data = olist_rows(tmp_path / "orders.csv", 600)
    undisturbed = imported(database, master, [data], read_mapping(OLIST))
    assert undisturbed.imported == Counts(600, 240, 600)
    with another_database(postgres) as disturbed:
        for stored in (400, 1500):
            with in_a_process(disturbed, str(OLIST), str(data)) as process:
                wait_until(partial(more_events_than, stored, disturbed))
                process.kill()
        assert len(raw_events(disturbed)) < len(raw_events(database))
        imported(disturbed, master, [data], read_mapping(OLIST))
        assert facts(disturbed) == facts(database)


def more_events_than(count: int, database: str) -> bool:
    return len(raw_events(database)) > count


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.skipif(not ORDERS.exists(), reason="the trial data is not there")
def test_real_orders_are_imported_completely(database: str, master: MasterKey) -> None:
    with gzip.open(ORDERS, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    reviews = {(r["order_id"], r["review_id"]): r for r in rows if r["review_score"]}
    bad = [r for r in reviews.values() if float(r["review_score"]) <= 2]
    expected = Counts(
        shipments=len({r["order_id"] for r in rows}), complaints=len(bad), ratings=len(reviews)
    )
    assert len(rows) == 3000

    mapping = read_mapping(OLIST)
    looked = checked([ORDERS], mapping)
    began = time.perf_counter()
    summary = imported(database, master, [ORDERS], mapping)
    print(f"{3000 / (time.perf_counter() - began):.0f} rows/s")
    assert summary.rows_read == 3000
    assert summary.rejected == 0
    assert summary.imported == looked.imported == expected

    topics: Counter[str] = Counter()
    delivered_at = {}
    fees = {}
    for stream, _, topic, state in facts(database):
        topics[topic] += 1
        if topic == "shipment.delivered":
            delivered_at[stream] = state["meta"]["occurred_at"]
        if topic == "shipment.facts_recorded" and state["data"]["facts"]["fee"]:
            fees[stream] = state["data"]["facts"]["fee"]["amount_minor"]
    assert topics["shipment.opened"] == topics["shipment.facts_recorded"] == expected.shipments
    assert topics["shipment.delivery_rated"] == expected.ratings
    assert topics["complaint.received"] == expected.complaints
    steps = ("order_purchase_timestamp", "order_approved_at", "order_delivered_carrier_date")
    assert topics["shipment.milestone_recorded"] == sum(bool(r[s]) for r in rows for s in steps)
    ids = {shipment_id(waybill(r["order_id"])): r for r in rows}
    assert set(delivered_at) == {i for i, r in ids.items() if r["order_delivered_customer_date"]}
    assert fees == {
        i: round(float(r["freight_sum"]) * 100) for i, r in ids.items() if r["freight_sum"]
    }


measurable = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


@measurable
def test_a_check_needs_no_more_memory_for_more_rows(tmp_path: Path, *, full_volume: bool) -> None:
    """Interpreter and modules take about 60 MB; SQLite's cache may fill up to 2 MB."""
    peaks = {}
    for count in (3_000, 90_000 if full_volume else 15_000):
        data = olist_rows(tmp_path / "orders.csv", count)
        with in_a_process("", str(OLIST), str(data)) as process:
            rows, shipments, peaks[count], took = process.communicate(timeout=120)[0].split()
        assert int(rows) == int(shipments) == count
        print(f"check of {count} rows: {float(took):.1f} s, peak {peaks[count]} MB")
    few, many = (int(peak) for peak in peaks.values())
    assert many - few < 8


@measurable
@pytest.mark.acceptance
def test_an_import_needs_bounded_memory(
    postgres: EmbeddedPostgres, tmp_path: Path, *, full_volume: bool
) -> None:
    """The store keeps up to 20,000 aggregates and 50,000 keys in memory, so that is its bound."""
    for count in (3_000, 90_000) if full_volume else (1_000,):
        data = olist_rows(tmp_path / "orders.csv", count)
        with (
            another_database(postgres) as database,
            in_a_process(database, str(OLIST), str(data)) as process,
        ):
            rows, shipments, peak, took = process.communicate(timeout=900)[0].split()
        assert int(rows) == int(shipments) == count
        print(f"import of {count} rows: {count / float(took):.0f} rows/s, peak {peak} MB")
        assert int(peak) < 400
