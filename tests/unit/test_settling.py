"""Which calls the worker settles, and what comes of it."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from gateways.asking import on_a_loop
from gateways.hooks import NOON_S, HandClock, decision

from stream_detector.adapters.memory import (
    MemoryDeadLetterLog,
    MemoryDecisionLog,
    MemoryDecisionStore,
    MemoryLimiter,
    MemoryPopulationStore,
    MemoryProfileStore,
)
from stream_detector.adapters.tally import Tally
from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine
from stream_detector.detection.policy import Policy
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Origin, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.feedback import Feedback, Judgement
from stream_detector.domain.limits import LEASE_S, Ask, Ended, Use
from stream_detector.domain.verdicts import Settlement
from stream_detector.ports import ChunkReport, Record
from stream_detector.service.handler import Outside, Pace, Service
from stream_detector.service.intake import Limits, Reader
from stream_detector.service.settling import LimitedClients, Settling
from stream_detector.wire import calls as wire

TOKENS = Limit(requests=1000, window_s=100.0, burst=1000, output_tokens=1000)
"""Ten output tokens a second."""
ALICE = Subject(SubjectKind.CLIENT, "alice")


def ended(call: str = "call-1", client: str = "alice", **said: Any) -> ApiCall:  # noqa: ANN401
    return ApiCall(**{"id": call, "ts": NOON_S - 5, "client": client, "status": 200, "output_tokens": 30, **said})


def throttle(client: str = "alice", limit: Limit = TOKENS, **changed: Any) -> Decision:  # noqa: ANN401
    return decision(client, Action.THROTTLE, limit=limit, **changed)


def limited(*decisions: Decision) -> LimitedClients:
    clients = LimitedClients()
    for each in decisions:
        clients.take(each)
    return clients


class RecordingSettler:
    """Counts everything (`ports.Settler`), or fails, or never answers."""

    def __init__(self, failure: StoreUnavailable | None = None, *, hangs: bool = False) -> None:
        self.trips: list[list[Ended]] = []
        self._failure, self._hangs = failure, hangs

    async def settle_all(self, calls: Sequence[Ended], now_s: float) -> list[bool]:  # noqa: ARG002
        self.trips.append(list(calls))
        if self._hangs:
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure
        return [True] * len(calls)


async def settled_by(clients: LimitedClients, *calls: ApiCall | Feedback) -> list[Use]:
    settler = RecordingSettler()
    await Settling(settler, clients).settle(calls, NOON_S)
    return [each.use for trip in settler.trips for each in trip]


@on_a_loop
async def test_a_call_is_settled_under_its_clients_limit_with_what_it_used() -> None:
    settler = RecordingSettler()
    call = ended(input_tokens=7, output_tokens=30)
    became = await Settling(settler, limited(throttle())).settle([call], NOON_S)
    assert settler.trips == [[Ended(ALICE, TOKENS, Use("call-1", 7, 30))]]
    assert became == Counter({Settlement.COUNTED: 1})


@on_a_loop
async def test_a_micro_batch_is_settled_in_one_round_trip() -> None:
    settler = RecordingSettler()
    clients = limited(throttle(), throttle("bob"))
    calls = [ended(str(number), client) for number in range(50) for client in ("alice", "bob", "carol")]
    await Settling(settler, clients).settle(calls, NOON_S)
    assert [len(trip) for trip in settler.trips] == [100]
    assert {each.subject.key for each in settler.trips[0]} == {"alice", "bob"}


@pytest.mark.parametrize(
    "other",
    [
        throttle(mode=Mode.SHADOW),
        throttle(limit=Limit(requests=10, window_s=60.0)),
        throttle(expires_at=NOON_S),
        throttle(kind=SubjectKind.USER),
        decision("alice", Action.BLOCK),
        decision("alice", Action.MARK),
    ],
    ids=["shadow", "calls only", "expired", "a user", "block", "mark"],
)
@on_a_loop
async def test_a_decision_that_counts_no_use_settles_nothing(other: Decision) -> None:
    assert await settled_by(limited(other), ended()) == []


@pytest.mark.parametrize("limit", [Limit(1, 1.0, input_tokens=5), Limit(1, 1.0, streams=1)])
@pytest.mark.parametrize("origin", Origin)
@on_a_loop
async def test_limits_of_input_tokens_and_of_open_calls_are_settled_whoever_decided(
    limit: Limit, origin: Origin
) -> None:
    assert len(await settled_by(limited(throttle(limit=limit, origin=origin)), ended())) == 1


@pytest.mark.parametrize("later", [decision("alice", Action.ALLOW, origin=Origin.OPERATOR), throttle(mode=Mode.SHADOW)])
@on_a_loop
async def test_the_newest_decision_counts(later: Decision) -> None:
    assert await settled_by(limited(throttle(), later), ended()) == []
    assert len(await settled_by(limited(later, throttle()), ended())) == 1


@pytest.mark.parametrize(
    "call",
    [
        ended(status=None, output_tokens=None),
        ended(status=None, output_tokens=None, input_tokens=12),
        ended(status=429, output_tokens=None),
        ended(status=403, output_tokens=0),
        ended(ts=NOON_S - LEASE_S),
        Feedback(feedback=Judgement.CONFIRM, ref="1", ts=NOON_S, client="alice", reason="seen"),
    ],
    ids=["began", "began, prompt counted", "throttled", "blocked", "lease over", "an analyst's word"],
)
@on_a_loop
async def test_what_does_not_end_a_call_that_was_let_through_settles_nothing(call: ApiCall | Feedback) -> None:
    assert await settled_by(limited(throttle()), call) == []


@pytest.mark.parametrize(
    ("call", "use"),
    [
        (ended(status=500, output_tokens=None), Use("call-1")),
        (ended(status=None, output_tokens=4), Use("call-1", None, 4)),
        (ended(status=None, output_tokens=None, finish="stop"), Use("call-1")),
        (ended(status=403, output_tokens=9), Use("call-1", None, 9)),
    ],
    ids=["failed", "tokens only", "finish only", "refused by the model after some words"],
)
@on_a_loop
async def test_whatever_says_how_a_call_ended_settles_it(call: ApiCall, use: Use) -> None:
    assert await settled_by(limited(throttle()), call) == [use]


@pytest.mark.parametrize("settler", [RecordingSettler(StoreUnavailable("away")), RecordingSettler(hangs=True)])
@on_a_loop
async def test_without_the_limiter_settlements_are_lost_and_counted(settler: RecordingSettler) -> None:
    became = await Settling(settler, limited(throttle()), patience_s=0.01).settle([ended("1"), ended("2")], NOON_S)
    assert became == Counter({Settlement.FAILED: 2})


def test_who_is_not_limited_any_more_is_forgotten() -> None:
    clients = LimitedClients()
    for number in range(10_000):
        clients.take(throttle(f"c{number}", decided_at=NOON_S + number, expires_at=NOON_S + number + 10))
    assert len(clients) <= 1001
    assert clients.limit_of("c9999", NOON_S + 9999) == TOKENS
    clients.clear()
    assert len(clients) == 0


class Reports(Tally):
    """Remembers what became of settlements."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: Counter[Settlement] = Counter()

    def chunk(self, report: ChunkReport) -> None:
        super().chunk(report)
        self.settled.update(report.settled)


def service_of(profiles: MemoryProfileStore, observer: Reports, settling: Settling) -> Service:
    """A worker's service; another one on the same profiles is the next process."""
    outside = Outside(
        profiles=profiles,
        population=MemoryPopulationStore(),
        decisions=MemoryDecisionStore(),
        decision_log=MemoryDecisionLog(),
        dead_letter_log=MemoryDeadLetterLog(),
        observer=observer,
        clock=HandClock(),
        wall_s=lambda: 0.0,
        monotonic_s=lambda: 0.0,
        settling=settling,
    )
    pace = Pace(checkpoint_s=math.inf, checkpoint_calls=1 << 60, max_profiles=1 << 60)
    reader = Reader("calls", Limits(max_record_bytes=1 << 20, max_future_s=60, max_past_s=3600), Sketcher(b"salt"))
    return Service(Engine(build_all(), Policy()), reader, pace, outside, {})


@on_a_loop
async def test_after_a_crash_calls_are_handled_again_and_count_once() -> None:
    limiter, reports, profiles = MemoryLimiter(), Reports(), MemoryProfileStore()
    settling = Settling(limiter, limited(throttle()))
    for call in ("1", "2"):
        assert (await limiter.admit(ALICE, TOKENS, NOON_S, Ask(call=call, output_tokens=400))).allowed
    records = [Record(at, 0, b"alice", wire.encode(ended(call))) for at, call in enumerate(("1", "2", "unknown"))]

    for _process in range(2):
        service = service_of(profiles, reports, settling)
        await service.claim(0, len(records))
        await service.handle(0, records)

    assert reports.settled == Counter({Settlement.COUNTED: 2, Settlement.NOT_OPEN: 4})
    rest = Ask(input_tokens=0, output_tokens=940)
    assert (await limiter.admit(ALICE, TOKENS, NOON_S, rest)).allowed
    assert not (await limiter.admit(ALICE, TOKENS, NOON_S, Ask(output_tokens=1))).allowed


@on_a_loop
async def test_what_a_checkpoint_includes_is_not_settled_again() -> None:
    reports, profiles, settler = Reports(), MemoryProfileStore(), RecordingSettler()
    settling = Settling(settler, limited(throttle()))
    records = [Record(0, 0, b"alice", wire.encode(ended()))]
    for _process in range(2):
        service = service_of(profiles, reports, settling)
        await service.claim(0, 1)
        await service.handle(0, records)
        await service.release(0)
    assert len(settler.trips) == 1


@on_a_loop
async def test_a_lost_settlement_does_not_keep_the_stream_waiting() -> None:
    reports = Reports()
    settling = Settling(RecordingSettler(StoreUnavailable("away")), limited(throttle()))
    service = service_of(MemoryProfileStore(), reports, settling)
    await service.claim(0, 1)
    await service.handle(0, [Record(0, 0, b"alice", wire.encode(ended()))])
    assert reports.calls == 1
    assert reports.settled == Counter({Settlement.FAILED: 1})
