"""A question -> its verdict.

1. Everything is answered from memory, but for a throttled subject: its limit is shared by all hooks, so the limiter is
   asked, and only for a short time.
2. When the hook cannot know, the operator's `Failure` setting answers. Our own trouble never looks like a refusal.
3. A subject is judged by its client id. Another kind of subject would be one more `find` here.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from stream_detector.domain.decisions import Action, Limit, Mode, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import ONE_CALL, Ask, Use
from stream_detector.domain.verdicts import Cause, Failure, Settlement, Verdict
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.table import DecisionTable, Standing
from stream_detector.ports import Clock, Limiter

_NO_DECISION = Verdict(Action.ALLOW, Cause.NO_DECISION)
_SHADOW = Verdict(Action.ALLOW, Cause.SHADOW)
_ALLOWED = Verdict(Action.ALLOW, Cause.DECISION)


class Doubt(Struct, frozen=True, kw_only=True):
    """What to answer when the hook cannot know."""

    failure: Failure
    """Neither the table nor the limiter can say."""
    unidentified: Failure
    """The question names no client."""
    limiter_timeout_s: float
    """How long a throttled call waits for the limiter."""


class Judge:
    """Answers questions; has no state of its own."""

    def __init__(
        self,
        *,
        table: DecisionTable,
        freshness: Freshness,
        limiter: Limiter,
        clock: Clock,
        observer: HookObserver,
        doubt: Doubt,
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._limiter = limiter
        self._clock = clock
        self._observer = observer
        self._limiter_timeout_s = doubt.limiter_timeout_s
        self._unidentified = _cannot_know(doubt.unidentified, Cause.UNIDENTIFIED)
        self._table_stale = _cannot_know(doubt.failure, Cause.TABLE_STALE)
        self._limiter_down = _cannot_know(doubt.failure, Cause.LIMITER_DOWN)

    async def check(self, client: str | None, ask: Callable[[], Ask] = lambda: ONE_CALL) -> Verdict:
        """May a call of this client pass?

        Args:
            client: whose call it is; None where the request does not say.
            ask: says what it is expected to need; called only for a throttled client.
        """
        if client is None:
            return self._unidentified
        if self._freshness.is_stale():
            return self._table_stale
        now_s = self._clock.now_s()
        standing = self._table.find(SubjectKind.CLIENT, client, now_s)
        if standing is None:
            return _NO_DECISION
        if standing.ruling.mode is Mode.SHADOW:
            return _SHADOW
        return await self._enforce(standing, client, ask, now_s)

    async def settle(self, client: str, use: Use) -> bool:
        """Count what a call has used, if its client is limited.

        Returns:
            Whether it counted. Not so for clients without a limit, and for calls that are not open (any more).

        Raises:
            StoreUnavailable: the limiter did not answer in time; what was reserved stays used.
        """
        now_s = self._clock.now_s()
        standing = self._table.find(SubjectKind.CLIENT, client, now_s)
        limit = None if standing is None or standing.ruling.mode is Mode.SHADOW else standing.ruling.limit
        if limit is None:
            self._observer.settled(Settlement.NOT_LIMITED)
            return False
        try:
            is_counted = await self._settle(client, limit, now_s, use)
        except StoreUnavailable:
            self._observer.settled(Settlement.FAILED)
            raise
        self._observer.settled(Settlement.COUNTED if is_counted else Settlement.NOT_OPEN)
        return is_counted

    async def _settle(self, client: str, limit: Limit, now_s: float, use: Use) -> bool:
        try:
            async with asyncio.timeout(self._limiter_timeout_s):
                return await self._limiter.settle(Subject(SubjectKind.CLIENT, client), limit, now_s, use)
        except TimeoutError as error:
            message = f"settle a call: no answer within {self._limiter_timeout_s:g} s; check that Redis is reachable"
            raise StoreUnavailable(message) from error

    async def _enforce(self, standing: Standing, client: str, ask: Callable[[], Ask], now_s: float) -> Verdict:
        ruling = standing.ruling
        if ruling.action is Action.BLOCK:
            return Verdict(Action.BLOCK, Cause.DECISION, retry_after_s=standing.expires_at - now_s)
        if ruling.limit is not None and ruling.action is Action.THROTTLE:
            verdict = await self._admit(client, ruling.limit, ask, now_s)
            return replace(verdict, mark=standing.mark) if standing.mark else verdict
        if ruling.action is Action.MARK:
            return Verdict(Action.MARK, Cause.DECISION, mark=standing.mark)
        return _ALLOWED

    async def _admit(self, client: str, limit: Limit, ask: Callable[[], Ask], now_s: float) -> Verdict:
        try:
            async with asyncio.timeout(self._limiter_timeout_s):
                admission = await self._limiter.admit(Subject(SubjectKind.CLIENT, client), limit, now_s, ask())
        except (StoreUnavailable, TimeoutError):
            self._observer.limiter_failed()
            return self._limiter_down
        if admission.allowed:
            return Verdict(Action.ALLOW, Cause.WITHIN_LIMIT, limit, admission.remaining)
        return Verdict(Action.THROTTLE, Cause.OVER_LIMIT, limit, 0, admission.retry_after_s)


def _cannot_know(failure: Failure, cause: Cause) -> Verdict:
    return Verdict(Action.ALLOW if failure is Failure.OPEN else Action.BLOCK, cause)
