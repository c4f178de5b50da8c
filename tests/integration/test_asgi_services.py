"""The example of deploy/gateways/asgi on real servers, with a real Redis: what a client gets, and the model sees."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gateways.asgi_services import Starter, newcomer
from gateways.enforcing import Caller, Program
from servers.processes import wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.decisions import Action, Limit, Origin

TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)


@pytest.fixture
def starter(private_redis: RedisServer, tmp_path: Path) -> Iterator[Starter]:
    """For a service of one's own, whose Redis may be stopped."""
    with ExitStack() as resources:
        yield Starter(private_redis.url, tmp_path, resources)


@pytest.fixture
def alice() -> Caller:
    """Somebody about whom nothing was decided."""
    return newcomer()


@pytest.fixture
def bob() -> Caller:
    """Somebody else."""
    return newcomer()


def test_a_call_passes_unchanged_and_nobody_names_itself(service: Program, alice: Caller, bob: Caller) -> None:
    service.decide(bob.client, Action.BLOCK)
    service.until(bob.key, 403)
    reply = service.call(alice.key, {"x-client-id": bob.client, "x-stream-detector-mark": "1"})
    assert (reply.status, json.loads(reply.body)["choices"][0]["message"]["content"]) == (200, "yes")
    assert "x-stream-detector-mark" not in service.model.heard[-1].headers


def test_a_throttled_client_is_told_when_to_come_back_and_the_model_hears_nothing(
    service: Program, alice: Caller, bob: Caller
) -> None:
    service.decide(alice.client, Action.THROTTLE, limit=TWO_AN_HOUR)
    reply = service.until(alice.key, 429)
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert json.loads(reply.body)["type"].endswith("#abnormal-usage-detected")

    service.model.heard.clear()
    assert {service.call(alice.key).status for _ in range(5)} == {429}
    assert service.model.heard == []
    assert service.call(bob.key).status == 200


def test_a_client_within_its_limit_sees_what_is_left(service: Program, alice: Caller) -> None:
    service.decide(alice.client, Action.THROTTLE, limit=Limit(requests=1000, window_s=3600.0, burst=1000))
    wait_until(lambda: "ratelimit" in service.call(alice.key).headers, "the client sees its limit")
    assert service.call(alice.key).headers["ratelimit-policy"] == '"default";q=1000;w=3600'


def test_a_blocked_client_that_is_allowed_passes_within_a_second(service: Program, alice: Caller) -> None:
    service.decide(alice.client, Action.BLOCK)
    assert service.until(alice.key, 403).headers["retry-after"] == "3600"
    service.decide(alice.client, Action.ALLOW, origin=Origin.OPERATOR)
    service.until(alice.key, 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(service: Program, alice: Caller, bob: Caller) -> None:
    service.decide(alice.client, Action.MARK)

    def is_marked() -> bool:
        reply = service.call(alice.key)
        assert reply.status == 200
        assert "x-stream-detector-mark" not in reply.headers
        return service.model.heard[-1].headers.get("x-stream-detector-mark") == "1"

    wait_until(is_marked, "the model sees the mark")
    service.call(bob.key)
    assert "x-stream-detector-mark" not in service.model.heard[-1].headers


def test_a_throttled_clients_calls_that_pass_can_be_marked_too(service: Program, alice: Caller) -> None:
    service.decide(alice.client, Action.THROTTLE, limit=Limit(1000, 3600.0, 1000), mark="canary-7")

    def is_marked_and_limited() -> bool:
        reply = service.call(alice.key)
        assert "x-stream-detector-mark" not in reply.headers
        is_limited = reply.headers.get("ratelimit-policy") == '"default";q=1000;w=3600'
        return is_limited and service.model.heard[-1].headers.get("x-stream-detector-mark") == "canary-7"

    wait_until(is_marked_and_limited, "the model sees the mark, and the client its limit")


def test_a_call_without_a_key_is_refused(service: Program) -> None:
    assert service.call(None).status == 401
    assert service.model.heard == []


def test_a_stream_reaches_the_client_piece_by_piece(service: Program, alice: Caller) -> None:
    with service.calling(alice.key, stream=True) as answer:
        assert b"first" in answer.readline(), "the model goes on only after this"
        service.model.go_on.set()
        assert b"last" in answer.read()


def test_what_was_decided_before_it_started_holds_for_its_first_call(starter: Starter, alice: Caller) -> None:
    starter.start().decide(alice.client, Action.BLOCK)
    second = starter.start(failure="closed")
    assert second.call(alice.key).status == 403


def test_without_redis_a_throttled_client_passes(starter: Starter, private_redis: RedisServer, alice: Caller) -> None:
    service = starter.start()
    service.limit_to_a_thousand(alice)
    private_redis.stop()
    assert service.call(alice.key).status == 200


def test_without_redis_a_throttled_client_is_refused_where_that_is_wanted(
    starter: Starter, private_redis: RedisServer, alice: Caller, bob: Caller
) -> None:
    closed = starter.start(failure="closed")
    closed.limit_to_a_thousand(alice)
    private_redis.stop()
    closed.model.heard.clear()
    assert closed.call(alice.key).status == 503
    assert closed.model.heard == []
    assert closed.call(bob.key).status == 200, "who has no decision needs no Redis"


def test_a_redis_that_comes_late_is_found(starter: Starter, private_redis: RedisServer, alice: Caller) -> None:
    private_redis.stop()
    service = starter.start()
    assert service.call(alice.key).status == 200
    private_redis.start()
    service.decide(alice.client, Action.BLOCK)
    service.until(alice.key, 403, within_s=20.0)
