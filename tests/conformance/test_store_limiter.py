"""What every Limiter does."""

import asyncio
from typing import Any

import pytest
from stores.backends import Run, Stores
from stores.samples import HOSTILE_NAMES, NOON_S, subject

from stream_detector.domain.decisions import Limit, SubjectKind
from stream_detector.domain.limits import MAX_UNITS, Admission, Ask, Ended, Use

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


_TOKENS = Limit(1000, 100.0, 1000, input_tokens=10_000, output_tokens=1_000)
"""Ten output tokens a second."""


def test_tokens_are_reserved_and_a_call_that_would_need_too_many_waits(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    ask = Ask(call="one", input_tokens=100, output_tokens=600)
    assert run(limiter.admit(subject(), _TOKENS, NOON_S, ask)).allowed
    refused = run(limiter.admit(subject(), _TOKENS, NOON_S, ask))
    assert (refused.allowed, refused.retry_after_s) == (False, 20.0)
    assert run(limiter.admit(subject(), _TOKENS, NOON_S + 20.0, ask)).allowed


def test_what_a_call_did_not_use_comes_back(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    ask = Ask(call="one", input_tokens=100, output_tokens=1000)
    assert run(limiter.admit(subject(), _TOKENS, NOON_S, ask)).allowed
    assert run(limiter.settle(subject(), _TOKENS, NOON_S, Use("one", 100, 10)))
    assert run(limiter.admit(subject(), _TOKENS, NOON_S + 1.0, ask)).allowed


def test_what_a_call_used_too_much_is_waited_for(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    assert run(limiter.admit(subject(), _TOKENS, NOON_S, Ask(call="one", input_tokens=1, output_tokens=1))).allowed
    assert run(limiter.settle(subject(), _TOKENS, NOON_S, Use("one", 1, 3_000)))
    later = run(limiter.admit(subject(), _TOKENS, NOON_S, Ask(call="two", input_tokens=1, output_tokens=1)))
    assert (later.allowed, later.retry_after_s) == (False, 200.1)


def test_over_many_calls_no_more_tokens_pass_than_the_limit_and_what_was_open(stores: Stores, run: Run[Any]) -> None:
    limiter, used = stores.limiter, 0
    for second in range(300):
        now_s, call = NOON_S + second, str(second)
        if run(limiter.admit(subject(), _TOKENS, now_s, Ask(call=call, input_tokens=1))).allowed:
            run(limiter.settle(subject(), _TOKENS, now_s + 0.5, Use(call, 1, 200)))
            used += 200
    assert 3_000 <= used <= 1_000 + 10 * 300 + 200


def test_a_call_is_settled_once(stores: Stores, run: Run[Any]) -> None:
    limiter, ask = stores.limiter, Ask(call="one", input_tokens=1, output_tokens=500)
    run(limiter.admit(subject(), _TOKENS, NOON_S, ask))
    settled = [run(limiter.settle(subject(), _TOKENS, NOON_S, Use("one", 1, 500))) for _ in range(3)]
    assert settled == [True, False, False]
    assert run(limiter.admit(subject(), _TOKENS, NOON_S, ask)).allowed


def test_many_calls_are_settled_together_as_they_are_one_by_one(stores: Stores, run: Run[Any]) -> None:
    limiter, subjects = stores.limiter, [subject(name) for name in HOSTILE_NAMES]
    for one in subjects:
        run(limiter.admit(one, _TOKENS, NOON_S, Ask(call="one", input_tokens=1, output_tokens=1000)))
    ended = [Ended(one, _TOKENS, Use(call, 1, 10)) for one in subjects for call in ("one", "unknown", "one")]
    assert run(stores.settler.settle_all(ended, NOON_S)) == [True, False, False] * len(subjects)
    assert run(stores.settler.settle_all([], NOON_S)) == []
    ask = Ask(input_tokens=0, output_tokens=990)
    assert [run(limiter.admit(one, _TOKENS, NOON_S, ask)).allowed for one in subjects] == [True] * len(subjects)
    assert not any(run(limiter.admit(one, _TOKENS, NOON_S, Ask(output_tokens=1))).allowed for one in subjects)


def test_without_a_word_of_the_gateway_a_call_reserves_what_calls_needed_lately(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    for number in range(60):
        run(limiter.admit(subject(), _TOKENS, NOON_S + 1000 * number, Ask(call=str(number))))
        run(limiter.settle(subject(), _TOKENS, NOON_S + 1000 * number, Use(str(number), 20, 100)))
    now_s = NOON_S + 100_000
    admitted = sum(run(limiter.admit(subject(), _TOKENS, now_s, Ask(call=f"at once {n}"))).allowed for n in range(30))
    assert 9 <= admitted <= 10


def test_use_without_a_call_is_counted_as_it_is(stores: Stores, run: Run[Any]) -> None:
    limiter = stores.limiter
    assert run(limiter.settle(subject(), _TOKENS, NOON_S, Use(output_tokens=1_000)))
    ask = Ask(input_tokens=0, output_tokens=10)
    assert run(limiter.admit(subject(), _TOKENS, NOON_S, ask)).retry_after_s == 1.0


def test_no_more_calls_are_open_at_the_same_time_than_allowed(stores: Stores, run: Run[Any]) -> None:
    limiter, limit = stores.limiter, Limit(1000, 100.0, 1000, streams=2)
    opened = [run(limiter.admit(subject(), limit, NOON_S, Ask(call=call))).allowed for call in ("one", "two", "three")]
    assert opened == [True, True, False]
    assert run(limiter.settle(subject(), limit, NOON_S, Use("one")))
    assert run(limiter.admit(subject(), limit, NOON_S, Ask(call="three"))).allowed


def test_the_same_id_twice_is_two_open_calls(stores: Stores, run: Run[Any]) -> None:
    limiter, limit = stores.limiter, Limit(1000, 100.0, 1000, streams=2)
    assert [run(limiter.admit(subject(), limit, NOON_S, Ask(call="one"))).allowed for _ in range(3)] == [
        True,
        True,
        False,
    ]


def test_a_call_that_nobody_settles_is_over_after_its_lease(stores: Stores, run: Run[Any]) -> None:
    limiter, limit = stores.limiter, Limit(1000, 100.0, 1000, streams=1)
    run(limiter.admit(subject(), limit, NOON_S, Ask(call="lost")))
    assert not run(limiter.admit(subject(), limit, NOON_S + 599.0, Ask(call="next"))).allowed
    assert run(limiter.admit(subject(), limit, NOON_S + 600.0, Ask(call="next"))).allowed


def test_a_call_bigger_than_the_window_passes_when_nothing_is_used(stores: Stores, run: Run[Any]) -> None:
    huge = Ask(call="huge", input_tokens=MAX_UNITS, output_tokens=MAX_UNITS)
    assert run(stores.limiter.admit(subject(), _TOKENS, NOON_S, huge)).allowed
    assert not run(stores.limiter.admit(subject(), _TOKENS, NOON_S + 50.0, huge)).allowed


def test_a_refused_call_leaves_tokens_and_streams_alone(stores: Stores, run: Run[Any]) -> None:
    limiter, limit = stores.limiter, Limit(1, 100.0, 1, output_tokens=1_000, streams=2)
    ask = Ask(call="one", output_tokens=400)
    assert run(limiter.admit(subject(), limit, NOON_S, ask)).allowed
    assert not any(run(limiter.admit(subject(), limit, NOON_S + 1.0, ask)).allowed for _ in range(10))
    assert run(limiter.admit(subject(), limit, NOON_S + 100.0, ask)).allowed
