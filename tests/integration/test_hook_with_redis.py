"""The hook over real HTTP and a real Redis: what is shared, and what happens when Redis is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from gateways.asking import Gateway, on_a_loop, until
from gateways.hooks import NOON_S, RecordingObserver, decision, doubt, ready_gateway, running_hook
from servers.redis_server import RedisServer

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Limit, Origin
from stream_detector.domain.verdicts import Cause, Failure
from stream_detector.hook.judge import Doubt
from stream_detector.hook.observer import HookObserver


def stores_at(url: str) -> RedisStores:
    return RedisStores(url, prefix="sd", profile_ttl_s=3600.0)


@contextlib.asynccontextmanager
async def hook_at(
    url: str, *, in_doubt: Doubt | None = None, stale_after_s: float = 300.0, observer: HookObserver | None = None
) -> AsyncIterator[Gateway]:
    """A connection to a ready hook of its own on this Redis."""
    async with (
        stores_at(url) as stores,
        running_hook(
            stores.decisions, stores.limiter, in_doubt=in_doubt, stale_after_s=stale_after_s, observer=observer
        ) as port,
        ready_gateway(port) as gateway,
    ):
        yield gateway


async def until_answered(gateway: Gateway, client: str, status: int, within_s: float = 20.0) -> None:
    async def answered() -> bool:
        return (await gateway.ask(client)).status == status

    await until(answered, f"{client} gets {status}", within_s)


@on_a_loop
async def test_every_hook_learns_of_a_decision_and_of_its_pardon_within_a_second(redis_url: str) -> None:
    async with stores_at(redis_url) as stores, hook_at(redis_url) as one, hook_at(redis_url) as other:
        await stores.decisions.put([decision("alice", Action.BLOCK)], NOON_S)
        for gateway in (one, other):
            await until_answered(gateway, "alice", 403, within_s=1.0)

        await stores.decisions.put([decision("alice", Action.ALLOW, origin=Origin.OPERATOR)], NOON_S)
        for gateway in (one, other):
            await until_answered(gateway, "alice", 200, within_s=1.0)


@on_a_loop
async def test_a_new_hook_knows_what_was_decided_before_it_started(redis_url: str) -> None:
    async with stores_at(redis_url) as stores:
        await stores.decisions.put([decision(f"client-{number}") for number in range(3000)], NOON_S)

    async with hook_at(redis_url) as gateway:
        statuses = {(await gateway.ask(f"client-{number}")).status for number in range(0, 3000, 100)}

    assert statuses == {403}


@on_a_loop
async def test_all_hooks_together_admit_exactly_the_burst(redis_url: str) -> None:
    limit = Limit(requests=1, window_s=3600.0, burst=7)
    async with stores_at(redis_url) as stores:
        await stores.decisions.put([decision("tom", Action.THROTTLE, limit=limit)], NOON_S)

    unhurried = doubt(limiter_timeout_s=20.0)
    async with contextlib.AsyncExitStack() as hooks:
        gateways = [await hooks.enter_async_context(hook_at(redis_url, in_doubt=unhurried)) for _ in range(3)]

        async def ask_ten_times(gateway: Gateway) -> list[int]:
            return [(await gateway.ask("tom")).status for _ in range(10)]

        statuses = [status for answers in await asyncio.gather(*map(ask_ten_times, gateways)) for status in answers]

    assert (statuses.count(200), statuses.count(429)) == (7, 23)


@on_a_loop
async def test_without_redis_the_last_table_goes_on_and_a_restarted_redis_is_believed(
    private_redis: RedisServer,
) -> None:
    async with stores_at(private_redis.url) as stores, hook_at(private_redis.url) as gateway:
        await stores.decisions.put([decision("alice"), decision("tom", Action.THROTTLE)], NOON_S)
        await until_answered(gateway, "tom", 200)
        await until_answered(gateway, "alice", 403)

        private_redis.stop()
        assert (await gateway.ask("alice")).status == 403
        assert (await gateway.ask("bob")).status == 200

        private_redis.start()  # it has forgotten everything
        await until_answered(gateway, "alice", 200)


@pytest.mark.parametrize(("failure", "status"), [(Failure.OPEN, 200), (Failure.CLOSED, 503)])
@on_a_loop
async def test_with_redis_frozen_calls_within_a_limit_are_answered_as_set_and_others_as_before(
    private_redis: RedisServer, failure: Failure, status: int
) -> None:
    observer = RecordingObserver()
    wide = Limit(requests=1000, window_s=3600.0, burst=1000)
    narrow = Limit(requests=1, window_s=3600.0, burst=1)
    throttles = [decision("ann", Action.THROTTLE, limit=wide), decision("tom", Action.THROTTLE, limit=narrow)]
    async with stores_at(private_redis.url) as stores:
        await stores.decisions.put([*throttles, decision("alice")], NOON_S)
    as_set = doubt(failure=failure)

    async with hook_at(private_redis.url, in_doubt=as_set, observer=observer) as gateway:
        await until_answered(gateway, "tom", 429)
        private_redis.freeze()
        frozen = [(await gateway.ask(client)).status for client in ("ann", "tom", "alice")]
        private_redis.thaw()
        await until_answered(gateway, "ann", 200)

    assert frozen == [status, 429, 403]
    assert observer.limiter_failures >= 1


@on_a_loop
async def test_with_redis_away_for_too_long_every_call_is_answered_as_set(private_redis: RedisServer) -> None:
    observer = RecordingObserver()
    closed = doubt(failure=Failure.CLOSED)

    async with hook_at(private_redis.url, in_doubt=closed, stale_after_s=1.5, observer=observer) as gateway:
        await until_answered(gateway, "bob", 200)
        private_redis.stop()
        await until_answered(gateway, "bob", 503)
        assert observer.verdicts[-1].cause is Cause.TABLE_STALE
        assert (await gateway.ask(path="/readyz")).status == 200

        private_redis.start()
        await until_answered(gateway, "bob", 200)
