"""Every store test runs in memory, on Redis, and on a Redis Cluster of three nodes."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from servers.redis_cluster import redis_cluster
from servers.redis_server import redis_binary
from stores.backends import Run, Stores, in_memory, in_redis


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    """Runs coroutines, all of one test in the same event loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = redis_binary()
    if not binary:
        pytest.skip("no Redis; run `make servers`")
    with redis_cluster(binary, tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture(
    params=["memory", pytest.param("redis", marks=pytest.mark.redis), pytest.param("cluster", marks=pytest.mark.redis)]
)
def stores(request: pytest.FixtureRequest, run: Run[Any]) -> Iterator[Stores]:
    if request.param == "memory":
        yield in_memory()
        return
    url = request.getfixturevalue("redis_url" if request.param == "redis" else "cluster_url")
    with in_redis(url, run) as opened:
        yield Stores(opened.profiles, opened.population, opened.decisions, opened.limiter, opened.limiter)
