"""Topics that others write and the collector reads, as one member of a consumer group.

1. What `read` returned counts as read when `acknowledge` has returned; until then a new member gets it again.
2. A rebalance waits for what is under way, so that the next owner of a partition does not repeat it.
3. A record with a header that aiokafka cannot decode is passed over, and told; so are those behind it in its batch, which is
   that of one producer.
4. A new group begins with the oldest record. A topic that is not there yet is joined within ten seconds of being made.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors
from msgspec import Struct

from stream_detector.domain.errors import MalformedCall, RejectReason, StoreUnavailable

_POLL_MS = 500
_MOST_RECORDS = 100
_FETCH_BYTES = 4_194_304
_METADATA_MS = 10_000
_SETTLE_S = 5.0
"""Shorter than the broker waits for members to rejoin."""
_STOP_S = 5.0
_NO_TEXT = MalformedCall(
    RejectReason.UNREADABLE, "a header's name is not UTF-8, here or before in the batch; write text"
)
_log = logging.getLogger(__name__)


class _Undecodable(Struct, frozen=True):
    """Stands for a record that aiokafka cannot decode."""

    topic: str
    partition: int
    offset: int
    value: MalformedCall
    headers: tuple[()] = ()


class KafkaInbox:
    """Implements `collector.reader.Inbox`; its messages are aiokafka's `ConsumerRecord`s, or say why there is none.

    Args:
        bootstrap_servers: `host:port`, comma-separated.
        topics: to be read.
        group: of all collectors that share them.
        timeout_s: a broker that does not answer within it is away.
    """

    def __init__(self, bootstrap_servers: str, *, topics: Collection[str], group: str, timeout_s: float) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = sorted(topics)
        self._group = group
        self._timeout_s = timeout_s
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: dict[Any, int] = {}
        """Partition -> offset behind what was read and not acknowledged."""
        self._settled = asyncio.Event()
        self.waiting: Mapping[str, int] = {}
        """Topic -> records that were not read yet, of the partitions that are ours."""

    async def read(self) -> Sequence[Any]:
        """Wait half a second at most for records.

        Raises:
            StoreUnavailable: no broker answers, or it refuses.
        """
        try:
            consumer = self._consumer or await self._open()
            found = await _fetched(consumer)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            message = f"topics {', '.join(self._topics)}: cannot be read ({error!r}); check the broker, and our rights"
            raise StoreUnavailable(message) from error
        if found:
            self._settled.clear()
            self._ends = {partition: records[-1].offset + 1 for partition, records in found.items()}
        self.waiting = await _waiting(consumer)
        return [record for records in found.values() for record in records]

    async def acknowledge(self) -> None:
        """Return once the broker knows that what was read is done with.

        Raises:
            StoreUnavailable: it does not; the records may come again.
        """
        ends, self._ends = self._ends, {}
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._consumer is not None:
                    await self._consumer.commit(ends)
        except (kafka_errors.CommitFailedError, kafka_errors.IllegalStateError) as error:
            _log.info("kafka: somebody else reads some of it now, and may read it twice (%s)", error)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            message = f"group {self._group}: the broker keeps no offsets ({error!r}); check that it runs"
            raise StoreUnavailable(message) from error
        finally:
            self._settled.set()

    async def close(self) -> None:
        """Leave the group; what was not acknowledged comes again."""
        consumer, self._consumer = self._consumer, None
        self._ends, self.waiting = {}, {}
        self._settled.set()
        if consumer is not None:
            await _end(consumer)

    async def _open(self) -> AIOKafkaConsumer:
        self._settled.set()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=_FETCH_BYTES,
            metadata_max_age_ms=_METADATA_MS,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await consumer.start()
                missing = set(self._topics) - await consumer.topics()
        except (kafka_errors.KafkaError, TimeoutError) as error:
            await _end(consumer)
            message = f"kafka: no broker answers at {self._bootstrap_servers}; start it, or set STREAM_DETECTOR_KAFKA"
            raise StoreUnavailable(message) from error
        if missing:
            _log.warning("topics %s: not there yet; they are read once somebody makes them", ", ".join(sorted(missing)))
        # Subscribed now and not before: the start would wait for topics that are missing.
        consumer.subscribe(self._topics, listener=_Patience(self._settled))
        self._consumer = consumer
        return consumer


class _Patience(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, settled: asyncio.Event) -> None:
        self._settled = settled

    async def on_partitions_revoked(self, revoked: object) -> None:  # noqa: ARG002 - all of them leave
        """Wait for what is under way."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._settled.wait()

    async def on_partitions_assigned(self, assigned: object) -> None:
        """Nothing to prepare."""


async def _fetched(consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[Any]]:
    """What is there, by partition.

    Asked for one partition at a time: where aiokafka cannot decode a record, it forgets what it took of others in the same
    call, and that partition stays where it was.
    """
    found: dict[TopicPartition, list[Any]] = {}
    try:
        found |= await consumer.getmany(timeout_ms=_POLL_MS, max_records=1)  # of the one that has waited longest
        for partition in [*found, *(consumer.assignment() - found.keys())] if found else []:
            most = _MOST_RECORDS - sum(map(len, found.values()))
            if most > 0:
                for each, records in (await consumer.getmany(partition, max_records=most)).items():
                    found.setdefault(each, []).extend(records)
    except UnicodeDecodeError:
        await _one_by_one(consumer, found)
    return found


async def _one_by_one(consumer: AIOKafkaConsumer, found: dict[TopicPartition, list[Any]]) -> None:
    """Add what is there, and stand-ins for records that cannot be decoded."""
    for partition in consumer.assignment():
        with suppress(kafka_errors.IllegalStateError):  # it is ours no more
            while len(found.get(partition, ())) < _MOST_RECORDS and await _lag(consumer, partition):
                try:
                    records = (await consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)).get(partition, [])
                except UnicodeDecodeError:
                    offset = await consumer.position(partition)
                    consumer.seek(partition, offset + 1)
                    records = [_Undecodable(partition.topic, partition.partition, offset, _NO_TEXT)]
                found.setdefault(partition, []).extend(records)
                if not records:
                    break


async def _lag(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    end = consumer.highwater(partition)
    return 0 if end is None else max(end - await consumer.position(partition), 0)


async def _waiting(consumer: AIOKafkaConsumer) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for partition in consumer.assignment():
        with suppress(kafka_errors.IllegalStateError):  # it is ours no more
            found[partition.topic] += await _lag(consumer, partition)
    return found


async def _end(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_STOP_S):
            await consumer.stop()
    except (kafka_errors.KafkaError, TimeoutError) as error:
        _log.info("kafka: a connection did not close in order (%s)", type(error).__name__)
