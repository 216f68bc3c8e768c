"""The staff of the demonstration company, and who may be asked to do something at a given time.

All names are put together from common ones: they are nobody's.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from application.demonstration.clock import DAY
from application.demonstration.company import (
    CLAIMS,
    COMPLIANCE,
    CUSTOMER_SERVICE,
    EMERGENCY,
    FINANCE,
    HEAD_OFFICE,
    MARKETING,
    OPERATIONS,
    QUALITY,
    TECHNOLOGY,
    TRANSIT,
    Place,
    branch,
    department,
)
from application.demonstration.phrases import pick, wording
from application.permissions import Caller
from domain.notifying import Language
from domain.organisation import UnitKey
from domain.roles import PersonId, Role
from domain.staff import APPOINTABLE

_LONGEST_CASE: Final = 100 * DAY
"""Who leaves sooner than that takes over nothing new."""


@dataclass(frozen=True, slots=True)
class Appointed:
    """A role in a unit, from so many days before the demonstration's end, perhaps until others."""

    role: Role
    unit: UnitKey
    since: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One member of staff."""

    id: PersonId
    name: str
    appointments: tuple[Appointed, ...]


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody acting in a role."""

    id: PersonId
    role: Role

    @property
    def caller(self) -> Caller:
        """The person as the dispatcher knows callers; ids of keys and of people are the same."""
        return Caller(self.id, self.id, self.role)


def demonstrator(role: Role) -> Worker:
    """Return the holder of the demonstration key of a role."""
    return Worker(PersonId(f"demo.{role.value}"), role)


TRANSPORT: Final = Worker(PersonId("demo.transport"), Role.SYSTEM)
"""The company's transport system, which tells of shipments."""

_NAMED: Final = (
    ("demo.front.1", Role.FRONT_DESK, CUSTOMER_SERVICE),
    ("demo.front.2", Role.FRONT_DESK, CUSTOMER_SERVICE),
    ("demo.back.1", Role.BACK_OFFICE, OPERATIONS),
    ("demo.back.2", Role.BACK_OFFICE, CUSTOMER_SERVICE),
    ("demo.head.1", Role.DEPARTMENT_HEAD, OPERATIONS),
)
_DEPARTMENT_OF: Final = {
    Role.FRONT_DESK: CUSTOMER_SERVICE,
    Role.BACK_OFFICE: OPERATIONS,
    Role.INVESTIGATOR: QUALITY,
    Role.ACCOUNT_AGENT: CUSTOMER_SERVICE,
    Role.DEPARTMENT_HEAD: CUSTOMER_SERVICE,
    Role.SUPERVISION: COMPLIANCE,
    Role.CLAIMS_OFFICER: CLAIMS,
    Role.FINANCE: FINANCE,
    Role.PLAN_AUTHOR: EMERGENCY,
    Role.REVIEWER: OPERATIONS,
    Role.APPROVER: EMERGENCY,
    Role.COMPLIANCE: COMPLIANCE,
    Role.AUDITOR: COMPLIANCE,
    Role.ADMINISTRATOR: TECHNOLOGY,
    Role.OPERATOR: TECHNOLOGY,
}
"""In which department the holders of the demonstration keys work."""
_MANY: Final = (
    (Role.FRONT_DESK, CUSTOMER_SERVICE, 30),
    (Role.ACCOUNT_AGENT, CUSTOMER_SERVICE, 4),
    (Role.BACK_OFFICE, CUSTOMER_SERVICE, 8),
    (Role.BACK_OFFICE, OPERATIONS, 10),
    (Role.BACK_OFFICE, TRANSIT, 8),
    (Role.BACK_OFFICE, CLAIMS, 7),
    (Role.BACK_OFFICE, QUALITY, 4),
    (Role.BACK_OFFICE, TECHNOLOGY, 4),
    (Role.BACK_OFFICE, MARKETING, 4),
    (Role.INVESTIGATOR, QUALITY, 8),
    (Role.INVESTIGATOR, OPERATIONS, 4),
    (Role.INVESTIGATOR, TRANSIT, 3),
    (Role.DEPARTMENT_HEAD, CUSTOMER_SERVICE, 1),
    (Role.DEPARTMENT_HEAD, OPERATIONS, 1),
    (Role.DEPARTMENT_HEAD, TRANSIT, 2),
    (Role.DEPARTMENT_HEAD, CLAIMS, 2),
    (Role.DEPARTMENT_HEAD, QUALITY, 2),
    (Role.DEPARTMENT_HEAD, TECHNOLOGY, 2),
    (Role.DEPARTMENT_HEAD, MARKETING, 2),
    (Role.CLAIMS_OFFICER, CLAIMS, 3),
    (Role.FINANCE, FINANCE, 2),
    (Role.SUPERVISION, COMPLIANCE, 1),
    (Role.PLAN_AUTHOR, EMERGENCY, 2),
)
_FEW: Final = (
    (Role.FRONT_DESK, CUSTOMER_SERVICE, 1),
    (Role.BACK_OFFICE, TRANSIT, 1),
    (Role.BACK_OFFICE, CLAIMS, 1),
    (Role.BACK_OFFICE, QUALITY, 1),
    (Role.BACK_OFFICE, TECHNOLOGY, 1),
    (Role.BACK_OFFICE, MARKETING, 1),
)


def staff(places: Sequence[Place], *, many: bool) -> tuple[Member, ...]:
    """Return everybody who ever works for the company, about 150 people or some 30."""
    return tuple(_staff(places, many=many))


def _staff(places: Sequence[Place], *, many: bool) -> Iterator[Member]:
    chance = Random("staff")  # noqa: S311  nothing here is a secret
    for name, role, unit in _NAMED:
        yield _member(name, chance, Appointed(role, department(unit), 1800))
    for role in APPOINTABLE:
        unit = _DEPARTMENT_OF[role]
        yield _member(f"demo.{role.value}", chance, Appointed(role, department(unit), 1500))
    number = 0
    for role, unit, count in _MANY if many else _FEW:
        for one in range(count):
            number += 1
            appointments = _career(role, unit, one, chance, moves=many)
            yield _member(f"staff.{number:03}", chance, *appointments)
    if many:
        yield _member("staff.president", chance, Appointed(Role.DEPARTMENT_HEAD, HEAD_OFFICE, 2400))
        for city in dict.fromkeys(place.city for place in places):
            number += 1
            head = Appointed(Role.DEPARTMENT_HEAD, branch(city), chance.randint(800, 1900))
            yield _member(f"staff.{number:03}", chance, head)


def _career(role: Role, unit: str, one: int, chance: Random, *, moves: bool) -> Iterator[Appointed]:
    """Let some join late, some leave, and some of the front desk change to the back office."""
    since, key = chance.randint(800, 2000), department(unit)
    # The first of each kind stay all the time, so that there always is somebody.
    if not moves or one < 2:  # noqa: PLR2004
        yield Appointed(role, key, since)
    elif one % 7 == 3:  # noqa: PLR2004
        yield Appointed(role, key, chance.randint(120, 650))
    elif one % 7 == 5:  # noqa: PLR2004
        yield Appointed(role, key, since, chance.randint(40, 620))
    elif one % 11 == 6 and role is Role.FRONT_DESK:  # noqa: PLR2004
        changed = chance.randint(150, 600)
        yield Appointed(role, key, since, changed)
        yield Appointed(Role.BACK_OFFICE, key, changed)
    else:
        yield Appointed(role, key, since)


def _member(name: str, chance: Random, *appointments: Appointed) -> Member:
    words = wording(Language.ZH)
    full_name = words.name(chance, "surnames") + words.name(chance, "given")
    return Member(PersonId(name), full_name, appointments)


_Post = tuple[int, int, PersonId]
"""Since when somebody holds a role, until when they take over something new, and who it is."""


class Roster:
    """Who can take over what at which time, chosen by chance."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._posts: dict[tuple[Role, str], list[_Post]] = {}
        self._anywhere: dict[Role, list[_Post]] = {}
        for member in members:
            for post in member.appointments:
                leaves = 0 if post.until is None else -post.until * DAY - _LONGEST_CASE
                entry = (-post.since * DAY, leaves, member.id)
                self._posts.setdefault((post.role, post.unit.code), []).append(entry)
                self._anywhere.setdefault(post.role, []).append(entry)

    def one(
        self,
        chance: Random,
        role: Role,
        unit: str,
        at: int,
        avoid: Collection[PersonId] = (),
    ) -> Worker:
        """Return somebody who holds the role then and stays, none of those to be avoided.

        Somebody of the unit if there is one: a small company has not all roles everywhere.
        """
        fitting = _fitting(self._posts.get((role, unit), ()), at, avoid)
        return Worker(pick(chance, fitting or _fitting(self._anywhere[role], at, avoid)), role)


def _fitting(posts: Iterable[_Post], at: int, avoid: Collection[PersonId]) -> list[PersonId]:
    return [
        person for since, leaves, person in posts if since <= at <= leaves and person not in avoid
    ]
