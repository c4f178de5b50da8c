"""The collector with the broker of `up` and `demo`, which has no idempotent producers, as somebody tries it out."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from running.collector_process import CollectorProcess

from stream_detector.embedded import EmbeddedStack


def test_calls_arrive_and_the_operator_is_told_what_is_not_promised(tmp_path: Path) -> None:
    async def received(bootstrap: str) -> bytes | None:
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition("api-calls", 0)])
            async with asyncio.timeout(20):
                return (await consumer.getone()).key

    async def scenario() -> bytes | None:
        async with EmbeddedStack() as embedded:
            collector = CollectorProcess({"kafka": embedded.kafka}, tmp_path / "collector.log")
            try:
                await asyncio.to_thread(collector.wait_ready)
                body = b'{"id": "req-1", "ts": 1767571200, "client": "acct-7"}'
                assert (await asyncio.to_thread(collector.post, "/v1/calls", body)).status == 200
                return await received(embedded.kafka)
            finally:
                await asyncio.to_thread(collector.stop)

    assert asyncio.run(scenario()) == b"acct-7"
    assert (tmp_path / "collector.log").read_text().count("lets no producer be idempotent") == 1
