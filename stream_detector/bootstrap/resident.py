"""The guard in somebody else's program, with everything real behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream_detector.bootstrap.guard import guard_of
from stream_detector.bootstrap.parts import stores_of
from stream_detector.hook.guard import Guard
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.resident import ResidentGuard
from stream_detector.settings import Settings


def resident_guard_of(settings: Settings, observer: HookObserver) -> ResidentGuard:
    """A guard that opens its stores on the event loop where it is first needed."""

    @asynccontextmanager
    async def open_guard() -> AsyncIterator[Guard]:
        async with stores_of(settings) as stores:
            yield guard_of(settings, stores, observer)

    return ResidentGuard(open_guard, failure=settings.hook_failure)
