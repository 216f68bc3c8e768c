"""The counters do what any storage of the library does."""

from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from api.limits.counters import Counters

ITEM = RateLimitItemPerMinute(3)


def test_a_key_can_be_forgotten() -> None:
    limiter = SlidingWindowCounterRateLimiter(Counters(60, 10, lambda: 600.0))
    assert [limiter.hit(ITEM, "a") for _ in range(4)] == [True, True, True, False]

    limiter.clear(ITEM, "a")

    assert limiter.hit(ITEM, "a")


def test_everything_can_be_forgotten() -> None:
    counters = Counters(60, 10, lambda: 600.0)
    counters.incr("a", 60)
    counters.incr("b", 60, 2)

    assert counters.check()
    assert counters.reset() == 2
    assert len(counters) == counters.get("b") == 0


def test_fixed_windows_can_be_counted_as_well() -> None:
    now = [630.0]
    counters = Counters(60, 10, lambda: now[0])
    limiter = FixedWindowRateLimiter(counters)
    assert [limiter.hit(ITEM, "a") for _ in range(4)] == [True, True, True, False]
    assert limiter.get_window_stats(ITEM, "a").remaining == 0

    now[0] = 660.0

    assert limiter.hit(ITEM, "a")
