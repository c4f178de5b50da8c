"""The example of deploy/gateways/asgi on real servers, with a real Redis: what a client gets, and the model sees."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from gateways.enforcing import Program
from gateways.openai_model import OpenAiModel
from running.worker_process import environment
from servers.processes import free_port, wait_until
from servers.redis_server import RedisServer

from stream_detector.domain.decisions import Action, Limit, Origin

EXAMPLE = Path(__file__).parents[2] / "deploy" / "gateways" / "asgi" / "app.py"
TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)
ALICE, BOB = "key-of-alice", "key-of-bob"
COMMANDS = {
    "uvicorn": lambda port: ["-m", "uvicorn", "app:app", "--port", str(port)],
    "uvicorn without lifespan": lambda port: ["-m", "uvicorn", "app:app", "--port", str(port), "--lifespan", "off"],
    "granian": lambda port: ["-m", "granian", "app:app", "--port", str(port), "--interface", "asgi"],
}


class Start(Protocol):
    """Starts the service on a server, failing `open` or `closed`."""

    def __call__(self, server: str = "uvicorn", failure: str = "open") -> Program: ...


@pytest.fixture
def start(private_redis: RedisServer, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as resources:
        model = resources.enter_context(OpenAiModel())

        def started(server: str = "uvicorn", failure: str = "open") -> Program:
            folder = tmp_path / failure
            folder.mkdir()
            (folder / "app.py").write_text(EXAMPLE.read_text().replace("127.0.0.1:8000", model.address))
            settings = {"redis": private_redis.url, "hook_failure": failure, "hook_unidentified": "closed"}
            port = free_port()
            command = [sys.executable, *COMMANDS[server](port)]
            variables = environment(settings) | {"PYTHONPATH": str(folder)}
            program = Program(command, variables, port=port, redis=private_redis, model=model, folder=folder)
            resources.callback(program.close)
            return program

        yield started


@pytest.fixture(params=COMMANDS)
def service(request: pytest.FixtureRequest, start: Start) -> Program:
    return start(request.param)


@pytest.fixture
def one_service(start: Start) -> Program:
    return start()


def test_a_call_passes_unchanged_and_nobody_names_itself(service: Program) -> None:
    service.decide("bob", Action.BLOCK)
    service.until(BOB, 403)
    reply = service.call(ALICE, {"x-client-id": "bob", "x-stream-detector-mark": "1"})
    assert (reply.status, json.loads(reply.body)["choices"][0]["message"]["content"]) == (200, "yes")
    assert "x-stream-detector-mark" not in service.model.heard[-1].headers


def test_a_throttled_client_is_told_when_to_come_back_and_the_model_hears_nothing(service: Program) -> None:
    service.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    reply = service.until(ALICE, 429)
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert json.loads(reply.body)["type"].endswith("#abnormal-usage-detected")

    service.model.heard.clear()
    assert {service.call(ALICE).status for _ in range(5)} == {429}
    assert service.model.heard == []
    assert service.call(BOB).status == 200


def test_a_client_within_its_limit_sees_what_is_left(one_service: Program) -> None:
    one_service.decide("alice", Action.THROTTLE, limit=Limit(requests=1000, window_s=3600.0, burst=1000))
    wait_until(lambda: "ratelimit" in one_service.call(ALICE).headers, "the client sees its limit")
    assert one_service.call(ALICE).headers["ratelimit-policy"] == '"default";q=1000;w=3600'


def test_a_blocked_client_that_is_allowed_passes_within_a_second(service: Program) -> None:
    service.decide("alice", Action.BLOCK)
    assert service.until(ALICE, 403).headers["retry-after"] == "3600"
    service.decide("alice", Action.ALLOW, origin=Origin.OPERATOR)
    service.until(ALICE, 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(service: Program) -> None:
    service.decide("alice", Action.MARK)

    def is_marked() -> bool:
        reply = service.call(ALICE)
        assert reply.status == 200
        assert "x-stream-detector-mark" not in reply.headers
        return service.model.heard[-1].headers.get("x-stream-detector-mark") == "1"

    wait_until(is_marked, "the model sees the mark")
    service.call(BOB)
    assert "x-stream-detector-mark" not in service.model.heard[-1].headers


def test_a_call_without_a_key_is_refused(one_service: Program) -> None:
    assert one_service.call(None).status == 401
    assert one_service.model.heard == []


def test_a_stream_reaches_the_client_piece_by_piece(service: Program) -> None:
    with service.calling(ALICE, stream=True) as answer:
        assert b"first" in answer.readline(), "the model goes on only after this"
        service.model.go_on.set()
        assert b"last" in answer.read()


def test_what_was_decided_before_it_started_holds_for_its_first_call(start: Start) -> None:
    start().decide("alice", Action.BLOCK)
    second = start(failure="closed")
    assert second.call(ALICE).status == 403


def test_without_redis_a_throttled_client_passes(one_service: Program, private_redis: RedisServer) -> None:
    one_service.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    one_service.until(ALICE, 429)
    private_redis.stop()
    assert one_service.call(ALICE).status == 200


def test_without_redis_a_throttled_client_is_refused_where_that_is_wanted(
    start: Start, private_redis: RedisServer
) -> None:
    closed = start(failure="closed")
    closed.decide("alice", Action.THROTTLE, limit=TWO_AN_HOUR)
    closed.until(ALICE, 429)
    private_redis.stop()
    closed.model.heard.clear()
    assert closed.call(ALICE).status == 503
    assert closed.model.heard == []
    assert closed.call(BOB).status == 200, "who has no decision needs no Redis"


def test_a_redis_that_comes_late_is_found(start: Start, private_redis: RedisServer) -> None:
    private_redis.stop()
    service = start()
    assert service.call(ALICE).status == 200
    private_redis.start()
    service.decide("alice", Action.BLOCK)
    service.until(ALICE, 403, within_s=20.0)
