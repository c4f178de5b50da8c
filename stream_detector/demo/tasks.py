"""Work that a signal ends in order, and work that has company.

Ctrl-C and SIGTERM cancel the work, it cleans up, and the caller hears which signal it was.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from stream_detector.domain.errors import StreamDetectorError
from stream_detector.embedded import ChildGroup

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLL_S = 0.1
EXIT_BASE = 128
"""A process ended by signal N exits with 128 + N."""


async def interruptible(work: Coroutine[object, object, None]) -> signal.Signals | None:
    """Run `work` to its end, or until a signal; return the signal.

    A second signal acts as if nobody listened: it ends the process at once.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    caught: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        caught.append(number)
        task.cancel()
        stop_listening()

    def stop_listening() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        await task
    except asyncio.CancelledError:
        if not caught:
            raise
    finally:
        stop_listening()
    return caught[0] if caught else None


async def until_a_child_dies(children: ChildGroup) -> None:
    """Never return; raise `ChildFailed` when a child ends by itself."""
    while True:
        children.check()
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def alongside(*others: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run `others` during the `async with` block; when one of them fails, the block ends and the error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(other) for other in others]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        # A child that died explains the other errors.
        raise next(
            (error for error in errors.exceptions if isinstance(error, StreamDetectorError)), errors.exceptions[0]
        ) from None
