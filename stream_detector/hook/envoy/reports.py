"""What a process of the family tells its parent, in lines of JSON over a socket. The parent counts and reports for all of them.

The process never waits for its parent: what a parent that hangs has not read is bounded, and the rest is forgotten; calls among
it are counted as lost.
"""

import logging
from asyncio import StreamWriter
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Struct

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.verdicts import Cause, Settlement, Verdict
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.seen import Report

MAX_LINE_BYTES = 1 << 21
_MAX_ANSWERS, _MAX_CALLS = 10_000, 50
"""Of one line: together below `MAX_LINE_BYTES`, whatever is in the calls."""
_MAX_UNREAD_BYTES = 1 << 22
_log = logging.getLogger(__name__)


class ParentObserver(HookObserver, Protocol):
    """Hears of calls that cannot be reported, too."""

    def unreported(self, calls: int) -> None:
        """They are lost."""


class Answered(Struct, frozen=True, array_like=True, gc=False):
    """One answer."""

    action: Action
    cause: Cause
    seconds: float


class _News(Struct, frozen=True):
    """What happened since the last line. The first one of a process says that it listens."""

    answers: tuple[Answered, ...] = ()
    limiter_failures: int = 0
    settled: dict[Settlement, int] = {}
    calls: tuple[ApiCall, ...] = ()
    """To be reported."""
    unreported: int = 0
    """Calls that were not told."""


class ReportingObserver:
    """Remembers what the hook did, and reports it with every look at the table: ten times a second."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._answers: list[Answered] = []
        self._limiter_failures = 0
        self._settled: Counter[Settlement] = Counter()
        self._calls: list[ApiCall] = []
        self._unreported = 0
        self._listens = False

    def listening(self) -> None:
        """Connections are accepted from now on."""
        self._listens = True
        self._send(_News())

    def answered(self, verdict: Verdict, seconds: float) -> None:
        """One question was answered."""
        self._answers.append(Answered(verdict.action, verdict.cause, seconds))
        if len(self._answers) >= _MAX_ANSWERS:
            self.flush()

    def asked_about(self, call: ApiCall) -> None:
        """The parent is to report this call."""
        self._calls.append(call)
        if len(self._calls) >= _MAX_CALLS:
            self.flush()

    def limiter_failed(self) -> None:
        """The limiter did not answer in time."""
        self._limiter_failures += 1

    def settled(self, settlement: Settlement) -> None:
        """A call has ended."""
        self._settled[settlement] += 1

    def feed_answered(self, status: int) -> None:
        """The parent has the feed."""

    def feed_followed(self, streams: int) -> None:
        """The parent has the feed."""

    def table(self, _subjects: Mapping[tuple[Action, Mode], int], _age_s: float) -> None:
        """The parent has the same table."""
        if self._listens and (self._answers or self._limiter_failures or self._settled or self._calls):
            self.flush()

    def flush(self) -> None:
        """Tell it now."""
        news = _News(
            tuple(self._answers), self._limiter_failures, dict(self._settled), tuple(self._calls), self._unreported
        )
        self._unreported = 0 if self._send(news) else self._unreported + len(self._calls)
        self._answers.clear()
        self._settled.clear()
        self._calls.clear()
        self._limiter_failures = 0

    def _send(self, news: _News) -> bool:
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size() >= _MAX_UNREAD_BYTES:
            return False
        self._writer.write(msgspec.json.encode(news) + b"\n")
        return True


def take(line: bytes, observer: ParentObserver, report: Report | None) -> None:
    """Do in the parent what a line says.

    Args:
        line: of a process.
        observer: hears what happened there.
        report: takes the calls; None for nobody.
    """
    news = _DECODER.decode(line)
    for answer in news.answers:
        observer.answered(Verdict(answer.action, answer.cause), answer.seconds)
    for _ in range(news.limiter_failures):
        observer.limiter_failed()
    for settlement, calls in news.settled.items():
        for _ in range(calls):
            observer.settled(settlement)
    if news.unreported:
        _log.error("calls were not reported, %d of them: the hook did not hear its gRPC process", news.unreported)
        observer.unreported(news.unreported)
    if report is not None:
        for call in news.calls:
            report(call)


_DECODER = msgspec.json.Decoder(_News)
