"""How much one principal may ask for: requests and cost points a minute, requests at once.

Counted per process, in memory: with several processes a principal has the limits of each.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Final, Self

from limits import RateLimitItemPerMinute
from limits.strategies import SlidingWindowCounterRateLimiter

from api.limits.counters import Counters
from api.limits.messages import LimitError

ADDRESS: Final = "address:"
"""What the principal of somebody without a key begins with."""
_MINUTE: Final = 60
_IPV6_PREFIX: Final = 64


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a principal may use; generous, since the cost of each query is limited, too."""

    requests: int = 6_000  # a minute
    cost: int = 10_000_000  # points a minute
    at_once: int = 64
    principals: int = 100_000  # counted one by one; any more share one count


class TooManyError(LimitError):
    """A principal asks for more than its share; ``headers`` say when to come back."""

    def __init__(self, code: str, limit: int, wait: int, headers: dict[str, str]) -> None:
        """Add how many seconds to wait."""
        super().__init__(code, limit=limit, wait=wait)
        self.retry_after_seconds = wait
        self.headers = {**headers, "Retry-After": str(wait)}


class Ticket:
    """The admission of one request; a context manager, or released by hand."""

    __slots__ = ("_gate", "_principal", "_released", "cost")

    def __init__(self, gate: "Gate", principal: str, cost: int) -> None:
        self._gate = gate
        self._principal = principal
        self._released = False
        self.cost = cost

    def headers(self) -> dict[str, str]:
        """Return what the answer tells of the limits."""
        return {**self._gate.headers(self._principal), "Redress-Cost": str(self.cost)}

    def release(self) -> None:
        """Say that the request is over; again is harmless."""
        if not self._released:
            self._released = True
            self._gate.leave(self._principal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Gate:
    """Lets requests in; for one event loop, not for several threads."""

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._requests = _Window("requests", limits.requests, limits.principals, clock)
        self._cost = _Window("cost", limits.cost, limits.principals, clock)
        self._inside: dict[str, int] = {}
        self._policy = f"{self._requests.policy}, {self._cost.policy}"

    def __len__(self) -> int:
        """Return how many counts are remembered; what is over is forgotten in two minutes."""
        return len(self._requests) + len(self._cost) + len(self._inside)

    def admit(self, principal: str, cost: int) -> Ticket:
        """Admit a request; TooManyError if the principal has used up its share."""
        inside = self._inside.get(principal, 0)
        if inside >= self._limits.at_once:
            raise TooManyError("TOO_MANY_AT_ONCE", self._limits.at_once, 1, self.headers(principal))
        # A request that is refused for its cost counts as a request all the same.
        for code, window, amount in (
            ("RATE_LIMITED", self._requests, 1),
            ("COST_BUDGET_SPENT", self._cost, cost),
        ):
            if not window.take(principal, amount):
                wait = window.wait(principal, amount)
                raise TooManyError(code, window.limit, wait, self.headers(principal))
        self._inside[principal] = inside + 1
        return Ticket(self, principal, cost)

    def leave(self, principal: str) -> None:
        """Count one request less at once; called by its ticket."""
        if self._inside[principal] == 1:
            del self._inside[principal]
        else:
            self._inside[principal] -= 1

    def headers(self, principal: str) -> dict[str, str]:
        """Return the header fields of draft-ietf-httpapi-ratelimit-headers."""
        told = f"{self._requests.told(principal)}, {self._cost.told(principal)}"
        return {"RateLimit-Policy": self._policy, "RateLimit": told}


class _Window:
    """A sliding minute of one quantity."""

    def __init__(self, name: str, limit: int, principals: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.policy = f'"{name}";q={limit};w={_MINUTE}'
        self._name = name
        self._item = RateLimitItemPerMinute(limit)
        self._counters = Counters(_MINUTE, principals, clock)
        self._limiter = SlidingWindowCounterRateLimiter(self._counters)

    def __len__(self) -> int:
        return len(self._counters)

    def take(self, principal: str, amount: int) -> bool:
        return self._limiter.hit(self._item, principal, cost=amount)

    def told(self, principal: str) -> str:
        """Return what remains, and for how many seconds until the next minute begins."""
        before, left, now, _ = self._used(principal)
        remaining = max(0, self.limit - now - int(before * left / _MINUTE))
        return f'"{self._name}";r={remaining};t={ceil(left)}'

    def wait(self, principal: str, amount: int) -> int:
        """Return after how many seconds the amount fits, if nothing else is taken meanwhile."""
        before, left, now, _ = self._used(principal)
        free = self.limit - now - amount
        if free >= 0:  # what the minute before weighs must fade to what is free
            seconds = left - free * _MINUTE / before if before else 0.0
        else:  # this minute must end, then fade in the next
            kept = max(0, self.limit - amount) / now if now else 0.0
            seconds = left + _MINUTE * (1 - min(1.0, kept))
        return max(1, ceil(seconds))

    def _used(self, principal: str) -> tuple[int, float, int, float]:
        key = self._item.key_for(principal)
        return self._counters.get_sliding_window(key, _MINUTE)


def anonymous_principal(address: str) -> str:
    """Return the principal of somebody without a key: an address, or the network of an IPv6 one.

    One customer of a provider has a whole /64: its single addresses would all begin afresh.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:  # behind a socket file nobody has an address: all share one count
        return "address:none"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return f"{ADDRESS}{found.ipv4_mapped}"
        return f"{ADDRESS}{IPv6Network((found, _IPV6_PREFIX), strict=False)}"
    return f"{ADDRESS}{found}"
