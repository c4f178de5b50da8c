"""LiteLLM's own proxy with the files of deploy/gateways/litellm, a real Redis, and a collector that writes down."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from gateways.enforcing import Program
from gateways.listening_collector import ListeningCollector
from gateways.openai_model import OpenAiModel
from running.worker_process import environment
from servers.processes import free_port, wait_until
from servers.redis_server import RedisServer

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.decisions import Action, Limit, Origin

ROOT = Path(__file__).parents[2]
FILES = ROOT / "deploy" / "gateways" / "litellm"
LITELLM = ROOT / ".cache" / "litellm" / "bin" / "litellm"
TWO_AN_HOUR = Limit(requests=2, window_s=3600.0, burst=2)
ALICE, BOB, CAROL = (f"sk-key-of-{name}" for name in ("alice", "bob", "carol"))
MARK = "x-stream-detector-mark"
SALT = "salt of this test"

pytestmark = pytest.mark.skipif(not LITELLM.exists(), reason="LiteLLM is not installed; run `make servers`")


def client_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Start(Protocol):
    """Starts the proxy, failing `open` or `closed`."""

    def __call__(self, failure: str = "open") -> Program: ...


@pytest.fixture
def collector() -> Iterator[ListeningCollector]:
    with ListeningCollector() as collector:
        yield collector


@pytest.fixture
def start(private_redis: RedisServer, collector: ListeningCollector, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as resources:
        model = resources.enter_context(OpenAiModel())

        def started(failure: str = "open") -> Program:
            for path in FILES.iterdir():
                if path.is_file():
                    (tmp_path / path.name).write_text(path.read_text().replace("127.0.0.1:8000", model.address))
            settings = {
                "redis": private_redis.url,
                "hook_failure": failure,
                "hook_unidentified": "closed",
                "calls_to": collector.url,
                "collector_token": collector.token,
                "sketch_salt": SALT,
            }
            port = free_port()
            command = [str(LITELLM), "--config", str(tmp_path / "config.yaml"), "--host", "127.0.0.1"]
            variables = environment(settings) | {
                "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
                "PATH": f"{LITELLM.parent}{os.pathsep}{os.environ['PATH']}",
            }
            program = Program(
                [*command, "--port", str(port)],
                variables,
                port=port,
                redis=private_redis,
                model=model,
                folder=tmp_path,
            )
            resources.callback(program.close)
            return program

        yield started


@pytest.fixture
def proxy(start: Start) -> Program:
    return start()


def test_a_call_passes_and_nobody_marks_itself(proxy: Program) -> None:
    forged = {"x-client-id": client_of(BOB), MARK: "1"}
    reply = proxy.call(ALICE, forged, extra_headers={"X-Stream-Detector-Mark": "1", "x-kept": "1"})
    assert (reply.status, json.loads(reply.body)["choices"][0]["message"]["content"]) == (200, "yes")
    assert MARK not in proxy.model.heard[-1].headers
    assert proxy.model.heard[-1].headers["x-kept"] == "1"
    assert proxy.call("sk-of-nobody").status == 401


def test_a_throttled_key_sees_what_is_left_and_then_when_to_come_back(proxy: Program) -> None:
    proxy.decide(client_of(ALICE), Action.THROTTLE, limit=TWO_AN_HOUR)
    wait_until(lambda: "ratelimit" in proxy.call(ALICE).headers, "alice sees her limit")
    reply = proxy.until(ALICE, 429)
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert json.loads(reply.body)["error"]["type"] == "rate_limit_error", "OpenAI's clients know what it is"

    proxy.model.heard.clear()
    switched_off = {"guardrails": [], "metadata": {"disable_global_guardrails": True}, "disable_global_guardrail": True}
    assert {proxy.call(ALICE, None, **body).status for body in ({}, switched_off, {"stream": True})} == {429}
    assert proxy.model.heard == []
    assert proxy.call(BOB).status == 200


def test_a_blocked_key_that_is_allowed_passes_within_a_second(proxy: Program) -> None:
    proxy.decide(client_of(ALICE), Action.BLOCK)
    reply = proxy.until(ALICE, 403)
    assert reply.headers["retry-after"] == "3600"
    assert json.loads(reply.body)["error"]["type"] == "permission_error"
    proxy.decide(client_of(ALICE), Action.ALLOW, origin=Origin.OPERATOR)
    proxy.until(ALICE, 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(proxy: Program) -> None:
    proxy.decide(client_of(ALICE), Action.MARK)

    def is_marked() -> bool:
        reply = proxy.call(ALICE)
        assert reply.status == 200
        assert MARK not in reply.headers
        return proxy.model.heard[-1].headers.get(MARK) == "1"

    wait_until(is_marked, "the model sees the mark")
    proxy.call(BOB)
    assert MARK not in proxy.model.heard[-1].headers


def test_a_stream_reaches_the_client_piece_by_piece(proxy: Program) -> None:
    with proxy.calling(ALICE, stream=True) as answer:
        assert b"first" in answer.readline(), "the model goes on only after this"
        proxy.model.go_on.set()
        assert b"last" in answer.read()


def test_a_stream_is_open_until_its_end(proxy: Program) -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)
    proxy.decide(client_of(ALICE), Action.THROTTLE, limit=limit)
    with ExitStack() as streams:

        def is_counted() -> bool:
            answer = streams.enter_context(proxy.calling(ALICE, stream=True))
            return answer.status == 200 and "ratelimit" in answer.headers

        wait_until(is_counted, "alice has a stream that counts")
        assert proxy.call(ALICE).status == 429
        proxy.model.go_on.set()
        proxy.until(ALICE, 200)


def test_a_call_counts_with_the_tokens_that_it_used(proxy: Program) -> None:
    limit = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=600)
    proxy.decide(client_of(ALICE), Action.THROTTLE, limit=limit)
    wait_until(lambda: "ratelimit" in proxy.call(ALICE).headers, "alice sees her limit")
    for _ in range(5):
        proxy.until(ALICE, 200)  # a call reserves 500 tokens and uses 5


def test_without_redis_a_throttled_key_passes(proxy: Program, private_redis: RedisServer) -> None:
    proxy.decide(client_of(ALICE), Action.THROTTLE, limit=TWO_AN_HOUR)
    proxy.until(ALICE, 429)
    private_redis.stop()
    assert proxy.call(ALICE).status == 200


def test_without_redis_a_throttled_key_is_refused_where_that_is_wanted(
    start: Start, private_redis: RedisServer
) -> None:
    closed = start("closed")
    closed.decide(client_of(ALICE), Action.THROTTLE, limit=TWO_AN_HOUR)
    closed.until(ALICE, 429)
    private_redis.stop()
    closed.model.heard.clear()
    assert closed.call(ALICE).status == 503
    assert closed.model.heard == []
    assert closed.call(BOB).status == 200, "who has no decision needs no Redis"


def test_every_call_is_reported_once_and_without_its_text(proxy: Program, collector: ListeningCollector) -> None:
    proxy.decide(client_of(BOB), Action.BLOCK)
    proxy.until(BOB, 403)
    refused_before = proxy.call(BOB).status
    assert refused_before == 403
    began_s = time.time()
    same_id = {"x-litellm-call-id": "chosen by the client"}
    question = [{"role": "user", "content": "What colour is zinnober-4711?"}]
    for _ in range(3):
        assert proxy.call(ALICE, same_id, messages=question, temperature=0.25, user="end user").status == 200
    proxy.model.go_on.set()
    assert proxy.call(ALICE, same_id, messages=question, stream=True).status == 200
    assert proxy.call(BOB, same_id).status == 403
    assert proxy.call("sk-of-nobody", same_id).status == 401
    assert proxy.call(CAROL).status == 200

    wait_until(lambda: bool(collector.of(client_of(CAROL), since_s=began_s)), "the last call is reported")
    alices = collector.of(client_of(ALICE), since_s=began_s)
    assert [call.status for call in alices] == [200] * 4
    assert [call.stream for call in alices] == [None, None, None, True]
    first = alices[0]
    assert (first.input_tokens, first.output_tokens, first.finish, first.model) == (7, 5, "stop", "m")
    assert first.params is not None
    assert (first.params.temperature, first.user) == (0.25, "end user")
    assert first.sketch == Sketcher(SALT.encode()).sketch("What colour is zinnober-4711?")
    assert [call.status for call in collector.of(client_of(BOB), since_s=began_s)] == [403]
    assert collector.of(client_of("sk-of-nobody")) == []
    assert b"zinnober" not in b"".join(collector.bodies)
    assert b"sk-key" not in b"".join(collector.bodies)


def test_calls_wait_for_a_collector_that_is_away(proxy: Program, collector: ListeningCollector) -> None:
    collector.status = 503
    assert proxy.call(ALICE).status == 200
    wait_until(lambda: bool(collector.bodies), "the collector was asked")
    assert collector.of(client_of(ALICE)) == []
    collector.status = 200
    wait_until(lambda: len(collector.of(client_of(ALICE))) == 1, "the call is reported after all")
