"""The wiring between Faust and `delivery`: one agent on the calls topic, a timer, and what happens at a rebalance."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import mode
from faust.types import TP

from stream_detector.ports import ChunkHandler, Record
from stream_detector.stream import chunked
from stream_detector.stream.delivery import Chunk, Delivery
from stream_detector.stream.faust_app import StreamOptions, new_faust_app

__all__ = ["Stream", "StreamOptions", "create_stream"]

_TICK_S = 0.25
_FIRST_FETCH_S = 2.0
_FETCH_POLL_S = 0.01


class Stream:
    """A Faust app that drives a handler. Make it inside the event loop that it is to run in."""

    def __init__(self, handler: ChunkHandler, options: StreamOptions) -> None:
        self.app = new_faust_app(options)
        self.delivery = Delivery(handler)
        self._topic = options.topic
        self._connect()

    @property
    def transport(self) -> str:
        """The transport in use: `stock` also where `chunked` was asked for, but other packages are installed."""
        is_chunked = self.app.conf.broker_consumer[0].scheme == "chunked" and chunked.IS_CHUNKED
        return "chunked" if is_chunked else "stock"

    def lag(self) -> dict[int, int]:
        """Partition -> records between the last handled one and the end, as of the last fetch."""
        positions = self.delivery.positions().items()
        return {each: max(0, (self._fetched_end(each) or 0) - position) for each, position in positions}

    def committed(self) -> Mapping[int, int]:
        """Partition -> offset that this process committed last."""
        offsets = self.app.monitor.tp_committed_offsets.items()
        return {tp.partition: offset for tp, offset in offsets if tp.topic == self._topic}

    async def release_all(self) -> None:
        """Save and commit everything, and handle nothing from now on."""
        await self._commit(await self.delivery.close())

    def _connect(self) -> None:
        app = self.app
        calls = app.topic(self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(calls, name="calls", concurrency=1, supervisor_strategy=mode.CrashingSupervisor)(self._consume)
        app.task(self._tick_for_ever)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_rebalance_complete.connect(self._on_rebalance_complete)
        app.on_partitions_revoked.connect(self._on_revoked)

    async def _consume(self, stream: Any) -> None:  # noqa: ANN401 - Faust is untyped
        async for event in stream.noack().events():
            await self.delivery.handle(_chunk(event))

    async def _tick_for_ever(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(_TICK_S)
            await self.delivery.tick()

    async def _on_assigned(self, _app: object, assigned: Iterable[TP], **_signal: object) -> None:
        self.delivery.assign(self._partitions(assigned))

    async def _on_rebalance_complete(self, _app: object, **_signal: object) -> None:
        """Claim, and let the checkpoints decide where Faust starts: it seeks to the committed offsets after this."""
        await self._commit(await self.delivery.claim(await self._end_offsets(self.delivery.assigned)))

    async def _on_revoked(self, _app: object, revoked: Iterable[TP], **_signal: object) -> None:
        """Release. The broker gives the partitions to nobody else before this returns, or the rebalance timeout ends."""
        await self._commit(await self.delivery.release(self._partitions(revoked)))

    async def _commit(self, offsets: Mapping[int, int]) -> None:
        if offsets:
            tps = {TP(self._topic, partition): offset for partition, offset in offsets.items()}
            await self.app.consumer.commit_offsets(tps)

    async def _end_offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """Partition -> offset of its next record.

        Tansu lists the start of the last batch as the end; a fetch, which aiokafka begins on its own, tells the truth.
        """
        tps = [TP(self._topic, partition) for partition in partitions]
        listed = await self.app.consumer.highwaters(*tps) if tps else {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_FETCH_S):
                while any(self._fetched_end(tp.partition) is None for tp in tps):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(_FETCH_POLL_S)
        return {tp.partition: max(listed[tp], self._fetched_end(tp.partition) or 0) for tp in tps}

    def _fetched_end(self, partition: int) -> int | None:
        """Offset of the next record as of the last fetch; None before the first."""
        tp, consumer = TP(self._topic, partition), self.app.consumer
        try:
            end: int | None = consumer.highwater(tp) if tp in consumer.assignment() else None
        except AssertionError:  # aiokafka's thread has taken it away between the two looks
            return None
        return end

    def _partitions(self, tps: Iterable[TP]) -> list[int]:
        return [tp.partition for tp in tps if tp.topic == self._topic]


def create_stream(handler: ChunkHandler, options: StreamOptions) -> Stream:
    """A stream that is ready to be started: see `runner.run_until_stopped`."""
    return Stream(handler, options)


def _chunk(event: Any) -> Chunk:  # noqa: ANN401 - Faust is untyped
    """What an event of either transport holds."""
    message = event.message
    if isinstance(event.value, list):
        records = event.value
        message.value = None  # frees the records before the checkpoint
    else:
        timestamp_ms = max(0, round((message.timestamp or 0) * 1000))
        records = [Record(message.offset, timestamp_ms, event.key, event.value)]
    return Chunk(partition=message.partition, records=records, acknowledge=partial(message.ack, event.app.consumer))
