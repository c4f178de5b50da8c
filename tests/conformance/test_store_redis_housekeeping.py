"""What only the stores in Redis do: names, times to live, removal of what has expired, advice in errors."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from stores.backends import Run, in_redis
from stores.samples import DAY_S, HOUR_S, NOON_S, checkpoint, from_engine, subject

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Limit
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.population import TemplateUse


@pytest.fixture
def inside(redis_url: str) -> Iterator[redis.Redis]:
    """A look into the server, past the adapters."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def opened(redis_url: str, run: Run[Any]) -> Iterator[RedisStores]:
    with in_redis(redis_url, run, prefix="sd", profile_ttl_s=7200.5) as stores:
        yield stores


def test_every_name_is_the_documented_one(opened: RedisStores, run: Run[Any], inside: redis.Redis) -> None:
    ownership = run(opened.profiles.claim(3))
    run(opened.profiles.checkpoint(ownership, checkpoint(1, {"acct-1": b"x"})))
    run(opened.population.exchange(3, {77: TemplateUse(1, 0)}, NOON_S))
    run(opened.decisions.put([from_engine("acct-1", offset=1)], NOON_S))
    run(opened.limiter.admit(subject("acct-1"), Limit(6, 60.0, 2), NOON_S))
    assert set(inside.scan_iter()) == {
        "sd:{p3}:meta",
        "sd:{p3}:state",
        "sd:{p3}:profile:acct-1",
        "sd:template:77",
        "sd:{client}:decisions",
        "sd:{client}:known",
        "sd:{client}:expiry",
        "sd:limit:client:10000000.20000000.0.0.0.0.0:acct-1",
    }


def test_profiles_expire_but_checkpoints_do_not(opened: RedisStores, run: Run[Any], inside: redis.Redis) -> None:
    ownership = run(opened.profiles.claim(3))
    run(opened.profiles.checkpoint(ownership, checkpoint(1, {"a": b"x"})))
    assert 7100 < inside.ttl("sd:{p3}:profile:a") <= 7201
    assert inside.ttl("sd:{p3}:meta") == inside.ttl("sd:{p3}:state") == -1


def test_a_written_profile_lives_on(opened: RedisStores, run: Run[Any], inside: redis.Redis) -> None:
    ownership = run(opened.profiles.claim(3))
    run(opened.profiles.checkpoint(ownership, checkpoint(1, {"a": b"x", "b": b"x"})))
    inside.expire("sd:{p3}:profile:a", 10)
    inside.expire("sd:{p3}:profile:b", 10)
    run(opened.profiles.checkpoint(ownership, checkpoint(2, {"a": b"y"})))
    assert inside.ttl("sd:{p3}:profile:a") > 7000
    assert inside.ttl("sd:{p3}:profile:b") <= 10


def test_limits_and_templates_outlive_slow_event_time(opened: RedisStores, run: Run[Any], inside: redis.Redis) -> None:
    run(opened.limiter.admit(subject(), Limit(1, HOUR_S, 2), NOON_S))
    run(opened.population.exchange(3, {77: TemplateUse(1, 0)}, NOON_S))
    (limit,) = inside.scan_iter("sd:limit:*")
    assert DAY_S + HOUR_S - 60 < inside.ttl(limit) <= DAY_S + HOUR_S
    assert 16 * DAY_S - 60 < inside.ttl("sd:template:77") <= 16 * DAY_S


def test_expired_decisions_leave_a_few_per_call(opened: RedisStores, run: Run[Any], inside: redis.Redis) -> None:
    run(opened.decisions.put([from_engine(f"old-{number}", offset=number) for number in range(50)], NOON_S))
    late_s = NOON_S + HOUR_S + DAY_S
    left = []
    for offset in range(4):
        late = from_engine("new", offset=offset, expires_at=late_s + HOUR_S)
        assert run(opened.decisions.put([late], late_s)) == [True]
        left.append([inside.hlen("sd:{client}:decisions"), inside.hlen("sd:{client}:known")])
        left[-1].append(inside.zcard("sd:{client}:expiry"))
    assert left == [[31] * 3, [11] * 3, [1] * 3, [1] * 3]
    assert run(opened.decisions.standing(late_s)) == [late]


def test_the_offsets_of_an_expired_decision_are_known_for_a_day(opened: RedisStores, run: Run[Any]) -> None:
    run(opened.decisions.put([from_engine(offset=5)], NOON_S))
    other = from_engine("acct-2", offset=6, expires_at=NOON_S + 10 * DAY_S)
    assert run(opened.decisions.put([other, from_engine(offset=5)], NOON_S + HOUR_S + DAY_S - 1)) == [True, False]


def test_a_plain_url_of_a_cluster_is_told_what_to_add(cluster_url: str, run: Run[Any]) -> None:
    async def claim_all() -> None:
        for partition in range(20):
            await plain.profiles.claim(partition)

    advice = r"add `\?cluster=true` to the Redis URL"
    plain_url = cluster_url.removesuffix("?cluster=true")
    with in_redis(plain_url, run) as plain, pytest.raises(StoreUnavailable, match=advice):
        run(claim_all())
