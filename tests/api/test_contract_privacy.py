"""Service-level policies are contracts: a partner is shown its own, and that of everybody.

Each of the two walls holds with the other one down.
"""

from contextlib import nullcontext
from typing import Any

import pytest

from domain.roles import Role
from domain.service_level_policy import policy_id
from tests.api.clocks import caught_up
from tests.api.test_authorisation_reach import World
from tests.api.test_service_level_policies_api import (
    LONG_AGO,
    STEP,
    adopt,
    ship,
    soon,
    terms_with,
)
from tests.api.test_two_walls import WALLS, WAYS, asked

STANDING = {"both": lambda _world: nullcontext()} | WALLS
PARTS = "code version clocks { code alerts { to } } departmentCalendars { department }"
HISTORY = "caseHistory(caseId: $id) { topic }"
PARTIES = ("partner", "other_partner", "third")
POLICIES = {
    "default": {*PARTIES},
    "mine": {"partner", "other_partner"},
    "theirs": {"other_partner"},
    "similar": set[str](),
    "unsigned": set[str](),
    "key_account": set[str](),
}
"""Every policy, with the partners that are shown it."""
STAFF = "adoptedBy clocks { alerts { person } }"
"""Who of the company adopted a version, and who is told."""


def appoint(api: Any) -> None:
    """Let there be a person of the company whom an alert may name."""
    office, began = {"kind": "HEAD_OFFICE", "code": "head"}, {"occurredAt": LONG_AGO}
    unit = office | {"nameEn": "Head", "nameZh": "总部"} | began
    api.command("foundUnit", unit, "administrator")
    api.command("joinStaff", {"person": "m-1"}, "administrator")
    held = {"person": "m-1", "role": "SUPERVISION", "unit": office, "startsAt": LONG_AGO}
    api.command("appointPerson", held, "administrator")


@pytest.fixture(scope="module")
def world(shared: Any) -> World:
    ship(shared)
    shared.issue(*((name, Role.PARTNER) for name in PARTIES))
    told = [STEP | {"to": "PERSON", "person": "m-1"}]
    appoint(shared)
    adopt(shared, "mine", **terms_with("answer", alerts=told) | {"accounts": ["partner-1"]})
    changed = terms_with("answer", target=2) | {"accounts": ["p-2", "other_partner-1"]}
    adopt(shared, "mine", **changed, effectiveFrom=soon(days=1))
    adopt(shared, "theirs", accounts=["other_partner-1"])
    adopt(shared, "similar", accounts=["partner-10", "a-partner-1", "third-1-1"])
    adopt(shared, "unsigned")
    caught_up(shared)
    return World(shared)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wall", STANDING)
def test_a_partner_is_shown_the_policies_that_name_it_and_that_of_everybody(
    world: World, wall: str, way: str
) -> None:
    def shown(who: str, code: str = "") -> list[tuple[str, int]]:
        question = f"serviceLevelPolicies{code} {{ totalCount edges {{ node {{ {PARTS} }} }} }}"
        page = asked(world, question, who, way)
        versions = [edge["node"] for edge in page["edges"]]
        assert page["totalCount"] == len(versions)
        assert all(len(version["clocks"]) > 1 for version in versions)
        return [(version["code"], version["version"]) for version in versions]

    with STANDING[wall](world):
        everything = [*((code, 1) for code in POLICIES), ("mine", 2)]
        assert sorted(shown("auditor")) == sorted(everything)
        for who in PARTIES:
            own = {code for code, partners in POLICIES.items() if who in partners}
            assert sorted(shown(who)) == sorted(v for v in everything if v[0] in own), who
            for code in POLICIES:
                assert bool(shown(who, f'(code: "{code}")')) is (code in own), (who, code)
        for code in POLICIES:
            key = str(policy_id(code))
            assert asked(world, HISTORY, "auditor", way, id=key) != [], code
            assert [asked(world, HISTORY, who, way, id=key) for who in PARTIES] == [[]] * 3, code


@pytest.mark.parametrize("way", WAYS)
def test_partners_are_not_told_who_of_the_company_acts_under_a_policy(
    world: World, way: str
) -> None:
    def named(who: str) -> tuple[set[str | None], set[str | None]]:
        question = f'serviceLevelPolicies(code: "mine") {{ edges {{ node {{ {STAFF} }} }} }}'
        versions = [edge["node"] for edge in asked(world, question, who, way)["edges"]]
        clocks = [clock for version in versions for clock in version["clocks"]]
        persons = {alert["person"] for clock in clocks for alert in clock["alerts"]}
        return {version["adoptedBy"] for version in versions}, persons

    assert named("auditor") == ({"administrator-1"}, {None, "m-1"})
    assert named("partner") == ({None}, {None})
