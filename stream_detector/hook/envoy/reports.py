"""What a process of the family tells its parent: lines of JSON over a socket. The parent counts for all of them.

The process never waits for its parent: what a parent that hangs has not read is bounded, and the rest is forgotten.
"""

from asyncio import StreamWriter
from collections import Counter
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from stream_detector.domain.decisions import Action, Mode
from stream_detector.domain.verdicts import Cause, Settlement, Verdict
from stream_detector.hook.observer import HookObserver

MAX_LINE_BYTES = 1 << 20
_MAX_ANSWERS = 10_000
"""Of one report: below `MAX_LINE_BYTES`."""
_MAX_UNREAD_BYTES = 1 << 22


class Answered(Struct, frozen=True, array_like=True, gc=False):
    """One answer."""

    action: Action
    cause: Cause
    seconds: float


class Report(Struct, frozen=True):
    """What happened since the last one. The first one of a process says that it listens."""

    answers: tuple[Answered, ...] = ()
    limiter_failures: int = 0
    settled: dict[Settlement, int] = {}


class ReportingObserver:
    """Remembers what the hook did, and reports it with every look at the table: ten times a second."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._answers: list[Answered] = []
        self._limiter_failures = 0
        self._settled: Counter[Settlement] = Counter()
        self._listens = False

    def listening(self) -> None:
        """Connections are accepted from now on."""
        self._listens = True
        self._send(Report())

    def answered(self, verdict: Verdict, seconds: float) -> None:
        """One question was answered."""
        self._answers.append(Answered(verdict.action, verdict.cause, seconds))
        if len(self._answers) >= _MAX_ANSWERS:
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
        if self._listens and (self._answers or self._limiter_failures or self._settled):
            self.flush()

    def flush(self) -> None:
        """Report now."""
        self._send(Report(tuple(self._answers), self._limiter_failures, dict(self._settled)))
        self._answers.clear()
        self._settled.clear()
        self._limiter_failures = 0

    def _send(self, report: Report) -> None:
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _MAX_UNREAD_BYTES:
            self._writer.write(msgspec.json.encode(report) + b"\n")


def count(line: bytes, observer: HookObserver) -> None:
    """Tell an observer what a report says."""
    report = _DECODER.decode(line)
    for answer in report.answers:
        observer.answered(Verdict(answer.action, answer.cause), answer.seconds)
    for _ in range(report.limiter_failures):
        observer.limiter_failed()
    for settlement, calls in report.settled.items():
        for _ in range(calls):
            observer.settled(settlement)


_DECODER = msgspec.json.Decoder(Report)
