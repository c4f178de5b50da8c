"""One task that writes for all requests: whatever has arrived since the last write goes to Kafka together.

1. A request is answered when Kafka has what it brought, so its sender may forget it.
2. One write at a time: what to write is planned, written, and remembered only then. A write that failed changes nothing,
   and all its requests hear so.
3. While Kafka is away, and beyond `most_buffered` events, nothing is taken: the sender keeps it and tries again.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Never, Protocol

from msgspec import Struct

from stream_detector.collector.observer import CollectorObserver
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.errors import ConfigError, StoreUnavailable, StreamDetectorError
from stream_detector.service.pairing import Pairing, Plan
from stream_detector.wire.calls import Rejected
from stream_detector.wire.sources.events import Found

_TICK_S = 0.5
_RETRY_S = 2.0
_SAY_EVERY_S = 30.0
_AGAIN = "Kafka does not take calls now; send this body again"
_PAIRING = "pairing"
_log = logging.getLogger(__name__)


class CallLog(Protocol):
    """Where calls and dead letters go."""

    async def open(self) -> None:
        """Connect, if that is not done. Raises `StoreUnavailable`."""

    async def publish(self, calls: Sequence[ApiCall], letters: Sequence[DeadLetter]) -> None:
        """Return once everything is stored. Raises `StoreUnavailable` or `ConfigError`; then all may be sent again."""


class Place(Struct, frozen=True):
    """Where a body lies, for its dead letters."""

    topic: str
    partition: int
    offset: int


class _Submission(Struct):
    source: str
    found: Found
    place: Place | None
    is_held: asyncio.Future[bool]


class Writer:
    """Writes what requests bring.

    Args:
        log: where it goes.
        pairing: merges halves of calls.
        observer: hears of it.
        most_buffered: events and refusals that may wait for Kafka.
        monotonic: seconds that never go back.
        first_body: number of the first body; dead letters tell bodies apart by it.
    """

    def __init__(
        self,
        *,
        log: CallLog,
        pairing: Pairing,
        observer: CollectorObserver,
        most_buffered: int,
        monotonic: Callable[[], float] = time.monotonic,
        first_body: int = 0,
    ) -> None:
        self._log = log
        self._pairing = pairing
        self._observer = observer
        self._most_buffered = most_buffered
        self._monotonic = monotonic
        self._body = first_body
        self._submitted: list[_Submission] = []
        self._buffered = 0
        self._work = asyncio.Event()
        self._said_s = -math.inf
        self._reported: set[str] = set()
        """Kinds of unforeseen errors; as few as there are lines that raise them."""
        self.is_ready = False
        """Kafka took the last write, or answered at the start."""

    async def submit(self, source: str, found: Found, place: Place | None = None) -> bool:
        """Write what a body holds.

        Args:
            source: its format.
            found: what it holds.
            place: where it lies, if somebody keeps it.

        Returns:
            Whether a part of it waits in memory for its other half; everything else is stored.

        Raises:
            StoreUnavailable: nothing is remembered of it; send it again.
        """
        size = len(found.events) + len(found.refused)
        self._report(found)
        if not self.is_ready:
            raise StoreUnavailable(_AGAIN)
        if self._buffered and self._buffered + size > self._most_buffered:
            message = f"{self._buffered} events wait for Kafka already; send this body again"
            raise StoreUnavailable(message)
        submission = _Submission(source, found, place, asyncio.get_running_loop().create_future())
        self._submitted.append(submission)
        self._buffered += size
        self._work.set()
        try:
            return await submission.is_held
        finally:
            self._buffered -= size

    async def run(self) -> Never:
        """Write until cancelled."""
        while True:
            self._work.clear()
            await self._turn()
            self._observer.holding(buffered=self._buffered, waiting=len(self._pairing))
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S if self.is_ready else _RETRY_S):
                    await self._work.wait()

    async def finish(self) -> None:
        """Write what waits, alone: at the end.

        Raises:
            StoreUnavailable: it is lost.
        """
        if len(self._pairing):
            await self._write(self._pairing.drain(), [])

    async def _turn(self) -> None:
        submissions, self._submitted = self._submitted, []
        events = [event for submission in submissions for event in submission.found.events]
        plan = self._pairing.plan(events, self._monotonic())
        try:
            await self._write(plan, submissions)
        except (StoreUnavailable, ConfigError) as error:
            self._failed(error)
            for submission in submissions + self._submitted:
                _settle(submission, error)
            self._submitted = []
            return
        if not self.is_ready:
            self.is_ready = True
            _log.info("collector: Kafka takes calls")
        for submission in submissions:
            _settle(submission, self._pairing.holds(submission.found.events))

    async def _write(self, plan: Plan, submissions: Sequence[_Submission]) -> None:
        refused = [(each.source, each.found.refused, each.place) for each in submissions]
        refused.append((_PAIRING, plan.refused, None))
        letters = [letter for each in refused for letter in self._letters(*each)]
        started_s = self._monotonic()
        if plan.calls or letters:
            await self._log.publish(plan.calls, letters)
        elif not self.is_ready:
            await self._log.open()
        self._pairing.commit(plan)
        self._observer.written(
            calls=len(plan.calls),
            duplicates=plan.duplicates,
            unpaired=plan.unpaired,
            seconds=self._monotonic() - started_s,
        )
        for source, rejected, _ in refused:
            self._observer.refused(source, Counter(each.error.reason for each in rejected))

    def _letters(self, source: str, refused: Sequence[Rejected], place: Place | None) -> list[DeadLetter]:
        if place is None:
            self._body += bool(refused)
            place = Place(f"collector/{source}", 0, self._body)
        return [
            DeadLetter(
                topic=place.topic,
                partition=place.partition,
                offset=place.offset,
                index=each.index,
                reason=each.error.reason,
                detail=each.error.detail,
                payload_bytes=each.payload_bytes,
                fields=each.fields,
            )
            for each in refused
        ]

    def _report(self, found: Found) -> None:
        """Tell of our own mistakes, each kind once: whoever can send a document could fill the log otherwise."""
        for kind in found.unforeseen.keys() - self._reported:
            self._reported.add(kind)
            trace = found.unforeseen[kind]
            _log.error("collector: refused a document for a mistake of ours; please report this: %s\n%s", kind, trace)

    def _failed(self, error: StreamDetectorError) -> None:
        self._observer.failed()
        now_s = self._monotonic()
        if self.is_ready or now_s >= self._said_s + _SAY_EVERY_S:
            self._said_s = now_s
            _log.warning("collector: %s; senders are told to try again", error)
        self.is_ready = False


def _settle(submission: _Submission, outcome: bool | StreamDetectorError) -> None:  # noqa: FBT001 - an outcome
    if submission.is_held.done():  # its sender went away
        return
    if isinstance(outcome, StreamDetectorError):
        submission.is_held.set_exception(StoreUnavailable(_AGAIN))
    else:
        submission.is_held.set_result(outcome)
