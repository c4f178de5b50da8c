import asyncio

import pytest
from gateways.asking import on_a_loop
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.hook.envoy.buckets import Bucket, Connection, Holders, by_use

HOUR_S = 3600.0


def held_by(envoys: int) -> tuple[Holders, list[Bucket]]:
    """A client with a bucket in each Envoy, its limit divided at second 0."""
    holders = Holders()
    buckets = [Bucket((("client_id", "alice"),), "alice", Connection("192.0.2.1:5"), 0.0) for _ in range(envoys)]
    for each in buckets:
        holders.join(each)
    shares_at(0.0, holders, buckets)
    return holders, buckets


def shares_at(now_s: float, holders: Holders, buckets: list[Bucket]) -> list[float]:
    return [holders.share_of(each, HOUR_S, now_s) for each in buckets]


async def due(connection: Connection, at_most: int = 10) -> list[Bucket]:
    """What the Envoy waits for right now."""
    try:
        async with asyncio.timeout(0):
            return await connection.due(at_most)
    except TimeoutError:
        return []


def test_a_limit_is_divided_evenly_when_another_envoy_begins_or_ends_to_hold_the_client() -> None:
    holders, buckets = held_by(3)
    assert shares_at(1.0, holders, buckets) == pytest.approx([1 / 3] * 3)
    holders.leave(buckets.pop())
    assert shares_at(2.0, holders, buckets) == [0.5, 0.5]


@on_a_loop
async def test_the_others_are_owed_an_assignment_when_their_shares_change() -> None:
    holders, (first,) = held_by(1)
    assert await due(first.connection) == []
    second = Bucket(first.key, "alice", Connection("192.0.2.1:5"), 0.0)
    holders.join(second)
    assert shares_at(1.0, holders, [second]) == [0.5]
    assert (await due(first.connection), await due(second.connection)) == ([first], [])
    assert shares_at(2.0, holders, [first, second]) == [0.5, 0.5]
    assert (await due(first.connection), await due(second.connection)) == ([], [])
    holders.leave(second)
    holders.owe_one()
    assert await due(first.connection) == [first]


def test_after_a_window_shares_follow_use_and_not_before() -> None:
    holders, buckets = held_by(2)
    buckets[0].reported(98, 5.0)
    assert shares_at(HOUR_S - 1, holders, buckets) == [0.5, 0.5]
    assert shares_at(HOUR_S, holders, buckets) == [0.99, 0.01]
    assert [each.asked for each in buckets] == [0, 0]


def test_a_small_change_of_use_changes_no_share() -> None:
    holders, buckets = held_by(2)
    buckets[0].reported(51, 5.0)
    buckets[1].reported(49, 5.0)
    assert shares_at(HOUR_S, holders, buckets) == [0.5, 0.5]
    assert [each.asked for each in buckets] == [0, 0]


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=20))
def test_shares_add_up_to_one_and_nobody_gets_nothing(asked: list[int]) -> None:
    shares = by_use(dict(enumerate(asked)))
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0


@on_a_loop
async def test_a_bucket_waits_once_however_often_it_is_owed_something() -> None:
    connection = Connection("192.0.2.1:5")
    buckets = [Bucket((("client_id", str(number)),), str(number), connection, 0.0) for number in range(3)]
    for each in buckets * 5:
        connection.owe(each)
    assert await due(connection, at_most=2) == buckets[:2]
    assert await due(connection, at_most=2) == buckets[2:]
    assert await due(connection) == []


@on_a_loop
async def test_a_closed_connection_gets_nothing_more() -> None:
    connection = Connection("192.0.2.1:5")
    connection.owe(Bucket((), None, connection, 0.0))
    connection.close()
    assert await due(connection) == []
