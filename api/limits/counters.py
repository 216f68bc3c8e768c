"""What principals have used, counted in this process without a thread.

The library's own memory starts a thread, or a task over all its keys, every few milliseconds to
forget what is over. Here counters stand in two generations: the window that runs and the one
before. When a window ends the older generation is dropped as a whole.
"""

import time
from collections.abc import Callable
from typing import Final

from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport

_OTHERS: Final = "others"


class Counters(Storage, SlidingWindowCounterSupport):
    """Sliding windows of one length; at most ``most`` keys a window, the rest share one."""

    STORAGE_SCHEME = None

    def __init__(self, window: int, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._window = window
        self._most = most
        self._clock = clock
        self._number = 0
        self._before: dict[str, int] = {}
        self._now: dict[str, int] = {}

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Nothing can fail here."""
        return ()

    def __len__(self) -> int:
        """Return how many counters are remembered."""
        return len(self._before) + len(self._now)

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count an amount if it fits into the sliding window."""
        before, left, now, _ = self.get_sliding_window(key, expiry)
        if int(before * left / expiry) + now + amount > limit:
            return False
        self.incr(key, expiry, amount)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the count before and how long it still weighs, the count now and how long."""
        left = self._turn()
        key = self._known(key)
        return self._before.get(key, 0), left, self._now.get(key, 0), left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        _ = expiry
        self.clear(key)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count an amount in the window that runs."""
        _ = expiry
        self._turn()
        key = self._known(key)
        count = self._now.get(key, 0) + amount
        self._now[key] = count
        return count

    def get(self, key: str) -> int:
        """Return the count of the window that runs."""
        self._turn()
        return self._now.get(self._known(key), 0)

    def get_expiry(self, key: str) -> float:
        """Return when the window that runs ends, the same for all keys."""
        _ = key
        return time.time() + self._turn()

    def check(self) -> bool:
        """Say that it works: it is memory."""
        return True

    def reset(self) -> int:
        """Forget everything."""
        forgotten = len(self)
        self._before, self._now = {}, {}
        return forgotten

    def clear(self, key: str) -> None:
        """Forget a key."""
        self._before.pop(key, None)
        self._now.pop(key, None)

    def _turn(self) -> float:
        """Begin a new window when it is time; return how many seconds the present one has left."""
        number, passed = divmod(self._clock(), self._window)
        if number != self._number:
            self._before = self._now if number == self._number + 1 else {}
            self._now = {}
            self._number = int(number)
        return self._window - passed

    def _known(self, key: str) -> str:
        return key if key in self._now or len(self._now) < self._most else _OTHERS
