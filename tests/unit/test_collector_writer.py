"""What is answered when: the writer between requests and Kafka."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from gateways.asking import on_a_loop, until

from stream_detector.collector import writer as module
from stream_detector.collector.writer import Writer
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.errors import ConfigError, MalformedCall, RejectReason, StoreUnavailable
from stream_detector.service.pairing import Pairing, PairingOptions
from stream_detector.wire.calls import Rejected
from stream_detector.wire.sources.events import Event, Found, Part


class FakeLog:
    """Kafka, which a test lets take things, or not."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.letters: list[DeadLetter] = []
        self.trouble: Exception | None = None
        self.tries = 0
        self.may_take = asyncio.Event()
        self.may_take.set()

    async def open(self) -> None:
        self.tries += 1
        if self.trouble is not None:
            raise self.trouble

    async def publish(self, calls: Sequence[ApiCall], letters: Sequence[DeadLetter]) -> None:
        await self.may_take.wait()
        await self.open()
        self.calls += [call.id for call in calls]
        self.letters += letters


class SilentObserver:
    """Hears, and says nothing."""

    def answered(self, source: str, status: int) -> None:
        pass

    def read(self, source: str, *, events: int, skipped: int, left_out: int) -> None:
        pass

    def refused(self, source: str, reasons: Mapping[RejectReason, int]) -> None:
        pass

    def written(self, *, calls: int, duplicates: int, unpaired: int, seconds: float) -> None:
        pass

    def failed(self) -> None:
        pass

    def holding(self, *, buffered: int, waiting: int) -> None:
        pass


def _found(*ids: str, part: Part = Part.WHOLE, refused: int = 0) -> Found:
    events = [Event(part, ApiCall(id=each, ts=5.0, client="a")) for each in ids]
    error = MalformedCall(RejectReason.UNREADABLE, "why")
    return Found(events=events, refused=[Rejected(index, error, 7, {}) for index in range(refused)])


@asynccontextmanager
async def _running(log: FakeLog) -> AsyncIterator[Writer]:
    pairing = Pairing(PairingOptions(wait_s=1000.0))
    writer = Writer(log=log, pairing=pairing, observer=SilentObserver(), most_buffered=10)
    task = asyncio.create_task(writer.run())

    async def ready() -> bool:
        return writer.is_ready or log.trouble is not None

    try:
        await until(ready, "the writer is ready")
        yield writer
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@on_a_loop
async def test_a_sender_is_answered_when_kafka_has_it() -> None:
    log = FakeLog()
    async with _running(log) as writer:
        log.may_take.clear()
        sender = asyncio.create_task(writer.submit("calls", _found("1")))
        done, _ = await asyncio.wait({sender}, timeout=0)
        assert not done
        log.may_take.set()
        assert await sender is False
    assert log.calls == ["1"]


@on_a_loop
async def test_a_half_is_answered_as_held_for_as_long_as_it_is() -> None:
    async with _running(FakeLog()) as writer:
        assert await writer.submit("calls", _found("1", part=Part.REQUEST)) is True
        assert await writer.submit("calls", _found("1", part=Part.REQUEST)) is True
        assert await writer.submit("calls", _found("1", part=Part.COMPLETION)) is False
        assert await writer.submit("calls", _found("1", part=Part.REQUEST)) is False


@on_a_loop
async def test_refusals_are_dead_letters_that_tell_bodies_apart() -> None:
    log = FakeLog()
    async with _running(log) as writer:
        await writer.submit("calls", _found("1", refused=2))
        await writer.submit("envoy", _found(refused=1))
    assert [(each.topic, each.offset, each.index) for each in log.letters] == [
        ("collector/calls", 1, 0),
        ("collector/calls", 1, 1),
        ("collector/envoy", 2, 0),
    ]


@pytest.mark.parametrize("trouble", [StoreUnavailable("away"), ConfigError("too large")])
@on_a_loop
async def test_what_kafka_does_not_take_is_kept_by_its_sender(trouble: Exception) -> None:
    log = FakeLog()
    async with _running(log) as writer:
        log.trouble = trouble
        with pytest.raises(StoreUnavailable):
            await writer.submit("calls", _found("1"))
        with pytest.raises(StoreUnavailable, match="does not take calls now"):
            await writer.submit("calls", _found("2"))
        log.trouble = None

        async def ready() -> bool:
            return writer.is_ready

        await until(ready, "the writer is ready again")
        await writer.submit("calls", _found("1"))
    assert log.calls == ["1"]


@on_a_loop
async def test_when_too_much_waits_nothing_more_is_taken() -> None:
    log = FakeLog()
    async with _running(log) as writer:
        log.may_take.clear()
        waiting = [
            asyncio.create_task(writer.submit("calls", _found(*(f"{sender}-{n}" for n in range(5))))) for sender in "ab"
        ]
        await asyncio.wait(waiting, timeout=0)
        with pytest.raises(StoreUnavailable, match="10 events wait for Kafka already"):
            await writer.submit("calls", _found("1"))
        log.may_take.set()
        await asyncio.gather(*waiting)
        await writer.submit("calls", _found("1"))
    assert len(log.calls) == 11


@on_a_loop
async def test_at_the_end_halves_are_written() -> None:
    log = FakeLog()
    async with _running(log) as writer:
        await writer.submit("calls", _found("1", part=Part.REQUEST))
    await writer.finish()
    assert log.calls == ["1"]


@on_a_loop
async def test_an_end_with_nothing_to_write_needs_no_kafka() -> None:
    log = FakeLog()
    log.trouble = StoreUnavailable("away")
    async with _running(log) as writer:
        pass
    await writer.finish()
    assert log.calls == []


@on_a_loop
async def test_trouble_is_said_once_however_often_it_is_tried_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.001)
    caplog.set_level(logging.INFO, module.__name__)
    log = FakeLog()
    log.trouble = StoreUnavailable("away")
    async with _running(log) as writer:

        async def tried() -> bool:
            return log.tries > 5

        async def ready() -> bool:
            return writer.is_ready

        await until(tried, "it is tried again and again")
        log.trouble = None
        await until(ready, "Kafka takes calls")
        await writer.submit("calls", _found("1"))
        log.trouble = StoreUnavailable("away again")
        with pytest.raises(StoreUnavailable, match="send this body again"):
            await writer.submit("calls", _found("2"))
    assert [record.getMessage() for record in caplog.records] == [
        "collector: away; senders are told to try again",
        "collector: Kafka takes calls",
        "collector: away again; senders are told to try again",
    ]
