"""A policy of service levels: dated versions, one stream for each code (architecture.md 9.11).

Life of a policy: adopted -> (adopted anew | ended)*. A case falls under the version that is in
force when it begins; which policy that is, ``domain/service_levels/policy_book.py`` says.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from domain.aggregate import Aggregate, DomainEvent, event
from domain.effective_dates import NOTICE, require_effective_date
from domain.errors import InvalidValueError, Rule, WrongStateError
from domain.identifiers import NAMESPACE
from domain.metadata import Metadata
from domain.roles import Role
from domain.service_levels.standard import DEFAULT
from domain.service_levels.terms import ServiceLevelTerms

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def policy_id(code: str) -> UUID:
    """Return the stream of the policy with this code."""
    return uuid5(NAMESPACE, f"policy:service_levels:{code}")


def policy_code(value: str, *, field: str) -> str:
    """Check a policy's code: 1 to 40 small letters, digits and underscores."""
    if not _CODE.fullmatch(value):
        raise InvalidValueError(field, Rule.CODE_FORMAT)
    return value


@dataclass(frozen=True, slots=True)
class Period:
    """From when on a version is in force, until the next period; ``terms`` None: none is."""

    effective_from: datetime
    number: int
    terms: ServiceLevelTerms | None


def period_at(periods: Sequence[Period], at: datetime) -> Period | None:
    """Return the period of a time, None before the first and while the policy has ended."""
    place = bisect_right(periods, at, key=lambda period: period.effective_from)
    found = periods[place - 1] if place else None
    return None if found is None or found.terms is None else found


class ServiceLevelPolicy(Aggregate):
    """The versions of one policy, by the time from which they are in force."""

    KIND = "service_level_policy"

    class Adopted(DomainEvent):
        """A new version was adopted."""

        TOPIC = "service_level_policy.adopted"
        code: str
        number: int
        effective_from: datetime
        terms: ServiceLevelTerms

    class Ended(DomainEvent):
        """The contract ends: cases that begin later fall under the policy of everybody."""

        TOPIC = "service_level_policy.ended"
        number: int
        effective_from: datetime

    code: str
    number: int
    periods: list[Period]

    def begin(self) -> None:
        """Nothing was adopted yet."""
        self.code = ""
        self.number = 0
        self.periods = []

    def adopt(
        self, code: str, terms: ServiceLevelTerms, effective_from: datetime, meta: Metadata
    ) -> None:
        """Adopt the next version; the first one may reach back, later ones are announced.

        The terms that are in force last, once more, change nothing. A version that reaches back
        decides about cases that begin after it was adopted, however early they are dated. What the
        system ships may have any time zone: whoever runs the product chose it.
        """
        policy_code(code, field="code")
        terms.check()
        if meta.role is not Role.SYSTEM:
            terms.check_time_zone()
        require_effective_date(effective_from, meta)
        if self.periods and terms == self.periods[-1].terms:
            return
        if self.periods:
            self._require_announced(effective_from, meta)
        self._adopted(
            code=code,
            number=self.number + 1,
            effective_from=effective_from,
            terms=terms,
            meta=meta,
        )

    def end(self, effective_from: datetime, meta: Metadata) -> None:
        """End the policy; what has ended by then already stays as it is."""
        if not self.periods:
            raise WrongStateError("end", "unknown")
        if self.code == DEFAULT:
            raise InvalidValueError("code", Rule.NEVER_ENDS)
        require_effective_date(effective_from, meta)
        last = self.periods[-1]
        if last.terms is None and effective_from >= last.effective_from:
            return
        self._require_announced(effective_from, meta)
        self._ended(number=self.number, effective_from=effective_from, meta=meta)

    def in_force(self, at: datetime) -> Period | None:
        """Return the version that is in force at a time, None if none is."""
        return period_at(self.periods, at)

    def _require_announced(self, effective_from: datetime, meta: Metadata) -> None:
        """Refuse what takes effect before its time, or not after all that was decided so far."""
        last = self.periods[-1].effective_from
        if effective_from <= last:
            raise InvalidValueError("effectiveFrom", Rule.AFTER, last.isoformat())
        earliest = meta.occurred_at + NOTICE
        if effective_from < earliest:
            raise InvalidValueError("effectiveFrom", Rule.BEFORE, earliest.isoformat())

    @event(Adopted)
    def _adopted(
        self,
        code: str,
        number: int,
        effective_from: datetime,
        terms: ServiceLevelTerms,
        meta: Metadata,
    ) -> None:
        self.code = code
        self.number = number
        self.periods.append(Period(effective_from, number, terms))

    @event(Ended)
    def _ended(self, number: int, effective_from: datetime, meta: Metadata) -> None:
        self.periods.append(Period(effective_from, number, None))
