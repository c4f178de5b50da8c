"""LiteLLM's own proxy with the files of deploy/gateways/litellm, a real Redis, and a collector that writes down."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gateways.enforcing import EXTRA_KEYS, KEY_PREFIX, Caller, Program, with_extra_keys
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
ONE_RESERVATION = Limit(requests=1000, window_s=3600.0, burst=1000, output_tokens=600)
"""A call reserves 500 tokens and uses 5, so that the next one passes as soon as it is settled."""
ONE_ANSWER = Limit(requests=1000, window_s=36_000.0, burst=1000, output_tokens=100)
"""The first answer leaves less than a call reserves."""
ONE_STREAM = Limit(requests=1000, window_s=3600.0, burst=1000, streams=1)
_NEWCOMERS = iter(range(EXTRA_KEYS))
MARK = "x-stream-detector-mark"
SALT = "salt of this test"
QUESTION = [{"role": "user", "content": "What colour is zinnober-4711?"}]
SKETCH = Sketcher(SALT.encode()).sketch("What colour is zinnober-4711?")
_MORE_FROM_CLIENTS = ("general_settings:", "general_settings:\n  allow_client_side_credentials: true")
"""Else LiteLLM itself refuses some of what clients try."""
_FORGED = {"X_Stream_Detector_Mark": "1", "x-kept": "1"}

pytestmark = pytest.mark.skipif(not LITELLM.exists(), reason="LiteLLM is not installed; run `make servers`")


class Starter:
    """Starts the proxy."""

    def __init__(self, redis_url: str, collector: ListeningCollector, folder: Path, resources: ExitStack) -> None:
        self._redis_url, self._collector, self._folder, self._resources = redis_url, collector, folder, resources

    def start(self, failure: str = "open") -> Program:
        model = self._resources.enter_context(OpenAiModel())
        for name in ("config.yaml", "keys.py"):
            text = (FILES / name).read_text().replace("127.0.0.1:8000", model.address).replace(*_MORE_FROM_CLIENTS)
            (self._folder / name).write_text(with_extra_keys(text, "sk-of-") if name == "keys.py" else text)
        port = free_port()
        program = Program(
            [str(LITELLM), "--config", str(self._folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)],
            self._variables(failure),
            port=port,
            redis_url=self._redis_url,
            model=model,
            folder=self._folder,
        )
        self._resources.callback(program.close)
        return program

    def _variables(self, failure: str) -> dict[str, str]:
        settings = {
            "redis": self._redis_url,
            "key_prefix": KEY_PREFIX,
            "hook_failure": failure,
            "hook_unidentified": "closed",
            "calls_to": self._collector.url,
            "collector_token": self._collector.token,
            "sketch_salt": SALT,
        }
        return environment(settings) | {
            "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
        }


@pytest.fixture(scope="module")
def collector() -> Iterator[ListeningCollector]:
    with ListeningCollector() as collector:
        yield collector


@pytest.fixture(scope="module")
def lasting(
    redis_session_url: str, collector: ListeningCollector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    with ExitStack() as resources:
        yield Starter(redis_session_url, collector, tmp_path_factory.mktemp("litellm"), resources).start()


@pytest.fixture
def proxy(lasting: Program) -> Program:
    """One that other tests use, too."""
    lasting.rest()
    return lasting


@pytest.fixture
def starter(private_redis: RedisServer, collector: ListeningCollector, tmp_path: Path) -> Iterator[Starter]:
    """For a proxy of one's own, whose Redis may be stopped."""
    with ExitStack() as resources:
        yield Starter(private_redis.url, collector, tmp_path, resources)


@pytest.fixture
def alice() -> Caller:
    """Somebody about whom nothing was decided."""
    return caller(f"sk-of-{next(_NEWCOMERS)}")


@pytest.fixture
def bob() -> Caller:
    """Somebody else."""
    return caller(f"sk-of-{next(_NEWCOMERS)}")


def caller(key: str) -> Caller:
    """Whom LiteLLM makes of a key."""
    return Caller(key, hashlib.sha256(key.encode()).hexdigest())


def test_a_call_passes_and_nobody_marks_itself(proxy: Program, alice: Caller, bob: Caller) -> None:
    forged = {"x-client-id": bob.client, MARK: "1"}
    reply = proxy.call(alice.key, forged, extra_headers={"X-Stream-Detector-Mark": "1", "x-kept": "1"})
    assert (reply.status, json.loads(reply.body)["choices"][0]["message"]["content"]) == (200, "yes")
    assert MARK not in proxy.model.heard[-1].headers
    assert proxy.model.heard[-1].headers["x-kept"] == "1"
    assert proxy.call("sk-of-nobody").status == 401


def test_a_throttled_key_sees_what_is_left_and_then_when_to_come_back(
    proxy: Program, alice: Caller, bob: Caller
) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=TWO_AN_HOUR)
    wait_until(lambda: "ratelimit" in proxy.call(alice.key).headers, "alice sees her limit")
    reply = proxy.until(alice.key, 429)
    assert 0 < int(reply.headers["retry-after"]) <= 3600
    assert reply.headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert json.loads(reply.body)["error"]["type"] == "rate_limit_error", "OpenAI's clients know what it is"

    proxy.model.heard.clear()
    switched_off = {"guardrails": [], "metadata": {"disable_global_guardrails": True}, "disable_global_guardrail": True}
    assert {proxy.call(alice.key, None, **body).status for body in ({}, switched_off, {"stream": True})} == {429}
    assert proxy.model.heard == []
    assert proxy.call(bob.key).status == 200


def test_a_blocked_key_that_is_allowed_passes_within_a_second(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.BLOCK)
    reply = proxy.until(alice.key, 403)
    assert reply.headers["retry-after"] == "3600"
    assert json.loads(reply.body)["error"]["type"] == "permission_error"
    proxy.decide(alice.client, Action.ALLOW, origin=Origin.OPERATOR)
    proxy.until(alice.key, 200, within_s=1.0)


def test_the_model_learns_of_a_mark_and_the_client_does_not(proxy: Program, alice: Caller, bob: Caller) -> None:
    proxy.decide(alice.client, Action.MARK)

    def is_marked() -> bool:
        reply = proxy.call(alice.key)
        assert reply.status == 200
        assert MARK not in reply.headers
        return proxy.model.heard[-1].headers.get(MARK) == "1"

    wait_until(is_marked, "the model sees the mark")
    proxy.call(bob.key)
    assert MARK not in proxy.model.heard[-1].headers


@pytest.mark.parametrize(
    "fields",
    [
        {"extra_headers": _FORGED},
        {"extra_headers": list(_FORGED.items())},
        {"provider_specific_header": {"custom_llm_provider": "openai", "extra_headers": _FORGED}},
        {"provider_specific_header": [{"custom_llm_provider": "openai", "extra_headers": _FORGED}]},
        {"extra_body": {"extra_headers": _FORGED}},
    ],
)
def test_nobody_marks_itself_in_a_body(proxy: Program, alice: Caller, fields: dict[str, object]) -> None:
    assert proxy.call(alice.key, None, **fields).status == 200
    heard = {name.replace("_", "-") for name in proxy.model.heard[-1].headers}
    assert MARK not in heard


@pytest.mark.parametrize("headers", [["x-kept"], [["x-kept", "1"]], "x-kept", 7])
def test_extra_headers_that_are_none_keep_no_call_open_and_off_no_mark(
    proxy: Program, alice: Caller, headers: object
) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_RESERVATION, mark="canary-7")
    wait_until(lambda: "ratelimit" in proxy.call(alice.key).headers, "alice sees her limit")
    proxy.until(alice.key, 200)
    wait_until(lambda: proxy.call(alice.key, extra_headers=headers).status == 200, "a call passes")
    assert proxy.model.heard[-1].headers[MARK] == "canary-7"
    proxy.until(alice.key, 200)


def test_a_throttled_clients_calls_that_pass_can_be_marked_too(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=Limit(1000, 3600.0, 1000), mark="canary-7")

    def is_marked_and_limited() -> bool:
        reply = proxy.call(alice.key)
        assert MARK not in reply.headers
        is_limited = reply.headers.get("ratelimit-policy") == '"default";q=1000;w=3600'
        return is_limited and proxy.model.heard[-1].headers.get(MARK) == "canary-7"

    wait_until(is_marked_and_limited, "the model sees the mark, and the client its limit")


def test_a_stream_reaches_the_client_piece_by_piece(proxy: Program, alice: Caller) -> None:
    with proxy.calling(alice.key, stream=True) as answer:
        assert b"first" in answer.readline(), "the model goes on only after this"
        proxy.model.go_on.set()
        assert b"last" in answer.read()


def test_a_stream_is_open_until_its_end(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_STREAM)
    with ExitStack() as streams:

        def is_counted() -> bool:
            answer = streams.enter_context(proxy.calling(alice.key, stream=True))
            return answer.status == 200 and "ratelimit" in answer.headers

        wait_until(is_counted, "alice has a stream that counts")
        assert proxy.call(alice.key).status == 429
        proxy.model.go_on.set()
        proxy.until(alice.key, 200)


def test_a_call_counts_with_the_tokens_that_it_used(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_RESERVATION)
    wait_until(lambda: "ratelimit" in proxy.call(alice.key).headers, "alice sees her limit")
    for _ in range(5):
        proxy.until(alice.key, 200)


def test_a_call_counts_with_its_tokens_though_its_client_wants_it_not_logged(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_RESERVATION)
    wait_until(lambda: "ratelimit" in proxy.call(alice.key).headers, "alice sees her limit")
    for _ in range(3):
        wait_until(lambda: proxy.call(alice.key, **{"no-log": True}).status == 200, "the call before is settled")


@pytest.mark.parametrize("body", [{}, {"stream": True}])
def test_the_answered_attempt_counts_though_one_before_it_failed(
    proxy: Program, alice: Caller, body: dict[str, object]
) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_ANSWER)
    proxy.model.go_on.set()

    def is_answered_within_the_limit() -> bool:
        proxy.model.failures = 1
        reply = proxy.call(alice.key, num_retries=2, **body)
        assert reply.status == 200
        return "ratelimit" in reply.headers

    wait_until(is_answered_within_the_limit, "alice sees her limit")
    assert proxy.call(alice.key).status == 429


@pytest.mark.parametrize(("failures", "status"), [(1, 200), (3, 500)])
def test_a_call_that_is_tried_again_ends(proxy: Program, alice: Caller, failures: int, status: int) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_RESERVATION)
    wait_until(lambda: "ratelimit" in proxy.call(alice.key).headers, "alice sees her limit")
    proxy.until(alice.key, 200)

    def is_tried_again() -> bool:
        proxy.model.failures = failures
        return proxy.call(alice.key, num_retries=2).status == status

    wait_until(is_tried_again, "the call before is settled, and this one is tried again")
    assert proxy.model.failures == 0
    proxy.until(alice.key, 200)


def test_a_call_that_is_tried_again_stays_open(proxy: Program, alice: Caller) -> None:
    proxy.decide(alice.client, Action.THROTTLE, limit=ONE_STREAM)
    with ExitStack() as streams:

        def is_counted() -> bool:
            proxy.model.failures = 1
            answer = streams.enter_context(proxy.calling(alice.key, stream=True, num_retries=2))
            return answer.status == 200 and "ratelimit" in answer.headers

        wait_until(is_counted, "alice has a stream that counts, at its second attempt")
        assert proxy.call(alice.key).status == 429
        proxy.model.go_on.set()
        proxy.until(alice.key, 200)


def test_without_redis_a_throttled_key_passes(starter: Starter, private_redis: RedisServer, alice: Caller) -> None:
    proxy = starter.start()
    proxy.limit_to_a_thousand(alice)
    private_redis.stop()
    assert proxy.call(alice.key).status == 200


def test_without_redis_a_throttled_key_is_refused_where_that_is_wanted(
    starter: Starter, private_redis: RedisServer, alice: Caller, bob: Caller
) -> None:
    closed = starter.start("closed")
    closed.limit_to_a_thousand(alice)
    private_redis.stop()
    closed.model.heard.clear()
    assert closed.call(alice.key).status == 503
    assert closed.model.heard == []
    assert closed.call(bob.key).status == 200, "who has no decision needs no Redis"


def test_every_call_is_reported_once_and_without_its_text(
    proxy: Program, collector: ListeningCollector, alice: Caller, bob: Caller
) -> None:
    proxy.decide(bob.client, Action.BLOCK)
    proxy.until(bob.key, 403)
    began_s = time.time()
    same_id = {"x-litellm-call-id": "chosen by the client"}
    for _ in range(3):
        assert proxy.call(alice.key, same_id, messages=QUESTION, temperature=0.25, user="end user").status == 200
    proxy.model.go_on.set()
    assert proxy.call(alice.key, same_id, messages=QUESTION, stream=True).status == 200
    assert proxy.call(bob.key, same_id).status == 403
    assert proxy.call("sk-of-nobody", same_id).status == 401
    last = caller("sk-key-of-carol")
    assert proxy.call(last.key).status == 200

    wait_until(lambda: bool(collector.of(last.client, since_s=began_s)), "the last call is reported")
    alices = collector.of(alice.client, since_s=began_s)
    assert [call.status for call in alices] == [200] * 4
    assert [call.stream for call in alices] == [None, None, None, True]
    first = alices[0]
    assert (first.input_tokens, first.output_tokens, first.finish, first.model) == (7, 5, "stop", "m")
    assert first.params is not None
    assert (first.params.temperature, first.user) == (0.25, "end user")
    assert first.sketch == SKETCH
    assert [call.status for call in collector.of(bob.client, since_s=began_s)] == [403]
    assert collector.of(caller("sk-of-nobody").client) == []
    assert b"zinnober" not in b"".join(collector.bodies)
    assert b"sk-" not in b"".join(collector.bodies)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {"no-log": True}),
        ({}, {"metadata": {"tags": "no list"}}),
        ({}, {"litellm_metadata": {"tags": 7}}),
        ({"x-litellm-enable-message-redaction": "true"}, {}),
        ({"litellm-enable-message-redaction": "true"}, {}),
        ({}, {"turn_off_message_logging": True}),
        ({}, {"metadata": {"turn_off_message_logging": True}}),
        ({}, {"metadata": '{"turn_off_message_logging": "true"}'}),
        ({}, {"litellm_metadata": {"turn_off_message_logging": True}}),
        ({}, {"litellm_params": {"metadata": {"turn_off_message_logging": True}, "no-log": True}}),
    ],
)
def test_no_client_hides_a_call_or_what_it_asks(
    proxy: Program, collector: ListeningCollector, alice: Caller, headers: dict[str, str], fields: dict[str, object]
) -> None:
    for stream in (False, True):
        proxy.model.go_on.set()
        began_s = time.time()
        assert proxy.call(alice.key, headers, messages=QUESTION, stream=stream, **fields).status == 200
        wait_until(lambda since_s=began_s: bool(collector.of(alice.client, since_s=since_s)), "the call is reported")
        assert [call.sketch for call in collector.of(alice.client, since_s=began_s)] == [SKETCH]


def test_a_refused_call_tells_what_was_asked_though_its_client_wants_it_redacted(
    proxy: Program, collector: ListeningCollector, alice: Caller
) -> None:
    proxy.decide(alice.client, Action.BLOCK)
    proxy.until(alice.key, 403)
    began_s, hiding = time.time(), {"x-litellm-enable-message-redaction": "true"}
    assert proxy.call(alice.key, hiding, messages=QUESTION, turn_off_message_logging=True).status == 403
    wait_until(lambda: bool(collector.of(alice.client, since_s=began_s)), "the call is reported")
    assert [call.sketch for call in collector.of(alice.client, since_s=began_s)] == [SKETCH]


def test_calls_wait_for_a_collector_that_is_away(proxy: Program, collector: ListeningCollector, alice: Caller) -> None:
    collector.status = 503
    assert proxy.call(alice.key).status == 200
    wait_until(lambda: alice.client.encode() in b"".join(collector.bodies), "the collector was asked")
    assert collector.of(alice.client) == []
    collector.status = 200
    wait_until(lambda: len(collector.of(alice.client)) == 1, "the call is reported after all")
