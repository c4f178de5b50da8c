"""Limits in a Redis that is healthy, and far away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

from gateways.asking import on_a_loop, until
from gateways.hooks import NOON_S

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Limit, Subject, SubjectKind
from stream_detector.ports import Limiter

FIVE = Limit(requests=30, window_s=3600.0, burst=5)
AWAY_S = 0.2


class Relay:
    """Passes bytes on to a Redis, and answers back after `AWAY_S`, or when it may."""

    def __init__(self, redis_url: str) -> None:
        self._parts = urlsplit(redis_url)
        self.connections = 0
        self.questions = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return self._parts._replace(netloc=f"127.0.0.1:{self._port}").geturl()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _relay(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        self.connections += 1
        redis_in, redis_out = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        await asyncio.gather(self._ask(client_in, redis_out), self._answer(redis_in, client_out))

    async def _ask(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                self.questions += 1
                target.write(data)
        target.close()

    async def _answer(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                await self.may_answer.wait()
                loop.call_later(AWAY_S, target.write, data)
        loop.call_later(AWAY_S, target.close)


@contextlib.asynccontextmanager
async def far_stores(relay: Relay) -> AsyncIterator[RedisStores]:
    async with RedisStores(
        relay.url, prefix=f"test-{uuid4().hex}", profile_ttl_s=3600.0, limit_timeout_s=30.0
    ) as stores:
        yield stores


def client(name: str) -> Subject:
    return Subject(SubjectKind.CLIENT, name)


async def admitted(limiter: Limiter, subject: Subject, calls: int, within_s: float) -> int:
    """Of calls at once, each of which waits so long for its own answer."""

    async def admit() -> bool:
        async with asyncio.timeout(within_s):
            return (await limiter.admit(subject, FIVE, NOON_S)).allowed

    return sum(await asyncio.gather(*(admit() for _ in range(calls))))


@on_a_loop
async def test_calls_at_once_wait_for_no_answer_but_their_own(redis_url: str) -> None:
    async with Relay(redis_url) as relay, far_stores(relay) as stores:
        assert await admitted(stores.limiter, client("opens connections"), 20, within_s=30.0) == 5
        relay.may_answer.clear()
        asked = relay.questions
        calls = asyncio.create_task(admitted(stores.limiter, client("tom"), 20, within_s=30.0))

        async def are_on_their_way() -> bool:
            return relay.questions >= asked + 2

        await until(are_on_their_way, "a second round trip")
        relay.may_answer.set()
        assert await calls == 5


@on_a_loop
async def test_connections_are_opened_before_the_first_call(redis_url: str) -> None:
    async with Relay(redis_url) as relay, far_stores(relay) as stores:
        stores.limiter.prepare()

        async def are_open() -> bool:
            return relay.connections == 8

        await until(are_open, "eight connections")


@on_a_loop
async def test_who_gives_up_costs_no_connection(redis_url: str) -> None:
    async with Relay(redis_url) as relay, far_stores(relay) as stores:
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                await admitted(stores.limiter, client("tom"), 1, within_s=AWAY_S / 10)
        assert await admitted(stores.limiter, client("ann"), 1, within_s=30.0) == 1
        opened = relay.connections
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                await admitted(stores.limiter, client("tom"), 1, within_s=AWAY_S / 10)
            assert await admitted(stores.limiter, client("ann"), 1, within_s=30.0) == 1
        assert relay.connections == opened
