"""Calls are gathered, sent in order, kept while nobody takes them, and never in the way."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from gateways.asking import on_a_loop, until

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.service.outbox import Outbox, OutboxOptions

QUICK = OutboxOptions(most_waiting=5, batch=2, linger_s=0.001, first_delay_s=0.001, max_delay_s=0.002)

UNSPEAKABLE = "half a character"
"""A user that the receiver has no bytes for."""


class Listener:
    """Adds up what an outbox says."""

    def __init__(self) -> None:
        self.arrived = self.lost = self.waiting = 0

    def reported(self, calls: int) -> None:
        self.arrived += calls

    def unreported(self, calls: int) -> None:
        self.lost += calls

    def unsent(self, calls: int) -> None:
        self.waiting = calls


class Receiver:
    """Takes calls unless there is trouble."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.trouble: Exception | None = None
        self.asked = 0
        self.is_closed = False

    async def send(self, calls: Sequence[ApiCall]) -> None:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        for call in calls:
            if call.user == UNSPEAKABLE:
                "\ud83d".encode()
        self.batches.append([call.id for call in calls])

    async def aclose(self) -> None:
        self.is_closed = True

    @property
    def taken(self) -> str:
        return "".join("".join(batch) for batch in self.batches)


def put(outbox: Outbox, ids: str) -> None:
    for each in ids:
        outbox.put(ApiCall(id=each, ts=0.0, client="alice"))


async def wait_for(condition: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return condition()

    await until(holds, what)


@on_a_loop
async def test_calls_are_sent_in_order_and_in_batches() -> None:
    receiver = Receiver()
    outbox = Outbox(receiver, QUICK)
    put(outbox, "abcde")
    assert receiver.batches == [], "putting sends nothing"
    await wait_for(lambda: receiver.taken == "abcde", "all are sent")
    assert [len(batch) for batch in receiver.batches] == [2, 2, 1]
    put(outbox, "f")
    await wait_for(lambda: receiver.taken == "abcdef", "what comes later is sent, too")


@on_a_loop
async def test_calls_wait_in_order_until_somebody_takes_them() -> None:
    receiver = Receiver()
    receiver.trouble = StoreUnavailable("away")
    outbox = Outbox(receiver, QUICK)
    put(outbox, "abc")
    await wait_for(lambda: receiver.asked > 2, "it was tried again")
    receiver.trouble = None
    put(outbox, "d")
    await wait_for(lambda: receiver.taken == "abcd", "all are sent")
    assert outbox.lost == 0


@on_a_loop
async def test_what_does_not_fit_any_more_pushes_the_oldest_out(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    outbox = Outbox(receiver, QUICK)
    put(outbox, "abcdefgh")
    await wait_for(lambda: receiver.taken == "defgh", "the newest are sent")
    assert outbox.lost == 3
    assert len(caplog.records) == 1, "it is said, but not for each call"


@on_a_loop
async def test_calls_that_nobody_will_ever_take_are_counted_and_the_next_are_sent() -> None:
    receiver = Receiver()
    receiver.trouble = ConfigError("wrong token")
    outbox = Outbox(receiver, QUICK)
    put(outbox, "ab")
    await wait_for(lambda: outbox.lost == 2, "they are counted")
    receiver.trouble = None
    put(outbox, "c")
    await wait_for(lambda: receiver.taken == "c", "the next is sent")


@pytest.mark.parametrize("place", range(8))
@on_a_loop
async def test_a_call_that_cannot_be_encoded_is_lost_alone(place: int, caplog: pytest.LogCaptureFixture) -> None:
    receiver, listener = Receiver(), Listener()
    outbox = Outbox(receiver, OutboxOptions(batch=8, linger_s=0.001), listener)
    ids = "abcdefgh"
    put(outbox, ids[:place])
    outbox.put(ApiCall(id="poison", ts=0.0, client="alice", user=UNSPEAKABLE))
    put(outbox, ids[place:])
    await wait_for(lambda: receiver.taken == ids, "all others are sent, in order")
    assert receiver.asked < 2 * len(ids)
    put(outbox, "i")
    await wait_for(lambda: receiver.taken == ids + "i", "what comes later is sent, too")
    assert (outbox.lost, listener.lost, listener.arrived, listener.waiting) == (1, 1, 9, 0)
    assert ["UnicodeEncodeError" in record.getMessage() for record in caplog.records] == [True]


@on_a_loop
async def test_many_calls_that_cannot_be_encoded_are_said_once_and_let_others_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = Outbox(Receiver(), OutboxOptions(batch=2, linger_s=0.0))
    for number in range(100):
        outbox.put(ApiCall(id=str(number), ts=0.0, client="alice", user=UNSPEAKABLE))
    lost_after = []
    async with asyncio.timeout(10):
        while outbox.lost < 100:
            await asyncio.sleep(0)
            lost_after.append(outbox.lost)
    assert len(set(lost_after)) > 50, "others get their turn in between"
    assert len(caplog.records) == 1


@on_a_loop
async def test_each_reason_for_a_loss_is_said(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    receiver.trouble = ConfigError("wrong token")
    outbox = Outbox(receiver, QUICK)
    put(outbox, "ab")
    await wait_for(lambda: outbox.lost == 2, "they are counted")
    receiver.trouble = None
    outbox.put(ApiCall(id="c", ts=0.0, client="alice", user=UNSPEAKABLE))
    await wait_for(lambda: outbox.lost == 3, "it is counted")
    said = [record.getMessage() for record in caplog.records]
    assert ["wrong token" in said[0], "UnicodeEncodeError" in said[1], len(said)] == [True, True, 2]


@on_a_loop
async def test_closing_loses_only_what_cannot_be_encoded() -> None:
    receiver = Receiver()
    outbox = Outbox(receiver, OutboxOptions(linger_s=3600.0))
    put(outbox, "ab")
    outbox.put(ApiCall(id="poison", ts=0.0, client="alice", user=UNSPEAKABLE))
    put(outbox, "c")
    await asyncio.sleep(0)
    await outbox.aclose()
    assert (receiver.taken, receiver.is_closed, outbox.lost) == ("abc", True, 1)


@on_a_loop
async def test_closing_sends_what_waits() -> None:
    receiver = Receiver()
    outbox = Outbox(receiver, OutboxOptions(linger_s=3600.0))
    put(outbox, "abc")
    await asyncio.sleep(0)
    await outbox.aclose()
    assert (receiver.taken, receiver.is_closed) == ("abc", True)


@on_a_loop
async def test_it_says_what_has_arrived_what_waits_and_what_is_lost() -> None:
    receiver, listener = Receiver(), Listener()
    receiver.trouble = StoreUnavailable("away")
    outbox = Outbox(receiver, QUICK, listener)
    put(outbox, "abcdefg")
    await wait_for(lambda: receiver.asked > 2, "it was tried again")
    assert (listener.arrived, listener.waiting, listener.lost) == (0, 5, 2)
    receiver.trouble = None
    await wait_for(lambda: listener.waiting == 0, "all are sent")
    assert (listener.arrived, listener.lost) == (5, 2)
