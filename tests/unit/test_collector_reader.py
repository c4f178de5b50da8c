"""Records of topics on their way to the writer: when they are acknowledged, and when not."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest
from gateways.asking import on_a_loop, until
from msgspec import Struct
from msgspec.structs import replace

from stream_detector.collector.reader import TopicReader
from stream_detector.collector.routes import routes
from stream_detector.collector.topics import parse_topics
from stream_detector.collector.writer import Place
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.errors import ConfigError, RejectReason, StoreUnavailable
from stream_detector.wire.sources.events import Discretion, Found, Part

_ROUTES = routes("stream_detector.client", None)


class Message(Struct):
    """A record of the topic `lines`."""

    offset: int
    value: bytes | None
    topic: str = "lines"
    partition: int = 2
    headers: Sequence[tuple[str, bytes | None]] = ()


class FakeInbox:
    """Topics that hold what a test puts there."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.trouble: Exception | None = None
        self.acknowledged = 0
        self.closed = 0
        self.waiting: Mapping[str, int] = {"lines": 7}

    async def read(self) -> Sequence[Message]:
        await asyncio.sleep(0.001)
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        messages, self.messages = self.messages, []
        return messages

    async def acknowledge(self) -> None:
        self.acknowledged += 1

    async def close(self) -> None:
        self.closed += 1


class FakeWriter:
    """Takes things, or not."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked = 0
        self.taken: list[tuple[str, Found, Place | None]] = []

    async def submit(self, source: str, found: Found, place: Place | None = None) -> bool:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable
        self.taken.append((source, found, place))
        return False


class Counting:
    """Counts what a reader says."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.waiting: Mapping[str, int] = {}
        self.unread_count = 0

    def answered(self, source: str, status: int) -> None:
        assert source == "calls"
        self.statuses.append(status)

    def read(self, source: str, *, events: int, skipped: int, left_out: int) -> None:
        pass

    def behind(self, waiting: Mapping[str, int]) -> None:
        self.waiting = waiting

    def unread(self) -> None:
        self.unread_count += 1


class Reading:
    """A reader with all that is around it."""

    def __init__(self) -> None:
        self.inbox, self.writer, self.observer, self.stop = FakeInbox(), FakeWriter(), Counting(), asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        with ThreadPoolExecutor(1) as executor:
            reader = TopicReader(
                inbox=self.inbox,
                routes=parse_topics("lines=calls", _ROUTES, (), "TOPICS"),
                writer=self.writer,  # type: ignore[arg-type]
                discretion=Discretion(Sketcher(b"salt").sketch),
                executor=executor,
                observer=self.observer,  # type: ignore[arg-type]
                most_bytes=1000,
            )
            task = asyncio.create_task(reader.run(self.stop))
            try:
                yield task
            finally:
                self.stop.set()
                await task


async def _holds(condition: bool) -> bool:  # noqa: FBT001 - what is waited for
    return condition


def _call(number: int) -> Message:
    return Message(number, b'{"id": "req-%d", "ts": 5, "client": "a"}' % number)


@on_a_loop
async def test_records_are_acknowledged_once_all_of_them_are_written() -> None:
    reading = Reading()
    async with reading.running():
        reading.inbox.messages = [_call(1), _call(2)]
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    assert [place for _, _, place in reading.writer.taken] == [Place("lines", 2, 1), Place("lines", 2, 2)]
    assert reading.observer.statuses == [200, 200]
    assert reading.observer.waiting == {"calls": 7}
    assert reading.inbox.closed == 1


@on_a_loop
async def test_what_is_not_written_at_the_end_is_not_acknowledged() -> None:
    reading = Reading()
    reading.writer.is_away = True
    async with reading.running() as task:
        reading.inbox.messages = [_call(1)]
        await until(lambda: _holds(reading.writer.asked > 0), "tried")
        reading.stop.set()
        await task
    assert (reading.inbox.acknowledged, reading.inbox.closed) == (0, 1)


@on_a_loop
async def test_what_is_not_written_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_detector.collector.reader._AGAIN_S", 0.01)
    reading = Reading()
    reading.writer.is_away = True
    async with reading.running():
        reading.inbox.messages = [_call(1)]
        await until(lambda: _holds(reading.writer.asked > 2), "tried three times")
        reading.writer.is_away = False
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    assert len(reading.writer.taken) == 1


@on_a_loop
async def test_topics_that_cannot_be_read_are_joined_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_detector.collector.reader._AGAIN_S", 0.01)
    reading = Reading()
    async with reading.running():
        reading.inbox.trouble = StoreUnavailable("away")
        await until(lambda: _holds(reading.inbox.closed == 1), "left")
        reading.inbox.messages = [_call(1)]
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    assert reading.observer.unread_count == 1


@on_a_loop
async def test_tombstones_and_large_records_are_acknowledged_too() -> None:
    reading = Reading()
    async with reading.running():
        reading.inbox.messages = [Message(1, None), Message(2, b" " * 1001), Message(3, b"")]
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    (refused,) = [each for _, found, _ in reading.writer.taken for each in found.refused]
    assert refused.error.reason is RejectReason.TOO_LARGE
    assert sorted(reading.observer.statuses) == [200, 200, 400]


@on_a_loop
async def test_a_header_without_a_value_is_an_empty_one() -> None:
    reading = Reading()
    async with reading.running():
        reading.inbox.messages = [Message(1, _call(1).value, headers=[("trace", None)])]
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    assert reading.observer.statuses == [200]


@on_a_loop
async def test_a_mistake_of_ours_costs_one_record_and_does_not_end_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_posted: object, _discretion: object) -> Found:
        raise ZeroDivisionError

    route = replace(_ROUTES["/v1/calls"], read=stumble)
    monkeypatch.setitem(_ROUTES, "/v1/calls", route)
    reading = Reading()
    async with reading.running():
        reading.inbox.messages = [_call(1)]
        await until(lambda: _holds(reading.inbox.acknowledged == 1), "acknowledged")
    ((_, found, place),) = reading.writer.taken
    assert (place, [str(each.error.reason) for each in found.refused]) == (Place("lines", 2, 1), ["invalid_field"])
    assert "ZeroDivisionError" in found.refused[0].error.detail
    assert reading.observer.statuses == [400]


def test_topics_and_halves_are_understood() -> None:
    found = parse_topics("a = traces , b.c_d-e=envoy:completion", _ROUTES, (), "TOPICS")
    assert {topic: (to.route.source, to.part) for topic, to in found.items()} == {
        "a": ("otlp_traces", Part.WHOLE),
        "b.c_d-e": ("envoy", Part.COMPLETION),
    }


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("a", "must be TOPIC=FORMAT, comma-separated, such as otlp_spans=traces,otlp_logs=logs, got 'a'"),
        ("a=calls,", "must be TOPIC=FORMAT, comma-separated, such as otlp_spans=traces,otlp_logs=logs, got ''"),
        ("a=otlp", "'a=otlp': the format must be one of calls, envoy, events, litellm, logs, traces"),
        ("a=mapped", "traces; it needs STREAM_DETECTOR_COLLECTOR_MAPPING"),
        ("a=calls:all", "'a=calls:all': the half must be request or completion"),
        ("a b=calls", "'a b' is no name of a topic"),
        ("a=calls,a=envoy", "'a' is there twice"),
        ("api-calls=calls", "'api-calls' is written by ourselves"),
    ],
)
def test_what_is_not_understood_is_explained(said: str, answer: str) -> None:
    with pytest.raises(ConfigError, match=r"^TOPICS: ") as caught:
        parse_topics(said, _ROUTES, {"api-calls"}, "TOPICS")
    assert answer in str(caught.value)
