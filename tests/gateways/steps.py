"""Steps that tests of everything that enforces share: let a decision stand, call until it shows."""

import asyncio
import time
from collections.abc import Callable

from gateways.fronts import Reply
from gateways.hooks import decision
from servers.processes import wait_until

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Limit, Origin


def decide(
    url: str,
    prefix: str,
    client: str,
    action: Action,
    *,
    limit: Limit | None = None,
    origin: Origin = Origin.ENGINE,
    mark: str = "",
) -> None:
    """Let a decision stand for an hour, in this Redis and under this prefix of its keys."""
    now_s = time.time()
    made = decision(client, action, limit=limit, origin=origin, mark=mark, decided_at=now_s, expires_at=now_s + 3600)

    async def put() -> None:
        async with RedisStores(url, prefix=prefix, profile_ttl_s=3600.0) as stores:
            await stores.decisions.put([made], now_s)

    asyncio.run(put())


def call_until(call: Callable[[], Reply], status: int, what: str, within_s: float) -> Reply:
    """Call until the status is this one."""
    replies: list[Reply] = []

    def answered() -> bool:
        replies.append(call())
        return replies[-1].status == status

    wait_until(answered, f"{what} gets {status}", within_s)
    return replies[-1]
