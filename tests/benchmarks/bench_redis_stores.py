"""What the stores in Redis cost: checkpoints, loading, decisions, template counts and limits, on a real Redis.

    PYTHONPATH=tests python tests/benchmarks/bench_redis_stores.py

CPU is that of this process: the worker's event loop stands still for as long. A checkpoint of one script is compared with
one of WATCH and MULTI.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis
from servers.redis_server import RedisServer, redis_binary
from stores.samples import NOON_S, checkpoint, from_engine, subject

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Limit
from stream_detector.domain.population import TemplateUse

_PROFILE_BYTES = 1600
_REPEATS = 5


async def _measure(name: str, operation: Callable[[int], Awaitable[object]]) -> None:
    """Print the medians of a few runs; the first one warms up."""
    walls_ms, cpus_ms = [], []
    for repeat in range(_REPEATS + 1):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        await operation(repeat)
        walls_ms.append((time.perf_counter() - wall_s) * 1e3)
        cpus_ms.append((time.process_time() - cpu_s) * 1e3)
    wall_ms, cpu_ms = statistics.median(walls_ms[1:]), statistics.median(cpus_ms[1:])
    sys.stdout.write(f"{name:<42} {wall_ms:9.2f} ms {cpu_ms:9.2f} ms CPU\n")


async def _with_multi(client: Redis, profiles: dict[str, bytes]) -> None:
    async with client.pipeline(transaction=True) as pipeline:
        await pipeline.watch("{p1}:meta")
        await pipeline.hget("{p1}:meta", "token")
        pipeline.multi()
        for name, profile in profiles.items():
            pipeline.execute_command("SET", f"{{p1}}:profile:{name}", profile, "EX", 3600)
        pipeline.hset("{p1}:meta", "offset", "1")
        await pipeline.execute()


async def _checkpoints(stores: RedisStores, client: Redis) -> None:
    ownership = await stores.profiles.claim(3)
    for count in (1_000, 20_000):
        profiles = {f"acct-{number}": os.urandom(_PROFILE_BYTES) for number in range(count)}
        whole = checkpoint(count, profiles)
        await _measure(f"checkpoint of {count} profiles", lambda _: stores.profiles.checkpoint(ownership, whole))  # noqa: B023
        await _measure("  the same with WATCH and MULTI", lambda _: _with_multi(client, profiles))  # noqa: B023
    some = [f"acct-{number}" for number in range(0, 20_000, 40)]
    await _measure(f"load of {len(some)} profiles", lambda _: stores.profiles.load(3, some))


async def _others(stores: RedisStores) -> None:
    await _measure(
        "put of 100 decisions",
        lambda repeat: stores.decisions.put(
            [from_engine(f"acct-{number}", offset=repeat) for number in range(100)], NOON_S
        ),
    )
    await _measure("standing, 100 decisions", lambda _: stores.decisions.standing(NOON_S))
    uses = {template: TemplateUse(3, 1) for template in range(500)}
    await _measure("exchange of 500 templates", lambda repeat: stores.population.exchange(repeat, uses, NOON_S))
    limit = Limit(1000, 1.0, 1000)
    durations_ms = []
    for call in range(5_000):
        start_s = time.perf_counter()
        await stores.limiter.admit(subject(), limit, NOON_S + call)
        durations_ms.append((time.perf_counter() - start_s) * 1e3)
    cuts = statistics.quantiles(durations_ms, n=100)
    sys.stdout.write(f"admit, one after the other: p50 {cuts[49]:.3f} ms, p99 {cuts[98]:.3f} ms\n")


async def _main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(redis_binary() or sys.exit("no Redis; run `make servers`"), Path(directory))
        server.start()
        try:
            async with (
                RedisStores(server.url, prefix="bench", profile_ttl_s=3600.0) as stores,
                Redis.from_url(server.url) as client,
            ):
                await _checkpoints(stores, client)
                await _others(stores)
        finally:
            server.stop()


if __name__ == "__main__":
    asyncio.run(_main())
