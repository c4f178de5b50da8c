"""The classes behind `chunked://`. Import `stream_detector.stream.chunked`, which checks the versions first.

Rules:
1. A chunk is every record that one fetch returned for one partition, in offset order. Faust sees one message, whose
   offset is the last record's.
2. A chunk is committed only when the agent has called `event.ack()`, and chunks of a partition are acknowledged in order.
   So the offset to commit is always the last acknowledged one plus 1, whatever holes compaction or transactions left.
3. What Faust acknowledges by itself (messages that a rebalance made stale) stays unacknowledged.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import uvloop
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, ConsumerMessage
from faust.types.tuples import ack_lock

from stream_detector.ports import Record


class ChunkMessage(ConsumerMessage):  # type: ignore[misc]  # Faust is untyped here
    """A Faust message whose value is a list of records."""

    def ack(self, consumer: Any, n: int = 1) -> bool:  # noqa: ANN401, ARG002 - Faust's signature
        """Acknowledge all records. Called by the agent alone: Faust's stream iterator goes by `refcount`, see below."""
        return bool(consumer.ack(self))


class _WholePartitions:
    """Scheduling strategy for `Consumer.getmany`: each partition's records at once."""

    def iterate(self, records: Mapping[TP, Sequence[Any]]) -> Iterator[tuple[TP, Sequence[Any]]]:
        """Pairs of a partition and its fetched records."""
        return ((partition, fetched) for partition, fetched in records.items() if fetched)


class ChunkConsumer(stock.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Turns each fetch into one message per partition, and commits what was acknowledged last."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(*args, **kwargs)
        self.scheduler = _WholePartitions()

    def ack(self, message: ConsumerMessage) -> bool:
        """Note the chunk's last offset as the next to commit."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            self._acked[message.tp] = [message.offset]
            self._n_acked += 1
            return True

    def _new_offset(self, tp: TP) -> int | None:
        """Offset to commit, or None when nothing was acknowledged since the last commit."""
        with ack_lock:
            acked = self._acked[tp]
            return acked.pop() + 1 if acked else None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: offsets jump between chunks, and rule 2 needs no list of holes."""

    def _to_message(self, tp: TP, record: Sequence[Any]) -> ChunkMessage:
        last = record[-1]
        message = ChunkMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0 if last.timestamp else 0.0,
            last.timestamp_type,
            None,
            None,
            [Record(each.offset, max(each.timestamp or 0, 0), each.key, each.value) for each in record],
            None,
            0,
            len(record),
            tp,
            generation_id=self.app.consumer_generation_id,
        )
        # The compiled stream iterator acknowledges inline, without calling `ChunkMessage.ack`, as soon as `refcount`
        # drops to 0. One reference that nobody gives back leaves acknowledging to the agent (rule 3).
        message.incref()
        return message

    def _new_consumer_thread(self) -> "_ConsumerThread":
        thread = _ConsumerThread(self, loop=self.loop, beacon=self.beacon, thread_loop=uvloop.new_event_loop())
        thread._close_thread_loop_on_stop = True  # noqa: SLF001 - as it does with a loop that it made itself
        return thread


class _ConsumerThread(stock.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    """Waits for records as long as the broker's URL says (`?fetch_max_wait_ms=`), where Faust insists on 1500 ms."""

    def _create_worker_consumer(self, transport: "ChunkTransport") -> Any:  # noqa: ANN401 - aiokafka's consumer
        consumer = super()._create_worker_consumer(transport)
        if transport.fetch_max_wait_ms is not None:
            consumer._fetch_max_wait_ms = transport.fetch_max_wait_ms  # noqa: SLF001 - read when the consumer starts
        return consumer


class ChunkTransport(stock.Transport):  # type: ignore[misc]  # Faust is untyped here
    """Kafka with one message per partition and fetch."""

    Consumer = ChunkConsumer

    @property
    def fetch_max_wait_ms(self) -> int | None:
        """How long the broker may hold a fetch back that has nothing to return; None for Faust's 1500 ms."""
        value = self.url[0].query.get("fetch_max_wait_ms")
        return None if value is None else int(value)
