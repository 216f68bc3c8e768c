"""Appeals through two doors to one database: what must hold whoever comes first."""

from typing import Any
from uuid import UUID

import pytest

from application.appeals import (
    AnswerAppeal,
    ReceiveAppeal,
    RecordAppealFinding,
    WithdrawAppeal,
)
from application.dispatch import Outcome
from application.permissions import Caller
from domain.appeal import AppealAuthority, appeal_id
from domain.categories import Category
from domain.errors import AlreadyAppealedError, NotFoundError, WrongStateError
from domain.organisation import UnitKey, UnitKind
from domain.roles import PersonId, Role

HEAD = Caller("head-1", PersonId("head-1"), Role.DEPARTMENT_HEAD)
ELSEWHERE = Caller(
    "head-2",
    PersonId("head-2"),
    Role.DEPARTMENT_HEAD,
    frozenset({UnitKey(UnitKind.DEPARTMENT, "elsewhere")}),
)


def receipt(case: UUID, reference: str = "2026-7") -> ReceiveAppeal:
    return ReceiveAppeal(
        complaint=case,
        authority=AppealAuthority.POSTAL_REGULATOR,
        reference=reference,
        cause=Category.LOSS,
        facts="the parcel never came",
    )


def of(kind: type, answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if isinstance(answer, kind)]


def test_of_two_processes_that_take_in_one_appeal_one_is_refused(office: Any) -> None:
    case = office.received()
    for number in range(10):
        reference = f"race-{number}"
        order = receipt(case, reference)

        answers = office.together(*(office.order(order, door=door) for door in (0, 1, 0, 1)))

        stream = appeal_id(order.authority, reference)
        (won,) = of(Outcome, answers)
        assert won.result == stream
        assert of(Exception, answers) == [AlreadyAppealedError(stream)] * 3
        assert office.topics(stream) == ["appeal.received"]


def test_of_two_findings_at_once_one_is_recorded(office: Any) -> None:
    case = office.received()
    for number in range(10):
        appeal = office.do(receipt(case, f"find-{number}")).result
        orders = [
            office.order(
                RecordAppealFinding(appeal=appeal, valid=door == 0, finding="seen"), HEAD, door=door
            )
            for door in (0, 1)
        ]

        answers = office.together(*orders)

        assert len(of(Outcome, answers)) == len(of(WrongStateError, answers)) == 1
        assert office.topics(appeal) == ["appeal.received", "appeal.finding_recorded"]


def test_an_appeal_ends_once_though_it_is_answered_and_withdrawn_at_once(office: Any) -> None:
    case = office.received()
    for number in range(10):
        appeal = office.do(receipt(case, f"end-{number}")).result
        office.do(RecordAppealFinding(appeal=appeal, valid=False, finding="on time"), HEAD)

        answers = office.together(
            office.order(AnswerAppeal(appeal=appeal, answer="on time"), HEAD, door=0),
            office.order(WithdrawAppeal(appeal=appeal), HEAD, door=1),
        )

        assert len(of(Outcome, answers)) == len(of(WrongStateError, answers)) == 1
        ends = {"appeal.answered", "appeal.withdrawn"}
        assert len(ends & {*office.topics(appeal)}) == 1


def test_a_repeated_receipt_is_answered_as_the_first_through_another_door(office: Any) -> None:
    order = receipt(office.received())

    first = office.do(order, idempotency_key="k1")
    again = office.do(order, idempotency_key="k1", door=1)

    assert (again.result, again.position) == (first.result, first.position)
    assert again.repeated
    with pytest.raises(AlreadyAppealedError):
        office.do(order, idempotency_key="k2", door=1)


def test_a_refused_receipt_spends_no_number(office: Any) -> None:
    case = office.received()
    office.do(receipt(case, "one"))
    for _ in range(3):
        with pytest.raises(AlreadyAppealedError):
            office.do(receipt(case, "one"))
        with pytest.raises(NotFoundError):
            office.do(receipt(case, "two"), ELSEWHERE)

    assert office.rows("SELECT last_value FROM process.appeal_numbers") == [(1,)]


def test_the_year_of_a_number_is_that_of_the_business_time_zone(office: Any) -> None:
    office.now = office.now.replace(year=2026, month=12, day=31, hour=15, minute=59)
    case = office.received()
    office.do(receipt(case, "old"))
    office.now = office.now.replace(hour=16, minute=0)
    office.do(receipt(case, "new"))

    numbers = [state["data"]["number"][:6] for state in office.states()[-2:]]
    assert numbers == ["S-2026", "S-2027"]
