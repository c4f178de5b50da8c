"""Takes events from topics of Kafka, as the OpenTelemetry Collector's exporter and other shippers write them.

1. A record is what a body is over HTTP, and takes the same way. What cannot be used becomes a dead letter that says where
   it lies.
2. At least once: records are acknowledged when Kafka has all that they bring. What was read and not acknowledged is read
   again after a crash.
3. While Kafka takes no calls nothing is read, and nothing is given up: what was read is tried again until it is written.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

from stream_detector.collector.observer import CollectorObserver
from stream_detector.collector.routes import JSON, PROTOBUF, Posted, Route
from stream_detector.collector.topics import TopicRoute
from stream_detector.collector.writer import Place, Writer
from stream_detector.domain.errors import MalformedCall, RejectReason, StoreUnavailable
from stream_detector.wire.calls import Rejected
from stream_detector.wire.sources.events import Discretion, Found

_AGAIN_S = 1.0
_log = logging.getLogger(__name__)


class Message(Protocol):
    """One record of a topic."""

    @property
    def topic(self) -> str:
        """Where it lies."""

    @property
    def partition(self) -> int:
        """Where it lies."""

    @property
    def offset(self) -> int:
        """Where it lies."""

    @property
    def value(self) -> bytes | MalformedCall | None:
        """None for a tombstone; an error for a record that cannot be decoded."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Record headers; their values may be null."""


class Inbox(Protocol):
    """The topics. One task uses it."""

    async def read(self) -> Sequence[Message]:
        """Wait a while for records that nobody has read; connects if need be. Raises `StoreUnavailable`."""

    async def acknowledge(self) -> None:
        """What was read is not needed any more. Raises `StoreUnavailable`; then it may come again."""

    @property
    def waiting(self) -> Mapping[str, int]:
        """Topic -> records that were not read yet."""

    async def close(self) -> None:
        """Disconnect; what was not acknowledged comes again."""


class TopicReader:
    """Reads topics, until told to stop.

    Args:
        inbox: the topics.
        routes: topic -> what it holds.
        writer: stores it.
        discretion: what becomes of texts and of those who are named.
        executor: of one thread, for reading large records.
        observer: hears of every record.
        most_bytes: larger records are refused.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        routes: Mapping[str, TopicRoute],
        writer: Writer,
        discretion: Discretion,
        executor: Executor,
        observer: CollectorObserver,
        most_bytes: int,
    ) -> None:
        self._inbox = inbox
        self._routes = routes
        self._writer = writer
        self._discretion = discretion
        self._executor = executor
        self._observer = observer
        self._most_bytes = most_bytes

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; what is then on its way is written, if Kafka takes it."""
        try:
            while not stop.is_set():
                try:
                    await self._turn(stop)
                except StoreUnavailable as error:
                    _log.warning("collector: %s", error)
                    self._observer.unread()
                    await self._inbox.close()
                    await _pause(stop)
        finally:
            await self._inbox.close()

    async def _turn(self, stop: asyncio.Event) -> None:
        messages = await self._inbox.read()
        waiting = dict.fromkeys((each.route.source for each in self._routes.values()), 0)
        for topic, count in self._inbox.waiting.items():
            waiting[self._routes[topic].route.source] += count
        self._observer.behind(waiting)
        async with asyncio.TaskGroup() as tasks:
            taking = [tasks.create_task(self._take(message, stop)) for message in messages]
        if taking and all(each.result() for each in taking):
            await self._inbox.acknowledge()

    async def _take(self, message: Message, stop: asyncio.Event) -> bool:
        """Whether it was written; not where the end comes first."""
        to = self._routes[message.topic]
        found = await asyncio.get_running_loop().run_in_executor(self._executor, self._read, message, to)
        source, place = to.route.source, Place(message.topic, message.partition, message.offset)
        self._observer.read(source, events=len(found.events), skipped=found.skipped, left_out=len(found.left_out))
        while found.events or found.refused:
            try:
                await self._writer.submit(source, found, place)
                break
            except StoreUnavailable:  # the writer has said why
                if stop.is_set():
                    return False
                await _pause(stop)
        self._observer.answered(source, 400 if found.unreadable else 200)
        return True

    def _read(self, message: Message, to: TopicRoute) -> Found:
        body = message.value
        if body is None:
            return Found(skipped=1)
        if isinstance(body, MalformedCall):
            return Found(refused=[Rejected(0, body, 0, {})], unreadable=True)
        if len(body) > self._most_bytes:
            detail = f"{len(body)} bytes, must be at most {self._most_bytes} in a record; write smaller batches"
            error = MalformedCall(RejectReason.TOO_LARGE, detail)
            return Found(refused=[Rejected(0, error, len(body), {})], unreadable=True)
        headers = {name.lower(): (value or b"").decode("utf-8", "replace") for name, value in message.headers}
        return to.route.take(Posted(body, _kind(to.route, body, headers), to.part, headers), self._discretion)


def _kind(route: Route, body: bytes, headers: Mapping[str, str]) -> str:
    """Content type; the OpenTelemetry Collector's exporter does not say it, but no protobuf begins with a brace."""
    if route.signal is None:
        return headers.get("content-type", JSON).partition(";")[0].strip().lower()
    return JSON if body.startswith(b"{") else PROTOBUF


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_AGAIN_S):
            await stop.wait()
