"""Which service-level policy a case falls under: all policies at a place in the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.aggregate import DomainEvent
from domain.service_level_policy import Period, ServiceLevelPolicy, period_at, policy_id
from domain.service_levels.standard import DEFAULT
from domain.service_levels.terms import ServiceLevelTerms


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The version of a policy that is in force."""

    code: str
    id: UUID
    version: int
    terms: ServiceLevelTerms


@dataclass
class PolicyBook:
    """All versions that were applied, in the order of the log; later ones do not count yet."""

    position: int = 0
    _codes: dict[UUID, str] = field(default_factory=dict)
    _periods: dict[str, list[Period]] = field(default_factory=dict)
    _terms: dict[tuple[str, int], ServiceLevelTerms] = field(default_factory=dict)
    _claimed: dict[str, set[str]] = field(default_factory=dict)

    def apply(self, event: DomainEvent, position: int) -> None:
        """Take in a policy's event at its position in the log; a known one is passed over."""
        if position <= self.position:
            return
        self.position = position
        if isinstance(event, ServiceLevelPolicy.Adopted):
            code, terms = event.code, event.terms
            self._codes[event.originator_id] = code
            self._terms[code, event.number] = terms
            for account in terms.accounts:
                self._claimed.setdefault(account, set()).add(code)
            period = Period(event.effective_from, event.number, terms)
            self._periods.setdefault(code, []).append(period)
        elif isinstance(event, ServiceLevelPolicy.Ended):
            period = Period(event.effective_from, event.number, None)
            self._periods[self._codes[event.originator_id]].append(period)

    def in_force(self, code: str | None, partner: str | None, at: datetime) -> PolicyInForce | None:
        """Return the version under which a case falls that begins at this time.

        It is of the policy that the case names, else of one under whose accounts the partner is
        (of several the first by its code), else of the policy of everybody.
        """
        for candidate, account in self._candidates(code, partner):
            found = period_at(self._periods.get(candidate, ()), at)
            if found is None or found.terms is None:
                continue
            if account is None or account in found.terms.accounts:
                return PolicyInForce(candidate, policy_id(candidate), found.number, found.terms)
        return None

    def terms(self, code: str, version: int) -> ServiceLevelTerms:
        """Return the terms of the version that a case keeps."""
        return self._terms[code, version]

    def _candidates(
        self, code: str | None, partner: str | None
    ) -> Iterator[tuple[str, str | None]]:
        """Yield codes in their order, with the account that a version must have to count."""
        if code is not None:
            yield code, None
        if partner is not None:
            yield from ((claiming, partner) for claiming in sorted(self._claimed.get(partner, ())))
        yield DEFAULT, None
