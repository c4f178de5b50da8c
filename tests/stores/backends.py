"""The stores under test, whatever they are kept in."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from stream_detector.adapters.memory import (
    MemoryDecisionStore,
    MemoryLimiter,
    MemoryPopulationStore,
    MemoryProfileStore,
)
from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Decision
from stream_detector.ports import DecisionStore, Limiter, PopulationStore, ProfileStore, Settler

Answer = TypeVar("Answer")
Run = Callable[[Coroutine[Any, Any, Answer]], Answer]


class Stores(NamedTuple):
    """One of each port."""

    profiles: ProfileStore
    population: PopulationStore
    decisions: DecisionStore
    limiter: Limiter
    settler: Settler
    """The limiter, as a worker sees it."""


def in_memory() -> Stores:
    limiter = MemoryLimiter()
    return Stores(MemoryProfileStore(), MemoryPopulationStore(), MemoryDecisionStore(), limiter, limiter)


@contextmanager
def in_redis(url: str, run: Run[Any], **options: Any) -> Iterator[RedisStores]:  # noqa: ANN401
    """Stores under a prefix of their own."""
    usual = {"prefix": f"test-{uuid4().hex}", "profile_ttl_s": 3600.0, "limit_timeout_s": 30.0}
    stores = RedisStores(url, **usual | options)
    try:
        yield stores
    finally:
        run(stores.aclose())


async def next_change(changes: Any) -> Decision:  # noqa: ANN401
    """The next decision that is announced; signs of life are skipped."""
    async with asyncio.timeout(30):
        while True:
            change = await anext(changes)
            if change is not None:
                return change  # type: ignore[no-any-return]
