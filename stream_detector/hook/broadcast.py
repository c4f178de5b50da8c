"""The decision feed: the table as a whole and its changes, for enforcers that keep a table of their own.

* `/decisions`: everything that stands, one JSON object a line. The header `x-stream-detector-position` says up to where.
* `/decisions?after=POSITION`: the changes since then; 410 when they are not known any more, then read everything again.
* `/decisions/stream`, with `?after=POSITION` or `Last-Event-ID`: the same changes as server-sent events, as they come.
  Without a position it begins now. The event `reset` says: read everything again. After half a megabyte the stream ends:
  ask again, from the last event.

Read everything, then follow from its position, and let the newest decision for a subject count until it expires.
Who asks must know the token; without one in the settings there is no feed.

What waits for those who do not read is bounded: a stream by its length, and all that may be long by their number (`seats`).
Who finds no seat is told 503, and when to ask again.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final
from urllib.parse import parse_qs

from granian.rsgi import ProtocolClosed
from msgspec import Struct

from stream_detector.domain.decisions import Decision, SubjectKind
from stream_detector.hook.answers import Headers
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.feed_lines import begin_at, events_of, line_of, lines_of, reset_at
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seats import Seats
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Clock
from stream_detector.serving.rsgi import Responder

POSITION: Final = "x-stream-detector-position"
_MOST_STREAMS: Final = 100
_MOST_READERS: Final = 8
"""Of the whole table, which takes 150 bytes a decision, or of many changes."""
_STREAM_BYTES: Final = 1 << 19
"""2,500 decisions."""
_SLICE: Final = 500
_SHARED: Final = 16
"""Slices that are kept for the other followers: 2 MB."""
_HEARTBEAT_S: Final = 1.0
_HEARTBEAT_BYTES: Final = 100
"""What one takes until it is read: a stream that nobody reads ends within two hours even when nothing is decided."""
_RESET: Final = 410
_NO_STORE: Final = ("cache-control", "no-store")
_LINES: Final = [("content-type", "application/x-ndjson"), _NO_STORE]
_EVENTS: Final = [("content-type", "text/event-stream; charset=utf-8"), _NO_STORE]
_TEXT: Final = [("content-type", "text/plain; charset=utf-8"), _NO_STORE]


class Question(Struct, frozen=True):
    """A request for the feed."""

    path: str
    query: str
    authorization: str | None
    last_event_id: str | None


class _Page(Struct, frozen=True):
    """An answer: its pieces are sent as they come."""

    status: int
    headers: Headers
    pieces: AsyncIterator[bytes]
    seats: Seats | None = None
    """None for an answer that is short."""


class _Slice(Struct, frozen=True):
    events: bytes
    position: str
    """After them."""


class Broadcast:
    """Answers questions for the feed.

    Args:
        table: what stands.
        changes: of the table.
        clock: event time.
        observer: hears of answers and streams.
        token: who knows it may follow.
    """

    def __init__(
        self, *, table: DecisionTable, changes: ChangeLog, clock: Clock, observer: HookObserver, token: str
    ) -> None:
        self._table = table
        self._changes = changes
        self._clock = clock
        self._observer = observer
        self._streams = Seats(_MOST_STREAMS, "followers", observer.feed_followed)
        self._readers = Seats(_MOST_READERS, "readers")
        self._shared: dict[str, _Slice] = {}
        self._expected = f"Bearer {token}".encode()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """End every stream."""
        self._closed.set()
        self._changes.wake()

    async def answer(self, question: Question, responder: Responder) -> None:
        """Answer one request; a long answer is over when it was read."""
        page = self._page(question)
        if page.seats is None:
            self._observer.feed_answered(page.status)
            await _send(page, responder)
        elif page.seats.take():
            self._observer.feed_answered(page.status)
            try:
                await _send(page, responder)
                await self._until_closed(responder.client_disconnect())
            finally:
                page.seats.leave()
        else:
            self._observer.feed_answered(503)
            await _send(_answer(503, [*_TEXT, ("retry-after", "5")], b"too many read the feed: ask later\n"), responder)

    async def _until_closed(self, disconnected: Awaitable[None]) -> None:
        async def wait() -> None:
            await disconnected

        waits = {asyncio.create_task(wait()), asyncio.create_task(self._closed.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _page(self, question: Question) -> _Page:
        if not hmac.compare_digest((question.authorization or "").encode(), self._expected):
            return _answer(401, [*_TEXT, ("www-authenticate", "Bearer")], b"send the feed's token as a Bearer token\n")
        after = parse_qs(question.query).get("after", [None])[-1]
        if question.path == "/decisions/stream":
            return _Page(200, _EVENTS, self._stream(question.last_event_id or after), self._streams)
        if after is None:
            return _Page(200, [*_LINES, (POSITION, self._changes.position)], self._everything(), self._readers)
        found = self._changes.after(after)
        if found is None:
            return _answer(_RESET, _TEXT, b"these changes are not known any more: read /decisions without after=\n")
        headers = [*_LINES, (POSITION, found[-1][0] if found else after)]
        return _Page(200, headers, _in_slices(found), self._readers if len(found) > _SLICE else None)

    async def _everything(self) -> AsyncIterator[bytes]:
        now_s = self._clock.now_s()
        for kind in SubjectKind:
            keys = self._table.keys(kind)
            for start in range(0, len(keys), _SLICE):
                found = ((key, self._table.find(kind, key, now_s)) for key in keys[start : start + _SLICE])
                yield b"".join(line_of(kind, key, standing) for key, standing in found if standing is not None)
                await asyncio.sleep(0)

    async def _stream(self, given: str | None) -> AsyncIterator[bytes]:
        position = given or self._changes.position
        yield begin_at(None if given else position)
        sent_bytes = 0
        while sent_bytes < _STREAM_BYTES and not self._closed.is_set():
            found = self._slice(position)
            if found is None:
                position = self._changes.position
                self._observer.feed_answered(_RESET)
                yield reset_at(position)
            elif found.events:
                position = found.position
                sent_bytes += len(found.events)
                yield found.events
                await asyncio.sleep(0)
            elif not await self._changes.beyond(position, _HEARTBEAT_S):
                sent_bytes += _HEARTBEAT_BYTES
                yield b": alive\n\n"

    def _slice(self, position: str) -> _Slice | None:
        """The next events, encoded once for all who stand there; None where the table has to be read again."""
        shared = self._shared.get(position)
        if shared is not None:
            return shared
        found = self._changes.after(position, at_most=_SLICE)
        if not found:
            return None if found is None else _Slice(b"", position)
        if len(self._shared) >= _SHARED:
            del self._shared[next(iter(self._shared))]
        made = self._shared[position] = _Slice(events_of(found), found[-1][0])
        return made


async def _in_slices(changes: Sequence[tuple[str, Decision]]) -> AsyncIterator[bytes]:
    for start in range(0, len(changes), _SLICE):
        yield lines_of(changes[start : start + _SLICE])
        await asyncio.sleep(0)


def _answer(status: int, headers: Headers, body: bytes) -> _Page:
    async def once() -> AsyncIterator[bytes]:
        yield body

    return _Page(status, headers, once())


async def _send(page: _Page, responder: Responder) -> None:
    """Send an answer; a long one ends its connection, which tells when it was read."""
    headers = page.headers if page.seats is None else [*page.headers, ("connection", "close")]
    stream = responder.response_stream(page.status, headers)
    with contextlib.suppress(ProtocolClosed):
        async for piece in page.pieces:
            await stream.send_bytes(piece)
