"""What `stream.delivery` promises, without Kafka."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from stream_detector.domain.errors import OwnershipLost
from stream_detector.ports import Record
from stream_detector.stream.delivery import Chunk, Delivery


class _Handler:
    """Records what it was called for; saves when it is told to."""

    def __init__(self, checkpoints: dict[int, int] | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.checkpoints = checkpoints or {}
        self.handled: dict[int, int] = {}
        self.lost: set[int] = set()
        self.lost_in_tick: OwnershipLost | None = None
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.is_busy = False

    async def claim(self, partition: int, end_offset: int) -> int:
        self.calls.append(("claim", partition, end_offset))
        await self._work()
        return self.checkpoints.setdefault(partition, -1)

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        self.calls.append(("handle", partition, [record.offset for record in records]))
        await self._work()
        self._check(partition)
        self.handled[partition] = records[-1].offset

    async def tick(self) -> None:
        await self._work()
        if self.lost_in_tick:
            raise self.lost_in_tick

    def saved_offset(self, partition: int) -> int:
        return self.checkpoints[partition]

    async def release(self, partition: int) -> None:
        self.calls.append(("release", partition))
        await self._work()
        self._check(partition)
        self.save(partition)

    def forget(self, partition: int) -> None:
        self.calls.append(("forget", partition))

    def save(self, partition: int) -> None:
        self.checkpoints[partition] = self.handled.get(partition, self.checkpoints[partition])

    def _check(self, partition: int) -> None:
        if partition in self.lost:
            message = "somebody else has it"
            raise OwnershipLost(message)

    async def _work(self) -> None:
        assert not self.is_busy, "two calls at a time"
        self.is_busy = True
        await asyncio.sleep(0)
        await self.may_go_on.wait()
        self.is_busy = False


class _Stream:
    """A delivery and its handler; chunks that note their acknowledgement."""

    def __init__(self, checkpoints: dict[int, int] | None = None) -> None:
        self.handler = _Handler(checkpoints)
        self.delivery = Delivery(self.handler)
        self.acknowledged: list[tuple[int, int]] = []

    def chunk(self, partition: int, *offsets: int) -> Chunk:
        return Chunk(
            partition=partition,
            records=[Record(offset, 0, None, b"") for offset in offsets],
            acknowledge=lambda: self.acknowledged.append((partition, offsets[-1])),
        )

    async def assign(self, *partitions: int) -> dict[int, int]:
        self.delivery.assign(partitions)
        return await self.delivery.claim(dict.fromkeys(partitions, 1000))


def _run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that is a coroutine."""

    def test() -> None:
        asyncio.run(scenario())

    return test


@_run
async def test_a_chunk_is_acknowledged_only_when_its_last_record_is_saved() -> None:
    stream = _Stream()
    await stream.assign(0)
    await stream.delivery.handle(stream.chunk(0, 0, 1, 2))
    await stream.delivery.handle(stream.chunk(0, 3, 4))
    stream.handler.checkpoints[0] = 3
    await stream.delivery.tick()
    assert stream.acknowledged == [(0, 2)]
    stream.handler.checkpoints[0] = 4
    await stream.delivery.tick()
    assert stream.acknowledged == [(0, 2), (0, 4)]


@_run
async def test_a_checkpoint_written_while_a_chunk_is_handled_acknowledges_it_at_once() -> None:
    stream = _Stream({0: 9})
    await stream.assign(0)
    stream.handler.checkpoints[0] = 11
    await stream.delivery.handle(stream.chunk(0, 10, 11))
    assert stream.acknowledged == [(0, 11)]


@_run
async def test_claim_tells_where_partitions_with_a_checkpoint_must_start() -> None:
    stream = _Stream({1: 41})
    assert await stream.assign(0, 1) == {1: 42}
    assert stream.handler.calls == [("claim", 0, 1000), ("claim", 1, 1000)]


@_run
async def test_each_offset_reaches_the_handler_once_and_ascending() -> None:
    stream = _Stream({0: 4})
    await stream.assign(0)
    for offsets in ((3, 4), (4, 5, 6), (5, 6), (6, 7)):
        await stream.delivery.handle(stream.chunk(0, *offsets))
    assert [call[2] for call in stream.handler.calls if call[0] == "handle"] == [[5, 6], [7]]


@_run
async def test_release_tells_what_to_commit_and_acknowledges_nothing_more() -> None:
    stream = _Stream({2: 41})
    await stream.assign(0, 1, 2)
    await stream.delivery.handle(stream.chunk(0, 0))
    await stream.delivery.handle(stream.chunk(0, 1))
    assert await stream.delivery.release([0, 1, 2]) == {0: 2, 2: 42}
    assert stream.acknowledged == []
    assert stream.handler.calls[-3:] == [("release", 0), ("release", 1), ("release", 2)]


@_run
async def test_chunks_of_a_partition_that_is_not_ours_are_dropped() -> None:
    stream = _Stream()
    await stream.delivery.handle(stream.chunk(0, 0))
    await stream.assign(0)
    await stream.delivery.release([0])
    await stream.delivery.handle(stream.chunk(0, 0))
    assert [call[0] for call in stream.handler.calls] == ["claim", "release"]
    assert stream.acknowledged == []


@_run
async def test_a_chunk_that_waited_through_a_rebalance_is_dropped_even_when_the_partition_came_back() -> None:
    stream = _Stream()
    await stream.assign(0)
    stream.handler.may_go_on.clear()
    first = asyncio.create_task(stream.delivery.handle(stream.chunk(0, 0)))
    release = asyncio.create_task(stream.delivery.release([0]))
    await asyncio.sleep(0)
    late = asyncio.create_task(stream.delivery.handle(stream.chunk(0, 1)))
    await asyncio.sleep(0)
    stream.handler.may_go_on.set()
    await release
    await stream.assign(0)
    await asyncio.gather(first, late)
    assert [call[0] for call in stream.handler.calls] == ["claim", "handle", "release", "claim"]


@_run
async def test_a_partition_that_was_taken_away_while_another_is_claimed_is_not_claimed() -> None:
    stream = _Stream()
    stream.handler.may_go_on.clear()
    claim = asyncio.create_task(stream.assign(0, 1))
    await asyncio.sleep(0)
    release = asyncio.create_task(stream.delivery.release([0, 1]))
    await asyncio.sleep(0)
    stream.handler.may_go_on.set()
    await asyncio.gather(claim, release)
    assert stream.handler.calls == [("claim", 0, 1000), ("release", 0)]


@_run
async def test_a_partition_is_claimed_once_however_often_a_rebalance_is_complete() -> None:
    stream = _Stream()
    await stream.assign(0)
    await stream.delivery.claim({0: 1000})
    assert stream.handler.calls == [("claim", 0, 1000)]


@_run
async def test_a_partition_lost_while_handling_is_forgotten_and_never_acknowledged() -> None:
    stream = _Stream()
    await stream.assign(0, 1)
    stream.handler.lost.add(0)
    await stream.delivery.handle(stream.chunk(0, 0))
    await stream.delivery.handle(stream.chunk(0, 1))
    await stream.delivery.handle(stream.chunk(1, 0))
    assert await stream.delivery.release([0, 1]) == {1: 1}
    assert [call for call in stream.handler.calls if call[1] == 0][-1] == ("forget", 0)
    assert stream.acknowledged == []


@_run
async def test_a_partition_lost_at_its_last_checkpoint_is_forgotten_and_never_acknowledged() -> None:
    stream = _Stream()
    await stream.assign(0)
    await stream.delivery.handle(stream.chunk(0, 0))
    stream.handler.lost.add(0)
    assert await stream.delivery.release([0]) == {}
    assert stream.handler.calls[-1] == ("forget", 0)


@_run
async def test_a_loss_noticed_by_the_timer_takes_only_that_partition() -> None:
    stream = _Stream()
    await stream.assign(0, 1)
    await stream.delivery.handle(stream.chunk(1, 0))
    stream.handler.checkpoints[1] = 0
    stream.handler.lost_in_tick = OwnershipLost("somebody else has it", partition=0)
    await stream.delivery.tick()
    assert stream.handler.calls[-1] == ("forget", 0)
    assert stream.acknowledged == [(1, 0)]


@_run
async def test_a_loss_of_nobody_knows_what_is_not_survived() -> None:
    stream = _Stream()
    await stream.assign(0)
    stream.handler.lost_in_tick = OwnershipLost("somebody else has it")
    with pytest.raises(OwnershipLost):
        await stream.delivery.tick()


@_run
async def test_calls_of_the_handler_never_overlap() -> None:
    stream = _Stream()
    await stream.assign(0, 1)
    await asyncio.gather(
        stream.delivery.handle(stream.chunk(0, 0)),
        stream.delivery.tick(),
        stream.delivery.handle(stream.chunk(1, 0)),
        stream.delivery.release([1]),
        stream.delivery.tick(),
    )
    assert ("release", 1) in stream.handler.calls


@_run
async def test_nothing_happens_after_close() -> None:
    stream = _Stream()
    await stream.assign(0)
    await stream.delivery.handle(stream.chunk(0, 0))
    assert await stream.delivery.close() == {0: 1}
    calls = list(stream.handler.calls)
    await stream.assign(0)
    await stream.delivery.handle(stream.chunk(0, 1))
    await stream.delivery.tick()
    assert stream.handler.calls == calls


@_run
async def test_positions_and_arrivals_are_told_apart() -> None:
    stream = _Stream({1: 41})
    await stream.assign(0, 1, 2)
    stream.handler.lost.add(2)
    for partition in (0, 2):
        await stream.delivery.handle(stream.chunk(partition, 6, 7))
    assert stream.delivery.positions() == {0: 8, 1: 42}
    assert stream.delivery.arrived() == {0: 8, 2: 8}
    await stream.delivery.release([0, 2])
    assert stream.delivery.arrived() == {}
