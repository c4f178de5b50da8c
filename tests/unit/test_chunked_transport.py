"""The chunked transport's own bookkeeping, and what it does with packages that it was not tested with."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import SimpleNamespace

import faust
import pytest
from faust.types import TP

from stream_detector.ports import Record
from stream_detector.stream import chunked
from stream_detector.stream.chunk_consumer import ChunkConsumer, ChunkMessage

_PARTITION = TP("calls", 0)


@pytest.fixture
def consumer() -> Iterator[ChunkConsumer]:
    """A consumer that is not started."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App("test", broker="chunked://127.0.0.1:1?fetch_max_wait_ms=77", loop=loop)
    app.finalize()
    consumer = app.consumer
    yield consumer
    consumer._thread.thread_loop.close()
    loop.close()
    asyncio.set_event_loop(None)


def _fetched(*offsets: int) -> list[SimpleNamespace]:
    """As aiokafka returns them."""
    return [
        SimpleNamespace(offset=offset, timestamp=offset * 1000, timestamp_type=0, key=b"k", value=b"%d" % offset)
        for offset in offsets
    ]


def _message(consumer: ChunkConsumer, *offsets: int) -> ChunkMessage:
    return consumer._to_message(_PARTITION, _fetched(*offsets))


def test_faust_finds_the_transport_by_its_scheme() -> None:
    [entry_point] = entry_points(group="faust.transports", name="chunked")
    assert entry_point.load() is chunked.Transport
    assert chunked.IS_CHUNKED


def test_a_fetch_becomes_one_message_per_partition(consumer: ChunkConsumer) -> None:
    other = TP("calls", 1)
    fetch = {_PARTITION: _fetched(1, 2), other: _fetched(7), TP("calls", 2): []}
    assert list(consumer.scheduler.iterate(fetch)) == [(_PARTITION, fetch[_PARTITION]), (other, fetch[other])]


def test_a_message_holds_every_record_and_the_last_offset(consumer: ChunkConsumer) -> None:
    message = _message(consumer, 3, 4, 9)
    assert message.value == [Record(offset, offset * 1000, b"k", b"%d" % offset) for offset in (3, 4, 9)]
    assert (message.tp, message.offset, message.timestamp) == (_PARTITION, 9, 9.0)


@pytest.mark.parametrize("timestamp", [None, -1])
def test_an_unknown_timestamp_is_0(consumer: ChunkConsumer, timestamp: int | None) -> None:
    [record] = _fetched(0)
    record.timestamp = timestamp
    assert consumer._to_message(_PARTITION, [record]).value[0].timestamp_ms == 0


def test_the_offset_to_commit_follows_the_chunk_acknowledged_last_whatever_the_holes(consumer: ChunkConsumer) -> None:
    assert consumer._new_offset(_PARTITION) is None
    for offsets in ((0, 1, 2), (5, 9), (40,)):
        assert _message(consumer, *offsets).ack(consumer)
    assert consumer._new_offset(_PARTITION) == 41
    assert consumer._new_offset(_PARTITION) is None


def test_a_chunk_is_acknowledged_once(consumer: ChunkConsumer) -> None:
    message = _message(consumer, 0, 1)
    assert message.ack(consumer)
    assert not message.ack(consumer)


def test_a_message_that_faust_skips_is_not_acknowledged(consumer: ChunkConsumer) -> None:
    message = _message(consumer, 0, 1)
    message.incref()  # the conductor hands it to the agent's channel
    assert message.decref() > 0  # the compiled stream iterator acknowledges what reaches 0


def test_a_gap_between_chunks_is_not_noted(consumer: ChunkConsumer) -> None:
    asyncio.run(consumer._add_gap(_PARTITION, 3, 1000))
    assert not consumer._gap[_PARTITION]


def test_the_url_says_how_long_a_fetch_may_wait(consumer: ChunkConsumer) -> None:
    assert consumer.transport.fetch_max_wait_ms == 77
    transport = chunked.Transport([faust.App("x", broker="chunked://h:1").conf.broker_consumer[0]], consumer.app)
    assert transport.fetch_max_wait_ms is None


@pytest.mark.parametrize("package", sorted(chunked.TESTED))
def test_with_another_version_the_transport_is_fausts_own_and_a_warning_says_so(package: str) -> None:
    program = (
        "import importlib.metadata as m; real = m.version; "
        f"m.version = lambda name: '9.9.9' if name == {package!r} else real(name); "
        "from stream_detector.stream import app, chunked; from faust.transport.drivers.aiokafka import Transport; "
        "assert chunked.Transport is Transport and not chunked.IS_CHUNKED"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert f"found {package} 9.9.9" in result.stderr
