"""The judge, and what keeps it informed: everything of the hook that no protocol is in.

The hook's process runs one (`process`), and so does a program that enforces by itself (`resident`).
"""

import asyncio
import time
from collections.abc import Callable
from typing import Never

from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.feed import Feed
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.judge import Doubt, Judge
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.refusals import Refusals
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Clock, DecisionStore, Limiter
from stream_detector.serving.background import together

_TIDY_EVERY_S = 0.1
_TIDY_SUBJECTS = 200
"""Sweeping a subject takes 2 us: no question waits longer than half a millisecond for it."""


class Guard:
    """A judge whose table follows the store while `follow` runs.

    Args:
        store: the standing decisions.
        limiter: the limits shared by all hooks.
        clock: event time.
        observer: hears of the table and of the limiter's failures.
        random: 0 to 1; spreads the reconnecting of many hooks.
        doubt: what to answer when the judge cannot know.
        stale_after_s: an older table does not count.
        monotonic: seconds that never go back; measures the age of the table.
    """

    def __init__(
        self,
        *,
        store: DecisionStore,
        limiter: Limiter,
        clock: Clock,
        observer: HookObserver,
        random: Callable[[], float],
        doubt: Doubt,
        stale_after_s: float,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self.table, self.changes = DecisionTable(), ChangeLog()
        self.freshness = Freshness(monotonic, stale_after_s=stale_after_s)
        self._feed = Feed(
            store=store,
            table=self.table,
            changes=self.changes,
            freshness=self.freshness,
            clock=clock,
            random=random,
        )
        self.judge = Judge(
            table=self.table,
            freshness=self.freshness,
            limiter=Refusals(limiter),
            clock=clock,
            observer=observer,
            doubt=doubt,
        )

    async def follow(self) -> None:
        """Keep the table equal to the store until cancelled."""
        await together(self._feed.run(), self._tidy())

    async def _tidy(self) -> Never:
        while True:
            self.table.sweep(self._clock.now_s(), at_most=_TIDY_SUBJECTS)
            self._observer.table(self.table.counts(), self.freshness.age_s())
            await asyncio.sleep(_TIDY_EVERY_S)
