"""What a running stream tells about itself."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from servers.kafka_topics import KafkaTopics
from streaming.recorder import Checkpoints, Recorder
from streaming.workers import numbered

from stream_detector.ports import Record
from stream_detector.stream import runner
from stream_detector.stream.app import StreamOptions, create_stream


class _Gated(Recorder):
    """Handles a chunk for each permit."""

    def __init__(self, directory: Path) -> None:
        super().__init__(Checkpoints(directory), directory / "log")
        self.permits = asyncio.Semaphore(0)

    async def handle(self, partition: int, records: Sequence[Record]) -> None:
        await self.permits.acquire()
        await super().handle(partition, records)


@pytest.mark.parametrize(("transport", "chunk_records"), [("chunked", 10), ("stock", 1)])
def test_lag_counts_records_that_are_not_handled(
    kafka_topics: KafkaTopics, tmp_path: Path, transport: str, chunk_records: int
) -> None:
    topic = kafka_topics.create(1)
    kafka_topics.produce(topic, numbered(100))

    async def scenario() -> int:
        handler = _Gated(tmp_path)
        options = StreamOptions(
            bootstrap_servers=kafka_topics.bootstrap,
            topic=topic,
            group=topic,
            transport=transport,
            max_chunk_records=10,
        )
        stream = create_stream(handler, options)
        assert stream.lag() == {}
        running = asyncio.create_task(runner.run_until_stopped(stream))
        handler.permits.release()
        await _until(lambda: stream.lag() == {0: 100 - chunk_records})
        for _ in range(100):
            handler.permits.release()
        await _until(lambda: stream.lag() == {0: 0})
        await _until(lambda: stream.committed() == {0: 100})
        assert stream.transport == transport
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    assert runner.run(scenario()) == 0


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
