"""Ctrl-C and SIGTERM end the work in order: it is cancelled, cleans up, and the caller hears which signal it was."""

import asyncio
import signal
from collections.abc import Coroutine

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
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
