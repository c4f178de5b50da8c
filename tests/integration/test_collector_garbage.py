"""Whatever arrives at the collector's port, it goes on taking calls from others."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from reports import samples
from running.collector_process import CollectorProcess
from servers.kafka_topics import KafkaTopics

_GARBAGE = {
    "nothing": b"",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 30,
    "no header end": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\n",
    "missing body": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{}",
    "endless chunk": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n{}",
    "wrong chunk": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}",
    "negative length": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n",
    "odd length": b"POST /v1/calls HTTP/1.1\r\nhost: a\r\ncontent-length: 9999999999999999999999\r\n\r\n",
    "odd query": b"POST /v1/calls?%ff&event=%00&&&=; HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}",
}
_VALID = (
    b"POST /v1/traces?event=request HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    b'content-encoding: identity\r\ncontent-length: 44\r\n\r\n{"resourceSpans": [{"scopeSpans": [{}]}]}    '
)


@pytest.fixture
def collector(kafka_topics: KafkaTopics, tmp_path: Path) -> Iterator[CollectorProcess]:
    """One that is ready."""
    topics = {"topic_calls": kafka_topics.create(1, "calls"), "topic_dead": kafka_topics.create(1, "dead")}
    process = CollectorProcess({"kafka": kafka_topics.bootstrap, **topics}, tmp_path / "collector.log")
    try:
        process.wait_ready()
        yield process
    finally:
        process.stop()


def test_garbage_harms_nobody(collector: CollectorProcess) -> None:
    for number, garbage in enumerate(_GARBAGE.values()):
        _hang_up_after(collector, garbage)
        assert collector.post("/v1/calls", samples.as_json(samples.call(number))).status == 200


def test_three_hundred_damaged_requests_harm_nobody(collector: CollectorProcess) -> None:
    chance = random.Random(20261122)
    for _ in range(300):
        damaged = bytearray(_VALID)
        for _ in range(chance.randrange(1, 12)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        _hang_up_after(collector, bytes(damaged[: chance.randrange(1, len(damaged) + 1)]))
    assert collector.post("/v1/calls", samples.as_json(samples.call())).status == 200
    assert "Traceback" not in collector.log.read_text()


def _hang_up_after(collector: CollectorProcess, data: bytes) -> None:
    port = int(collector.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
