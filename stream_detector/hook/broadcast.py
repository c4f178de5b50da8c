"""The decision feed: the table as a whole and its changes, for enforcers that keep a table of their own.

* `/decisions`: everything that stands, one JSON object a line. The header `x-stream-detector-position` says up to where.
* `/decisions?after=POSITION`: the changes since then; 410 when they are not known any more, then read everything again.
* `/decisions/stream`, with `?after=POSITION` or `Last-Event-ID`: the same changes as server-sent events, as they come.
  Without a position it begins now. The event `reset` says: read everything again.

Read everything, then follow from its position, and let the newest decision for a subject count until it expires.
Who asks must know the token; without one in the settings there is no feed.

Source: WHATWG HTML, section 9.2 (server-sent events).
"""

import asyncio
import hmac
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind
from stream_detector.hook.answers import Headers
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.table import DecisionTable
from stream_detector.ports import Clock

POSITION: Final = "x-stream-detector-position"
_SLICE = 500
_HEARTBEAT_S = 1.0
_RESET = 410
_NO_STORE: Final = ("cache-control", "no-store")
_LINES: Final = [("content-type", "application/x-ndjson"), _NO_STORE]
_EVENTS: Final = [("content-type", "text/event-stream; charset=utf-8"), _NO_STORE]
_TEXT: Final = [("content-type", "text/plain; charset=utf-8"), _NO_STORE]


class Order(Struct, frozen=True):
    """What an enforcer must know of a decision."""

    kind: SubjectKind
    key: str
    action: Action
    mode: Mode
    limit: Limit | None
    mark: str
    expires_at: float
    """Event time, seconds since 1970."""


class Question(Struct, frozen=True):
    """A request for the feed."""

    path: str
    query: str
    authorization: str | None
    last_event_id: str | None


class Page(Struct, frozen=True):
    """An answer: its pieces are sent as they come."""

    status: int
    headers: Headers
    pieces: AsyncIterator[bytes]


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
        self._streams = 0
        self._expected = f"Bearer {token}".encode()
        self._is_closed = False

    def close(self) -> None:
        """End every stream."""
        self._is_closed = True
        self._changes.wake()

    def answer(self, question: Question) -> Page:
        """Answer one request."""
        page = self._page(question)
        self._observer.feed_answered(page.status)
        return page

    def _page(self, question: Question) -> Page:
        if not hmac.compare_digest((question.authorization or "").encode(), self._expected):
            return _answer(401, [*_TEXT, ("www-authenticate", "Bearer")], b"send the feed's token as a Bearer token\n")
        after = parse_qs(question.query).get("after", [None])[-1]
        if question.path == "/decisions/stream":
            return Page(200, _EVENTS, self._stream(question.last_event_id or after or self._changes.position))
        if after is None:
            return Page(200, [*_LINES, (POSITION, self._changes.position)], self._everything())
        found = self._changes.after(after)
        if found is None:
            return _answer(_RESET, _TEXT, b"these changes are not known any more: read /decisions without after=\n")
        position = found[-1][0] if found else after
        return _answer(200, [*_LINES, (POSITION, position)], b"".join(_line(_order(each)) for _, each in found))

    async def _everything(self) -> AsyncIterator[bytes]:
        now_s = self._clock.now_s()
        for kind in SubjectKind:
            keys = self._table.keys(kind)
            for start in range(0, len(keys), _SLICE):
                lines = []
                for key in keys[start : start + _SLICE]:
                    standing = self._table.find(kind, key, now_s)
                    if standing is not None:
                        ruling = standing.ruling
                        lines.append(
                            _line(
                                Order(
                                    kind,
                                    key,
                                    ruling.action,
                                    ruling.mode,
                                    ruling.limit,
                                    standing.mark,
                                    standing.expires_at,
                                )
                            )
                        )
                yield b"".join(lines)
                await asyncio.sleep(0)

    async def _stream(self, position: str) -> AsyncIterator[bytes]:
        self._count_streams(1)
        try:
            async for piece in self._pieces(position):
                yield piece
        finally:
            self._count_streams(-1)

    def _count_streams(self, more: int) -> None:
        self._streams += more
        self._observer.feed_followed(self._streams)

    async def _pieces(self, position: str) -> AsyncIterator[bytes]:
        yield b": decisions as they are made\n\n"
        while not self._is_closed:
            found = self._changes.after(position)
            if found is None:
                position = self._changes.position
                self._observer.feed_answered(_RESET)
                yield f"event: reset\nid: {position}\ndata: read /decisions again\n\n".encode()
            elif found:
                position = found[-1][0]
                yield b"".join(
                    b"event: decision\nid: %s\ndata: %s\n" % (at.encode(), _line(_order(decision)))
                    for at, decision in found
                )
            elif not await self._changes.beyond(position, _HEARTBEAT_S):
                yield b": alive\n\n"


def _order(decision: Decision) -> Order:
    subject = decision.subject
    return Order(
        subject.kind, subject.key, decision.action, decision.mode, decision.limit, decision.mark, decision.expires_at
    )


def _line(order: Order) -> bytes:
    return msgspec.json.encode(order) + b"\n"


def _answer(status: int, headers: Headers, body: bytes) -> Page:
    async def once() -> AsyncIterator[bytes]:
        yield body

    return Page(status, headers, once())
