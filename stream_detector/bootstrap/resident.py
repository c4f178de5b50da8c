"""The guard in somebody else's program, with everything real behind it."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.hook.guard import Guard
from stream_detector.hook.judge import Doubt
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.resident import ResidentGuard
from stream_detector.settings import Settings

_LIMITER_TIMEOUT_S = 0.05


def resident_guard_of(settings: Settings, observer: HookObserver) -> ResidentGuard:
    """A guard that opens its stores on the event loop where it is first needed."""

    @asynccontextmanager
    async def open_guard() -> AsyncIterator[Guard]:
        async with stores_of(settings) as stores:
            yield Guard(
                store=stores.decisions,
                limiter=stores.limiter,
                clock=clock_of(settings),
                observer=observer,
                random=random.Random().random,  # noqa: S311 - spreads reconnects
                doubt=Doubt(
                    failure=settings.hook_failure,
                    unidentified=settings.hook_unidentified,
                    limiter_timeout_s=_LIMITER_TIMEOUT_S,
                ),
                stale_after_s=settings.hook_stale_after_s,
            )

    return ResidentGuard(open_guard, failure=settings.hook_failure)
