"""How much one principal may ask for in a minute and at once."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits.rates import Gate, RateLimits, TooManyError, anonymous_principal


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, now: float = 1_000_000 * 60.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


LIMITS = RateLimits(requests=10, cost=1_000, at_once=3, principals=100)


def refusal(gate: Gate, principal: str = "key:1", cost: int = 1) -> TooManyError:
    with pytest.raises(TooManyError) as refused:
        gate.admit(principal, cost)
    return refused.value


def ask(gate: Gate, times: int, cost: int = 1, principal: str = "key:1") -> None:
    for _ in range(times):
        gate.admit(principal, cost).release()


# Requests a minute


def test_the_last_request_of_the_share_is_admitted_and_the_next_is_not() -> None:
    gate = Gate(LIMITS, Clock())
    ask(gate, 10)

    refused = refusal(gate)

    assert refused.code == "RATE_LIMITED"
    assert refused.message("en") == "more than 10 requests in a minute; try again in 66 seconds"


def test_one_principal_does_not_use_up_the_share_of_another() -> None:
    gate = Gate(LIMITS, Clock())
    ask(gate, 10)

    ask(gate, 10, principal="key:2")

    assert refusal(gate).code == "RATE_LIMITED"


def test_a_share_comes_back_little_by_little() -> None:
    clock = Clock()
    gate = Gate(LIMITS, clock)
    ask(gate, 10)
    clock.now += 60 + 30
    ask(gate, 5)

    assert refusal(gate).code == "RATE_LIMITED"


def test_a_share_is_not_doubled_where_two_minutes_meet() -> None:
    clock = Clock()
    gate = Gate(LIMITS, clock)
    clock.now += 59.9
    ask(gate, 10)
    clock.now += 0.2
    ask(gate, 1)  # for the fifth of a second that has faded

    assert refusal(gate).code == "RATE_LIMITED"


def test_after_two_minutes_the_share_is_whole_again() -> None:
    clock = Clock()
    gate = Gate(LIMITS, clock)
    ask(gate, 10)
    clock.now += 120

    ask(gate, 10)


# Cost points a minute


def test_costly_queries_use_up_the_points_before_the_requests() -> None:
    gate = Gate(LIMITS, Clock())
    ask(gate, 2, cost=500)

    refused = refusal(gate)

    assert refused.code == "COST_BUDGET_SPENT"
    assert "1000" in refused.message("en")
    assert "1000" in refused.message("zh")


def test_a_query_refused_for_its_cost_leaves_the_points_for_smaller_ones() -> None:
    gate = Gate(LIMITS, Clock())
    ask(gate, 1, cost=900)
    refusal(gate, cost=101)

    ask(gate, 1, cost=100)


def test_a_query_refused_for_its_cost_counts_as_a_request() -> None:
    gate = Gate(LIMITS, Clock())
    for _ in range(10):
        refusal(gate, cost=1_001)

    assert refusal(gate).code == "RATE_LIMITED"


# At once


def test_more_requests_at_once_than_allowed_are_refused() -> None:
    gate = Gate(LIMITS, Clock())
    tickets = [gate.admit("key:1", 1) for _ in range(3)]

    refused = refusal(gate)
    gate.admit("key:2", 1)
    tickets[0].release()
    gate.admit("key:1", 1)

    assert refused.code == "TOO_MANY_AT_ONCE"
    assert refused.retry_after_seconds == 1
    assert refusal(gate).code == "TOO_MANY_AT_ONCE"


def test_a_ticket_released_twice_counts_once() -> None:
    gate = Gate(LIMITS, Clock())
    first, *_ = [gate.admit("key:1", 1) for _ in range(3)]
    first.release()
    first.release()
    gate.admit("key:1", 1)

    assert refusal(gate).code == "TOO_MANY_AT_ONCE"


def test_a_ticket_is_released_when_its_request_fails() -> None:
    gate = Gate(RateLimits(at_once=1), Clock())

    with pytest.raises(ZeroDivisionError), gate.admit("key:1", 1):
        _ = 1 / 0

    gate.admit("key:1", 1)


def test_a_request_refused_for_its_rate_is_not_inside() -> None:
    clock = Clock()
    gate = Gate(RateLimits(requests=1, at_once=1), clock)
    ask(gate, 1)
    refusal(gate)
    clock.now += 120

    assert gate.admit("key:1", 1).cost == 1


# What an answer tells


def test_an_answer_tells_what_is_left() -> None:
    clock = Clock()
    gate = Gate(LIMITS, clock)
    ask(gate, 4, cost=100)
    clock.now += 12.5

    headers = gate.admit("key:1", 50).headers()

    assert headers == {
        "RateLimit-Policy": '"requests";q=10;w=60, "cost";q=1000;w=60',
        "RateLimit": '"requests";r=5;t=48, "cost";r=550;t=48',
        "Redress-Cost": "50",
    }


def test_a_refusal_tells_when_to_come_back() -> None:
    gate = Gate(LIMITS, Clock())
    ask(gate, 10)

    refused = refusal(gate)

    assert refused.headers["Retry-After"] == str(refused.retry_after_seconds) == "66"
    assert re.match(r'"requests";r=0;t=60, ', refused.headers["RateLimit"])


@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(1, 9)), max_size=30),
    st.integers(1, 1_000),
    st.integers(1, 8),
)
def test_whoever_waits_as_told_is_admitted(
    asked: list[tuple[float, int]], cost: int, requests: int
) -> None:
    clock = Clock()
    gate = Gate(RateLimits(requests=requests, cost=1_000), clock)
    for pause, tenths in asked:
        clock.now += pause
        with suppress(TooManyError):
            gate.admit("key:1", tenths * 100).release()

    # Each wait is for one thing: the points may be spent when the requests are not any longer.
    waits = []
    for _ in range(2):
        try:
            gate.admit("key:1", cost).release()
            break
        except TooManyError as refused:
            waits.append(refused.retry_after_seconds)
            clock.now += refused.retry_after_seconds
    else:
        gate.admit("key:1", cost).release()

    assert all(1 <= wait <= 120 for wait in waits)


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 8))
def test_no_minute_sees_more_than_twice_the_share(pauses: list[float], requests: int) -> None:
    """A sliding count weighs the minute before evenly; it is never off by more than that."""
    clock = Clock()
    gate = Gate(RateLimits(requests=requests), clock)
    admitted = []
    for pause in pauses:
        clock.now += pause
        try:
            gate.admit("key:1", 1).release()
        except TooManyError:
            continue
        admitted.append(clock.now)

    for moment in admitted:
        assert sum(moment - 60 < other <= moment for other in admitted) <= 2 * requests


# Memory


def test_principals_that_are_gone_are_forgotten() -> None:
    clock = Clock()
    gate = Gate(RateLimits(), clock)
    for number in range(1_000):
        ask(gate, 1, principal=f"key:{number}")
    assert len(gate) == 2_000

    clock.now += 120
    ask(gate, 1)

    assert len(gate) == 2


def test_very_many_principals_share_one_count() -> None:
    """Somebody with very many addresses fills no memory and gains no more than one share."""
    gate = Gate(LIMITS, Clock())
    for number in range(110):
        ask(gate, 1, principal=f"address:{number}")

    assert len(gate) == 2 * 101
    assert refusal(gate, "address:newcomer").code == "RATE_LIMITED"
    ask(gate, 9, principal="address:99")


# People without a key


@pytest.mark.parametrize(
    ("address", "principal"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "address:fe80::/64"),
        ("", "address:none"),
    ],
)
def test_without_a_key_an_address_is_the_principal(address: str, principal: str) -> None:
    assert anonymous_principal(address) == principal
