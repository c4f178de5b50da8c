"""Sends many records quickly: whole batches per partition, so that a test does not measure its own producer."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from servers.kafka_topics import Sent

_BATCH_BYTES = 500_000


def send_all(bootstrap: str, topic: str, records: Iterable[Sent]) -> None:
    """Send records with an explicit partition; within a partition they keep their order."""
    asyncio.run(_send_all(bootstrap, topic, records))


async def _send_all(bootstrap: str, topic: str, records: Iterable[Sent]) -> None:
    by_partition: dict[int, list[Sent]] = defaultdict(list)
    for record in records:
        assert record.partition is not None
        by_partition[record.partition].append(record)
    async with _producer(bootstrap) as producer:
        for partition, part in by_partition.items():
            await _send(producer, topic, partition, part)


async def send_paced(bootstrap: str, topic: str, records: Sequence[Sent], per_s: float, tick_s: float = 0.01) -> None:
    """Send records at a steady rate, a few every `tick_s`, each with the time at which it was due to be sent."""
    async with _producer(bootstrap) as producer:
        begin_s, sent = time.perf_counter(), 0
        while sent < len(records):
            await asyncio.sleep(tick_s)
            due = min(len(records), int((time.perf_counter() - begin_s) * per_s))
            by_partition: dict[int, list[Sent]] = defaultdict(list)
            for record in records[sent:due]:
                by_partition[record.partition or 0].append(record)
            await asyncio.gather(*(_send(producer, topic, each, part) for each, part in by_partition.items()))
            sent = due


async def _send(producer: Any, topic: str, partition: int, records: Sequence[Sent]) -> None:  # noqa: ANN401 - untyped
    deliveries, batch = [], producer.create_batch()
    for record in records:
        timestamp_ms = int(time.time() * 1000)
        if batch.append(key=record.key, value=record.value, timestamp=timestamp_ms) is None:
            deliveries.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            assert batch.append(key=record.key, value=record.value, timestamp=timestamp_ms)
    deliveries.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*deliveries)


def _producer(bootstrap: str) -> Any:  # noqa: ANN401 - untyped
    return AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES, max_request_size=2 * _BATCH_BYTES)
