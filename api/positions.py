"""How far the read models are, pushed by the projector: waiting for a position without polling."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, LiteralString

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import tuple_row

from projections import PROJECTIONS
from projections.engine import EVENTS_CHANNEL, PROJECTED_CHANNEL

WAIT_SECONDS: Final = 5.0
KEYS_CHANNEL: Final = "redress_keys"
_RECONNECT_SECONDS: Final = 0.3
_POSITIONS: LiteralString = "SELECT projection, position FROM ops.projection_positions"
_LAST: LiteralString = "SELECT coalesce(max(notification_id), 0) FROM log.stored_events"

_log = structlog.get_logger()


class NotYetProjectedError(Exception):
    """The read models did not reach the position in time."""

    def __init__(self, position: int, reached: int) -> None:
        super().__init__(f"the read models are at {reached}, not yet at {position}")
        self.position = position
        self.reached = reached


class Positions:
    """Listens to the database and wakes who waits for the read models to reach a position."""

    def __init__(self, conninfo: Callable[[], str], on_keys: Callable[[], Awaitable[None]]) -> None:
        self._conninfo = conninfo
        self._on_keys = on_keys
        self._reached: dict[str, int] = dict.fromkeys(PROJECTIONS, 0)
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._watching: list[Callable[[], None]] = []
        self._listening: asyncio.Task[None] | None = None
        self.last_event = 0
        self.connected = False

    @property
    def reached(self) -> int:
        """The position that all read models have reached."""
        return min(self._reached.values())

    @property
    def lags(self) -> dict[str, int]:
        """How many events each read model is behind the log."""
        return {name: max(0, self.last_event - at) for name, at in self._reached.items()}

    async def wait_for(self, position: int, seconds: float = WAIT_SECONDS) -> None:
        """Return when all read models have reached the position; NotYetProjectedError if late."""
        # A database that crashed may have lost the last steps of the read models.
        if self.connected and position <= self.reached:
            return
        future = asyncio.get_running_loop().create_future()
        entry = (position, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            raise NotYetProjectedError(position, self.reached) from None
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    @contextlib.contextmanager
    def watched(self, advanced: Callable[[], None]) -> Iterator[None]:
        """Call somebody whenever a read model goes on, until the end of the block."""
        self._watching.append(advanced)
        try:
            yield
        finally:
            self._watching.remove(advanced)

    def start(self) -> None:
        """Begin to listen."""
        self._listening = asyncio.create_task(self._listen(), name="positions")

    async def stop(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._conninfo(), autocommit=True, row_factory=tuple_row
                ) as connection:
                    for channel in (EVENTS_CHANNEL, PROJECTED_CHANNEL, KEYS_CHANNEL):
                        await connection.execute(
                            sql.SQL("LISTEN {}").format(sql.Identifier(channel))
                        )
                    await self._catch_up(connection)
                    self.connected = True
                    async for notification in connection.notifies():
                        if notification.channel == KEYS_CHANNEL:
                            await self._on_keys()
                        else:
                            self._take(notification.channel, notification.payload)
            except psycopg.Error:
                pass  # the supervisor starts the database again, or somebody does
            except Exception as error:  # noqa: BLE001  who waits for positions must go on waiting
                _log.error("listening failed", error=type(error).__name__)
            finally:
                self.connected = False
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _catch_up(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await self._on_keys()
        row = await (await connection.execute(_LAST)).fetchone()
        assert row is not None
        self.last_event = row[0]
        for name, position in await (await connection.execute(_POSITIONS)).fetchall():
            if name in self._reached:
                self._reached[name] = position
        self._wake()

    def _take(self, channel: str, payload: str) -> None:
        if channel == EVENTS_CHANNEL:
            self.last_event = max(self.last_event, int(payload))
        else:
            name, _, position = payload.partition(" ")
            if name in self._reached:
                self._reached[name] = int(position)
                self.last_event = max(self.last_event, int(position))
                self._wake()

    def _wake(self) -> None:
        reached = self.reached
        for position, future in self._waiting:
            if position <= reached and not future.done():
                future.set_result(None)
        for advanced in self._watching:
            advanced()
