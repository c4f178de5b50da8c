"""Records per second from Apache Kafka to a handler that does nothing.

    PYTHONPATH=tests python tests/benchmarks/bench_transport.py [RECORDS]

Compares the chunked transport and Faust's own with what aiokafka gives without Faust. Records have 300 bytes; the topic has
four partitions; broker and consumer share the machine.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics, Sent

from stream_detector.ports import Record
from stream_detector.stream import runner
from stream_detector.stream.app import StreamOptions, create_stream

_VALUE = b"x" * 300
_STOCK_SHARE = 0.1  # it is slow enough


class _Stopwatch:
    """Records per second from the first to the last of `total`."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen = 0
        self._started_s = 0.0
        self.rate: float | None = None

    def count(self, records: int) -> None:
        if not self._seen:
            self._started_s = time.perf_counter()
        self._seen += records
        if self.rate is None and self._seen >= self._total:
            self.rate = self._seen / (time.perf_counter() - self._started_s)


class _Nothing:
    """Implements `ports.ChunkHandler`: counts, and calls everything saved at every tick."""

    def __init__(self, stopwatch: _Stopwatch) -> None:
        self._stopwatch = stopwatch
        self._last: dict[int, int] = {}
        self._saved: dict[int, int] = {}

    async def claim(self, _partition: int, _end_offset: int) -> int:
        return -1

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        self._stopwatch.count(len(records))
        self._last[partition] = records[-1].offset
        if self._stopwatch.rate is not None:
            os.kill(os.getpid(), signal.SIGTERM)

    async def tick(self) -> None:
        self._saved.update(self._last)

    def saved_offset(self, partition: int) -> int:
        return self._saved.get(partition, -1)

    async def release(self, _partition: int) -> None:
        pass

    def forget(self, _partition: int) -> None:
        pass


async def measure_stream(topics: KafkaTopics, topic: str, transport: str, total: int) -> float:
    stopwatch = _Stopwatch(total)
    group = topics.unique_name("bench")
    options = StreamOptions(bootstrap_servers=topics.bootstrap, topic=topic, group=group, transport=transport)
    exit_code = await runner.run_until_stopped(create_stream(_Nothing(stopwatch), options))
    assert exit_code == 0
    assert stopwatch.rate is not None
    return stopwatch.rate


async def measure_aiokafka(topics: KafkaTopics, topic: str, total: int) -> float:
    stopwatch = _Stopwatch(total)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=topics.bootstrap,
        group_id=topics.unique_name("bench"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=500,
    )
    await consumer.start()
    while stopwatch.rate is None:
        fetched = await consumer.getmany(timeout_ms=1000)
        stopwatch.count(sum(map(len, fetched.values())))
    await consumer.stop()
    return stopwatch.rate


def _report(name: str, rate: float) -> None:
    sys.stdout.write(f"{name:16} {rate:>9,.0f} records/s\n")


def main(total: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory))
        server.start()
        topics = KafkaTopics(server.bootstrap)
        topic = topics.create(4)
        records = (Sent(b"client-%d" % (number % 1000), _VALUE) for number in range(total))
        topics.produce(topic, records, batch_size=262_144, linger_ms=20)
        stock_total = int(total * _STOCK_SHARE)
        _report("aiokafka getmany", runner.run(measure_aiokafka(topics, topic, total)))
        _report("Faust, chunked", runner.run(measure_stream(topics, topic, "chunked", total)))
        _report("Faust, stock", runner.run(measure_stream(topics, topic, "stock", stock_total)))
        topics.close()
        server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
