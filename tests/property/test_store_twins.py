"""The scripts in Redis and the reference in memory give the same answers to any sequence of calls."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores.backends import Run, in_memory, in_redis
from stores.samples import HOUR_S, NOON_S, from_engine, from_operator, subject

from stream_detector.domain.decisions import Action, Decision, Limit, SubjectKind
from stream_detector.domain.limits import MAX_UNITS, Ask, Ended, Use

_SETTINGS = settings(
    max_examples=150,
    deadline=None,
    # Every example has a prefix of its own in the shared Redis.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_SUBJECTS = st.sampled_from([subject("a"), subject("b"), subject("a", SubjectKind.USER)])


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    with asyncio.Runner() as runner:
        yield runner.run


_UNITS = st.one_of(st.integers(1, 20), st.integers(1, 10**12))
_TOKENS = st.one_of(st.none(), _UNITS)
_LIMITS = st.builds(
    Limit,
    st.integers(1, 10**12),
    st.floats(1e-6, 1e10, allow_subnormal=False),
    _UNITS,
    _TOKENS,
    _TOKENS,
    st.one_of(st.none(), st.integers(1, 5)),
)
_STEPS_S = st.one_of(st.just(0.0), st.floats(0, 1e-3), st.floats(0, 100), st.floats(-50, 0), st.floats(0, 1e8))
_CALL_IDS = st.sampled_from(["", "one", "two", "a b % \0", "9 9 9"])
_NEEDS = st.one_of(st.none(), st.integers(0, 30), st.integers(0, MAX_UNITS))
_ASKS = st.builds(Ask, st.one_of(st.just(1), st.integers(0, MAX_UNITS)), _CALL_IDS, _NEEDS, _NEEDS)
_USES = st.builds(Use, _CALL_IDS, _NEEDS, _NEEDS)


@_SETTINGS
@given(
    limits=st.lists(_LIMITS, min_size=1, max_size=2),
    calls=st.lists(st.tuples(_STEPS_S, _SUBJECTS, st.integers(0, 1), st.one_of(_ASKS, _USES)), min_size=1, max_size=40),
)
def test_limiters_agree(redis_url: str, run: Run[Any], limits: list[Limit], calls: list[Any]) -> None:
    memory = in_memory().limiter
    with in_redis(redis_url, run) as opened:
        now_s = NOON_S
        for step_s, one, which, what in calls:
            now_s += step_s
            limit = limits[which % len(limits)]
            twins = memory, opened.limiter
            if isinstance(what, Ask):
                expected, found = [run(each.admit(one, limit, now_s, what)) for each in twins]
            else:
                expected, found = [run(each.settle(one, limit, now_s, what)) for each in twins]
            assert found == expected


_FEW_CALLS = st.sampled_from(["one", "two", "three"])
_WHO_SETTLES = st.lists(st.tuples(st.sampled_from(["gateway", "worker"]), _FEW_CALLS), max_size=12)


@_SETTINGS
@given(
    used=st.dictionaries(_FEW_CALLS, st.integers(0, 300), min_size=1),
    told=_WHO_SETTLES,
    batch=st.integers(1, 4),
)
def test_a_call_counts_once_whoever_settles_it_how_often(
    redis_url: str, run: Run[Any], used: dict[str, int], told: list[tuple[str, str]], batch: int
) -> None:
    limit = Limit(1, 1000.0, 1000, output_tokens=1000)
    with in_redis(redis_url, run) as opened:
        limiter, who = opened.limiter, subject()
        for call in used:
            assert run(limiter.admit(who, limit, NOON_S, Ask(call=call, output_tokens=300))).allowed
        counted: list[str] = []
        waiting: list[str] = []
        for place, (settler, call) in enumerate(told):
            if settler == "gateway" and run(limiter.settle(who, limit, NOON_S, Use(call, 1, used.get(call, 9)))):
                counted.append(call)
            if settler == "worker":
                waiting.append(call)
            if len(waiting) == batch or (waiting and place == len(told) - 1):
                ended = [Ended(who, limit, Use(each, 1, used.get(each, 9))) for each in waiting]
                answers = run(limiter.settle_all(ended, NOON_S))
                counted += [each for each, is_counted in zip(waiting, answers, strict=True) if is_counted]
                waiting = []
        assert sorted(counted) == sorted({call for _, call in told} & used.keys())
        left = 1000 - sum(units if call in counted else 300 for call, units in used.items())
        assert run(limiter.admit(who, limit, NOON_S, Ask(output_tokens=left))).allowed
        assert not run(limiter.admit(who, limit, NOON_S, Ask(output_tokens=1))).allowed


@_SETTINGS
@given(
    limit=st.builds(Limit, st.integers(1, 50), st.floats(0.01, 1000), st.integers(1, 10)),
    gaps=st.lists(st.floats(0, 0.3), min_size=1, max_size=200),
)
def test_admitted_calls_never_exceed_the_limit_by_more_than_the_burst(
    run: Run[Any], limit: Limit, gaps: list[float]
) -> None:
    limiter, now_s, admitted = in_memory().limiter, NOON_S, []
    for gap in gaps:
        now_s += gap * limit.window_s
        answer = run(limiter.admit(subject(), limit, now_s))
        assert answer.allowed == (answer.retry_after_s == 0)
        assert answer.remaining < limit.burst
        if answer.allowed:
            admitted.append(now_s)
    for position, start_s in enumerate(admitted):
        for count, end_s in enumerate(admitted[position:], start=1):
            earned = (end_s - start_s) * limit.requests / limit.window_s
            assert count <= limit.burst + earned + 1e-3


_ENDS_S = st.integers(0, 6).map(lambda hours: NOON_S + hours * HOUR_S)
_KEYS = st.sampled_from(["a", "b"])
_DECISIONS = st.one_of(
    st.builds(
        from_engine,
        _KEYS,
        offset=st.integers(0, 6),
        partition=st.integers(0, 2),
        action=st.sampled_from(Action),
        expires_at=_ENDS_S,
    ),
    st.builds(from_operator, _KEYS, action=st.sampled_from(Action), expires_at=_ENDS_S),
)
_BATCHES = st.lists(st.tuples(st.lists(_DECISIONS, max_size=5), _ENDS_S), min_size=1, max_size=8)


@_SETTINGS
@given(batches=_BATCHES)
def test_decision_stores_agree(redis_url: str, run: Run[Any], batches: list[tuple[list[Decision], float]]) -> None:
    memory = in_memory().decisions
    with in_redis(redis_url, run) as opened:
        for decisions, now_s in batches:
            assert run(opened.decisions.put(decisions, now_s)) == run(memory.put(decisions, now_s))
            found = run(opened.decisions.standing(now_s))
            assert {one.subject: one for one in found} == {one.subject: one for one in run(memory.standing(now_s))}


@_SETTINGS
@given(batches=_BATCHES)
def test_replaying_any_past_changes_nothing(run: Run[Any], batches: list[tuple[list[Decision], float]]) -> None:
    store = in_memory().decisions
    engine = [one for decisions, _ in batches for one in decisions if one.source is not None]
    for decisions, now_s in batches:
        run(store.put(decisions, now_s))
    before = run(store.standing(0))
    assert run(store.put(engine, NOON_S)) == [False] * len(engine)
    assert run(store.standing(0)) == before
