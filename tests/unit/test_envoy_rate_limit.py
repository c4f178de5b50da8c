import json

import grpc
import pytest
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import RateLimitDescriptor
from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse
from gateways.envoy_questions import TWO_A_MINUTE, Aborted, EnvoyBench, descriptor, descriptors
from gateways.hooks import FakeLimiter, decision
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.limits import MAX_UNITS, Admission
from stream_detector.domain.verdicts import Cause, Failure

OK, OVER = RateLimitResponse.OK, RateLimitResponse.OVER_LIMIT
Unit = RateLimitResponse.RateLimit.Unit
ADMITTED = Admission(allowed=True, remaining=1, retry_after_s=0, reset_after_s=0)
TOM = decision("tom", Action.THROTTLE, limit=TWO_A_MINUTE)


def headers_of(response: RateLimitResponse) -> dict[str, str]:
    return {each.key: each.value for each in response.response_headers_to_add}


def codes(response: RateLimitResponse) -> list[int]:
    return [each.code for each in response.statuses]


def hits_of(limiter: FakeLimiter) -> list[int]:
    return [each.requests for each in limiter.asks]


def test_a_throttled_client_is_let_through_up_to_its_limit_and_then_refused() -> None:
    bench = EnvoyBench(TOM)
    responses = [bench.limit(descriptors(descriptor(client_id="tom"))) for _ in range(3)]
    assert [each.overall_code for each in responses] == [OK, OK, OVER]
    refused = responses[2]
    assert json.loads(refused.raw_body)["status"] == 429
    assert headers_of(refused)["content-type"] == "application/problem+json"
    assert headers_of(refused)["retry-after"] == "30"
    assert headers_of(refused)["ratelimit"] == '"default";r=0;t=30'
    assert headers_of(responses[0])["ratelimit"] == '"default";r=1'


def test_a_status_tells_limit_remaining_calls_and_time() -> None:
    bench = EnvoyBench(TOM)
    first, second, refused = (bench.limit(descriptors(descriptor(client_id="tom"))).statuses[0] for _ in range(3))
    for status in (first, second, refused):
        assert (status.current_limit.requests_per_unit, status.current_limit.unit) == (2, Unit.MINUTE)
    assert [each.limit_remaining for each in (first, second, refused)] == [1, 0, 0]
    assert [each.duration_until_reset.seconds for each in (first, second, refused)] == [30, 60, 30]


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (Limit(requests=10, window_s=30.0), (20, Unit.MINUTE)),
        (Limit(requests=1, window_s=0.5), (2, Unit.SECOND)),
        (Limit(requests=700, window_s=604_800.0), (100, Unit.DAY)),
        (Limit(requests=1, window_s=604_800.0), (1, Unit.DAY)),
        (Limit(requests=1 << 40, window_s=1.0), ((1 << 32) - 1, Unit.SECOND)),
    ],
)
def test_a_limit_of_another_window_is_shown_in_the_nearest_unit(limit: Limit, shown: tuple[int, int]) -> None:
    bench = EnvoyBench(decision("tom", Action.THROTTLE, limit=limit))
    status = bench.limit(descriptors(descriptor(client_id="tom"))).statuses[0]
    assert (status.current_limit.requests_per_unit, status.current_limit.unit) == shown


def test_statuses_have_the_order_of_the_descriptors() -> None:
    bench = EnvoyBench(decision("mallory"), TOM)
    response = bench.limit(
        descriptors(
            descriptor(path="/v1"),
            descriptor(client_id="mallory"),
            RateLimitDescriptor(),
            descriptor(client_id="tom"),
            descriptor(client_id="carol"),
        )
    )
    assert response.overall_code == OVER
    assert codes(response) == [OK, OVER, OK, OK, OK]


def test_a_block_looks_like_every_refusal_of_the_filter_and_does_not_tell_when_it_ends() -> None:
    response = EnvoyBench(decision("mallory")).limit(descriptors(descriptor(client_id="mallory")))
    assert json.loads(response.raw_body)["status"] == 429
    assert headers_of(response)["retry-after"] == "3600"
    assert response.statuses[0].duration_until_reset.seconds == 3600


def test_a_mark_is_not_told_to_the_client() -> None:
    marked = decision("mary", Action.MARK)
    throttled = decision("tom", Action.THROTTLE, mark="canary-7")
    bench = EnvoyBench(marked, throttled)
    response = bench.limit(descriptors(descriptor(client_id="mary")))
    assert response.overall_code == OK
    assert not response.response_headers_to_add
    assert headers_of(bench.limit(descriptors(descriptor(client_id="tom")))).keys() == {"ratelimit", "ratelimit-policy"}


@pytest.mark.parametrize(
    ("of_request", "of_descriptor", "charged"),
    [(0, None, 1), (5, None, 5), (5, 3, 3), (0, 0, 0), ((1 << 32) - 1, None, MAX_UNITS), (0, (1 << 64) - 1, MAX_UNITS)],
)
def test_hits_are_those_of_the_descriptor_else_of_the_request_else_one(
    of_request: int, of_descriptor: int | None, charged: int
) -> None:
    limiter = FakeLimiter(ADMITTED)
    EnvoyBench(TOM, limiter=limiter).limit(descriptors(descriptor(of_descriptor, client_id="tom"), hits=of_request))
    assert hits_of(limiter) == [charged]


def test_a_client_that_two_descriptors_name_is_charged_once() -> None:
    limiter = FakeLimiter(ADMITTED)
    bench = EnvoyBench(TOM, limiter=limiter)
    response = bench.limit(descriptors(descriptor(client_id="tom"), descriptor(4, client_id="tom", model="large")))
    assert hits_of(limiter) == [4]
    assert codes(response) == [OK, OK]


def test_tokens_of_a_call_that_ended_are_counted_and_refuse_nothing() -> None:
    limit = Limit(requests=100, window_s=60.0, burst=100, input_tokens=1000, output_tokens=1000)
    bench = EnvoyBench(decision("tom", Action.THROTTLE, limit=limit))
    used = descriptors(
        descriptor(50, client_id="tom", charge="input_tokens"),
        descriptor(5000, client_id="tom", charge="output_tokens"),
    )
    response = bench.limit(used)
    assert (response.overall_code, codes(response)) == (OK, [OK, OK])
    assert bench.limit(used).overall_code == OK
    assert bench.limit(descriptors(descriptor(client_id="tom"))).overall_code == OVER, "they were not counted"


def test_tokens_of_both_kinds_settle_one_call() -> None:
    limiter = FakeLimiter(ADMITTED)
    EnvoyBench(TOM, limiter=limiter).limit(
        descriptors(
            descriptor(50, client_id="tom", charge="input_tokens", call="c1"),
            descriptor(60, client_id="tom", charge="output_tokens", call="c1"),
            descriptor(70, client_id="tom", charge="output_tokens", call="c2"),
            descriptor(client_id="tom", charge="output_tokens", call="c3"),
        )
    )
    uses = [(use.call, use.input_tokens, use.output_tokens) for _, _, use in limiter.settled]
    assert uses == [("c1", 50, 60), ("c2", None, 70), ("c3", None, None)]
    assert limiter.asks == []


@pytest.mark.parametrize("answer", [None, StoreUnavailable("away")], ids=["hangs", "is away"])
def test_a_limiter_without_an_answer_lets_calls_pass_where_that_is_wanted(answer: StoreUnavailable | None) -> None:
    bench = EnvoyBench(TOM, limiter=FakeLimiter(answer))
    response = bench.limit(descriptors(descriptor(client_id="tom")))
    assert (response.overall_code, codes(response)) == (OK, [OK])
    assert bench.observer.limiter_failures == 1
    assert bench.observer.verdicts[-1].cause is Cause.LIMITER_DOWN


@pytest.mark.parametrize("answer", [None, StoreUnavailable("away")], ids=["hangs", "is away"])
def test_a_limiter_without_an_answer_is_an_error_and_no_denial_where_calls_must_not_pass(
    answer: StoreUnavailable | None,
) -> None:
    bench = EnvoyBench(TOM, limiter=FakeLimiter(answer), failure=Failure.CLOSED)
    with pytest.raises(Aborted) as aborted:
        bench.limit(descriptors(descriptor(client_id="tom")))
    assert aborted.value.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("failure", Failure)
def test_tokens_that_cannot_be_counted_refuse_nothing(failure: Failure) -> None:
    bench = EnvoyBench(TOM, limiter=FakeLimiter(StoreUnavailable("away")), failure=failure)
    assert bench.limit(descriptors(descriptor(9, client_id="tom", charge="output_tokens"))).overall_code == OK
    assert bench.observer.limiter_failures == 1


def test_a_request_about_nobody_is_ok_without_asking() -> None:
    bench = EnvoyBench(unidentified=Failure.CLOSED)
    assert bench.limit(descriptors()).overall_code == OK
    assert bench.limit(descriptors(descriptor(client_id=""), descriptor(client_id="x" * 257))).overall_code == OK
    assert bench.observer.verdicts == []


def test_a_flood_of_descriptors_is_answered_in_full_and_not_looked_into() -> None:
    limiter = FakeLimiter(ADMITTED)
    response = EnvoyBench(TOM, limiter=limiter).limit(
        descriptors(*(descriptor(client_id="tom", number=str(n)) for n in range(5000)))
    )
    assert codes(response) == [OK] * 5000
    assert len(limiter.asks) == 1


_ENTRIES = st.dictionaries(st.sampled_from(["client_id", "charge", "call", "x"]) | st.text(), st.text(), max_size=4)
_HITS = st.none() | st.integers(0, (1 << 64) - 1)


@given(st.lists(st.tuples(_HITS, _ENTRIES), max_size=8), st.integers(0, (1 << 32) - 1))
def test_whatever_is_asked_about_unknown_clients_is_ok(
    given_descriptors: list[tuple[int | None, dict[str, str]]], hits: int
) -> None:
    made = []
    for own_hits, entries in given_descriptors:
        one = RateLimitDescriptor(entries=[RateLimitDescriptor.Entry(key=k, value=v) for k, v in entries.items()])
        if own_hits is not None:
            one.hits_addend.value = own_hits
        made.append(one)
    response = EnvoyBench().limit(descriptors(*made, hits=hits))
    assert response.overall_code == OK
    assert len(response.statuses) == len(made)
