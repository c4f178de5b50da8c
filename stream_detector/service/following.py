"""Keeps what the service knows of standing decisions equal to the decision store."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from stream_detector.domain.decisions import Decision
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.ports import Clock, DecisionStore

_PAUSE_S = 1.0


class View(Protocol):
    """What somebody wants to know of the standing decisions."""

    def clear(self) -> None:
        """Forget everything: all that stands comes next."""

    def take(self, decision: Decision) -> None:
        """Take a decision in; it replaces the subject's earlier one."""


class Following:
    """Tells views every decision that stands, and each new one as it is announced."""

    def __init__(self, store: DecisionStore, clock: Clock, views: Sequence[View]) -> None:
        self._store = store
        self._clock = clock
        self._views = views

    async def read(self) -> None:
        """Let the views learn every live decision.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        standing = await self._store.standing(self._clock.now_s())
        for view in self._views:
            view.clear()
            for decision in standing:
                view.take(decision)

    async def follow(self, on_retry: Callable[[], None]) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._follow_once()
            except StoreUnavailable:
                on_retry()
                await asyncio.sleep(_PAUSE_S)

    async def _follow_once(self) -> None:
        async with aclosing(self._store.changes()) as changes:
            await anext(changes)
            await self.read()
            async for change in changes:
                if change is not None:
                    for view in self._views:
                        view.take(change)
