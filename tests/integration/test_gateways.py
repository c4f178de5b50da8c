"""Real gateways with the files of deploy/gateways, a real hook and a real Redis: what a client gets, and the model sees."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateways.fronts import KINDS, Kind, Reply
from gateways.installations import KEYS, Installation
from gateways.model import ANSWER
from servers.processes import wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.decisions import Action, Limit, Origin

TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)
THOUSAND_AN_HOUR = Limit(requests=1000, window_s=3600.0, burst=1000)
MOST_FIELDS = 100
"""Of a call to Envoy, and to the hook, by default."""
FIELDS_OF_A_CALL = 5
"""Those of every call of the tests."""
PROBLEM = "https://iana.org/assignments/http-problem-types#"


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.name))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    if found.program() is None:
        pytest.skip(f"{found.name} is not installed; run `make servers`")
    return found


@pytest.fixture
def installation(kind: Kind, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    with Installation(kind, private_redis, tmp_path) as started:
        yield started


@pytest.fixture
def closed(kind: Kind, private_redis: RedisServer, tmp_path: Path) -> Iterator[Installation]:
    """One that refuses calls when it cannot know."""
    with Installation(kind, private_redis, tmp_path, fails_open=False) as started:
        yield started


def throttle_alice_and_bob(installation: Installation) -> None:
    """Alice is within her limit, Bob over his, and the hook knows both."""
    installation.decide("alice", Action.THROTTLE, limit=THOUSAND_AN_HOUR)
    installation.decide("bob", Action.THROTTLE, limit=TWO_AN_HOUR)
    wait_until(lambda: "ratelimit" in installation.call("alice").headers, "Alice is limited")
    installation.until("bob", 429)


def problem_of(reply: Reply) -> dict[str, object]:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    found: dict[str, object] = json.loads(reply.body)
    assert found["status"] == reply.status
    return found


def test_a_call_passes_unchanged_and_nobody_names_itself(installation: Installation) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)
    installation.model.seen.clear()

    reply = installation.call("alice", x_client_id="carol", x_stream_detector_mark="forged")
    assert (reply.status, reply.body) == (200, ANSWER)
    (seen,) = installation.model.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions?stream=1", b"{}")
    assert seen.headers.get_all("x-client-id") == ["alice"]
    assert not any(value for value in seen.headers.get_all("x-stream-detector-mark", []))

    assert installation.call("bob", x_client_id="alice").status == 403, "a header of the client opened the gate"


def test_a_client_cannot_take_away_what_the_gateway_tells_the_model(installation: Installation) -> None:
    installation.decide("alice", Action.MARK)
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)  # the hook has heard of alice before
    headers = {"connection": "close, x-stream-detector-mark, x-request-id, x-client-id"}

    assert installation.front.call(KEYS["alice"], headers).status == 200
    (seen,) = installation.model.seen
    assert seen.headers["x-stream-detector-mark"] == "1"
    assert seen.headers["x-client-id"] == "alice"
    assert seen.headers["x-request-id"]
    assert installation.front.call(KEYS["bob"], headers).status == 403


def test_names_with_underscores_do_not_reach_the_model(installation: Installation) -> None:
    twins = {"x_client_id": "carol", "x_stream_detector_mark": "forged", "x-stream_detector-mark": "forged"}
    assert installation.front.call(KEYS["alice"], twins).status == 200
    (seen,) = installation.model.seen
    assert [name for name in seen.headers if "_" in name] == []


def test_a_key_in_another_case_is_no_key(installation: Installation) -> None:
    assert installation.front.call(KEYS["alice"].upper()).status == 401
    assert installation.model.seen == []


def test_a_call_to_another_host_is_judged_like_any_other(installation: Installation) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)
    assert installation.call("bob", host="api.example.com").status == 403
    assert installation.call("alice", host="api.example.com").body == ANSWER


def test_a_client_with_as_many_header_fields_as_a_gateway_takes_is_judged(
    kind: Kind, installation: Installation
) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)
    many = {f"x-p{number}": "1" for number in range(MOST_FIELDS - FIELDS_OF_A_CALL)}
    assert installation.front.call(KEYS["bob"], many).status == (431 if kind.name == "caddy" else 403)


def test_a_call_that_the_hook_could_not_answer_opens_the_gate_for_no_other(installation: Installation) -> None:
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)
    for size_bytes in (60_000, 200_000, 800_000):
        installation.front.shout(b"GET / HTTP/1.1\r\nHost: hook\r\nX-A: " + b"a" * size_bytes + b"\r\n\r\n")
        assert installation.call("bob").status == 403

    installation.hook.freeze()
    assert installation.call("bob").status == 200
    os.killpg(installation.hook.pid, signal.SIGCONT)
    wait_until(lambda: installation.hook.ask("bob") == 403, "the hook goes on")
    assert installation.call("bob").status == 403


def test_a_throttled_client_gets_429_and_the_model_never_hears_of_it(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    reply = installation.until("alice", 429)
    assert problem_of(reply)["type"] == f"{PROBLEM}abnormal-usage-detected"
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert reply.headers["ratelimit"].startswith('"default";r=0;t=')

    installation.model.seen.clear()
    assert {installation.call("alice").status for _ in range(5)} == {429}
    assert installation.model.seen == []
    assert installation.call("bob").status == 200


def test_a_client_within_its_limit_sees_what_is_left(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=THOUSAND_AN_HOUR)
    wait_until(lambda: "ratelimit" in installation.call("alice").headers, "the client sees its limit")
    reply = installation.call("alice")
    assert reply.status == 200
    assert reply.headers["ratelimit-policy"] == '"default";q=1000;w=3600'


def test_tokens_that_a_call_did_not_use_come_back(kind: Kind, installation: Installation) -> None:
    if not kind.settles:
        pytest.skip(f"the file of {kind.name} does not tell what a call has used")
    reserves_for_three_calls = 1500
    limit = Limit(
        requests=1000,
        window_s=3600.0,
        burst=1000,
        input_tokens=reserves_for_three_calls,
        output_tokens=reserves_for_three_calls,
    )
    installation.decide("alice", Action.THROTTLE, limit=limit)
    wait_until(lambda: "ratelimit" in installation.call("alice").headers, "the client is limited")
    for _ in range(10):
        installation.until("alice", 200)


def test_hook_and_model_get_the_same_id_of_a_call_and_nothing_that_the_client_says_of_it(
    kind: Kind, installation: Installation
) -> None:
    reserves_for_two_calls = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=1000)
    installation.decide("alice", Action.THROTTLE, limit=reserves_for_two_calls)
    installation.decide("bob", Action.BLOCK)
    installation.until("bob", 403)  # the hook has heard of alice before
    forged = {"x_request_id": "forged", "x_stream_detector_input_tokens": "0", "x_stream_detector_output_tokens": "0"}

    replies = [installation.call("alice", **forged).status for _ in range(3)]

    assert replies == ([200, 200, 200] if kind.settles else [200, 200, 429])
    ids = [seen.headers.get_all("x-request-id") for seen in installation.model.seen]
    assert len({tuple(each) for each in ids}) == len(ids)
    assert ["forged"] not in ids
    if not kind.settles:
        assert [installation.settles("alice", call, reserves_for_two_calls) for (call,) in ids] == [True, True]


def test_a_blocked_client_gets_403_and_one_that_is_allowed_passes_within_a_second(installation: Installation) -> None:
    installation.decide("alice", Action.BLOCK)
    reply = installation.until("alice", 403)
    assert problem_of(reply)["type"] == f"{PROBLEM}abnormal-usage-detected"
    assert int(reply.headers["retry-after"]) == 3600

    installation.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    installation.until("alice", 200, within_s=1.0)


def test_a_throttled_client_that_is_allowed_passes_within_a_second(installation: Installation) -> None:
    installation.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    installation.until("alice", 429)
    installation.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    installation.until("alice", 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(installation: Installation) -> None:
    installation.decide("alice", Action.MARK)

    def is_marked() -> bool:
        reply = installation.call("alice")
        assert reply.status == 200
        assert "x-stream-detector-mark" not in reply.headers
        return installation.model.seen[-1].headers["x-stream-detector-mark"] == "1"

    wait_until(is_marked, "the model sees the mark")
    installation.call("bob")
    assert not installation.model.seen[-1].headers["x-stream-detector-mark"]


def test_a_throttled_clients_calls_that_pass_can_be_marked_too(installation: Installation) -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000)
    installation.decide("alice", Action.THROTTLE, limit=limit, mark="canary-7")

    def is_marked_and_limited() -> bool:
        reply = installation.call("alice")
        assert "x-stream-detector-mark" not in reply.headers
        is_limited = reply.headers["ratelimit-policy"] == '"default";q=1000;w=3600'
        return is_limited and installation.model.seen[-1].headers["x-stream-detector-mark"] == "canary-7"

    wait_until(is_marked_and_limited, "the model sees the mark, and the client its limit")


def test_a_call_without_a_key_is_refused(installation: Installation) -> None:
    reply = installation.call(None)
    assert reply.status == 401
    assert installation.model.seen == []


def test_without_a_hook_calls_pass(installation: Installation) -> None:
    installation.hook.kill()
    assert [installation.call("alice").status for _ in range(3)] == [200, 200, 200]


def test_with_a_hook_that_hangs_calls_pass(installation: Installation) -> None:
    installation.hook.freeze()
    assert installation.call("alice").status == 200


def test_without_a_hook_calls_are_refused_where_that_is_wanted(closed: Installation) -> None:
    closed.hook.kill()
    assert {closed.call("alice").status for _ in range(3)} <= {502, 503}
    assert closed.model.seen == []


def test_with_a_hook_that_hangs_calls_are_refused_where_that_is_wanted(closed: Installation) -> None:
    closed.hook.freeze()
    assert closed.call("alice").status in {503, 504}
    assert closed.model.seen == []


def test_without_redis_a_client_within_its_limit_passes_and_one_over_it_does_not(
    kind: Kind, installation: Installation, private_redis: RedisServer
) -> None:
    throttle_alice_and_bob(installation)
    private_redis.stop()
    assert installation.call("alice").status == 200
    assert installation.call("bob").status == (200 if kind.asks_by_grpc else 429)


def test_without_redis_a_throttled_client_is_refused_where_that_is_wanted(
    kind: Kind, closed: Installation, private_redis: RedisServer
) -> None:
    throttle_alice_and_bob(closed)
    private_redis.stop()
    closed.model.seen.clear()
    assert closed.call("alice").status == 503
    assert closed.call("bob").status == (503 if kind.asks_by_grpc else 429)
    assert closed.model.seen == []
    assert closed.call("carol").status == 200, "who has no decision needs no Redis"
