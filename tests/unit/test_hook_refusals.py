"""Refusals that the hook remembers."""

import pytest
from gateways.asking import on_a_loop
from gateways.hooks import NOON_S, FakeLimiter

from stream_detector.domain.decisions import Limit, Subject, SubjectKind
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import Admission, Ask, Use
from stream_detector.hook.refusals import Refusals

TOM = Subject(SubjectKind.CLIENT, "tom")
LIMIT = Limit(requests=6, window_s=60.0, burst=2)
REFUSED = Admission(allowed=False, remaining=0, retry_after_s=10.0, reset_after_s=20.0)
PASSED = Admission(allowed=True, remaining=1, retry_after_s=0.0, reset_after_s=10.0)


@on_a_loop
async def test_a_client_over_its_limit_is_refused_without_asking_until_the_time_that_was_named() -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    assert await refusals.admit(TOM, LIMIT, NOON_S) == REFUSED

    later = await refusals.admit(TOM, LIMIT, NOON_S + 4.0)
    assert (later.allowed, later.retry_after_s, later.reset_after_s) == (False, 6.0, 16.0)
    assert len(limiter.asked) == 1

    limiter.answer = PASSED
    assert (await refusals.admit(TOM, LIMIT, NOON_S + 10.0)).allowed
    assert (await refusals.admit(TOM, LIMIT, NOON_S + 10.0)).allowed
    assert len(limiter.asked) == 3


@on_a_loop
async def test_another_client_and_another_limit_are_asked_about() -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    await refusals.admit(TOM, LIMIT, NOON_S)
    limiter.answer = PASSED

    assert (await refusals.admit(Subject(SubjectKind.CLIENT, "ann"), LIMIT, NOON_S)).allowed
    assert (await refusals.admit(TOM, Limit(requests=7, window_s=60.0), NOON_S)).allowed


@pytest.mark.parametrize(
    ("limited", "other"),
    [
        ({}, Ask(requests=1)),
        ({}, Ask(requests=6)),
        ({"input_tokens": 9}, Ask(requests=5, input_tokens=7)),
        ({"output_tokens": 9}, Ask(requests=5, output_tokens=7)),
    ],
)
@on_a_loop
async def test_a_call_that_needs_another_amount_than_the_refused_one_is_asked_about(
    limited: dict[str, int], other: Ask
) -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    limit = Limit(requests=6, window_s=60.0, **limited)  # type: ignore[arg-type]
    await refusals.admit(TOM, limit, NOON_S, Ask(requests=5))
    limiter.answer = PASSED
    assert not (await refusals.admit(TOM, limit, NOON_S, Ask(requests=5, call="another"))).allowed
    assert (await refusals.admit(TOM, limit, NOON_S, other)).allowed


@pytest.mark.parametrize(
    ("limited", "other"),
    [
        ({}, Ask(input_tokens=7, output_tokens=8, call="another")),
        ({"streams": 1}, Ask(input_tokens=7, output_tokens=8, call="another")),
        ({"input_tokens": 9}, Ask(output_tokens=8)),
        ({"output_tokens": 9}, Ask(input_tokens=7)),
    ],
)
@on_a_loop
async def test_a_call_that_needs_other_amounts_of_what_is_not_limited_is_refused_without_asking(
    limited: dict[str, int], other: Ask
) -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    limit = Limit(requests=6, window_s=60.0, **limited)  # type: ignore[arg-type]
    await refusals.admit(TOM, limit, NOON_S)
    limiter.answer = StoreUnavailable("Redis is away")

    assert not (await refusals.admit(TOM, limit, NOON_S, other)).allowed
    assert len(limiter.asked) == 1


@pytest.mark.parametrize("part", ["input_tokens", "output_tokens", "streams"])
@on_a_loop
async def test_where_calls_are_settled_a_refusal_stands_for_a_second(part: str) -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    limit = Limit(requests=6, window_s=60.0, **{part: 3})
    await refusals.admit(TOM, limit, NOON_S)
    limiter.answer = PASSED

    assert not (await refusals.admit(TOM, limit, NOON_S + 0.9)).allowed
    assert (await refusals.admit(TOM, limit, NOON_S + 1.0)).allowed


@on_a_loop
async def test_a_settled_call_may_make_room_at_once() -> None:
    limiter = FakeLimiter(REFUSED)
    refusals = Refusals(limiter)
    limit = Limit(requests=6, window_s=60.0, streams=3)
    await refusals.admit(TOM, limit, NOON_S)
    limiter.answer = PASSED

    await refusals.settle(TOM, limit, NOON_S, Use(call="1"))
    assert (await refusals.admit(TOM, limit, NOON_S)).allowed
