"""Redis goes away in every way it can: nothing is half written, and everything works again when it is back."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from servers.processes import ServerProcess, free_port
from servers.redis_server import RedisServer, redis_binary
from stores.backends import next_change
from stores.samples import NOON_S, checkpoint, from_engine, subject

from stream_detector.adapters.redis_decisions import RedisDecisionStore
from stream_detector.adapters.redis_keys import RedisKeys
from stream_detector.adapters.redis_link import RedisLink
from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Limit
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.population import TemplateUse
from stream_detector.ports import Checkpoint, Ownership

_OWNER = Ownership(partition=3, token=1, offset=-1, partition_state=None)
_LIMIT = Limit(1, 1_000_000.0, 10)
_SHORT_S = 0.2
_LONG_S = 30.0


async def _subscribe(stores: RedisStores) -> None:
    async with aclosing(stores.decisions.changes()) as changes:
        await anext(changes)


_Operation = Callable[[RedisStores], Coroutine[Any, Any, Any]]
_OPERATIONS: dict[str, _Operation] = {
    "ping": lambda stores: stores.ping(),
    "claim": lambda stores: stores.profiles.claim(3),
    "load": lambda stores: stores.profiles.load(3, ["a"]),
    "checkpoint": lambda stores: stores.profiles.checkpoint(_OWNER, checkpoint(1, {"a": b"x"})),
    "exchange": lambda stores: stores.population.exchange(3, {7: TemplateUse(1, 0)}, NOON_S),
    "put": lambda stores: stores.decisions.put([from_engine(offset=1)], NOON_S),
    "standing": lambda stores: stores.decisions.standing(NOON_S),
    "changes": _subscribe,
    "admit": lambda stores: stores.limiter.admit(subject(), _LIMIT, NOON_S),
}
_EACH = pytest.mark.parametrize("operation", _OPERATIONS.values(), ids=_OPERATIONS)


@asynccontextmanager
async def _stores(url: str, answer_timeout_s: float = _LONG_S) -> AsyncIterator[RedisStores]:
    async with RedisStores(url, prefix="sd", profile_ttl_s=3600.0, answer_timeout_s=answer_timeout_s) as stores:
        yield stores


@_EACH
def test_a_stopped_redis_is_unavailable_with_cause_and_advice(
    private_redis: RedisServer, operation: _Operation
) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            await stores.profiles.claim(3)
            private_redis.stop()
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match=r"could not .*check that Redis runs") as caught:
                    await operation(stores)
                assert isinstance(caught.value.__cause__, exceptions.ConnectionError)
            private_redis.start()
            await stores.profiles.claim(3)
            await operation(stores)

    asyncio.run(scenario())


@_EACH
def test_a_frozen_redis_is_unavailable_soon(private_redis: RedisServer, operation: _Operation) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url, _SHORT_S) as stores:
            await stores.profiles.claim(3)
            private_redis.freeze()
            async with asyncio.timeout(_LONG_S):
                for _ in range(2):
                    with pytest.raises(StoreUnavailable, match=r"no answer within .* s; .*check its load"):
                        await operation(stores)
            private_redis.thaw()

        async with _stores(private_redis.url) as stores:
            await operation(stores)

    asyncio.run(scenario())


@_EACH
def test_forgotten_scripts_are_no_trouble(private_redis: RedisServer, operation: _Operation) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            await stores.profiles.claim(3)
            await operation(stores)
            with private_redis.client() as inside:
                inside.script_flush()
            await operation(stores)

    asyncio.run(scenario())


def test_a_listener_hears_of_a_stop_and_can_listen_again(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            changes = stores.decisions.changes()
            await anext(changes)
            private_redis.stop()
            with pytest.raises(StoreUnavailable):
                await next_change(changes)
            private_redis.start()
            await _hears_again(stores)

    asyncio.run(scenario())


def test_a_listener_hears_of_a_frozen_redis(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            changes = stores.decisions.changes()
            await anext(changes)
            private_redis.freeze()
            with pytest.raises(StoreUnavailable, match=r"no answer within 1\.0 s"):
                await next_change(changes)
            private_redis.thaw()
            await _hears_again(stores)

    asyncio.run(scenario())


def test_a_slow_consumer_is_not_taken_for_a_dead_redis(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores, aclosing(stores.decisions.changes()) as changes:
            for _ in range(2):  # the second one is the answer to a PING
                assert await anext(changes) is None
            await stores.decisions.put([from_engine(offset=offset) for offset in range(100)], NOON_S)
            await asyncio.sleep(2.0)  # longer than the patience with a silent Redis
            heard = [(await next_change(changes)).source for _ in range(100)]
            assert [source and source.offset for source in heard] == list(range(100))

    asyncio.run(scenario())


@pytest.mark.parametrize("repetitions", [0, 3])
def test_a_broken_subscription_is_never_mended_silently(private_redis: RedisServer, repetitions: int) -> None:
    async def scenario() -> None:
        async with Redis.from_url(private_redis.url, protocol=2, retry=Retry(NoBackoff(), repetitions)) as client:
            link = RedisLink(client, address="here", timeout_s=_LONG_S, most_at_once=1)
            changes = RedisDecisionStore(link, RedisKeys("sd")).changes()
            await anext(changes)
            with private_redis.client() as inside:
                assert inside.execute_command("CLIENT KILL", "TYPE", "pubsub") == 1
            with pytest.raises(StoreUnavailable):
                await next_change(changes)

    asyncio.run(scenario())


async def _hears_again(stores: RedisStores) -> None:
    async with aclosing(stores.decisions.changes()) as changes:
        await anext(changes)
        await stores.decisions.put([from_engine("again", offset=1)], NOON_S)
        assert (await next_change(changes)).subject.key == "again"


def test_a_given_up_question_does_not_answer_the_next_one(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            await stores.limiter.admit(subject("warm"), _LIMIT, NOON_S)
            private_redis.freeze()
            given_up = [asyncio.create_task(stores.limiter.admit(subject("a"), _LIMIT, NOON_S)) for _ in range(5)]
            given_up += [asyncio.create_task(stores.profiles.load(3, ["a"])) for _ in range(5)]
            await asyncio.wait(given_up, timeout=_SHORT_S)
            for task in given_up:
                task.cancel()
            await asyncio.wait(given_up)
            assert all(task.cancelled() or isinstance(task.exception(), StoreUnavailable) for task in given_up)
            private_redis.thaw()
            answers = await asyncio.gather(*[stores.limiter.admit(subject("b"), _LIMIT, NOON_S) for _ in range(10)])
            assert sorted(answer.remaining for answer in answers) == list(range(10))

    asyncio.run(scenario())


def test_a_full_redis_takes_no_part_of_a_checkpoint(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with _stores(private_redis.url) as stores:
            ownership = await stores.profiles.claim(3)
            await stores.profiles.checkpoint(ownership, checkpoint(1, {"a": b"old"}, state=b"old"))
            with private_redis.client() as inside:
                inside.config_set("maxmemory", 1)
                with pytest.raises(StoreUnavailable, match="raise `maxmemory`"):
                    await stores.profiles.checkpoint(ownership, checkpoint(2, {"a": b"new", "b": b"new"}, state=b"new"))
                inside.config_set("maxmemory", 0)
            assert await stores.profiles.load(3, ["a", "b"]) == [b"old", None]
            await stores.profiles.checkpoint(ownership, checkpoint(1, {"b": b"still mine"}))

    asyncio.run(scenario())


class _DurableRedis:
    """A Redis that keeps what it has answered, on the same port and in the same folder every time."""

    def __init__(self, binary: str, directory: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self._command += ["--appendonly", "yes", "--appendfsync", "no"]
        self._log = directory / "redis.log"

    def start(self) -> ServerProcess:
        process = ServerProcess(self._command, self._log)
        process.wait_ready(self._answers)
        return process

    def _answers(self) -> bool:
        with contextlib.suppress(exceptions.RedisError), SyncRedis.from_url(self.url) as client:
            return bool(client.ping())
        return False


@pytest.mark.redis
def test_a_killed_redis_holds_whole_checkpoints_only(tmp_path: Path) -> None:
    binary = redis_binary()
    if not binary:
        pytest.skip("no Redis; run `make servers`")
    server = _DurableRedis(binary, tmp_path)
    moments = random.Random(7)
    clients = [f"acct-{number}" for number in range(2000)]

    def at(offset: int) -> Checkpoint:
        blob = str(offset).encode().ljust(1000)
        return checkpoint(offset, dict.fromkeys(clients, blob), state=blob)

    async def write_until_killed(process: ServerProcess, answered: int) -> int:
        async with _stores(server.url) as stores:
            ownership = await stores.profiles.claim(3)
            assert ownership.offset >= answered
            if ownership.offset >= 0:
                whole = at(ownership.offset)
                assert ownership.partition_state == whole.partition_state
                assert await stores.profiles.load(3, clients) == list(whole.profiles.values())
            await stores.profiles.checkpoint(ownership, at(ownership.offset + 1))
            in_flight = asyncio.create_task(stores.profiles.checkpoint(ownership, at(ownership.offset + 2)))
            await asyncio.wait({in_flight}, timeout=moments.uniform(0, 0.02))
            process.kill()
            with contextlib.suppress(StoreUnavailable):
                await in_flight
            return ownership.offset + 1

    answered = -1
    for _ in range(8):
        process = server.start()
        try:
            answered = asyncio.run(write_until_killed(process, answered))
        finally:
            process.kill()


def test_errors_never_show_the_password(private_redis: RedisServer) -> None:
    async def scenario() -> None:
        url = private_redis.url.replace("redis://", "redis://somebody:s3cret@")
        async with _stores(url) as stores:
            with pytest.raises(StoreUnavailable, match="put the right user and password into the Redis URL") as caught:
                await stores.ping()
            assert "s3cret" not in str(caught.value)
            assert f"127.0.0.1:{private_redis.port}" in str(caught.value)

    asyncio.run(scenario())
