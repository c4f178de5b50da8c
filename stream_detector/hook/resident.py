"""A guard that lives in somebody else's program, on the event loop that it finds there.

1. It starts with `start`, or with the first question: not every server tells a program that it starts.
2. Whoever starts it waits for the standing decisions, but not for long: without them the failure setting answers.
3. Its own trouble is logged and never raised into a call. What breaks for an unknown reason is begun anew.
4. Each event loop has its own: what was opened on one cannot be used on another.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Never

from stream_detector.domain.decisions import Action
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import ONE_CALL, Ask, Use
from stream_detector.domain.verdicts import Cause, Failure, Verdict
from stream_detector.hook.guard import Guard

GuardSource = Callable[[], AbstractAsyncContextManager[Guard]]
"""Opens a guard with all that it needs on the running event loop."""

_FIRST_READ_S = 2.0
_PROBE_S = 0.01
_ANEW_S = 5.0
_log = logging.getLogger(__name__)


class ResidentGuard:
    """Answers questions wherever it is asked.

    Args:
        open_guard: opens a guard; not called before it is needed.
        failure: what to answer when the guard cannot.
        first_read_s: how long starting waits for the standing decisions.
    """

    def __init__(self, open_guard: GuardSource, *, failure: Failure, first_read_s: float = _FIRST_READ_S) -> None:
        self._open_guard = open_guard
        self._unknown = Verdict(Action.ALLOW if failure is Failure.OPEN else Action.BLOCK, Cause.TABLE_STALE)
        self._first_read_s = first_read_s
        self._residences: dict[asyncio.AbstractEventLoop, _Residence] = {}

    async def start(self) -> None:
        """Begin to follow the store; return when the decisions were read, or after a bounded time without."""
        await self._here().settled()

    async def check(self, client: str | None, ask: Callable[[], Ask] = lambda: ONE_CALL) -> Verdict:
        """May a call of this client pass?

        Args:
            client: whose call it is; None where the call does not say.
            ask: says what it is expected to need; called only for a throttled client.
        """
        residence = self._residences.get(asyncio.get_running_loop())
        if residence is None or not residence.is_settled:
            residence = self._here()
            await residence.settled()
        if residence.guard is None:
            return self._unknown
        try:
            return await residence.guard.judge.check(client, ask)
        except Exception:  # noqa: BLE001 - logged with its trace
            _log.exception("the call could not be judged; the failure setting answers; please report this")
            return self._unknown

    async def settle(self, client: str, use: Use) -> None:
        """Count what a call has used, now that it ended. Where that fails, what it reserved stays used."""
        residence = self._residences.get(asyncio.get_running_loop())
        if residence is None or residence.guard is None:
            return
        try:
            await residence.guard.judge.settle(client, use)
        except StoreUnavailable as error:
            _log.info("%s", error)
        except Exception:  # noqa: BLE001 - logged with its trace
            _log.exception("a call could not be settled; please report this")

    async def aclose(self) -> None:
        """Close what is open on this event loop; a later question opens it anew."""
        residence = self._residences.pop(asyncio.get_running_loop(), None)
        if residence is not None:
            await residence.aclose()

    def _here(self) -> "_Residence":
        loop = asyncio.get_running_loop()
        if loop not in self._residences:
            self._residences = {known: each for known, each in self._residences.items() if not known.is_closed()}
            self._residences[loop] = _Residence(self._open_guard, self._first_read_s)
        return self._residences[loop]


class _Residence:
    """A guard on one event loop, and the tasks that run it."""

    def __init__(self, open_guard: GuardSource, first_read_s: float) -> None:
        self._open_guard = open_guard
        self.guard: Guard | None = None
        self._settled = asyncio.Event()
        self._tasks = (asyncio.create_task(self._live()), asyncio.create_task(self._settle(first_read_s)))

    @property
    def is_settled(self) -> bool:
        """The first wait is over."""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Return when the first wait is over."""
        await self._settled.wait()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _live(self) -> Never:
        while True:
            try:
                async with self._open_guard() as self.guard:
                    await self.guard.follow()
            except Exception:  # noqa: BLE001 - logged with its trace
                _log.exception("following the decisions broke; begun anew in %.0f s; please report this", _ANEW_S)
            await asyncio.sleep(_ANEW_S)

    async def _settle(self, first_read_s: float) -> None:
        try:
            async with asyncio.timeout(first_read_s):
                while self.guard is None or not self.guard.freshness.ever_proven():  # noqa: ASYNC110 - once per start
                    await asyncio.sleep(_PROBE_S)
        except TimeoutError:
            _log.warning("the decisions could not be read within %.1f s; is Redis reachable?", first_read_s)
        finally:
            self._settled.set()
