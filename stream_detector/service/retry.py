"""Waiting for a store that does not answer: on the stream nothing may be lost, so patience has no end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stream_detector.domain.errors import StoreUnavailable

_FIRST_S = 0.05
_LONGEST_S = 2.0
_Answer = TypeVar("_Answer")


async def until_answered(operation: Callable[[], Awaitable[_Answer]], on_retry: Callable[[], None]) -> _Answer:
    """Repeat an idempotent operation until the store answers; `on_retry` hears of every failure."""
    pause_s = _FIRST_S
    while True:
        try:
            return await operation()
        except StoreUnavailable:
            on_retry()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_S)
