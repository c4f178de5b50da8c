import asyncio

import pytest
from gateways.hooks import NOON_S, RecordingObserver

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action
from stream_detector.domain.verdicts import Cause, Settlement, Verdict
from stream_detector.hook.envoy.reports import MAX_LINE_BYTES, ReportingObserver, take

PASSED = Verdict(Action.ALLOW, Cause.NO_DECISION)
BLOCKED = Verdict(Action.BLOCK, Cause.DECISION)


class Socket:
    """Remembers lines; the parent reads none of them while it hangs."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.unread_bytes = 0
        self.is_closed = False

    @property
    def transport(self) -> "Socket":
        return self

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def write(self, line: bytes) -> None:
        self.lines.append(line)


@pytest.fixture
def socket() -> Socket:
    return Socket()


def process(socket: Socket) -> ReportingObserver:
    return ReportingObserver(socket)  # type: ignore[arg-type]


def heard(socket: Socket) -> RecordingObserver:
    observer = RecordingObserver()
    for line in socket.lines:
        take(line, observer, None)
    return observer


def to_report(socket: Socket) -> list[ApiCall]:
    calls: list[ApiCall] = []
    for line in socket.lines:
        take(line, RecordingObserver(), calls.append)
    return calls


def call(number: int = 0) -> ApiCall:
    return ApiCall(id=f"call-{number}", ts=NOON_S, client="carol", ip="203.0.113.7", status=429)


def test_the_parent_hears_of_every_answer_and_failure(socket: Socket) -> None:
    observer = process(socket)
    observer.listening()
    observer.answered(PASSED, 0.001)
    observer.answered(BLOCKED, 0.002)
    observer.limiter_failed()
    observer.table({}, 0.0)
    observer.answered(PASSED, 0.003)
    observer.flush()

    parent = heard(socket)
    assert [(each.action, each.cause) for each in parent.verdicts] == [
        (Action.ALLOW, Cause.NO_DECISION),
        (Action.BLOCK, Cause.DECISION),
        (Action.ALLOW, Cause.NO_DECISION),
    ]
    assert parent.seconds == [0.001, 0.002, 0.003]
    assert parent.limiter_failures == 1


def test_nothing_is_said_before_it_listens_and_then_at_once(socket: Socket) -> None:
    observer = process(socket)
    observer.limiter_failed()
    observer.table({}, 0.0)
    assert socket.lines == []
    observer.listening()
    assert len(socket.lines) == 1


def test_without_news_nothing_is_said(socket: Socket) -> None:
    observer = process(socket)
    observer.listening()
    observer.table({}, 0.0)
    assert len(socket.lines) == 1


def test_the_parent_gets_every_call_that_it_is_to_report(socket: Socket) -> None:
    observer = process(socket)
    observer.listening()
    calls = [call(number) for number in range(120)]
    for each in calls[:119]:
        observer.asked_about(each)
    observer.table({}, 0.0)
    observer.asked_about(calls[119])
    observer.flush()
    assert to_report(socket) == calls


def test_a_line_is_never_longer_than_the_parent_reads(socket: Socket) -> None:
    observer = process(socket)
    longest = ApiCall(id="\U0001f600" * 256, ts=NOON_S, client="\U0001f600" * 256, ua="\0" * 1024, route="\0" * 1024)
    for number in range(25_000):
        observer.answered(Verdict(Action.THROTTLE, Cause.NO_DECISION), 0.012345678901234567)
        if number % 10_000 > 9_900:
            observer.asked_about(longest)
    observer.flush()
    assert max(map(len, socket.lines)) < MAX_LINE_BYTES
    assert len(heard(socket).verdicts) == 25_000
    assert to_report(socket) == [longest] * 198


def test_a_parent_that_hangs_costs_no_memory(socket: Socket) -> None:
    observer = process(socket)
    socket.unread_bytes = 1 << 30
    observer.answered(PASSED, 0.001)
    observer.flush()
    socket.unread_bytes = 0
    observer.answered(BLOCKED, 0.001)
    observer.flush()
    assert [each.action for each in heard(socket).verdicts] == [Action.BLOCK]


def test_calls_that_a_parent_that_hung_did_not_hear_of_are_counted_as_lost(socket: Socket) -> None:
    observer = process(socket)
    socket.unread_bytes = 1 << 30
    for number in range(60):
        observer.asked_about(call(number))
    observer.flush()
    socket.unread_bytes = 0
    observer.asked_about(call(60))
    observer.flush()
    observer.flush()
    assert heard(socket).lost_calls == 60
    assert to_report(socket) == [call(60)]


def test_what_happens_without_a_parent_is_said_to_nobody(socket: Socket) -> None:
    observer = process(socket)
    socket.is_closed = True
    observer.answered(PASSED, 0.001)
    observer.flush()
    assert socket.lines == []


def test_reports_pass_through_a_real_socket() -> None:
    async def talk() -> list[Verdict]:
        parent, observer = RecordingObserver(), None

        async def hear(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                take(line, parent, None)
            done.set()

        done = asyncio.Event()
        async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            observer = ReportingObserver(writer)
            observer.listening()
            observer.answered(BLOCKED, 0.001)
            observer.flush()
            writer.close()
            async with asyncio.timeout(10):
                await done.wait()
        return parent.verdicts

    assert [each.action for each in asyncio.run(talk())] == [Action.BLOCK]


def test_the_parent_hears_what_was_settled_once(socket: Socket) -> None:
    observer = process(socket)
    observer.listening()
    for settlement in (Settlement.COUNTED, Settlement.FAILED, Settlement.COUNTED):
        observer.settled(settlement)
    observer.table({}, 0.0)
    observer.table({}, 0.0)
    assert sorted(heard(socket).settlements) == [Settlement.COUNTED, Settlement.COUNTED, Settlement.FAILED]
