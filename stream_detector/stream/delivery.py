"""Between Kafka and the handler: who owns which partition, what is handled, what may be acknowledged.

Rules:
1. One call of the handler at a time, whoever asks: the stream, the timer, a rebalance or the shutdown.
2. A partition's records reach the handler only between `claim` and `release` (or `forget`), each offset once, ascending.
3. A chunk is acknowledged when the handler has saved its last record; chunks are acknowledged in order.
4. The handler's checkpoint decides where a partition goes on, not what was committed before; `claim` tells.
5. A lost partition is forgotten without a word to Kafka. Its chunks are dropped until a rebalance takes it away.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from stream_detector.domain.errors import OwnershipLost
from stream_detector.ports import ChunkHandler, Record

_log = logging.getLogger(__name__)


class Chunk(Struct, frozen=True, kw_only=True):
    """Consecutive records of one partition, at least one."""

    partition: int
    records: Sequence[Record]
    acknowledge: Callable[[], object]
    """Lets Kafka commit the chunk."""


class _Owned:
    """A partition between claim and release."""

    def __init__(self, saved_offset: int) -> None:
        self.next_offset = saved_offset + 1
        """Everything below was handled or saved."""
        self.unacknowledged: deque[tuple[int, Callable[[], object]]] = deque()

    def unhandled(self, records: Sequence[Record]) -> Sequence[Record]:
        """What of `records` is new."""
        if records[0].offset >= self.next_offset:
            return records
        return [record for record in records if record.offset >= self.next_offset]


class Delivery:
    """Drives a handler by the rules above. Not thread-safe: belongs to one event loop."""

    def __init__(self, handler: ChunkHandler) -> None:
        self._handler = handler
        self._one_at_a_time = asyncio.Lock()
        self._assigned: frozenset[int] = frozenset()
        self._owned: dict[int, _Owned] = {}
        self._arrived: dict[int, int] = {}
        self._is_closed = False

    @property
    def assigned(self) -> frozenset[int]:
        """Partitions that Kafka has given to us."""
        return self._assigned

    def arrived(self) -> Mapping[int, int]:
        """Partition -> offset after its last record that came from Kafka, handled or not, since it was assigned."""
        return self._arrived

    def positions(self) -> Mapping[int, int]:
        """Owned partition -> offset after its last handled or saved record; 0 where there is none."""
        return {partition: owned.next_offset for partition, owned in self._owned.items()}

    def assign(self, partitions: Iterable[int]) -> None:
        """Kafka has given us these partitions, in addition to those we have. They are to be claimed."""
        self._assigned |= frozenset(partitions)

    async def claim(self, end_offsets: Mapping[int, int]) -> dict[int, int]:
        """Take over the assigned partitions of `end_offsets` (partition -> offset of its next record).

        Returns:
            Partition -> offset where its stream must start, for those that were taken over and have a checkpoint.

        Raises:
            ConfigError: the handler's checkpoint does not fit the partition.
        """
        starts: dict[int, int] = {}
        async with self._one_at_a_time:
            for partition, end_offset in end_offsets.items():
                # A rebalance may have taken it away since these offsets were asked for, or while another was claimed.
                if partition in self._assigned and partition not in self._owned and not self._is_closed:
                    owned = self._owned[partition] = _Owned(await self._handler.claim(partition, end_offset))
                    if owned.next_offset:
                        starts[partition] = owned.next_offset
        return starts

    async def handle(self, chunk: Chunk) -> None:
        """Let the handler see a chunk. Returns without when the partition is not ours (any more)."""
        owned = self._owned.get(chunk.partition)
        last_offset = chunk.records[-1].offset
        if chunk.partition in self._assigned:
            self._arrived[chunk.partition] = max(self._arrived.get(chunk.partition, 0), last_offset + 1)
        async with self._one_at_a_time:
            # Between the two lines a rebalance may have taken the partition away, or taken it away and given it back.
            if owned is None or self._owned.get(chunk.partition) is not owned or self._is_closed:
                return
            records = owned.unhandled(chunk.records)
            if not records:
                return
            try:
                await self._handler.handle(chunk.partition, records)
            except OwnershipLost as lost:
                self._forget(chunk.partition, lost)
                return
            owned.next_offset = last_offset + 1
            owned.unacknowledged.append((last_offset, chunk.acknowledge))
            self._acknowledge_saved(chunk.partition, owned)

    async def tick(self) -> None:
        """Let the handler write what is due, and acknowledge what is saved."""
        async with self._one_at_a_time:
            if self._is_closed:
                return
            try:
                await self._handler.tick()
            except OwnershipLost as lost:
                if lost.partition is None:
                    raise
                self._forget(lost.partition, lost)
            for partition, owned in self._owned.items():
                self._acknowledge_saved(partition, owned)

    async def release(self, partitions: Iterable[int]) -> dict[int, int]:
        """Kafka takes these partitions away: save and forget them.

        Returns:
            Partition -> offset to commit, for those of which something is saved.
        """
        released = frozenset(partitions)
        self._assigned -= released
        offsets: dict[int, int] = {}
        async with self._one_at_a_time:
            for partition in sorted(released):
                self._arrived.pop(partition, None)
                offset = await self._release(partition)
                if offset:
                    offsets[partition] = offset
        return offsets

    async def close(self) -> dict[int, int]:
        """Release everything, and do nothing from now on; returns what `release` does."""
        offsets = await self.release(self._assigned)
        self._is_closed = True
        return offsets

    async def _release(self, partition: int) -> int:
        """Offset after the last saved record; 0 for none."""
        if partition not in self._owned:
            return 0
        try:
            await self._handler.release(partition)
        except OwnershipLost as lost:
            self._forget(partition, lost)
            return 0
        return self._owned.pop(partition).next_offset

    def _acknowledge_saved(self, partition: int, owned: _Owned) -> None:
        saved_offset = self._handler.saved_offset(partition)
        while owned.unacknowledged and owned.unacknowledged[0][0] <= saved_offset:
            _last_offset, acknowledge = owned.unacknowledged.popleft()
            acknowledge()

    def _forget(self, partition: int, lost: OwnershipLost) -> None:
        _log.warning("partition %d: %s; dropped, and nothing of it is committed", partition, lost)
        self._owned.pop(partition, None)
        self._handler.forget(partition)
