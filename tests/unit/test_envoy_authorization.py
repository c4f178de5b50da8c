import json

import pytest
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from gateways.envoy_questions import TWO_A_MINUTE, EnvoyBench, about
from gateways.hooks import NOON_S, FakeLimiter, decision
from google.protobuf.json_format import MessageToDict

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Limit
from stream_detector.domain.errors import StoreUnavailable
from stream_detector.domain.identity import Evidence, Identity
from stream_detector.domain.limits import Admission
from stream_detector.domain.verdicts import Cause, Failure

HANDED_OVER = {"limits": "rate_limit_filter"}


def headers_of(options: object) -> dict[str, str]:
    return {each.header.key: each.header.value for each in options}  # type: ignore[attr-defined]


def kind_of(response: CheckResponse) -> str:
    """How Envoy understands the answer."""
    return str(response.WhichOneof("http_response"))


def throttled(limit: Limit = TWO_A_MINUTE) -> EnvoyBench:
    return EnvoyBench(decision("tom", Action.THROTTLE, limit=limit))


def test_a_call_without_a_decision_passes_and_cannot_mark_itself() -> None:
    response = EnvoyBench().check("carol")
    assert (response.status.code, kind_of(response)) == (0, "ok_response")
    assert list(response.ok_response.headers_to_remove) == ["x-stream-detector-mark"]


def test_a_throttled_client_over_its_limit_is_denied_with_429_and_every_header() -> None:
    bench = throttled()
    responses = [bench.check("tom") for _ in range(3)]
    assert [kind_of(each) for each in responses] == ["ok_response", "ok_response", "denied_response"]
    denied = responses[2].denied_response
    assert denied.status.code == 429
    assert responses[2].status.code != 0
    headers = headers_of(denied.headers)
    assert headers["content-type"] == "application/problem+json"
    assert headers["retry-after"] == "30"
    assert headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert headers["ratelimit"] == '"default";r=0;t=30'
    assert json.loads(denied.body)["status"] == 429
    assert {each.append_action for each in denied.headers} == {HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD}


def test_a_client_within_its_limit_hears_of_it_and_the_model_does_not() -> None:
    response = throttled().check("tom")
    assert headers_of(response.ok_response.response_headers_to_add)["ratelimit"] == '"default";r=1'
    assert not response.ok_response.headers


def test_a_blocked_client_is_denied_with_403() -> None:
    response = EnvoyBench(decision("mallory")).check("mallory")
    assert response.denied_response.status.code == 403
    assert json.loads(response.denied_response.body)["status"] == 403


def test_the_model_hears_of_a_mark_and_the_client_does_not() -> None:
    response = EnvoyBench(decision("mary", Action.MARK)).check("mary")
    assert headers_of(response.ok_response.headers) == {"x-stream-detector-mark": "1"}
    assert not response.ok_response.response_headers_to_add


def test_a_throttled_clients_call_can_carry_a_mark_whoever_counts_it() -> None:
    bench = EnvoyBench(decision("tom", Action.THROTTLE, limit=TWO_A_MINUTE, mark="canary-7"))
    counted, handed_over = bench.check("tom"), bench.check(about("tom", HANDED_OVER))
    for response in (counted, handed_over):
        assert headers_of(response.ok_response.headers) == {"x-stream-detector-mark": "canary-7"}
        assert response.HasField("dynamic_metadata")
    assert headers_of(counted.ok_response.response_headers_to_add).keys() == {"ratelimit", "ratelimit-policy"}


def test_a_throttled_client_cannot_mark_itself() -> None:
    bench = throttled()
    for response in (bench.check("tom"), bench.check(about("tom", HANDED_OVER))):
        assert list(response.ok_response.headers_to_remove) == ["x-stream-detector-mark"]


@pytest.mark.parametrize("is_fresh", [True, False], ids=["limiter is down", "table was never read"])
def test_our_own_trouble_is_an_error_and_never_a_denial(is_fresh: bool) -> None:  # noqa: FBT001
    bench = EnvoyBench(
        decision("tom", Action.THROTTLE),
        limiter=FakeLimiter(StoreUnavailable("away")),
        failure=Failure.CLOSED,
        is_fresh=is_fresh,
    )
    response = bench.check("tom")
    assert kind_of(response) == "error_response"
    assert response.status.code != 0
    assert response.error_response.status.code == 503


def test_our_own_trouble_lets_calls_pass_where_that_is_wanted() -> None:
    bench = EnvoyBench(decision("tom", Action.THROTTLE), limiter=FakeLimiter(StoreUnavailable("away")))
    assert kind_of(bench.check("tom")) == "ok_response"


@pytest.mark.parametrize("client", ["", "x" * 257, "a\x00b", "line\nbreak"])
def test_what_is_no_id_is_unidentified(client: str) -> None:
    bench = EnvoyBench(unidentified=Failure.CLOSED)
    assert bench.check(client).denied_response.status.code == 401
    assert bench.observer.verdicts[-1].cause is Cause.UNIDENTIFIED


def test_an_empty_request_is_unidentified() -> None:
    bench = EnvoyBench()
    assert kind_of(bench.check(CheckRequest())) == "ok_response"
    assert bench.observer.verdicts[-1].cause is Cause.UNIDENTIFIED


@pytest.mark.parametrize(("ids", "status"), [(["mallory"], 403), (["mallory", "carol"], 0), (["carol"], 0)])
def test_raw_headers_are_read_and_two_ids_are_none(ids: list[str], status: int) -> None:
    request = CheckRequest()
    request.attributes.request.http.header_map.headers.extend(
        HeaderValue(key="x-client-id", raw_value=each.encode()) for each in ids
    )
    assert EnvoyBench(decision("mallory")).check(request).denied_response.status.code == status


def test_bytes_that_are_no_text_are_no_known_client() -> None:
    request = CheckRequest()
    request.attributes.request.http.header_map.headers.add(key="x-client-id", raw_value=b"\xff\xfe")
    assert kind_of(EnvoyBench(decision("mallory")).check(request)) == "ok_response"


@pytest.mark.parametrize(("window_s", "unit"), [(1.0, "SECOND"), (60.0, "MINUTE"), (3600.0, "HOUR"), (86_400.0, "DAY")])
def test_a_standing_throttle_tells_its_limit_in_the_metadata(window_s: float, unit: str) -> None:
    response = throttled(Limit(requests=7, window_s=window_s, burst=7)).check("tom")
    assert MessageToDict(response.dynamic_metadata) == {"limit": {"requests_per_unit": 7.0, "unit": unit}}


@pytest.mark.parametrize(
    "limit",
    [
        Limit(requests=7, window_s=90.0),
        Limit(requests=1 << 32, window_s=60.0),
        Limit(requests=7, window_s=60.0, output_tokens=1000),
        Limit(requests=7, window_s=60.0, streams=1),
    ],
)
def test_a_limit_that_envoy_cannot_express_is_not_told(limit: Limit) -> None:
    assert not throttled(limit).check("tom").HasField("dynamic_metadata")


def test_calls_that_pass_without_a_limit_have_no_metadata_even_after_others_had() -> None:
    bench = throttled()
    bench.check(about("tom", HANDED_OVER))
    assert not bench.check("carol").HasField("dynamic_metadata")


def test_a_limit_that_is_left_to_the_rate_limit_filter_is_told_and_not_counted() -> None:
    bench = throttled()
    responses = [bench.check(about("tom", HANDED_OVER)) for _ in range(5)]
    assert {kind_of(each) for each in responses} == {"ok_response"}
    assert all("limit" in each.dynamic_metadata for each in responses)
    assert not responses[0].ok_response.response_headers_to_add, "the filter that counts tells the client"
    assert [kind_of(bench.check("tom")) for _ in range(3)] == ["ok_response", "ok_response", "denied_response"]


def test_a_limit_that_cannot_be_left_to_it_is_counted_here() -> None:
    bench = throttled(Limit(requests=2, window_s=90.0, burst=2))
    responses = [bench.check(about("tom", HANDED_OVER)) for _ in range(3)]
    assert [kind_of(each) for each in responses] == ["ok_response", "ok_response", "denied_response"]


def test_a_block_is_never_left_to_it() -> None:
    response = EnvoyBench(decision("mallory")).check(about("mallory", HANDED_OVER))
    assert response.denied_response.status.code == 403


def test_what_the_call_needs_is_read_from_its_headers() -> None:
    admitted = Admission(allowed=True, remaining=1, retry_after_s=0, reset_after_s=0)
    limiter = FakeLimiter(admitted)
    bench = EnvoyBench(decision("tom", Action.THROTTLE), limiter=limiter)
    bench.check(about("tom", x_request_id="call-1", x_stream_detector_input_tokens="12"))
    (ask,) = limiter.asks
    assert (ask.call, ask.input_tokens, ask.requests) == ("call-1", 12, 1)


def test_every_answer_is_observed() -> None:
    bench = EnvoyBench(decision("mallory"))
    bench.check("mallory")
    bench.check("carol")
    assert [each.action for each in bench.observer.verdicts] == [Action.BLOCK, Action.ALLOW]


def test_a_key_is_known_by_its_keyed_hash() -> None:
    identity = Identity(Evidence.KEY, salt=b"salt of many bytes")
    client = identity.of("sk-1")
    assert client
    bench = EnvoyBench(decision(client), identity=identity)
    assert bench.check("Bearer sk-1").denied_response.status.code == 403
    assert bench.check("sk-2").HasField("ok_response")


def came_from(peer: str, path: str = "/v1/chat/completions?api-version=7", **headers: str) -> CheckRequest:
    """What ext_authz asks about a call of carol, with what Envoy knows of its connection."""
    request = about("carol", **headers)
    request.attributes.source.address.socket_address.address = peer
    request.attributes.request.http.path = path
    return request


def test_every_call_that_was_asked_about_is_reported_after_the_answer() -> None:
    bench = EnvoyBench(decision("mallory"), decision("tom", Action.THROTTLE, limit=Limit(1, 3600.0, 1)))
    bench.check(came_from("203.0.113.7", user_agent="OpenAI/Python 1.75.0", x_request_id="call-1"))
    for client in ("mallory", "tom", "tom"):
        bench.check(client)
    first, blocked, passed, throttled = bench.reported
    assert first == ApiCall(
        id="call-1",
        ts=NOON_S,
        client="carol",
        ip="203.0.113.7",
        ua="OpenAI/Python 1.75.0",
        route="/v1/chat/completions",
    )
    assert [(call.client, call.status) for call in (blocked, passed, throttled)] == [
        ("mallory", 403),
        ("tom", None),
        ("tom", 429),
    ]
    assert len({call.id for call in bench.reported}) == 4


def test_calls_of_nobody_are_not_reported() -> None:
    bench = EnvoyBench()
    bench.check(CheckRequest())
    assert bench.reported == []


@pytest.mark.parametrize(
    ("forwarded", "peer", "address"),
    [
        ("6.6.6.6, 203.0.113.7", "10.0.0.1", "203.0.113.7"),
        ("6.6.6.6, unknown", "203.0.113.7", "203.0.113.7"),
        ("", "2001:db8::7", "2001:db8::7"),
        ("", "fe80::7%a-very-long-name-of-a-network-interface", "fe80::7"),
        ("", "", None),
        ("", "/run/envoy.sock", None),
    ],
)
def test_who_connected_to_envoy_counts_where_no_proxy_says_more(forwarded: str, peer: str, address: str | None) -> None:
    bench = EnvoyBench()
    bench.check(came_from(peer, x_forwarded_for=forwarded))
    assert [call.ip for call in bench.reported] == [address]


def test_a_route_is_reported_as_over_http() -> None:
    bench = EnvoyBench()
    for path in ("/v1/a%20b?q=/c", "?q", "/" + 2000 * "a", "/%ff"):
        bench.check(came_from("", path))
    assert [call.route for call in bench.reported] == ["/v1/a b", None, "/" + 1023 * "a", "/\ufffd"]
