"""The Faust app: one agent on the calls topic, and the wiring between Kafka's rebalances and `delivery`."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import faust
import mode
from faust.types import TP
from msgspec import Struct

from stream_detector.ports import ChunkHandler, Record
from stream_detector.stream import chunked
from stream_detector.stream.chunk_consumer import DEFAULT_FETCH_MAX_WAIT_MS
from stream_detector.stream.delivery import Chunk, Delivery

_TICK_S = 0.25
_FIRST_FETCH_S = 2.0
_FETCH_POLL_S = 0.01
_SCHEMES = {"chunked": "chunked", "stock": "kafka"}
_NEVER = 2**31
_SESSION_TIMEOUT_S = (6.0, 30.0)
"""6 s is the least that Apache Kafka accepts by default."""


class StreamOptions(Struct, frozen=True, kw_only=True):
    """Where the records come from, and how they are fetched."""

    bootstrap_servers: str
    """`host:port`, comma-separated."""
    topic: str
    group: str
    transport: str = "chunked"
    """`chunked`, or `stock` for Faust's own: one record per chunk, and a commit gets over one hole that compaction or a
    transaction left, so that on topics with many holes it falls behind."""
    rebalance_timeout_s: float = 30.0
    """How long the broker waits for the workers of the group to rejoin. A worker that is silent for twice as long, at
    least 6 and at most 30 s, is taken for dead; Tansu waits half of that at every rebalance."""
    commit_interval_s: float = 1.0
    max_chunk_records: int = 500
    fetch_max_wait_ms: int = DEFAULT_FETCH_MAX_WAIT_MS
    """How long the broker may hold back a fetch with nothing to return. Only `chunked` obeys."""


class Stream:
    """A Faust app that drives a handler. Make it inside the event loop that it is to run in."""

    def __init__(self, handler: ChunkHandler, options: StreamOptions) -> None:
        self.app = _new_app(options)
        self.delivery = Delivery(handler)
        self._topic = options.topic
        self._connect(options)

    @property
    def transport(self) -> str:
        """The transport in use: `stock` also where `chunked` was asked for, but other packages are installed."""
        is_chunked = self.app.conf.broker_consumer[0].scheme == "chunked" and chunked.IS_CHUNKED
        return "chunked" if is_chunked else "stock"

    def lag(self) -> dict[int, int]:
        """Partition -> records between the last handled one and the end, as of the last fetch."""
        ends = {partition: self._fetched_end(partition) for partition in self.delivery.positions()}
        return {each: max(0, ends[each] - position) for each, position in self.delivery.positions().items()}

    def committed(self) -> Mapping[int, int]:
        """Partition -> offset that this process committed last."""
        offsets = self.app.monitor.tp_committed_offsets.items()
        return {tp.partition: offset for tp, offset in offsets if tp.topic == self._topic}

    async def release_all(self) -> None:
        """Save and commit everything, and handle nothing from now on."""
        await self._commit(await self.delivery.close())

    def _connect(self, options: StreamOptions) -> None:
        app = self.app
        calls = app.topic(options.topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
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
        """Commit these offsets, whatever Faust knows of acknowledgements: it forgets them at the begin of a rebalance."""
        if offsets:
            tps = {TP(self._topic, partition): offset for partition, offset in offsets.items()}
            await self.app.consumer._commit(tps)  # noqa: SLF001 - the public method commits acknowledgements only

    async def _end_offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """Partition -> offset of its next record.

        Tansu lists the start of the last batch as the end; a fetch, which aiokafka begins on its own, tells the truth.
        """
        tps = [TP(self._topic, partition) for partition in partitions]
        listed = await self.app.consumer.highwaters(*tps) if tps else {}
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_FETCH_S):
                while not all(self._fetched_end(tp.partition) for tp in tps):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(_FETCH_POLL_S)
        return {tp.partition: max(listed[tp], self._fetched_end(tp.partition)) for tp in tps}

    def _fetched_end(self, partition: int) -> int:
        """Offset of the next record as of the last fetch; 0 before the first."""
        tp, consumer = TP(self._topic, partition), self.app.consumer
        try:
            return (consumer.highwater(tp) or 0) if tp in consumer.assignment() else 0
        except AssertionError:  # aiokafka's thread has taken it away between the two looks
            return 0

    def _partitions(self, tps: Iterable[TP]) -> list[int]:
        return [tp.partition for tp in tps if tp.topic == self._topic]


def create_stream(handler: ChunkHandler, options: StreamOptions) -> Stream:
    """A stream that is ready to be started: see `runner.run_until_stopped`."""
    return Stream(handler, options)


class _SeekToBeginning:
    """Mixed into the transport's consumer: seeks also where nothing is committed.

    A fetch that a rebalance overtakes is thrown away by Faust, which then seeks to the committed offsets to read it again.
    A partition without one would go on behind what was thrown away.
    """

    async def seek_to_committed(self) -> Mapping[TP, int]:
        committed: Mapping[TP, int] = await super().seek_to_committed()  # type: ignore[misc]
        uncommitted = [tp for tp, offset in committed.items() if not offset]
        if uncommitted:
            await self.seek_wait(await self.earliest_offsets(*uncommitted))  # type: ignore[attr-defined]
        return committed


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped here
    def _new_transport(self) -> Any:  # noqa: ANN401 - Faust is untyped
        transport = super()._new_transport()
        transport.Consumer = type("Consumer", (_SeekToBeginning, transport.Consumer), {})
        return transport

    def _create_directories(self) -> None:
        """Leave nothing in the working directory: there are no tables to keep."""


def _new_app(options: StreamOptions) -> faust.App:
    session_timeout_s = min(max(2 * options.rebalance_timeout_s, _SESSION_TIMEOUT_S[0]), _SESSION_TIMEOUT_S[1])
    scheme = _SCHEMES[options.transport]
    query = f"?fetch_max_wait_ms={options.fetch_max_wait_ms}" if scheme == "chunked" else ""
    servers = [server.strip() for server in options.bootstrap_servers.split(",")]
    app = _App(
        options.group,
        broker=[f"{scheme}://{server}{query}" for server in servers],
        loop=asyncio.get_running_loop(),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        table_standby_replicas=0,  # else Faust's own assignor, which needs tables
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,  # else a stop waits for acknowledgements that only a checkpoint gives
        broker_commit_interval=options.commit_interval_s,
        broker_commit_every=_NEVER,  # only by time, and when a partition is released
        broker_max_poll_records=options.max_chunk_records,
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / 10,
        broker_rebalance_timeout=options.rebalance_timeout_s,
        consumer_auto_offset_reset="earliest",
    )
    app.finalize()
    return app


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
