"""The demo's gateway: order, pace, and what it does with each answer of the hook."""

import asyncio
import time
from collections.abc import Iterable

import msgspec

from stream_detector.demo.gateway import Gateway
from stream_detector.demo.ledger import Answer, Ledger
from stream_detector.demo.timeline import Timeline
from stream_detector.domain.calls import ApiCall


class _Hook:
    """Answers by client, after letting others run."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    async def ask(self, client: str) -> Answer:
        await asyncio.sleep(0)
        return self._answers.get(client, Answer.PASSED)


class _Events:
    def __init__(self) -> None:
        self.calls: list[ApiCall] = []

    async def send(self, call: ApiCall) -> None:
        await asyncio.sleep(0)
        self.calls.append(call)


def _refused(call: ApiCall, status: int) -> ApiCall:
    return msgspec.structs.replace(call, status=status)


def _drive(calls: Iterable[ApiCall], answers: dict[str, Answer], timeline: Timeline) -> tuple[Gateway, _Events, Ledger]:
    events, ledger = _Events(), Ledger({})
    gateway = Gateway(_Hook(answers), events, _refused, ledger, timeline)
    asyncio.run(gateway.drive(calls))
    return gateway, events, ledger


def _long_ago() -> Timeline:
    return Timeline(event_s=0.0, wall_s=time.time() - 1000.0, speed=1.0)


def _calls(count: int, clients: int) -> list[ApiCall]:
    return [ApiCall(id=str(n), ts=float(n) / 100, client=f"client-{n % clients}") for n in range(count)]


def test_every_call_is_sent_and_those_of_one_client_stay_in_order() -> None:
    calls = _calls(5000, clients=37)
    _, events, ledger = _drive(calls, {}, _long_ago())
    assert ledger.calls == len(events.calls) == len(calls)
    for number in range(37):
        client = f"client-{number}"
        assert [call.id for call in events.calls if call.client == client] == [
            call.id for call in calls if call.client == client
        ]


def test_the_event_of_a_refused_call_carries_the_status_of_the_refusal() -> None:
    answers = {"client-0": Answer.BLOCKED, "client-1": Answer.THROTTLED, "client-2": Answer.UNANSWERED}
    _, events, ledger = _drive(_calls(4, clients=4), answers, _long_ago())
    assert {call.client: call.status for call in events.calls} == {
        "client-0": 403,
        "client-1": 429,
        "client-2": None,
        "client-3": None,
    }
    assert ledger.answers == dict.fromkeys(Answer, 1)


def test_calls_wait_for_their_time_on_the_scaled_clock() -> None:
    timeline = Timeline(event_s=0.0, wall_s=time.time() + 0.05, speed=100.0)
    _drive(_calls(1001, clients=3), {}, timeline)  # 10 s of events
    assert timeline.event_at(time.time()) >= 10.0


def test_a_late_start_drops_nothing_and_says_how_late_it_is() -> None:
    gateway, events, _ = _drive(_calls(100, clients=3), {}, _long_ago())
    assert len(events.calls) == 100
    assert gateway.worst_behind_s >= gateway.behind_s > 990
