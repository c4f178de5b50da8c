"""Calls that an enforcing program reports, all the way into a real Kafka: by itself, or through a real collector."""

import asyncio
from pathlib import Path

import pytest
from running.collector_process import CollectorProcess
from servers.kafka_topics import KafkaTopics

from stream_detector.bootstrap.reporting import channel_of
from stream_detector.domain.calls import ApiCall
from stream_detector.service.outbox import Outbox
from stream_detector.settings import Settings
from stream_detector.wire import calls

TOKEN = "a-token-of-sixteen-or-more"  # noqa: S105 - of this test
CALLS = [ApiCall(id=str(number), ts=1_790_000_000.0 + number, client=f"client-{number % 7}") for number in range(1200)]


@pytest.mark.parametrize("way", ["kafka", "collector"])
def test_every_call_arrives_once_under_its_client(
    way: str, kafka: str, kafka_topics: KafkaTopics, tmp_path: Path
) -> None:
    topic, dead = kafka_topics.create(partitions=2), kafka_topics.create(stem="dead")
    shared = {"kafka": kafka, "topic_calls": topic, "topic_dead": dead, "collector_token": TOKEN}
    if way == "kafka":
        _report(Settings(**shared))  # type: ignore[arg-type]
    else:
        collector = CollectorProcess(shared, tmp_path / "collector.log")
        try:
            collector.wait_ready()
            _report(Settings(**shared, calls_to=collector.address))  # type: ignore[arg-type]
        finally:
            collector.stop()

    arrived: list[ApiCall] = []
    for record in kafka_topics.consume(topic):
        packed = calls.decode(record.value, max_bytes=1 << 20).calls
        assert {call.client for call in packed} == {record.key.decode()}
        arrived += packed
    assert sorted(arrived, key=lambda call: call.ts) == CALLS


def _report(settings: Settings) -> None:
    async def run() -> None:
        outbox = Outbox(channel_of(settings, "calls_to"))
        for call in CALLS:
            outbox.put(call)
        await outbox.aclose()

    asyncio.run(run())
