"""Keeps the table equal to the store.

1. Subscribe before reading: what is announced while the standing decisions are read is applied after them.
2. The table read anew replaces the old one at once, so that decisions that vanished from the store vanish here.
3. While the store is away the old table goes on; each decision ends at its own expiry.
4. Big tables are built and thrown away in slices: questions are answered in between.
"""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Never

from msgspec import Struct

from stream_detector.domain.decisions import Decision
from stream_detector.domain.errors import StoreUnavailable, StreamDetectorError
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Clock, DecisionStore

_SLICE = 500
_log = logging.getLogger(__name__)


class Patience(Struct, frozen=True, kw_only=True):
    """How the feed waits."""

    first_delay_s: float = 0.1
    """Before the first try to reconnect; doubled after each one that fails."""
    max_delay_s: float = 5.0
    silence_s: float = 5.0
    """A store that says nothing for so long is gone (it promises a sign of life every second)."""


class Feed:
    """Follows the store, reconnecting for ever.

    Args:
        store: where the decisions stand.
        table: what is kept equal to it.
        changes: is told of each one.
        freshness: is told whenever the table is proven equal.
        clock: event time.
        random: 0 to 1; spreads the reconnecting of many hooks.
        sleep: waits for seconds.
        patience: timeouts and delays.
    """

    def __init__(
        self,
        *,
        store: DecisionStore,
        table: DecisionTable,
        changes: ChangeLog,
        freshness: Freshness,
        clock: Clock,
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._store = store
        self._table = table
        self._changes = changes
        self._freshness = freshness
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._patience = patience or Patience()
        self._failures = 0

    async def run(self) -> Never:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except StreamDetectorError as error:
                delay_s = self._next_delay_s()
                _log.warning("decisions: %s; the last known ones go on, next try in %.1f s", error, delay_s)
                await self._sleep(delay_s)

    async def _follow(self) -> Never:
        changes = self._store.changes()
        try:
            first = await self._next(changes)
            await self._read_all()
            self._failures = 0
            self._take(first)
            while True:
                self._take(await self._next(changes))
        finally:
            if isinstance(changes, AsyncGenerator):
                await changes.aclose()

    async def _next(self, changes: AsyncIterator[Decision | None]) -> Decision | None:
        try:
            async with asyncio.timeout(self._patience.silence_s):
                return await anext(changes)
        except (TimeoutError, StopAsyncIteration) as error:
            message = "the store's announcements stopped; check that Redis is reachable"
            raise StoreUnavailable(message) from error

    async def _read_all(self) -> None:
        decisions = await self._store.standing(self._clock.now_s())
        other = DecisionTable()
        while decisions:
            for decision in decisions[-_SLICE:]:
                other.put(decision)
            del decisions[-_SLICE:]
            await asyncio.sleep(0)
        self._table.exchange(other)
        self._changes.restart()
        _log.info("decisions: read %d from the store", len(self._table))
        for _ in range(0, len(other), _SLICE):
            other.sweep(math.inf, at_most=_SLICE)
            await asyncio.sleep(0)

    def _take(self, change: Decision | None) -> None:
        if change is not None:
            self._table.put(change)
            self._changes.add(change)
        self._freshness.prove()

    def _next_delay_s(self) -> float:
        delay_s = min(self._patience.first_delay_s * 2.0**self._failures, self._patience.max_delay_s)
        self._failures = min(self._failures + 1, 32)
        return delay_s * (0.5 + 0.5 * self._random())
