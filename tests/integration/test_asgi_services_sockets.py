"""The example of deploy/gateways/asgi on real servers, with a real Redis: WebSockets are judged when they open."""

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from gateways.asgi_services import AsgiService, Starter, newcomer
from gateways.enforcing import Caller
from gateways.realtime_model import BYE
from servers.processes import wait_until
from servers.redis_server import RedisServer
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from stream_detector.domain.decisions import Action, Limit, Origin

OPENS = 101
TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)
ONE_AT_A_TIME = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)


@pytest.fixture
def alice() -> Caller:
    """Somebody about whom nothing was decided."""
    return newcomer()


@pytest.fixture
def bob() -> Caller:
    """Somebody else."""
    return newcomer()


def test_a_client_and_the_model_talk_until_the_model_leaves(service: AsgiService, alice: Caller) -> None:
    with service.talking(alice.key, {"x-stream-detector-mark": "forged"}) as client:
        for text in ("Why is the sky blue?", "And the sea?"):
            client.send(text)
            assert client.recv(timeout=10) == text
        client.send(BYE)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=10)
    (heard,) = service.realtime.heard
    assert "x-stream-detector-mark" not in heard


def test_a_blocked_client_is_refused_and_passes_within_a_second_when_it_is_allowed(
    service: AsgiService, alice: Caller
) -> None:
    service.decide(alice.client, Action.BLOCK)
    service.until(alice.key, 403)
    refused = service.shake(alice.key)
    assert (refused.status, refused.headers["retry-after"]) == (403, "3600")
    assert refused.headers["content-type"] == "application/problem+json"
    assert json.loads(refused.body)["status"] == 403
    assert service.realtime.heard == []

    service.decide(alice.client, Action.ALLOW, origin=Origin.OPERATOR)
    wait_until(lambda: service.shake(alice.key).status == OPENS, "the socket opens", 1.0)


def test_a_throttled_client_is_told_when_to_come_back_and_passes_within_a_second_when_it_is_allowed(
    service: AsgiService, alice: Caller
) -> None:
    service.decide(alice.client, Action.THROTTLE, limit=TWO_AN_HOUR)
    wait_until(lambda: service.shake(alice.key).status == 429, "sockets use the limit up")
    service.realtime.heard.clear()
    refused = service.shake(alice.key)
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert json.loads(refused.body)["type"].endswith("#abnormal-usage-detected")
    assert service.call(alice.key).status == 429
    assert service.realtime.heard == []

    service.decide(alice.client, Action.ALLOW, origin=Origin.OPERATOR)
    wait_until(lambda: service.shake(alice.key).status == OPENS, "the socket opens", 1.0)


def test_a_client_within_its_limit_sees_what_is_left_where_the_server_lets_it(
    service: AsgiService, alice: Caller
) -> None:
    service.limit_to_a_thousand(alice)
    opened = service.shake(alice.key)
    assert opened.status == OPENS
    assert ("ratelimit" in opened.headers) == (service.server != "granian"), "granian drops the headers; see the docs"


def test_the_model_learns_of_a_mark_and_the_client_does_not(service: AsgiService, alice: Caller) -> None:
    service.decide(alice.client, Action.MARK)

    def is_marked() -> bool:
        opened = service.shake(alice.key)
        assert opened.status == OPENS
        assert "x-stream-detector-mark" not in opened.headers
        return service.realtime.heard[-1].get("x-stream-detector-mark") == "1"

    wait_until(is_marked, "the model sees the mark")


def _close(client: ClientConnection) -> None:
    client.close()


def _vanish(client: ClientConnection) -> None:
    client.socket.shutdown(socket.SHUT_RDWR)


def _be_left(client: ClientConnection) -> None:
    client.send(BYE)


@pytest.mark.parametrize("end", [_close, _vanish, _be_left])
def test_a_socket_is_open_until_it_ends_however_it_does(
    service: AsgiService, alice: Caller, bob: Caller, end: Callable[[ClientConnection], None]
) -> None:
    service.decide(alice.client, Action.THROTTLE, limit=ONE_AT_A_TIME)
    service.decide(bob.client, Action.BLOCK)
    service.until(bob.key, 403)  # the service has heard of alice before
    with service.talking(alice.key) as client:
        assert service.shake(alice.key).status == 429
        assert service.call(alice.key).status == 429, "calls and sockets count together"
        end(client)
        wait_until(lambda: service.shake(alice.key).status == OPENS, "another socket opens")


def test_without_redis_a_throttled_client_is_refused_where_that_is_wanted(
    private_redis: RedisServer, tmp_path: Path, alice: Caller
) -> None:
    with ExitStack() as resources:
        closed = Starter(private_redis.url, tmp_path, resources).start(failure="closed")
        closed.limit_to_a_thousand(alice)
        private_redis.stop()
        refused = closed.shake(alice.key)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert closed.realtime.heard == []
