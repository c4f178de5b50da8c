import asyncio

import pytest
from gateways.hooks import NOON_S, FakeLimiter, HandClock, HandTimer, RecordingObserver, decision

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import Admission
from stream_detector.domain.verdicts import Cause, Failure, Verdict
from stream_detector.hook.freshness import Freshness
from stream_detector.hook.judge import Doubt, Judge
from stream_detector.hook.table import DecisionTable

ADMITTED = Admission(allowed=True, remaining=4, retry_after_s=0.0, reset_after_s=3.0)
REFUSED = Admission(allowed=False, remaining=0, retry_after_s=7.5, reset_after_s=60.0)
LIMIT = Limit(requests=6, window_s=60.0, burst=2)
STALE_AFTER_S = 300.0


class Bench:
    """A judge with everything it needs, its table proven fresh."""

    def __init__(self, *decisions: Decision, failure: Failure = Failure.OPEN) -> None:
        self.clock, self.timer, self.observer = HandClock(), HandTimer(), RecordingObserver()
        self.limiter = FakeLimiter(ADMITTED)
        self.freshness = Freshness(self.timer, stale_after_s=STALE_AFTER_S)
        self.freshness.prove()
        table = DecisionTable()
        for each in decisions:
            table.put(each)
        self.judge = Judge(
            table=table,
            freshness=self.freshness,
            limiter=self.limiter,
            clock=self.clock,
            observer=self.observer,
            doubt=Doubt(failure=failure, unidentified=failure, limiter_timeout_s=0.01),
        )

    def check(self, client: str | None = "alice") -> Verdict:
        return asyncio.run(self.judge.check(client))


def test_a_client_without_decision_passes() -> None:
    assert Bench().check() == Verdict(Action.ALLOW, Cause.NO_DECISION)


def test_an_expired_decision_is_none() -> None:
    bench = Bench(decision(expires_at=NOON_S + 10))

    bench.clock.time_s += 10

    assert bench.check() == Verdict(Action.ALLOW, Cause.NO_DECISION)


@pytest.mark.parametrize("action", list(Action))
def test_a_shadow_decision_lets_pass_whatever_it_says(action: Action) -> None:
    bench = Bench(decision(action=action, mode=Mode.SHADOW))

    assert bench.check() == Verdict(Action.ALLOW, Cause.SHADOW)
    assert bench.limiter.asked == []


def test_an_allow_decision_lets_pass() -> None:
    assert Bench(decision(action=Action.ALLOW)).check() == Verdict(Action.ALLOW, Cause.DECISION)


def test_a_mark_decision_marks() -> None:
    assert Bench(decision(action=Action.MARK)).check() == Verdict(Action.MARK, Cause.DECISION)


def test_a_block_refuses_until_its_expiry() -> None:
    verdict = Bench(decision(expires_at=NOON_S + 600)).check()

    assert verdict == Verdict(Action.BLOCK, Cause.DECISION, retry_after_s=600.0)


def test_a_throttled_call_within_the_limit_passes() -> None:
    bench = Bench(decision(action=Action.THROTTLE, limit=LIMIT))

    assert bench.check() == Verdict(Action.ALLOW, Cause.WITHIN_LIMIT, LIMIT, 4)
    assert bench.limiter.asked == [(Subject(SubjectKind.CLIENT, "alice"), LIMIT, NOON_S)]


def test_a_throttled_call_over_the_limit_is_refused() -> None:
    bench = Bench(decision(action=Action.THROTTLE, limit=LIMIT))
    bench.limiter.answer = REFUSED

    assert bench.check() == Verdict(Action.THROTTLE, Cause.OVER_LIMIT, LIMIT, 0, 7.5)


@pytest.mark.parametrize(
    ("admission", "cause"),
    [(ADMITTED, Cause.WITHIN_LIMIT), (REFUSED, Cause.OVER_LIMIT), (StoreUnavailable("gone"), Cause.LIMITER_DOWN)],
)
def test_whatever_becomes_of_a_throttled_call_the_verdict_has_the_decisions_mark(
    admission: Admission | StoreUnavailable, cause: Cause
) -> None:
    bench = Bench(decision(action=Action.THROTTLE, limit=LIMIT, mark="canary-7"))
    bench.limiter.answer = admission

    assert (bench.check().cause, bench.check().mark) == (cause, "canary-7")


@pytest.mark.parametrize("trouble", [StoreUnavailable("gone"), None], ids=["unavailable", "hanging"])
@pytest.mark.parametrize(("failure", "action"), [(Failure.OPEN, Action.ALLOW), (Failure.CLOSED, Action.BLOCK)])
def test_a_limiter_that_does_not_answer_leaves_it_to_the_failure_setting(
    trouble: StoreUnavailable | None, failure: Failure, action: Action
) -> None:
    bench = Bench(decision(action=Action.THROTTLE), failure=failure)
    bench.limiter.answer = trouble

    assert bench.check() == Verdict(action, Cause.LIMITER_DOWN)
    assert bench.observer.limiter_failures == 1


@pytest.mark.parametrize(("failure", "action"), [(Failure.OPEN, Action.ALLOW), (Failure.CLOSED, Action.BLOCK)])
def test_a_stale_table_leaves_it_to_the_failure_setting(failure: Failure, action: Action) -> None:
    bench = Bench(decision(expires_at=NOON_S + 10_000), failure=failure)

    bench.timer.time_s += STALE_AFTER_S
    assert bench.check().cause is Cause.DECISION

    bench.timer.time_s += 0.001
    assert bench.check() == Verdict(action, Cause.TABLE_STALE)
    assert bench.check("bob") == Verdict(action, Cause.TABLE_STALE)


def test_a_table_proven_fresh_again_counts_again() -> None:
    bench = Bench(decision())
    bench.timer.time_s += STALE_AFTER_S + 1
    assert bench.check().cause is Cause.TABLE_STALE

    bench.freshness.prove()

    assert bench.check().cause is Cause.DECISION


@pytest.mark.parametrize(("failure", "action"), [(Failure.OPEN, Action.ALLOW), (Failure.CLOSED, Action.BLOCK)])
def test_an_unidentified_call_has_its_own_failure_setting(failure: Failure, action: Action) -> None:
    bench = Bench(failure=failure)

    assert bench.check(None) == Verdict(action, Cause.UNIDENTIFIED)


def test_a_table_never_read_is_stale_from_the_start() -> None:
    freshness = Freshness(HandTimer(), stale_after_s=1e9)

    assert freshness.is_stale()
    assert not freshness.ever_proven()
    assert freshness.age_s() == float("inf")


def test_only_the_client_kind_is_asked_for() -> None:
    bench = Bench(*(decision("alice", kind=kind) for kind in SubjectKind if kind is not SubjectKind.CLIENT))

    assert bench.check().cause is Cause.NO_DECISION
