"""Plays the API gateway: asks the hook about every call, and sends every call's event to Kafka.

1. Calls of one client are dealt with in order: it always goes through the same lane.
2. No call is dropped. When the machine is too slow, the calls are late, and `behind_s` says by how much.
3. A call the hook does not answer passes, as at a gateway that fails open.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

import aiohttp
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream_detector.demo.ledger import Answer, Ledger
from stream_detector.demo.timeline import Timeline
from stream_detector.domain.calls import ApiCall
from stream_detector.wire import calls as calls_wire

_LANES = 16
_LANE_CALLS = 64
_HOOK_TIMEOUT_S = 2.0
_STATUS_OF = {Answer.THROTTLED: 429, Answer.BLOCKED: 403}
_ANSWER_TO = {200: Answer.PASSED, 429: Answer.THROTTLED, 403: Answer.BLOCKED}

Refuse = Callable[[ApiCall, int], ApiCall]
"""Turns a call's event into that of the refused call, with the given HTTP status."""


class Hook(Protocol):
    """Whom the gateway asks."""

    async def ask(self, client: str) -> Answer:
        """May a call of `client` pass?"""


class EventLog(Protocol):
    """Where the gateway writes."""

    async def send(self, call: ApiCall) -> None:
        """Queue one event; wait only while the queue is full."""


class HttpHook:
    """The hook over HTTP, on connections that are kept."""

    def __init__(self, session: aiohttp.ClientSession, url: str, client_header: str) -> None:
        self._session = session
        self._url = url
        self._client_header = client_header

    async def ask(self, client: str) -> Answer:
        """May a call of `client` pass?"""
        try:
            async with self._session.get(self._url, headers={self._client_header: client}) as response:
                return _ANSWER_TO.get(response.status, Answer.UNANSWERED)
        except (aiohttp.ClientError, TimeoutError):
            return Answer.UNANSWERED


class KafkaEvents:
    """The calls topic. Counts what the broker confirms."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, ledger: Ledger) -> None:
        self._producer = producer
        self._topic = topic
        self._ledger = ledger

    async def send(self, call: ApiCall) -> None:
        """Queue one event; wait only while the queue is full."""
        try:
            confirmed = await self._producer.send(self._topic, calls_wire.encode(call), key=call.client.encode())
        except KafkaError:
            self._ledger.unsent += 1
        else:
            confirmed.add_done_callback(self._confirmed)

    async def flush(self) -> None:
        """Return once the broker has confirmed or refused everything that was queued."""
        await self._producer.flush()

    def _confirmed(self, confirmed: asyncio.Future[object]) -> None:
        if confirmed.cancelled() or confirmed.exception() is not None:
            self._ledger.unsent += 1
        else:
            self._ledger.sent += 1


class Gateway:
    """Deals with calls at the time that the timeline gives them."""

    def __init__(self, hook: Hook, events: EventLog, refuse: Refuse, ledger: Ledger, timeline: Timeline) -> None:
        self._hook = hook
        self._events = events
        self._refuse = refuse
        self._ledger = ledger
        self._timeline = timeline
        self.newest_s = 0.0
        """Event time of the newest call; 0 before the first."""
        self.behind_s = 0.0
        """Wall time by which the newest call was late."""
        self.worst_behind_s = 0.0

    async def drive(self, traffic: Iterable[ApiCall]) -> None:
        """Deal with all calls; return when the last one is dealt with."""
        lanes = [asyncio.Queue[ApiCall | None](_LANE_CALLS) for _ in range(_LANES)]
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(self._serve(lane))
            for call in traffic:
                await self._until_due(call)
                await lanes[zlib.crc32(call.client.encode()) % _LANES].put(call)
            for lane in lanes:
                await lane.put(None)

    async def _until_due(self, call: ApiCall) -> None:
        early_s = self._timeline.wall_at(call.ts) - time.time()
        if early_s > 0:
            await asyncio.sleep(early_s)
        self.newest_s = call.ts
        self.behind_s = max(0.0, -early_s)
        self.worst_behind_s = max(self.worst_behind_s, self.behind_s)

    async def _serve(self, lane: "asyncio.Queue[ApiCall | None]") -> None:
        while (call := await lane.get()) is not None:
            answer = await self._hook.ask(call.client)
            status = _STATUS_OF.get(answer)
            await self._events.send(call if status is None else self._refuse(call, status))
            self._ledger.called(call.client, call.ts, answer)


@asynccontextmanager
async def http_hook(url: str, client_header: str) -> AsyncIterator[HttpHook]:
    """A hook that is asked at `url`, over one connection per lane."""
    connector = aiohttp.TCPConnector(limit=_LANES)
    timeout = aiohttp.ClientTimeout(total=_HOOK_TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield HttpHook(session, url, client_header)


@asynccontextmanager
async def kafka_events(bootstrap: str, topic: str, ledger: Ledger) -> AsyncIterator[KafkaEvents]:
    """The calls topic of a broker; at the end everything queued is sent."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5) as producer:
        yield KafkaEvents(producer, topic, ledger)
