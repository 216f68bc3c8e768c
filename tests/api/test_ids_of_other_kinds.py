"""An id of something else than the command is about: nothing is found under it."""

from typing import Any

import pytest

from tests.api.cases import (
    CLOSED_AT_ONCE,
    COMMANDS,
    REGISTERED,
    done,
    refused,
    taken,
)

ACTIONS: dict[str, dict[str, Any]] = {
    "noteImprovementProgress": {"progress": "一"},
    "rescheduleImprovement": {"dueAt": "2999-01-01T00:00:00Z", "reason": "等待"},
    "handOverImprovement": {"owner": "agent-8"},
    "completeImprovement": {"result": "二"},
    "cancelImprovement": {"reason": "三"},
}
RAISED = {"department": "hub", "owner": "agent-7", "dueAt": "2999-01-01T00:00:00Z", "task": "一"}


@pytest.fixture(scope="module")
def ids(shared: Any) -> dict[str, str]:
    """An object of each kind."""
    complaint = taken(shared, CLOSED_AT_ONCE)
    shipment = shared.command("recordShipment", {"waybill": "OTHER00001"})["shipment"]["id"]
    action = done(shared, "raiseImprovement", complaintId=complaint, **RAISED)["id"]
    return {"complaint": complaint, "shipment": shipment, "improvement": action}


@pytest.mark.parametrize("kind", ["shipment", "improvement"])
def test_what_is_no_complaint_is_not_found_by_a_command_about_one(
    shared: Any, ids: dict[str, str], kind: str
) -> None:
    for command, given in COMMANDS.items():
        about = {"complaintId": ids[kind]} | given
        assert refused(shared, command, "account_agent", **about) == ("NotFound", None), command


def test_what_is_no_improvement_action_is_not_found_by_a_command_about_one(
    shared: Any, ids: dict[str, str]
) -> None:
    for command, given in ACTIONS.items():
        about = {"improvementId": ids["complaint"]} | given
        assert refused(shared, command, "department_head", **about) == ("NotFound", None), command


@pytest.mark.parametrize("kind", ["shipment", "improvement"])
def test_a_complaint_is_neither_merged_into_nor_linked_with_what_is_none(
    shared: Any, ids: dict[str, str], kind: str
) -> None:
    mine = {"complaintId": taken(shared, REGISTERED)}
    other = ids[kind]

    merging = mine | {"intoId": other, "reason": "重复"}
    assert refused(shared, "mergeComplaint", **merging) == ("NotFound", None)
    linking = mine | {"otherComplaintId": other}
    assert refused(shared, "linkComplaint", **linking) == ("NotFound", None)


def test_no_action_is_raised_by_what_is_no_complaint(shared: Any, ids: dict[str, str]) -> None:
    for kind in ("shipment", "improvement"):
        given = {"complaintId": ids[kind]} | RAISED
        assert refused(shared, "raiseImprovement", **given) == ("NotFound", None)


def test_a_shipment_that_was_taken_for_a_complaint_is_a_shipment_still(
    shared: Any, ids: dict[str, str]
) -> None:
    mine = {"complaintId": taken(shared, REGISTERED)}
    shared.command("recordShipment", {"waybill": "OTHER00002"})
    query = '{ shipment(waybill: "OTHER00002") { id } }'
    shipment = shared.graphql(query)["shipment"]["id"]

    refused(shared, "linkComplaint", **mine, otherComplaintId=shipment)

    done(shared, "linkComplaint", **mine, waybill="OTHER00002")
    assert ids
