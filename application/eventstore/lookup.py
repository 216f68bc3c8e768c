"""Group reading: what several commands look up at the same time is one query."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEYS_PER_QUERY: Final = 256


class GroupLookup(Generic[K, V]):
    """Looks keys up by ``fetch``; those asked for while a query is under way share the next.

    A lone caller waits for nothing; an error of the query reaches each of its callers.
    """

    def __init__(self, fetch: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._fetch = fetch
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return what is found under a key as of now or later; None if nothing is."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        # Shielded: one caller who gives up must not cancel the others' answer.
        return await asyncio.shield(future)

    async def _run(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:KEYS_PER_QUERY]
            futures = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._fetch(keys)
            except BaseException as error:
                for future in futures.values():
                    future.set_exception(error)
                    future.exception()  # whoever still waits gets it; nobody may be left
                if not isinstance(error, Exception):
                    raise
            else:
                for key, future in futures.items():
                    future.set_result(found.get(key))
