"""What the decision feed hands out for those who do not read it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from gateways.asking import on_a_loop, until
from gateways.hooks import HandClock, RecordingObserver, decision
from granian.rsgi import ProtocolClosed

from stream_detector.hook import broadcast
from stream_detector.hook.broadcast import Broadcast, Question
from stream_detector.hook.changes import ChangeLog
from stream_detector.hook.table import DecisionTable

TOKEN = "a token that is long enough"  # noqa: S105


class Sleeper:
    """A follower that reads nothing: what is sent to it lies in the server."""

    def __init__(self) -> None:
        self.status, self.unread = 0, bytearray()
        self.headers: dict[str, str] = {}
        self.gone = asyncio.Event()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        raise NotImplementedError

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        raise NotImplementedError

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Sleeper":
        self.status, self.headers = status, dict(headers)
        return self

    async def send_bytes(self, data: bytes) -> None:
        if self.gone.is_set():
            raise ProtocolClosed
        self.unread += data

    async def client_disconnect(self) -> None:
        await self.gone.wait()


class Bench:
    """A feed, and who follows it."""

    def __init__(self) -> None:
        self.table, self.changes, self.observer = DecisionTable(), ChangeLog(), RecordingObserver()
        self.broadcast = Broadcast(
            table=self.table, changes=self.changes, clock=HandClock(), observer=self.observer, token=TOKEN
        )
        self._answers: set[asyncio.Task[None]] = set()

    def decide(self, number: int) -> None:
        for each in range(number):
            made = decision(f"client-{each}")
            self.table.put(made)
            self.changes.add(made)

    def ask(self, path: str, query: str = "") -> Sleeper:
        sleeper = Sleeper()
        question = Question(path, query, f"Bearer {TOKEN}", None)
        self._answers.add(asyncio.create_task(self.broadcast.answer(question, sleeper)))
        return sleeper

    async def end(self) -> None:
        self.broadcast.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*self._answers)


@contextlib.asynccontextmanager
async def feed() -> AsyncIterator[Bench]:
    bench = Bench()
    try:
        yield bench
    finally:
        await bench.end()


async def wait_for(condition: Callable[[], bool], what: str) -> None:
    async def holds() -> bool:
        return condition()

    await until(holds, what)


@on_a_loop
async def test_a_stream_that_nobody_reads_takes_no_more_than_its_length() -> None:
    async with feed() as bench:
        start = bench.changes.position
        sleepers = [bench.ask("/decisions/stream", f"after={start}") for _ in range(3)]
        bench.decide(9_000)
        await wait_for(lambda: all(b".2000\n" in each.unread for each in sleepers), "much was sent")
        for _ in range(100):
            await asyncio.sleep(0)
        slice_bytes = 150_000
        assert all(len(each.unread) < broadcast._STREAM_BYTES + slice_bytes for each in sleepers)
        assert all(each.headers["connection"] == "close" for each in sleepers), "or nobody knows when it was read"
        assert bench.observer.feed_streams == 3, "they are followers until they have read it"
        sleepers[0].gone.set()
        await wait_for(lambda: bench.observer.feed_streams == 2, "the seat is free")


@on_a_loop
async def test_signs_of_life_that_nobody_reads_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "_HEARTBEAT_S", 0.0)
    monkeypatch.setattr(broadcast, "_STREAM_BYTES", 1000)
    async with feed() as bench:
        sleeper = bench.ask("/decisions/stream")
        await wait_for(lambda: sleeper.unread.count(b": alive") == 10, "there are some")
        for _ in range(100):
            await asyncio.sleep(0)
        assert sleeper.unread.count(b": alive") == 10


@on_a_loop
async def test_followers_in_step_share_what_was_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    events_of = broadcast.events_of
    monkeypatch.setattr(broadcast, "events_of", lambda found: encoded.append(len(found)) or events_of(found))
    async with feed() as bench:
        start = bench.changes.position
        sleepers = [bench.ask("/decisions/stream", f"after={start}") for _ in range(50)]
        bench.decide(1_800)
        await wait_for(lambda: all(b".1800\n" in each.unread for each in sleepers), "all have everything")
        assert sum(encoded) == 1_800
        assert len({bytes(each.unread) for each in sleepers}) == 1


@pytest.mark.parametrize(("path", "most"), [("/decisions/stream", "_MOST_STREAMS"), ("/decisions", "_MOST_READERS")])
@on_a_loop
async def test_those_who_do_not_read_are_bounded_by_their_number(
    path: str, most: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_HEARTBEAT_S", 0.01)
    seats: int = getattr(broadcast, most)
    async with feed() as bench:
        bench.decide(3)
        sleepers = [bench.ask(path) for _ in range(seats + 5)]
        await wait_for(lambda: all(each.status for each in sleepers), "all are answered")
        assert [each.status for each in sleepers] == [200] * seats + [503] * 5
        assert sleepers[-1].headers["retry-after"] == "5"
        assert len(caplog.records) == 1, "it is said, but not for each"
        assert bench.observer.feed_statuses.count(503) == 5
        sleepers[0].gone.set()

        async def admitted() -> bool:
            late = bench.ask(path)
            await wait_for(lambda: late.status > 0, "it is answered")
            return late.status == 200

        await until(admitted, "there is a seat again")


@on_a_loop
async def test_few_changes_need_no_seat_and_keep_the_connection() -> None:
    async with feed() as bench:
        start = bench.changes.position
        bench.decide(broadcast._SLICE)
        pollers = [bench.ask("/decisions", f"after={start}") for _ in range(20)]
        await wait_for(lambda: all(each.status for each in pollers), "all are answered")
        assert all(each.status == 200 and "connection" not in each.headers for each in pollers)
        bench.decide(1)
        pollers = [bench.ask("/decisions", f"after={start}") for _ in range(20)]
        await wait_for(lambda: all(each.status for each in pollers), "all are answered")
        assert [each.status for each in pollers].count(503) == 20 - broadcast._MOST_READERS
