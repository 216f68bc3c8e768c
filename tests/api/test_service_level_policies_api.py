"""Service-level policies over HTTP: versions, clocks, what is refused, and what is shipped."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.bootstrap import open_dispatcher
from api.graphql.compiler.declarations import ROOTS, TYPES
from application.dispatch import Call
from application.permissions import Caller
from application.standard_content import load_standard_content
from domain.roles import PersonId, Role
from domain.service_level_policy import policy_id
from domain.service_levels.marks import vocabulary
from domain.service_levels.standard import KEY_ACCOUNT, standard_terms
from domain.service_levels.terms import ServiceLevelTerms
from tests.api.cases import has_chinese, written
from tests.api.conftest import ZONE
from tests.api.test_compiler import BothWays, callers

SYSTEM = Call(caller=Caller("system", PersonId("system"), Role.SYSTEM))
LONG_AGO = "2020-01-01T00:00:00.000000Z"
CLOCK = """code name zh: name(lang: ZH) basis basisLabel target calendar pauses warnPercent
  startsOn { code label zh: label(lang: ZH) } stopsOn { code } cancelsOn { code } lapsesOn { code }
  source sourceZh: source(lang: ZH)
  legal { basis basisLabel(lang: ZH) target source sourceZh: source(lang: ZH) }
  alerts { cause to toLabel(lang: ZH) patienceMinutes person }"""
VERSION = f"""id code version effectiveFrom endedAt adoptedBy nameEn nameZh name timeZone accounts
  departmentCalendars {{ department calendar }} clocks {{ {CLOCK} }}"""
LIST = f"""query L($code: String, $first: Int, $after: String) {{
  serviceLevelPolicies(code: $code, first: $first, after: $after) {{
    totalCount pageInfo {{ endCursor hasNextPage }} edges {{ node {{ {VERSION} }} }} }} }}"""
COMMAND = """mutation M($input: %s!) { %s(input: $input) {
  __typename ... on ServiceLevelPolicyPayload { position serviceLevelPolicy { code version } }
  ... on Refusal { code message rule } ... on InvalidValue { field } } }"""


def soon(**span: float) -> str:
    return written(datetime.now(UTC) + timedelta(**span))


def given_terms(terms: ServiceLevelTerms) -> dict[str, Any]:
    """Return terms as the input of the mutation has them."""
    return {
        "nameEn": terms.name_en,
        "nameZh": terms.name_zh,
        "timeZone": terms.time_zone,
        "accounts": list(terms.accounts),
        "clocks": [
            {
                "code": clock.code,
                "nameEn": clock.name_en,
                "nameZh": clock.name_zh,
                "basis": clock.target.basis.name,
                "target": clock.target.amount,
                "startsOn": list(clock.starts_on),
                "stopsOn": list(clock.stops_on),
                "cancelsOn": list(clock.cancels_on),
                "lapsesOn": list(clock.lapses_on),
                "calendar": clock.calendar,
                "pauses": clock.pauses,
                "warnPercent": clock.warn_percent,
                "sourceEn": clock.source_en,
                "sourceZh": clock.source_zh,
                "alerts": [
                    {
                        "cause": step.cause.name,
                        "to": step.to.name,
                        "patienceMinutes": step.patience_minutes,
                    }
                    for step in clock.alerts
                ],
            }
            for clock in terms.clocks
        ],
    }


STANDARD = given_terms(standard_terms(ZONE.key)["default"])


def terms_with(code: str, /, **changes: Any) -> dict[str, Any]:
    """Return the standard terms with other words in one clock."""
    terms = deepcopy(STANDARD)
    (clock,) = (clock for clock in terms["clocks"] if clock["code"] == code)
    clock |= changes
    return terms


def ship(api: Any) -> None:
    """Load the standard content, as every start does."""

    async def load() -> None:
        async with open_dispatcher(
            api.database.conninfo, api.database.master, zone=ZONE
        ) as dispatcher:
            await load_standard_content(dispatcher, SYSTEM, ZONE)

    api.run(load())


def tell(api: Any, name: str, role: str = "administrator", lang: str = "en", **given: Any) -> Any:
    document = COMMAND % (f"{name[0].upper()}{name[1:]}Input", name)
    return api.graphql(document, {"input": given}, role, Accept_Language=lang)[name]


def adopt(api: Any, code: str = "shop", **given: Any) -> Any:
    answer = tell(
        api,
        "adoptServiceLevelPolicy",
        **{"code": code, "effectiveFrom": LONG_AGO} | STANDARD | given,
    )
    assert answer["__typename"] == "ServiceLevelPolicyPayload", answer
    return answer["serviceLevelPolicy"]


def refused(api: Any, name: str, **given: Any) -> tuple[str, str | None, str]:
    """Give a command that is refused in both languages: type or field, rule, English message."""
    before = api.events()
    english, chinese = (tell(api, name, lang=lang, **given) for lang in ("en", "zh"))
    assert api.events() == before
    assert has_chinese(chinese["message"])
    assert not has_chinese(english["message"])
    assert english["rule"] == chinese["rule"]
    assert english.get("field") == chinese.get("field")
    return english.get("field", english["__typename"]), english["rule"], english["message"]


def versions(api: Any, role: str = "auditor", **window: Any) -> list[dict[str, Any]]:
    last = api.rows("SELECT coalesce(max(notification_id), 0) FROM log.stored_events")[0][0]
    found = api.graphql(LIST, window, role, Redress_After=str(last))["serviceLevelPolicies"]
    return [edge["node"] for edge in found["edges"]]


@pytest.fixture(scope="module")
def shipped(shared: Any) -> Any:
    """An application with the standard content."""
    ship(shared)
    return shared


# What is shipped


def test_the_shipped_policies_are_loaded_once_and_never_in_place_of_the_companys(
    api: Any,
) -> None:
    ship(api)
    events = api.events()
    ship(api)
    assert api.events() == events
    adopt(api, "default", effectiveFrom=soon(days=1), nameEn="ours")
    ship(api)
    assert api.events() == events + 1
    assert sorted((v["code"], v["version"], v["effectiveFrom"][:4]) for v in versions(api))[:1] == [
        ("default", 1, "1970")
    ]
    assert {(v["code"], v["version"]) for v in versions(api)} == {
        ("default", 1),
        ("default", 2),
        ("key_account", 1),
    }


@pytest.mark.parametrize("code", ["default", "key_account"])
def test_a_policy_is_shown_as_it_was_adopted(shipped: Any, code: str) -> None:
    terms = standard_terms(ZONE.key)[code]
    (shown,) = versions(shipped, code=code)

    said = given_terms(terms)
    assert {name: shown[name] for name in ("nameEn", "nameZh", "timeZone", "accounts")} == {
        name: said[name] for name in ("nameEn", "nameZh", "timeZone", "accounts")
    }
    assert [clock["code"] for clock in shown["clocks"]] == [c.code for c in terms.clocks]
    for clock, wanted in zip(shown["clocks"], said["clocks"], strict=True):
        for name in ("basis", "target", "calendar", "pauses", "warnPercent"):
            assert clock[name] == wanted[name], clock["code"]
        for name in ("startsOn", "stopsOn", "cancelsOn", "lapsesOn"):
            assert [mark["code"] for mark in clock[name]] == wanted[name], clock["code"]
        assert (clock["name"], clock["zh"]) == (wanted["nameEn"], wanted["nameZh"])
        assert (clock["source"], clock["sourceZh"]) == (wanted["sourceEn"], wanted["sourceZh"])
        chain = [
            {name: step[name] for name in ("cause", "to", "patienceMinutes")}
            for step in clock["alerts"]
        ]
        assert chain == wanted["alerts"], clock["code"]


def test_a_clock_under_the_law_says_what_the_law_demands(shipped: Any) -> None:
    (shown,) = versions(shipped, code="default")

    legal = {clock["code"]: clock["legal"] for clock in shown["clocks"]}

    assert legal.pop("legal_answer") == {
        "basis": "CALENDAR_DAYS",
        "basisLabel": "自然日",
        "target": 7,
        "source": "Interim Regulations on Express Delivery (2025 revision), art. 29",
        "sourceZh": "《快递暂行条例》（2025年修订）第二十九条",
    }
    assert set(legal.values()) == {None}


def test_the_vocabulary_is_told_in_both_languages(shipped: Any) -> None:
    question = "{ clockMarks { code en: label zh: label(lang: ZH) } }"
    for role in ("administrator", "partner"):
        marks = shipped.graphql(question, None, role)["clockMarks"]
        assert marks == [{"code": m.code, "en": m.en, "zh": m.zh} for m in vocabulary().values()]
        compiled, ordinary = BothWays(shipped).ask(question, None, callers()[role])
        assert compiled.path == "compiled"
        assert compiled.body == ordinary.body


@pytest.mark.parametrize("role", ["auditor", "administrator", "front_desk", "partner"])
def test_policies_are_answered_alike_by_the_compiler_and_without_it(
    shipped: Any, role: str
) -> None:
    departments = [{"department": name, "calendar": "cn"} for name in ("hub's", "东·一")]
    adopt(shipped, f"for_{role}", accounts=["p-1", "partner-1"], departmentCalendars=departments)
    versions(shipped)
    both = BothWays(shipped)
    for window in ({}, {"code": "default"}, {"code": f"for_{role}"}, {"first": 1}, {"code": "x"}):
        compiled, ordinary = both.ask(LIST, window, callers()[role])
        assert compiled.path == "compiled"
        assert compiled.body == ordinary.body
        assert b"errors" not in compiled.body


def test_partners_are_not_told_who_has_a_contract(shipped: Any) -> None:
    adopt(shipped, "secret", accounts=["p-9", "partner-1"])

    (to_staff,) = versions(shipped, code="secret")
    (to_partner,) = versions(shipped, "partner", code="secret")

    assert (to_staff["accounts"], to_partner["accounts"]) == (["p-9", "partner-1"], None)


# Versions


def test_a_policy_has_versions_and_ends_with_its_contract(api: Any) -> None:
    ship(api)
    assert adopt(api, accounts=["p-1"]) == {"code": "shop", "version": 1}
    month, year = soon(days=30), soon(days=365)
    assert adopt(api, **terms_with("answer", target=2), effectiveFrom=month)["version"] == 2
    answer = tell(api, "endServiceLevelPolicy", code="shop", effectiveFrom=year)
    assert answer["serviceLevelPolicy"] == {"code": "shop", "version": 2}

    shown = versions(api, code="shop")
    assert [(v["version"], v["effectiveFrom"], v["endedAt"]) for v in shown] == [
        (2, month, year),
        (1, LONG_AGO, None),
    ]
    history = api.graphql(
        "query H($id: ID!) { caseHistory(caseId: $id) { sentence zh: sentence(lang: ZH) } }",
        {"id": str(policy_id("shop"))},
        "auditor",
    )["caseHistory"]
    assert [entry["sentence"] for entry in history[:2]] == [
        "Version 1 of the service levels shop adopted",
        "Version 2 of the service levels shop adopted",
    ]
    assert history[2]["sentence"].startswith("The service levels end at ")
    assert history[2]["zh"].endswith("终止")


def test_the_same_terms_again_change_nothing(api: Any) -> None:
    ship(api)
    adopt(api)
    events = api.events()

    assert adopt(api, effectiveFrom=soon(days=3)) == {"code": "shop", "version": 1}
    assert api.events() == events


def test_effective_dates_that_overlap_are_refused(api: Any) -> None:
    ship(api)
    month = soon(days=30)
    adopt(api, effectiveFrom=month)
    later = {"code": "shop"} | terms_with("answer", target=2)
    for early in (LONG_AGO, soon(days=29), month):
        field, rule, message = refused(api, "adoptServiceLevelPolicy", **later, effectiveFrom=early)
        assert (field, rule) == ("effectiveFrom", "after")
        assert month[:19] in message
    default = {"code": "default"} | terms_with("answer", target=2)
    for early in (soon(days=-1), soon(seconds=50)):
        field, rule, _ = refused(api, "adoptServiceLevelPolicy", **default, effectiveFrom=early)
        assert (field, rule) == ("effectiveFrom", "before")
    field, rule, _ = refused(
        api, "adoptServiceLevelPolicy", **default | {"effectiveFrom": "1969-12-31T23:59:59Z"}
    )
    assert (field, rule) == ("effectiveFrom", "before")


def test_the_policy_of_everybody_and_what_there_is_not_never_end(shipped: Any) -> None:
    for code, answer in (
        ("default", ("code", "never_ends")),
        ("nowhere", ("NotFound", None)),
        ("No Code", ("code", "code_format")),
    ):
        told = refused(shipped, "endServiceLevelPolicy", code=code, effectiveFrom=soon(days=1))
        assert told[:2] == answer


# What is refused


STEP = {"cause": "BREACH", "to": "HANDLER", "patienceMinutes": 5}


@pytest.mark.parametrize(
    ("given", "field", "rule"),
    [
        (terms_with("answer", target=0), "clocks.answer.target", "out_of_range"),
        (terms_with("answer", target=-3), "clocks.answer.target", "out_of_range"),
        (terms_with("answer", target=2**31 - 1), "clocks.answer.target", "out_of_range"),
        (terms_with("answer", calendar="moon"), "clocks.answer.calendar", "not_there"),
        (terms_with("answer", calendar="\0"), "clocks.answer.calendar", "not_there"),
        (terms_with("answer", startsOn=["dusk"]), "clocks.answer.startsOn", "not_in_list"),
        (terms_with("answer", stopsOn=["dawn"]), "clocks.answer.stopsOn", "not_in_list"),
        (terms_with("answer", stopsOn=[]), "clocks.answer.stopsOn", "required"),
        (terms_with("answer", stopsOn=["received"]), "clocks.answer.stopsOn", "other_than_start"),
        (terms_with("answer", warnPercent=100), "clocks.answer.warnPercent", "out_of_range"),
        (terms_with("answer", warnPercent=0), "clocks.answer.warnPercent", "out_of_range"),
        (terms_with("answer", nameEn="a\0b"), "clocks.answer.nameEn", "control_characters"),
        (terms_with("answer", sourceZh=""), "clocks.answer.sourceZh", "required"),
        (terms_with("answer", code="Answer"), "clocks.code", "code_format"),
        (terms_with("answer", code="claim"), "clocks.code", "each_once"),
        (terms_with("legal_answer", pauses=True), "clocks.legal_answer.pauses", "never_pauses"),
        (
            terms_with("answer", alerts=[STEP | {"patienceMinutes": -1}]),
            *("clocks.answer.alerts.patienceMinutes", "out_of_range"),
        ),
        (
            terms_with("answer", alerts=[STEP | {"to": "PERSON"}]),
            *("clocks.answer.alerts.person", "required"),
        ),
        (
            terms_with("answer", alerts=[STEP | {"person": "m-1"}]),
            *("clocks.answer.alerts.person", "only_for_person"),
        ),
        (
            terms_with("answer", alerts=[STEP | {"to": "PERSON", "person": "王小明"}]),
            *("clocks.answer.alerts.person", "code_format"),
        ),
        (STANDARD | {"timeZone": "Asia/Atlantis"}, "timeZone", "time_zone"),
        (STANDARD | {"timeZone": "localtime"}, "timeZone", "time_zone"),
        (STANDARD | {"timeZone": "\0"}, "timeZone", "time_zone"),
        (STANDARD | {"timeZone": "right/UTC"}, "timeZone", "time_zone"),
        (STANDARD | {"effectiveFrom": "9999-12-31T00:00:00Z"}, "effectiveFrom", "too_late"),
        (STANDARD | {"clocks": []}, "clocks", "out_of_range"),
        (STANDARD | {"nameZh": " "}, "nameZh", "required"),
        (STANDARD | {"accounts": ["p-1", "p-1"]}, "accounts", "each_once"),
        (STANDARD | {"accounts": ['p"1']}, "accounts", "code_format"),
        (STANDARD | {"code": "Shop"}, "code", "code_format"),
        (STANDARD | {"reason": ""}, "reason", "required"),
        (
            STANDARD | {"departmentCalendars": [{"department": "hub", "calendar": "moon"}]},
            *("departmentCalendars.calendar", "not_there"),
        ),
        (
            STANDARD | {"departmentCalendars": [{"department": "", "calendar": "cn"}]},
            *("departmentCalendars.department", "code_format"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_terms_are_refused_by_their_field(
    shipped: Any, given: dict[str, Any], field: str, rule: str
) -> None:
    answer = refused(
        shipped, "adoptServiceLevelPolicy", **{"code": "bad", "effectiveFrom": LONG_AGO} | given
    )

    assert answer[:2] == (field, rule)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (terms_with("legal_answer", target=8), "its target ends later"),
        (terms_with("legal_answer", basis="WORKING_DAYS", target=5), "its target ends later"),
        (terms_with("legal_answer", startsOn=["received"]), "it starts on less, or lapses"),
        (terms_with("legal_answer", lapsesOn=["major"]), "it starts on less, or lapses"),
        (terms_with("legal_answer", stopsOn=["feedback"]), "it stops on more"),
        (terms_with("legal_answer", cancelsOn=["assigned"]), "it is cancelled by more"),
        (terms_with("legal_answer", code="lawless"), "it is left out"),
        (
            STANDARD | {"timeZone": "Etc/GMT+12"},
            "in the time zone of the policy (timeZone) its days end later",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_looser_than_the_law_is_refused_with_its_source(
    shipped: Any, given: dict[str, Any], words: str
) -> None:
    order = {"code": "lax", "effectiveFrom": LONG_AGO} | given

    kind, rule, message = refused(shipped, "adoptServiceLevelPolicy", **order)

    assert (kind, rule) == ("LooserThanLaw", "legal_floor")
    assert message == (
        "the clock legal_answer is looser than the law, Interim Regulations on Express Delivery"
        f" (2025 revision), art. 29: {words}"
    )
    chinese = tell(shipped, "adoptServiceLevelPolicy", lang="zh", **order)
    assert chinese["code"] == "LOOSER_THAN_LAW"
    assert "《快递暂行条例》（2025年修订）第二十九条" in chinese["message"]


def test_departments_and_people_of_a_policy_are_those_of_the_organisation(api: Any) -> None:
    ship(api)
    own_days = {"departmentCalendars": [{"department": "hub", "calendar": "cn"}]}
    named = terms_with("answer", alerts=[STEP | {"to": "PERSON", "person": "m-1"}])
    office = {"kind": "HEAD_OFFICE", "code": "head"}
    api.command(
        "foundUnit",
        office | {"nameEn": "Head", "nameZh": "总部", "occurredAt": LONG_AGO},
        "administrator",
    )
    given = {"code": "shop", "effectiveFrom": LONG_AGO}

    assert refused(api, "adoptServiceLevelPolicy", **given | STANDARD | own_days)[:2] == (
        *("UnitNotOpen", "unit_at_that_time"),
    )
    assert refused(api, "adoptServiceLevelPolicy", **given | named)[:2] == (
        *("NoRoleAtThatTime", "role_at_that_time"),
    )

    hub = {"kind": "DEPARTMENT", "code": "hub"}
    founded = hub | {"nameEn": "Hub", "nameZh": "中心", "parent": office, "occurredAt": LONG_AGO}
    api.command("foundUnit", founded, "administrator")
    api.command("joinStaff", {"person": "m-1"}, "administrator")
    api.command(
        "appointPerson",
        {"person": "m-1", "role": "SUPERVISION", "unit": office, "startsAt": LONG_AGO},
        "administrator",
    )
    adopt(api, **named | own_days)
    (shown,) = versions(api, code="shop")
    assert shown["departmentCalendars"] == own_days["departmentCalendars"]
    (answer,) = (clock for clock in shown["clocks"] if clock["code"] == "answer")
    assert [(step["to"], step["person"]) for step in answer["alerts"]] == [("PERSON", "m-1")]


def test_only_an_administrator_decides_about_policies(shipped: Any) -> None:
    end = {"code": KEY_ACCOUNT, "effectiveFrom": soon(days=1)}
    terms = {"code": "mine", "effectiveFrom": LONG_AGO} | STANDARD
    for role in Role:
        if role not in {Role.ADMINISTRATOR, Role.SYSTEM}:
            for name, given in (
                ("adoptServiceLevelPolicy", terms),
                ("endServiceLevelPolicy", end),
            ):
                assert tell(shipped, name, role.value, **given)["__typename"] == "NotPermitted"


def test_every_part_of_a_policy_is_compiled() -> None:
    assert {"serviceLevelPolicies", "clockMarks"} <= set(ROOTS)
    parts = {"ServiceLevelPolicy", "PolicyClock", "PolicyAlert", "PolicyDepartment", "ClockMark"}
    assert parts | {"LegalFloor"} <= set(TYPES)
