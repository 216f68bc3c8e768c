"""Reading damaged files row by row, and what a row says under a mapping."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from application.complaints import GivenAnswer
from application.imports.files import (
    MAX_ROW_CHARS,
    MAX_ROW_LINES,
    BrokenRow,
    DataFile,
    DataFileError,
)
from application.imports.mapping import Mapping, parse_mapping
from application.imports.rows import ANSWER, RowCommands, Translator
from domain.categories import Category
from domain.complaint_words import Severity
from domain.errors import InvalidValueError
from domain.money import Money
from domain.shipment import Milestone, MilestoneKind, ServiceClass

LATEST = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = """
[source]
name = "acme"
time_zone = "America/Sao_Paulo"
time_format = "%Y-%m-%d %H:%M:%S"
currency = "BRL"
[shipment]
waybill = "no"
ordered_at = "at"
customer_reference = "customer"
service_class = { column = "class", map = { "市内" = "same_city" } }
destination = "city"
fee = "fee"
declared_value = { column = "yen", currency = "JPY" }
insured = "insured"
milestones.hub_scan = [{ column = "hub", place = "city" }]
[rating]
when = { column = "score", present = true }
key = ["no", "review"]
rated_at = "at"
score = "score"
title = "title"
[complaint]
when = [{ column = "score", at_most = 2 }]
key = ["no", "review"]
received_at = "at"
channel = { value = "phone" }
category = { value = "delivery" }
severity = { column = "severity" }
urgent = { value = true }
complainant = { value = "unknown" }
subject = { column = "title", default = "Score {score}" }
facts = { template = "{title}|{city}", default = "no text" }
waybill = "no"
accused = "accused"
answered_at = "answered"
answer = { column = "answer", default = "Answered by {city}" }
"""
HEADER = (
    "no at customer class city fee yen insured hub review score title severity accused answered"
    " answer"
)
BLANK = dict.fromkeys(HEADER.split(), "")
GOOD = BLANK | {"no": "WB123456", "at": "2025-03-04 10:00:00"}


def translated(mapping: str = MAPPING, **cells: str) -> RowCommands:
    return Translator(parse_mapping(mapping)).commands(GOOD | cells, LATEST)


def refusal(mapping: str = MAPPING, **cells: str) -> tuple[str, str]:
    with pytest.raises(InvalidValueError) as error:
        translated(mapping, **cells)
    return error.value.field, error.value.rule


def facts_of(commands: RowCommands) -> Any:
    assert commands.shipment is not None
    return commands.shipment.facts


def test_a_row_becomes_a_shipment_with_its_facts_at_their_times() -> None:
    commands = translated(
        **{"class": "市内", "city": " Recife ", "fee": "9.34", "hub": "2025-03-05 00:00:00"},
        insured="Yes",
        customer="c1",
    )
    assert commands.shipment is None or commands.shipment.ratings == ()
    assert commands.complaint is None
    shipment = commands.shipment
    assert shipment is not None
    assert shipment.occurred_at == datetime(2025, 3, 4, 13, tzinfo=UTC)
    assert shipment.customer_reference == "c1"
    assert shipment.facts.service_class is ServiceClass.SAME_CITY
    assert shipment.facts.fee == Money(934, "BRL")
    assert shipment.facts.insured
    assert shipment.milestones == (
        (datetime(2025, 3, 5, 3, tzinfo=UTC), Milestone(MilestoneKind.HUB_SCAN, "Recife")),
    )


def test_a_review_becomes_a_rating_and_a_bad_one_a_complaint() -> None:
    good = translated(score="3.0", review="r1", title="ok")
    assert good.complaint is None
    assert good.shipment is not None
    (rating,) = good.shipment.ratings
    assert (rating.reference, rating.score, rating.title) == ("WB123456:r1", 3, "ok")

    bad = translated(score="2", severity="major", accused="courier-7", city="Lins").complaint
    assert bad is not None
    assert bad.key == "WB123456:"
    assert bad.received.subject == "Score 2"
    assert bad.received.facts == "|Lins"
    assert bad.received.urgent
    assert bad.received.category is Category.DELIVERY
    assert bad.received.severity is Severity.MAJOR
    assert bad.received.accused == "courier-7"
    blank = translated(score="1").complaint
    assert blank is not None
    assert blank.received.facts == "no text"
    assert blank.received.severity is Severity.GENERAL


def test_a_complaint_with_a_time_of_its_answer_is_an_answered_one() -> None:
    answered = "2025-03-05 09:30:00"
    at = datetime(2025, 3, 5, 12, 30, tzinfo=UTC)

    def answer(mapping: str = MAPPING, **cells: str) -> GivenAnswer | None:
        complaint = translated(mapping, score="1", **cells).complaint
        assert complaint is not None
        return complaint.answered

    assert answer(answered=answered, answer="Refunded") == GivenAnswer(at=at, answer="Refunded")
    assert answer(answered=answered, city="Lins") == GivenAnswer(at=at, answer="Answered by Lins")
    assert answer(answered=answered) == GivenAnswer(at=at, answer=ANSWER)
    assert answer(answer="Refunded") is None
    at_receipt = answer(answered=GOOD["at"])
    assert at_receipt is not None
    assert at_receipt.at == datetime(2025, 3, 4, 13, tzinfo=UTC)
    silent = MAPPING.replace('answer = { column = "answer", default = "Answered by {city}" }', "")
    assert answer(silent, answered=answered, answer="x") == GivenAnswer(at=at, answer=ANSWER)


@pytest.mark.parametrize("written", ["loss", "丢失", "Missing", "丢件"])
def test_a_category_may_have_any_of_its_names(written: str) -> None:
    mapping = MAPPING.replace('category = { value = "delivery" }', 'category = "title"')

    complaint = translated(mapping, score="1", title=written).complaint

    assert complaint is not None
    assert complaint.received.category is Category.LOSS
    assert refusal(mapping, score="1", title="weather")[1] == "not_in_list"


def test_two_keys_never_meet() -> None:
    mapping = MAPPING.replace('key = ["no", "review"]', 'key = ["review", "title"]')
    keys = {
        command.key
        for review, title in [("a:b", "c"), ("a", "b:c"), ("a\\", ":b:c"), ("a", "\\:b:c")]
        if (command := translated(mapping, score="1", review=review, title=title).complaint)
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"no": ""}, ("shipment.waybill", "required")),
        ({"no": "运单1"}, ("shipment.waybill", "waybill_format")),
        ({"no": "WB\x00123456"}, ("shipment.waybill", "waybill_format")),
        ({"at": ""}, ("shipment.ordered_at", "required")),
        ({"at": "04/03/2025"}, ("shipment.ordered_at", "not_an_instant")),
        ({"at": "2025-02-30 00:00:00"}, ("shipment.ordered_at", "not_an_instant")),
        ({"at": "9999-12-31 23:59:59"}, ("shipment.ordered_at", "not_an_instant")),
        ({"at": "2026-01-02 00:00:00"}, ("shipment.ordered_at", "in_the_future")),
        ({"hub": "2027-01-02 00:00:00"}, ("shipment.milestones.hub_scan", "in_the_future")),
        ({"class": "宇宙"}, ("shipment.service_class", "not_in_list")),
        ({"insured": "perhaps"}, ("shipment.insured", "not_in_list")),
        ({"severity": "dire", "score": "1"}, ("complaint.severity", "not_in_list")),
        ({"city": "x" * 101}, ("shipment.destination", "too_long")),
        ({"city": "a\x00b"}, ("shipment.destination", "control_characters")),
        ({"fee": "9,34"}, ("shipment.fee", "not_a_number")),
        ({"fee": "1e3"}, ("shipment.fee", "not_a_number")),
        ({"fee": "NaN"}, ("shipment.fee", "not_a_number")),
        ({"fee": "9.345"}, ("shipment.fee", "too_precise")),
        ({"yen": "9.5"}, ("shipment.declared_value", "too_precise")),
        ({"fee": "-0.01"}, ("shipment.fee", "out_of_range")),
        ({"fee": "99999999999999.00"}, ("shipment.fee", "out_of_range")),
        ({"score": "five"}, ("rating.score", "not_a_number")),
        ({"score": "4.5"}, ("rating.score", "not_a_number")),
        ({"score": "6"}, ("rating.score", "out_of_range")),
        ({"score": "4", "title": "x" * 501}, ("rating.title", "too_long")),
        ({"score": "4", "review": "x" * 100}, ("rating.key", "too_long")),
        ({"score": "1", "title": "x" * 301}, ("complaint.subject", "too_long")),
        ({"score": "1", "accused": "Zhang San"}, ("complaint.accused", "code_format")),
        *(
            ({"score": "1", "answered": at}, ("complaint.answered_at", rule))
            for at, rule in (
                ("2025-03-04 09:59:59", "before"),
                ("2026-01-02 00:00:00", "in_the_future"),
                ("1969-01-01 00:00:00", "before"),
                ("soon", "not_an_instant"),
            )
        ),
        (
            {"score": "1", "answered": "2025-03-05 00:00:00", "answer": "x" * 20_001},
            ("complaint.answer", "too_long"),
        ),
    ],
)
def test_a_bad_cell_is_refused_by_rule(cells: dict[str, str], said: tuple[str, str]) -> None:
    assert refusal(**cells) == said


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [("9.34", "BRL", 934), ("9.3", "BRL", 930), ("0.1", "KWD", 100), ("9.00", "JPY", 9),
     ("0.29", "CNY", 29), ("1234567890123.45", "CNY", 123456789012345)],
)  # fmt: skip
def test_money_is_exact(written: str, currency: str, minor: int) -> None:
    mapping = MAPPING.replace('currency = "BRL"', f'currency = "{currency}"')
    assert facts_of(translated(mapping, fee=written)).fee == Money(minor, currency)


def test_a_decimal_comma_is_a_matter_of_the_mapping() -> None:
    mapping = MAPPING.replace("[shipment]", 'decimal_mark = ","\n[shipment]')
    assert facts_of(translated(mapping, fee="9,34")).fee == Money(934, "BRL")
    assert refusal(mapping, fee="1.234,50") == ("shipment.fee", "not_a_number")


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        # The clock went back at midnight of 18 February 2018: 23:30 occurred twice.
        ("2018-02-17 23:30:00", "2018-02-18T01:30:00+00:00"),
        # It went forward at midnight of 15 October 2017: 00:00 to 00:59 did not occur.
        ("2017-10-15 00:00:00", "2017-10-15T03:00:00+00:00"),
        ("2017-10-15 00:59:59", "2017-10-15T03:59:59+00:00"),
        ("2017-10-15 01:00:00", "2017-10-15T03:00:00+00:00"),
    ],
)
def test_local_times_that_occur_twice_or_never_have_an_instant(local: str, instant: str) -> None:
    command = translated(at=local).shipment
    assert command is not None
    assert command.occurred_at == datetime.fromisoformat(instant)


def test_an_offset_in_the_text_wins() -> None:
    mapping = MAPPING.replace('"%Y-%m-%d %H:%M:%S"', '"iso8601"')
    for text in ("2025-03-04T10:00:00Z", "2025-03-04T18:00:00+08:00", "2025-03-04T07:00:00"):
        command = translated(mapping, at=text).shipment
        assert command is not None
        assert command.occurred_at == datetime(2025, 3, 4, 10, tzinfo=UTC)


SOURCE = parse_mapping(
    '[source]\nname = "a"\ntime_zone = "UTC"\n[shipment]\nwaybill = "a"\nordered_at = "b"'
)


def read(
    tmp_path: Path, content: bytes, mapping: Mapping = SOURCE
) -> list[tuple[int, str, list[str]]]:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with DataFile(path, mapping.source) as file:
        return [
            (row.line, row.rule if isinstance(row, BrokenRow) else "", row.cells)
            for row in file.rows()
        ]


def test_rows_start_at_their_physical_line(tmp_path: Path) -> None:
    content = b'a,b\r\n\r\n1,"x\r\ny"\r\n2,"q""q"\r\n3,z'
    assert read(tmp_path, content) == [
        (3, "", ["1", "x\r\ny"]),
        (5, "", ["2", 'q"q']),
        (6, "", ["3", "z"]),
    ]


def test_a_byte_order_mark_and_gzip_are_transparent(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"\xef\xbb\xbfa,b\n1,2\n")) == [(2, "", ["1", "2"])]
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbfa,b\n")
    with DataFile(tmp_path / "bom.csv", SOURCE.source) as file:
        assert file.header == ["a", "b"]


def test_chinese_encodings_and_other_delimiters_are_read(tmp_path: Path) -> None:
    source = SOURCE.source.model_copy(update={"encoding": "gb18030", "delimiter": ";"})
    mapping = SOURCE.model_copy(update={"source": source})
    content = "a;b\n1;快递𠮷\n".encode("gb18030") + b"2;\xff\n3;z\n"
    assert [(line, rule) for line, rule, _ in read(tmp_path, content, mapping)] == [
        (2, ""),
        (3, "bad_encoding"),
        (4, ""),
    ]


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (b"1", "wrong_columns"),
        (b"1,2,3", "wrong_columns"),
        (b"1,\xe9t\xe9", "bad_encoding"),
        (b'1,"ab"c', "bad_quotes"),
        (b'1,"ab', "bad_quotes"),
        (b"1," + b"x" * 200_000, "row_too_long"),
        (b"1," + b"x" * (2 * MAX_ROW_CHARS + 5), "row_too_long"),
    ],
    ids=["few", "many", "encoding", "text after quote", "open quote", "long cell", "long line"],
)
def test_a_broken_row_costs_only_itself(tmp_path: Path, bad: bytes, rule: str) -> None:
    after = b'4,"x\ny"\n6,z\n'
    rows = read(tmp_path, b"a,b\n2,ok\n" + bad + b"\n" + after)
    assert [(line, broken) for line, broken, _ in rows] == [(2, ""), (3, rule), (4, ""), (6, "")]


def test_an_open_quote_at_the_end_costs_only_its_line(tmp_path: Path) -> None:
    lines = [b"a,b", b'1,"open', *[b"%d,ok" % n for n in range(3 * MAX_ROW_LINES)]]
    rows = read(tmp_path, b"\n".join(lines))
    assert rows[0][:2] == (2, "bad_quotes")
    assert [rule for _, rule, _ in rows[1:]] == [""] * (3 * MAX_ROW_LINES)
    assert [line for line, _, _ in rows] == list(range(2, 3 + 3 * MAX_ROW_LINES))


def test_nothing_but_open_quotes_ends_in_bounded_time(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a,b\n" + b'1,"x" y "\n' * 2000)
    assert len(rows) == 2000
    assert {rule for _, rule, _ in rows} == {"bad_quotes"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b'a,"b\n1,2\n', "header line breaks the rule bad_quotes"),
        (b"a,\xff\n1,2\n", "header line breaks the rule bad_encoding"),
        (b"\x1f\x8b\x00\x00", "unreadable after line 0"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9, mtime=0)[:-9], "unreadable after line"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(DataFileError, match=r"data\.csv: ") as error:
        read(tmp_path, content)
    assert said in str(error.value)


def test_missing_and_doubled_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,c\n")
    with (
        DataFile(tmp_path / "x.csv", SOURCE.source) as file,
        pytest.raises(DataFileError, match=r"columns missing: b \(the first line has 2 others\)"),
    ):
        file.check_columns(SOURCE)
    (tmp_path / "x.csv").write_bytes(b"a,b,a\n")
    with (
        DataFile(tmp_path / "x.csv", SOURCE.source) as file,
        pytest.raises(DataFileError, match="columns that occur twice: a"),
    ):
        file.check_columns(SOURCE)
