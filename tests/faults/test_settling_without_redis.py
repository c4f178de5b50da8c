"""Redis is away while a worker settles: nothing waits, and what comes after is right."""

from collections import Counter

from gateways.asking import on_a_loop
from gateways.hooks import NOON_S, decision
from servers.redis_server import RedisServer

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Limit, Subject, SubjectKind
from stream_detector.domain.limits import Ask
from stream_detector.domain.verdicts import Settlement
from stream_detector.service.settling import LimitedClients, Settling

LIMIT = Limit(requests=1000, window_s=3600.0, burst=1000, streams=3)
ALICE = Subject(SubjectKind.CLIENT, "alice")


def ended(call: str) -> list[ApiCall]:
    return [ApiCall(id=call, ts=NOON_S, client="alice", status=200)]


def settling(stores: RedisStores) -> Settling:
    clients = LimitedClients()
    clients.take(decision("alice", Action.THROTTLE, limit=LIMIT))
    return Settling(stores.limiter, clients)


@on_a_loop
async def test_a_redis_that_hangs_loses_settlements_and_confuses_no_later_ones(private_redis: RedisServer) -> None:
    async with RedisStores(private_redis.url, prefix="sd", profile_ttl_s=3600.0) as stores:
        worker = settling(stores)
        for call in ("one", "two", "three"):
            assert (await stores.limiter.admit(ALICE, LIMIT, NOON_S, Ask(call=call))).allowed
        private_redis.freeze()
        assert await worker.settle(ended("one"), NOON_S) == Counter({Settlement.FAILED: 1})
        private_redis.thaw()
        assert await worker.settle(ended("two"), NOON_S) == Counter({Settlement.COUNTED: 1})
        assert await worker.settle(ended("never"), NOON_S) == Counter({Settlement.NOT_OPEN: 1})
        assert await worker.settle(ended("three"), NOON_S) == Counter({Settlement.COUNTED: 1})


@on_a_loop
async def test_a_redis_that_is_gone_loses_settlements_until_it_is_back(private_redis: RedisServer) -> None:
    async with RedisStores(private_redis.url, prefix="sd", profile_ttl_s=3600.0) as stores:
        worker = settling(stores)
        private_redis.stop()
        assert await worker.settle(ended("one"), NOON_S) == Counter({Settlement.FAILED: 1})
        private_redis.start()
        assert (await stores.limiter.admit(ALICE, LIMIT, NOON_S, Ask(call="two"))).allowed
        assert await worker.settle(ended("two"), NOON_S) == Counter({Settlement.COUNTED: 1})
