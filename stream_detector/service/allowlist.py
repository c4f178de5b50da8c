"""Who is not acted on: the policy's entries and the operators' live `allow` decisions."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from stream_detector.domain.decisions import Action, Decision, Origin, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.ports import Clock, DecisionStore

_PAUSE_S = 1.0


class Allowlist:
    """Client -> event time until which it is allowed, kept fresh from the decision store."""

    def __init__(self, store: DecisionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.allowed_until: dict[str, float] = {}

    async def read(self) -> None:
        """Learn every live entry.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        standing = await self._store.standing(self._clock.now_s())
        self.allowed_until.clear()
        for decision in standing:
            self._take(decision)

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
                    self._take(change)

    def _take(self, decision: Decision) -> None:
        if decision.origin is not Origin.OPERATOR or decision.subject.kind is not SubjectKind.CLIENT:
            return
        if decision.action is Action.ALLOW:
            self.allowed_until[decision.subject.key] = decision.expires_at
        else:
            self.allowed_until.pop(decision.subject.key, None)
