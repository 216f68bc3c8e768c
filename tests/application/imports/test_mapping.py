"""A mapping file is understood completely or refused with one line that names the key."""

from pathlib import Path

import pytest

from application.imports.mapping import MappingError, parse_mapping, read_mapping

ROOT = Path(__file__).parents[3]

SOURCE = """
[source]
name = "acme"
time_zone = "Asia/Shanghai"
"""
SHIPMENT = """
[shipment]
waybill = "no"
ordered_at = "at"
"""
COMPLAINT = """
[complaint]
key = "id"
received_at = "at"
channel = { value = "phone" }
category = { column = "kind", map = { "延误" = "delay" } }
complainant = "who"
subject = "what"
facts = { template = "{what}, {more}" }
"""


def test_the_example_is_a_valid_mapping() -> None:
    mapping = read_mapping(ROOT / "docs" / "import" / "olist.toml")
    assert mapping.source.name == "olist"
    assert mapping.columns()["shipment.milestones.order_reviewed"] == ["order_approved_at"]


def test_the_columns_of_every_key_are_known() -> None:
    text = (
        SOURCE
        + SHIPMENT
        + """
        when = { column = "a", present = true }
        fee = { column = "b", default = "{c}" }
        milestones.hub_scan = [{ column = "d", place = "e" }, "f"]
        """
        + COMPLAINT
    )
    columns = parse_mapping(text).columns()
    assert columns["shipment.when"] == ["a"]
    assert columns["shipment.fee"] == ["b", "c"]
    assert columns["shipment.milestones.hub_scan"] == ["d", "f"]
    assert columns["shipment.milestones.hub_scan.place"] == ["e"]
    assert columns["complaint.key"] == ["id"]
    assert columns["complaint.facts"] == ["what", "more"]
    assert "complaint.channel" not in columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[source", "not TOML: "),
        (SOURCE, "the file: give [shipment] or [complaint]"),
        (SHIPMENT, "source: is required"),
        (SOURCE + SHIPMENT + "wybill = 'x'", "shipment.wybill: no such key"),
        (SOURCE + "[shipment]\nwaybill = 'no'", "shipment.ordered_at: is required"),
        (SOURCE + SHIPMENT + "fee = 3", "shipment.fee: must be a column name or a table"),
        (SOURCE + SHIPMENT + "fee = ''", "shipment.fee.column: "),
        (SOURCE + SHIPMENT + "fee = { value = '1', column = 'c' }", "shipment.fee: give exactly"),
        (SOURCE + SHIPMENT + "fee = {}", "shipment.fee: give exactly one of column, value"),
        (SOURCE + SHIPMENT + "fee = { colum = 'c' }", "shipment.fee.colum: no such key"),
        (SOURCE + SHIPMENT + "fee = { column = 'c', currency = 'rmb' }", "shipment.fee.currency: "),
        (SOURCE + SHIPMENT + "origin = { template = '{a' }", "shipment.origin.template: braces"),
        (
            SOURCE + SHIPMENT + "service_class = { value = 'express' }",
            "shipment.service_class: 'express' is not one of same_city, ",
        ),
        (
            SOURCE + SHIPMENT + "service_class = { column = 'c', map = { x = 'y' } }",
            "shipment.service_class: 'y' is not one of",
        ),
        (SOURCE + SHIPMENT + "milestones = { arrived = 'c' }", "shipment.milestones.arrived: "),
        (
            SOURCE + SHIPMENT + "when = { column = 'c', at_most = 2, present = true }",
            "shipment.when.0: give exactly one of present",
        ),
        (
            SOURCE + SHIPMENT + "promised_by = { column = 'c', zone = 'Mars/Olympus' }",
            "shipment.promised_by.zone: no time zone is called 'Mars/Olympus'",
        ),
        (SOURCE + SHIPMENT + "[rating]\nkey = []\nrated_at = 'a'\nscore = 's'", "rating.key: "),
        (SOURCE + COMPLAINT + "answer = 'reply'", "complaint: answer needs answered_at"),
        (
            SOURCE + COMPLAINT + "[rating]\nkey = 'k'\nrated_at = 'a'\nscore = 's'",
            "the file: [rating] needs [shipment]",
        ),
        (
            "[source]\nname = 'Acme Ltd'\ntime_zone = 'Asia/Shanghai'" + SHIPMENT,
            "source.name: ",
        ),
        ("[source]\nname = 'a'\ntime_zone = '../x'" + SHIPMENT, "source.time_zone: no time zone"),
        (SOURCE + "encoding = 'klingon'" + SHIPMENT, "source.encoding: no text encoding is"),
        (SOURCE + "encoding = 'base64'" + SHIPMENT, "source.encoding: no text encoding is"),
        (SOURCE + "delimiter = '\"'" + SHIPMENT, "source.delimiter: is an ASCII character"),
        (SOURCE + "delimiter = ';;'" + SHIPMENT, "source.delimiter: "),
    ],
)
def test_a_wrong_mapping_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(MappingError) as error:
        parse_mapping(text)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_several_mistakes_are_counted() -> None:
    with pytest.raises(MappingError, match=r"and 1 more"):
        parse_mapping(SOURCE + SHIPMENT + "a = 1\nb = 2")


def test_a_mapping_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"none\.toml: No such file"):
        read_mapping(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"\xe9")
    with pytest.raises(MappingError, match=r"latin\.toml: not UTF-8"):
        read_mapping(tmp_path / "latin.toml")
    (tmp_path / "bad.toml").write_text("x = 1")
    with pytest.raises(MappingError, match=r"bad\.toml: x: no such key"):
        read_mapping(tmp_path / "bad.toml")
