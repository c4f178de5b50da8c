"""Runs a stream until a signal, a crash or a standstill ends it. The orchestrator starts the process again.

SIGTERM and SIGINT: save, commit, leave the group, return 0; a broker that does not answer the leaving changes nothing of
that, it notices the silence. Everything else that ends the stream returns 1, without a last checkpoint, because what is in
memory may be half of something; whatever was not saved comes again after the restart.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import uvloop

from stream_detector.domain.errors import ConfigError
from stream_detector.stream.app import Stream

_log = logging.getLogger(__name__)
_POLL_S = 0.2
_Result = TypeVar("_Result")


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run the worker's coroutine in a new uvloop."""
    return uvloop.run(main)


class Stalled(Exception):
    """Records arrive, but nothing is committed."""


class StallWatch:
    """Notices when records arrive, but nothing is committed any more."""

    def __init__(self, limit_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._limit_s = limit_s
        self._monotonic_s = monotonic_s
        self._progress: dict[int, tuple[int, float]] = {}
        """Partition -> (committed offset, time when it was first seen)."""

    def stalled(self, arrived: Mapping[int, int], committed: Mapping[int, int]) -> int | None:
        """A partition whose committed offset has stood still behind its arrived one for the limit, or None."""
        now_s = self._monotonic_s()
        progress: dict[int, tuple[int, float]] = {}
        for partition, arrived_offset in arrived.items():
            offset = committed.get(partition, -1)
            before = self._progress.get(partition)
            is_waiting = before is not None and before[0] == offset and offset < arrived_offset
            progress[partition] = before if before is not None and is_waiting else (offset, now_s)
        self._progress = progress
        return next((each for each, (_, since_s) in progress.items() if now_s - since_s > self._limit_s), None)


async def run_until_stopped(
    stream: Stream, *, stall_limit_s: float = 120.0, grace_s: float = 25.0, leave_s: float = 5.0
) -> int:
    """Start the stream and wait for its end.

    Args:
        stream: not started yet.
        stall_limit_s: a partition that delivers records, but commits nothing for so long, ends the stream.
        grace_s: time for the last checkpoint and commit.
        leave_s: time to leave the group; then the process is ended.

    Returns:
        The exit code.

    Raises:
        ConfigError: a checkpoint does not fit its partition.
    """
    watch = StallWatch(stall_limit_s)
    with _stop_signal() as stop:
        start = asyncio.create_task(stream.app.start())
        failure: BaseException | None = None
        while failure is None and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _POLL_S)
            failure = _failure(stream, start, watch)
    if failure is None:
        return await _stop(stream, start, grace_s, leave_s)
    _log.error("the stream ends: %s: %s", type(failure).__name__, failure)
    await _leave(stream, start, leave_s, exit_code=1)
    if isinstance(failure, ConfigError):
        raise failure
    return 1


def _failure(stream: Stream, start: asyncio.Task[None], watch: StallWatch) -> BaseException | None:
    """What has ended the stream; None while it runs."""
    if start.done() and not start.cancelled() and start.exception() is not None:
        return start.exception()
    if stream.app.crashed:
        reason = stream.app.crash_reason
        return reason if isinstance(reason, BaseException) else RuntimeError(str(reason))
    partition = watch.stalled(stream.delivery.arrived(), stream.committed())
    if partition is None:
        return None
    return Stalled(
        f"partition {partition}: records arrive, but nothing is committed; see whether Redis and Kafka answer"
    )


async def _stop(stream: Stream, start: asyncio.Task[None], grace_s: float, leave_s: float) -> int:
    """Save, commit, leave."""
    exit_code = 1
    try:
        async with asyncio.timeout(grace_s):
            await stream.release_all()
        exit_code = 0
    except TimeoutError:
        _log.error("the last checkpoint was not written within %.0f s; what it lacks will be handled again", grace_s)
    finally:
        await _leave(stream, start, leave_s, exit_code)
    return exit_code


async def _leave(stream: Stream, start: asyncio.Task[None], leave_s: float, exit_code: int) -> None:
    """Stop the app, which leaves the consumer group; end the process with this code if that fails."""
    start.cancel()
    stop = asyncio.create_task(stream.app.stop())
    await asyncio.wait({stop}, timeout=leave_s)
    if not stop.done() or stop.exception():
        reason = stop.exception() if stop.done() else f"not within {leave_s:.0f} s"
        _log.error("the stream did not stop (%s); ending the process", reason)
        logging.shutdown()
        os._exit(exit_code)  # the consumer's thread would keep the interpreter alive


@contextmanager
def _stop_signal() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop.set)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
