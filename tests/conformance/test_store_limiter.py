"""What every Limiter does."""

import asyncio
from typing import Any

import pytest
from stores.backends import Run, Stores
from stores.samples import HOSTILE_NAMES, NOON_S, subject

from stream_detector.domain.decisions import Limit, SubjectKind
from stream_detector.ports import Admission

_LIMIT = Limit(requests=6, window_s=60.0, burst=3)


def test_a_burst_passes_and_then_no_more(stores: Stores, run: Run[Any]) -> None:
    answers = [run(stores.limiter.admit(subject(), _LIMIT, NOON_S)) for _ in range(4)]
    assert answers == [
        Admission(allowed=True, remaining=2, retry_after_s=0.0, reset_after_s=10.0),
        Admission(allowed=True, remaining=1, retry_after_s=0.0, reset_after_s=20.0),
        Admission(allowed=True, remaining=0, retry_after_s=0.0, reset_after_s=30.0),
        Admission(allowed=False, remaining=0, retry_after_s=10.0, reset_after_s=30.0),
    ]


def test_a_call_passes_exactly_when_it_was_told_to_come_back(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    for _ in range(3):
        run(limiter.admit(subject(), _LIMIT, NOON_S))
    assert not run(limiter.admit(subject(), _LIMIT, NOON_S + 9.999_999)).allowed
    assert run(limiter.admit(subject(), _LIMIT, NOON_S + 10.0)).allowed
    assert not run(limiter.admit(subject(), _LIMIT, NOON_S + 10.0)).allowed


def test_a_refused_call_costs_nothing(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    for _ in range(3):
        run(limiter.admit(subject(), _LIMIT, NOON_S))
    refused = {run(limiter.admit(subject(), _LIMIT, NOON_S + 1)) for _ in range(50)}
    assert refused == {Admission(allowed=False, remaining=0, retry_after_s=9.0, reset_after_s=29.0)}


def test_the_whole_burst_is_back_after_the_reset(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    for _ in range(3):
        last = run(limiter.admit(subject(), _LIMIT, NOON_S))
    later_s = NOON_S + last.reset_after_s
    assert [run(limiter.admit(subject(), _LIMIT, later_s)).allowed for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("limit", [Limit(7, 60.0, 1), Limit(3, 1.0, 5), Limit(1_000_000, 0.7, 2), Limit(11, 0.001, 1)])
def test_no_window_ever_holds_more_than_the_limit_and_the_burst(stores: Stores, run: Run[Any], limit: Limit) -> None:
    step_s = limit.window_s / 50
    admitted = 0
    for tick in range(50):
        admitted += run(stores.limiter.admit(subject(), limit, NOON_S + tick * step_s)).allowed
    assert 1 <= admitted <= limit.requests + limit.burst


def test_subjects_and_limits_are_counted_apart(stores: Stores, run: Run[Any]) -> None:
    once = Limit(1, 60.0, 1)
    subjects = [subject(name, kind) for name in HOSTILE_NAMES for kind in SubjectKind]
    assert all(run(stores.limiter.admit(one, once, NOON_S)).allowed for one in subjects)
    assert not any(run(stores.limiter.admit(one, once, NOON_S)).allowed for one in subjects)
    assert run(stores.limiter.admit(subjects[0], Limit(1, 61.0, 1), NOON_S)).allowed


def test_a_hundred_tasks_together_get_exactly_the_burst(stores: Stores, run: Run[Any]) -> None:
    async def all_at_once() -> list[Admission]:
        limit = Limit(1, 1_000_000.0, 37)
        return await asyncio.gather(*[stores.limiter.admit(subject(), limit, NOON_S) for _ in range(100)])

    answers = run(all_at_once())
    assert sum(answer.allowed for answer in answers) == 37
    assert sorted(answer.remaining for answer in answers if answer.allowed) == list(range(37))
