"""Searching the texts of complaints: by which words what is found, by whom, and what is refused."""

import json
from typing import Any

import psycopg
import pytest

from api.bootstrap import as_role
from api.graphql.nodes import as_uuid
from api.projecting import feed
from application.eventstore.subject_keys import Unsealing
from application.permissions import PERMISSIONS
from domain.roles import Role
from projections import PROJECTIONS
from projections.rebuild import rebuild
from tests.api.cases import HTML, INSIDE, SECRET, done, safely, taken

SEARCH = """query S($text: String!, $state: ComplaintState) {
  complaints(filter: {text: $text, state: $state}, first: 500) {
    totalCount edges { node { id } } } }"""
COUNT = """query S($text: String!) { complaintCounts(filter: {text: $text}) { key count } }"""
INTAKES: dict[str, dict[str, Any]] = {
    "violin": {
        "complainant": "欧阳修远",
        "contact": "13912345678",
        "subject": "小提琴破损",
        "facts": "收到时琴盒已裂，快递员态度恶劣。The Violin was BROKEN on arrival!",
        "request": "赔偿￥1200",
        "waybill": "SF1357924680",
    },
    "books": {
        "complainant": "Anna-Lena O'Hara",
        "contact": "anna.lena@example.org",
        "subject": "Books late",
        "facts": "Promised Monday,\nreached me on thursday; straße café naïve 100% sure_thing",
        "waybill": "YT-2468-0",
        "partnerReference": "REF/77",
    },
    "tea": {
        "complainant": "王小明",
        "contact": "+86 139-1234-5678",
        "subject": "茶叶丢失",
        "facts": "龍井茶丢了２箱，ＡＢＣ１２３，" + "龙" + "破" + "。损坏",
        "request": None,
    },
    "markup": {"subject": HTML, "facts": HTML, "complainant": "路人", "contact": None},
}


@pytest.fixture(scope="module")
def cases(shared: Any) -> dict[str, str]:
    """The ids of complaints by their keys."""
    return {key: taken(shared, **intake) for key, intake in INTAKES.items()}


def search(api: Any, text: str, role: str = "front_desk", **more: Any) -> set[str]:
    found = api.graphql(SEARCH, {"text": text} | more, role)["complaints"]
    ids = {edge["node"]["id"] for edge in found["edges"]}
    assert found["totalCount"] == len(found["edges"]) == len(ids)
    return ids


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # adjacent Chinese characters, as many as there are
        ("破损", {"violin"}),
        ("小提琴破损", {"violin"}),
        ("快递员态度", {"violin"}),
        ("琴盒已裂", {"violin"}),
        ("提琴 态度", {"violin"}),
        ("欧阳修远", {"violin"}),
        ("阳修", {"violin"}),
        ("丢失", {"tea"}),
        ("损坏", {"tea"}),
        ("裂快", set()),  # a comma stands between them
        ("破裂", set()),
        ("坏损", set()),
        # a single character
        ("琴", {"violin"}),
        ("破", {"violin", "tea"}),
        ("茶", {"tea"}),
        ("龍", {"tea"}),
        ("龙", {"tea"}),
        ("琴 茶", set()),
        # words of letters, whatever their case
        ("violin", {"violin"}),
        ("VIOLIN broken", {"violin"}),
        ("arrival!", {"violin"}),
        ("viol", set()),
        ("Anna Lena", {"books"}),
        ("o'hara", {"books"}),
        ("MONDAY thursday", {"books"}),
        ("STRASSE", {"books"}),
        ("Straße", {"books"}),
        ("CAFÉ", {"books"}),
        ("cafe\u0301 NAI\u0308VE", {"books"}),
        ("sure thing", {"books"}),
        # both together
        ("Violin 态度恶劣", {"violin"}),
        ("violin茶叶", set()),
        # numbers by which a case is known
        ("13912345678", {"violin"}),
        ("１３９１２３４５６７８", {"violin"}),
        ("139-1234-5678", {"tea"}),
        ("5678", {"tea"}),
        ("1391234567", set()),
        ("SF1357924680", {"violin"}),
        ("sf1357924680", {"violin"}),
        ("yt-2468-0", {"books"}),
        ("ref/77", {"books"}),
        ("anna.lena@EXAMPLE.org", {"books"}),
        # full width and half width
        ("abc123", {"tea"}),
        ("ａｂｃ１２３", {"tea"}),
        ("２箱", {"tea"}),
        ("2箱", {"tea"}),
        ("¥1200", {"violin"}),
        # what is no word is not looked for, what stands beside it is
        ("100%", {"books"}),
        ("%100_", {"books"}),
        ("破损😀", {"violin"}),
        ("  破损 \n\t", {"violin"}),
        ("'; DROP TABLE violin", set()),
        ("script alert", {"markup"}),
        ("<script>", {"markup"}),
        ("onerror=alert(1)", {"markup"}),
        ("破损 \\ \" ' % _ * ? & | ! :", {"violin"}),
        ("violin:*", {"violin"}),
        ("{violin,tea}", set()),
        ("NULL", set()),
        ("破" * 200, set()),
        ("x" * 200, set()),
        ("\ufdfa" * 200, set()),
    ],
)
def test_a_search_finds_the_complaints_that_have_all_its_words(
    shared: Any, cases: dict[str, str], text: str, found: set[str]
) -> None:
    assert search(shared, text) == {cases[key] for key in found}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "required"),
        (" \n\t　", "required"),
        ("%", "nothing_to_search"),
        ("_", "nothing_to_search"),
        ("%%%_%", "nothing_to_search"),
        ("'", "nothing_to_search"),
        ('"', "nothing_to_search"),
        ("\\", "nothing_to_search"),
        ("\\'; --", "nothing_to_search"),
        ("😀", "nothing_to_search"),
        ("👩‍👩‍👧‍👦🏳️‍🌈", "nothing_to_search"),
        ("。，！？《》", "nothing_to_search"),
        ("\u200b\u200d", "nothing_to_search"),
        ("\u0301", "nothing_to_search"),
        (SECRET * 500, "too_long"),
        ("破" * 201, "too_long"),
        ("%" * 10_240, "too_long"),
        (f"{SECRET}\u0000", "control_characters"),
        ("\u001b[31m", "control_characters"),
        ("\ufffe", "control_characters"),
    ],
)
def test_a_search_for_nothing_or_for_too_much_is_refused_by_its_field(
    shared: Any, cases: dict[str, str], text: str, rule: str
) -> None:
    assert cases
    for document, language in ((SEARCH, "en"), (COUNT, "zh")):
        answer = safely(shared, document, {"text": text}, Accept_Language=language)
        (error,) = answer["errors"]
        assert error["extensions"] == {"code": "INVALID_VALUE", "rule": rule, "field": "text"}
        assert error["message"].startswith("text")


def test_a_complaint_is_found_by_its_number(shared: Any, cases: dict[str, str]) -> None:
    query = "query N($id: ID!) { complaint(id: $id) { number } }"
    for case in cases.values():
        number = shared.graphql(query, {"id": case})["complaint"]["number"]
        for written in (number, number.lower(), f"“{number}”", number.replace("-", " ")):
            assert search(shared, written) == {case}


def test_a_search_is_joined_with_the_other_conditions(shared: Any, cases: dict[str, str]) -> None:
    assert search(shared, "破", state="RECEIVED") == {cases["violin"], cases["tea"]}
    assert search(shared, "破", state="CLOSED") == set()
    counted = shared.graphql(COUNT, {"text": "破"})["complaintCounts"]
    assert sum(row["count"] for row in counted) == 2


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_only_who_may_read_personal_data_searches_it(
    shared: Any, cases: dict[str, str], role: Role
) -> None:
    if role in PERMISSIONS["personalData"]:
        wanted = set() if role is Role.PARTNER else {cases["tea"]}
        assert search(shared, "茶叶", role.value) == wanted
        return
    for document, language in ((SEARCH, "en"), (COUNT, "zh")):
        answer = safely(shared, document, {"text": SECRET}, role.value, Accept_Language=language)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"


def test_the_database_itself_shows_a_partner_only_its_own(
    shared: Any, cases: dict[str, str]
) -> None:
    mine = shared.receive("partner", subject="玳瑁")["id"]
    anothers = shared.receive("other_partner", subject="玳瑁")["id"]
    companys = shared.receive(subject="玳瑁")["id"]

    assert search(shared, "玳瑁", "partner") == {mine}
    assert search(shared, "玳瑁", "other_partner") == {anothers}
    assert search(shared, "玳瑁") == {mine, anothers, companys}
    assert cases
    find = "SELECT count(*) FROM read_personal.find_complaints(ARRAY['玳瑁'])"
    reader = as_role(shared.database.conninfo, "redress_reader")
    ((known,),) = shared.rows(
        "SELECT partner FROM read.complaints WHERE id = %s", as_uuid(mine, field="id")
    )
    with psycopg.connect(reader) as connection:
        counted = []
        for scope in (
            {"partner": known, "personal": True},
            {"reach": "any", "personal": True},
            {"partner": "nobody", "personal": True},
            {"reach": "any", "personal": False},
            {"departments": [], "regions": [], "outlets": [], "personal": True},
            None,
        ):
            given = "" if scope is None else json.dumps(scope)
            connection.execute("SELECT set_config('redress.scope', %s, true)", [given])
            counted.append(connection.execute(find).fetchone())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO read_personal.complaint_words DEFAULT VALUES")
    assert counted == [(1,), (3,), (0,), (0,), (0,), (0,)]


def test_a_search_uses_the_index(shared: Any, cases: dict[str, str]) -> None:
    assert cases
    with psycopg.connect(shared.database.conninfo) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(
            "EXPLAIN SELECT id FROM read_personal.complaint_words"
            " WHERE string_to_array(words, ' ') @> ARRAY['a', 'b']"
        ).fetchall()
    assert any("Bitmap Index Scan" in line for (line,) in plan)


def test_a_text_as_long_as_may_be_is_found_by_its_last_words(shared: Any) -> None:
    characters = [chr(0x4E00 + n * 7 % 20_000) for n in range(19_990)]
    case = taken(shared, facts="".join(characters) + " tailword", request="long " * 3_999)

    assert search(shared, "tailword") == {case}
    assert search(shared, "".join(characters[-60:])) == {case}
    assert search(shared, "".join(reversed(characters[-5:]))) == set()


def test_who_was_erased_is_found_by_the_numbers_of_the_case_only(api: Any) -> None:
    case = taken(api, **INTAKES["violin"])
    other = taken(api, **INTAKES["tea"])
    query = "query N($id: ID!) { complaint(id: $id) { number complainant } }"
    number = api.graphql(query, {"id": case})["complaint"]["number"]
    with psycopg.connect(api.database.conninfo, autocommit=True) as connection:
        ((customer,),) = api.rows("SELECT customer FROM read.complaints WHERE number = %s", number)
        connection.execute("DELETE FROM keys.subject_keys WHERE subject = %s", [customer])
    owner = as_role(api.database.conninfo, "redress_owner")
    with psycopg.connect(owner, autocommit=True) as connection:
        for name in ("complaint_search", "complaints"):
            keys = Unsealing(api.database.master)
            rebuild(connection, PROJECTIONS[name], feed(api.database), keys)

    assert api.graphql(query, {"id": case})["complaint"] == {"number": number, "complainant": None}
    for text in ("小提琴", "violin", "13912345678", "琴"):
        assert search(api, text) == set()
    for text in (number, "SF1357924680"):
        assert search(api, text) == {case}
    assert search(api, "茶叶") == {other}


def test_what_was_said_later_is_not_searched_and_nothing_of_it_is_told(
    shared: Any, cases: dict[str, str], caplog: Any, capfd: Any
) -> None:
    done(shared, "answerComplaint", complaintId=cases["tea"], answer="琉璃")
    assert search(shared, "琉璃") == set()
    assert search(shared, SECRET) == set()
    shared.post(SEARCH, {"text": SECRET, "state": SECRET})
    logged = caplog.text + "".join(capfd.readouterr())
    assert [word for word in (SECRET, *INSIDE[:4]) if word in logged] == []
