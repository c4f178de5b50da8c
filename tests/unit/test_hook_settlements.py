"""Somebody tells a hook what a call has used: what becomes of it is heard, also through a process of its own."""

import asyncio

import pytest
from gateways.hooks import FakeLimiter, HandClock, HandTimer, RecordingObserver, decision

from stream_detector.domain.decisions import Action, Limit, Mode
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import Admission, Use
from stream_detector.domain.verdicts import Failure, Settlement
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.judge import Doubt, Judge
from stream_detector.hook.table import DecisionTable

LIMIT = Limit(requests=6, window_s=60.0, burst=2, output_tokens=1000)
ADMITTED = Admission(allowed=True, remaining=4, retry_after_s=0.0, reset_after_s=3.0)


class NothingOpen(FakeLimiter):
    """Knows no call."""

    async def settle(self, *_: object) -> bool:  # type: ignore[override]
        return False


class Hanging(FakeLimiter):
    """Never answers."""

    async def settle(self, *_: object) -> bool:  # type: ignore[override]
        await asyncio.Event().wait()
        raise AssertionError


class Bench:
    """A judge that knows of one throttled client."""

    def __init__(self, limiter: FakeLimiter, mode: Mode = Mode.ENFORCE) -> None:
        self.observer, table = RecordingObserver(), DecisionTable()
        table.put(decision("alice", Action.THROTTLE, limit=LIMIT, mode=mode))
        self._judge = Judge(
            table=table,
            freshness=Freshness(HandTimer(), stale_after_s=300.0),
            limiter=limiter,
            clock=HandClock(),
            observer=self.observer,
            doubt=Doubt(failure=Failure.OPEN, unidentified=Failure.OPEN, limiter_timeout_s=0.01),
        )

    def settle(self, client: str) -> bool:
        return asyncio.run(self._judge.settle(client, Use("call-1", output_tokens=412)))


def test_a_settled_call_is_counted() -> None:
    bench = Bench(FakeLimiter(ADMITTED))
    assert bench.settle("alice")
    assert bench.observer.settlements == [Settlement.COUNTED]


def test_a_call_that_is_not_open_is_told_apart() -> None:
    bench = Bench(NothingOpen(ADMITTED))
    assert not bench.settle("alice")
    assert bench.observer.settlements == [Settlement.NOT_OPEN]


@pytest.mark.parametrize(("client", "mode"), [("bob", Mode.ENFORCE), ("alice", Mode.SHADOW)])
def test_who_has_no_limit_that_stands_has_nothing_to_settle(client: str, mode: Mode) -> None:
    bench = Bench(FakeLimiter(ADMITTED), mode)
    assert not bench.settle(client)
    assert bench.observer.settlements == [Settlement.NOT_LIMITED]


@pytest.mark.parametrize("limiter", [FakeLimiter(StoreUnavailable("away")), Hanging(ADMITTED)], ids=["away", "hanging"])
def test_a_limiter_that_does_not_answer_is_heard_of(limiter: FakeLimiter) -> None:
    bench = Bench(limiter)
    with pytest.raises(StoreUnavailable):
        bench.settle("alice")
    assert bench.observer.settlements == [Settlement.FAILED]
