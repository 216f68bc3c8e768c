"""The schema: reviewed changes only, refusals for everything, one mutation per command.

After a change that is wanted: REDRESS_WRITE_SCHEMA=1 pytest tests/api/test_schema.py
"""

import os
import string
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from api.graphql.refusals import REFUSAL_TYPES
from api.graphql.schema import schema
from api.refusals import REFUSALS, RULE_TEXTS, refusal_code, refusal_message, refusal_rule
from application.dispatch import HANDLERS, operation_of
from application.permissions import PERMISSIONS
from domain.errors import DomainError, InvalidValueError, Rule, WrongStateError
from domain.roles import Role

COMMITTED = Path(__file__).parent / "schema.graphql"
REWRITE = "if the change is wanted: REDRESS_WRITE_SCHEMA=1 pytest tests/api/test_schema.py"
WRITING = bool(os.environ.get("REDRESS_WRITE_SCHEMA"))
BY_COMMAND_LINE_ONLY = {"issueApiKey", "revokeApiKey"}
BY_THE_SYSTEM_ONLY = {
    *("queueNotice", "recordNoticeSent", "recordNoticeFailed", "recordNoticeInDoubt"),
    *("shipComplaintPolicy", "shipServiceLevelPolicies", "shipCalendar"),
}
QUERIES = {
    *("complaint", "complaints", "shipment", "shipments", "caseHistory", "caseState"),
    *("satisfaction", "node", "nodes", "viewer"),
}
MUTATIONS = {
    *("receiveComplaint", "registerComplaint", "declineComplaint", "assignComplaint"),
    *("addEvidence", "proposeResolution", "answerComplaint", "carryOutRemedy", "closeComplaint"),
    *("reopenComplaint", "reclassifyComplaint", "escalateComplaint", "waitForCustomer"),
    *("resumeComplaint", "withdrawComplaint", "mergeComplaint", "rateHandling", "recordShipment"),
}
RULES = sorted(value for name, value in vars(Rule).items() if name.isupper())
FILLED_IN = {InvalidValueError: {"text"}, WrongStateError: {"why"}}
"""What the text of a refusal says beside the fields of its error: that of its rule."""
NOW: GraphQLSchema = schema._schema


def mutations() -> dict[str, Any]:
    assert NOW.mutation_type is not None
    return NOW.mutation_type.fields


def test_the_schema_is_the_committed_one() -> None:
    if WRITING:
        COMMITTED.write_text(schema.as_str() + "\n", "utf-8")

    assert COMMITTED.read_text("utf-8") == schema.as_str() + "\n", REWRITE


@pytest.mark.skipif(WRITING, reason="the committed schema is being rewritten")
def test_the_promised_names_are_there() -> None:
    assert NOW.query_type is not None

    assert set(NOW.query_type.fields) >= QUERIES
    assert set(mutations()) >= MUTATIONS
    assert set(NOW.query_type.fields["complaint"].args) == {"id", "number"}
    assert set(NOW.query_type.fields["caseHistory"].args) == {"caseId", "asOf", "linked"}
    assert set(NOW.query_type.fields["caseState"].args) == {"caseId", "asOf"}
    assert set(NOW.query_type.fields["satisfaction"].args) >= {"groupBy", "from", "to"}
    paging = {"first", "after", "last", "before", "filter"}
    assert set(NOW.query_type.fields["complaints"].args) == paging | {"orderBy"}


def test_every_command_has_its_mutation_and_every_mutation_its_command() -> None:
    commands = {operation_of(command) for command in HANDLERS} & set(PERMISSIONS)
    nobodys = {name for name, roles in PERMISSIONS.items() if set(roles) == {Role.SYSTEM}}
    assert nobodys == BY_THE_SYSTEM_ONLY
    given = {name for name in commands if not name.startswith("import")}

    assert set(mutations()) == given - BY_COMMAND_LINE_ONLY - BY_THE_SYSTEM_ONLY


def test_a_mutation_answers_with_a_success_or_a_named_refusal() -> None:
    refusal = cast("GraphQLInterfaceType", NOW.type_map["Refusal"])
    for name, field in mutations().items():
        assert list(field.args) == ["input"], name
        union = get_named_type(field.type)
        assert isinstance(union, GraphQLUnionType), name
        success, *refusals = union.types
        assert "position" in success.fields, name
        assert str(success.fields["position"].type) == "Long!"
        assert refusal not in success.interfaces
        assert refusals, name
        for member in refusals:
            assert refusal in member.interfaces, f"{name}: {member.name}"


def test_every_refusal_is_a_type_with_the_interface() -> None:
    refusal = NOW.type_map["Refusal"]
    assert isinstance(refusal, GraphQLInterfaceType)
    assert {n: str(f.type) for n, f in refusal.fields.items()} == {
        "code": "String!",
        "message": "String!",
        "rule": "String",
    }
    assert set(REFUSAL_TYPES) == set(REFUSALS) == set(DomainError.__subclasses__())
    for error in REFUSALS:
        found = NOW.type_map[error.__name__.removesuffix("Error")]
        assert isinstance(found, GraphQLObjectType)
        assert refusal in found.interfaces
        assert found.description


def example(error: type[DomainError]) -> DomainError:
    return error(**{field.name: f"<{field.name}>" for field in fields(error)})


@pytest.mark.parametrize("error", sorted(REFUSALS, key=lambda e: e.__name__))
def test_a_refusal_reads_well_in_both_languages(error: type[DomainError]) -> None:
    if error is InvalidValueError:
        return  # below, for each rule
    one = example(error)
    texts = refusal_message(one, "en"), refusal_message(one, "zh")

    for text in texts:
        assert text
        assert not set("{}") & set(text)
    assert texts[0] != texts[1]
    assert texts[0].isascii()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in texts[1])
    assert refusal_code(error).replace("_", "").isupper()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_reads_well_in_both_languages(rule: str) -> None:
    one = InvalidValueError("field", rule, "9")
    english, chinese = refusal_message(one, "en"), refusal_message(one, "zh")

    assert english.startswith("field ")
    assert chinese.startswith("field")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    assert not set("{}") & set(english + chinese)
    assert refusal_rule(one) == rule


def test_there_are_texts_for_the_rules_and_for_nothing_else() -> None:
    assert sorted(RULE_TEXTS) == RULES
    for error, text in REFUSALS.items():
        for language in (text.en, text.zh):
            named = {name for _, name, _, _ in string.Formatter().parse(language) if name}
            known = {field.name for field in fields(error)}
            assert named <= known | FILLED_IN.get(error, set()), error


def test_codes_are_unique() -> None:
    codes = [refusal_code(error) for error in REFUSALS]

    assert len(set(codes)) == len(codes)


def test_everything_a_client_sees_is_described() -> None:
    """A type that says nothing about itself is one that a partner asks about."""
    assert NOW.query_type is not None
    for name, field in (NOW.query_type.fields | mutations()).items():
        assert field.description, name


def test_the_schema_is_served_as_text(shared: Any) -> None:
    response = shared.get("/schema.graphql")

    assert response.status_code == 200
    assert response.text == COMMITTED.read_text("utf-8")
