"""LiteLLM's own `generic_api` logger, set up as docs/sources.md says, our collector, and the topic that workers read."""

import hashlib
import os
import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from documents.reading import ROOT, blocks
from gateways.enforcing import EXTRA_KEYS, Caller, Program, with_extra_keys
from gateways.openai_model import OpenAiModel
from running.collecting import SALT, Installation, installed
from running.worker_process import environment
from servers.kafka_topics import KafkaTopics
from servers.processes import free_port, wait_until

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall, Params

FILES = ROOT / "deploy" / "gateways" / "litellm"
LITELLM = ROOT / ".cache" / "litellm" / "bin" / "litellm"
FLUSH_S = 1
"""How often LiteLLM posts batches, seconds; by default less often, and then it would take long to see that it loses calls."""
MARKER = "zinnober-4711"
QUESTION = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": f"What colour is {MARKER}?"}]
SKETCH = Sketcher(SALT.encode()).sketch(f"What colour is {MARKER}?")
TOKEN = "0123456789abcdef"  # noqa: S105 - of this test
UA = {"user-agent": "OpenAI/Python 1.52.0"}
PARAMS = {
    "temperature": 0.25,
    "top_p": 0.5,
    "n": 1,
    "max_tokens": 64,
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100},
    "seed": 7,
}
_NEWCOMERS = iter(range(EXTRA_KEYS))

pytestmark = pytest.mark.skipif(not LITELLM.exists(), reason="LiteLLM is not installed; run `make servers`")


class Chain:
    """LiteLLM's proxy, and all that lies behind it."""

    def __init__(self, proxy: Program, ours: Installation) -> None:
        self.proxy, self.ours = proxy, ours

    @property
    def model(self) -> OpenAiModel:
        return self.proxy.model

    def calls_of(self, caller: Caller, count: int = 1) -> list[ApiCall]:
        """The caller's calls in the topic, as soon as there are so many."""
        wait_until(lambda: len(self._found(caller)) >= count, f"{count} calls of {caller.client}")
        return self._found(caller)

    def _found(self, caller: Caller) -> list[ApiCall]:
        return [call for call in self.ours.calls() if call.client == caller.client]


@pytest.fixture(scope="module")
def lasting(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("litellm-logs")
    with ExitStack() as resources:
        topics = resources.enter_context(closing(KafkaTopics(kafka)))
        resources.callback(topics.delete_created)
        ours = resources.enter_context(installed(topics, folder, collector_token=TOKEN))
        proxy = _proxy(folder, resources.enter_context(OpenAiModel()), ours.collector.address)
        resources.callback(proxy.close)
        yield Chain(proxy, ours)


@pytest.fixture
def chain(lasting: Chain) -> Chain:
    """One that other tests use, too."""
    lasting.model.go_on.set()
    lasting.model.status = 200
    lasting.model.message = {"role": "assistant", "content": "yes"}
    return lasting


@pytest.fixture
def alice() -> Caller:
    """Somebody who has not called yet."""
    key = f"sk-of-{next(_NEWCOMERS)}"
    return Caller(key, hashlib.sha256(key.encode()).hexdigest())


def _proxy(folder: Path, model: OpenAiModel, collector: str) -> Program:
    """The documented commands and configuration, with the example's model and keys."""
    config = yaml.safe_load((FILES / "config.yaml").read_text().replace("127.0.0.1:8000", model.address))
    del config["guardrails"]
    config |= yaml.safe_load(_documented("yaml", "generic_api"))
    config["litellm_settings"]["num_retries"] = 0
    config["router_settings"] = {"disable_cooldowns": True}  # else a model that fails is left alone for a while
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "keys.py").write_text(with_extra_keys((FILES / "keys.py").read_text(), "sk-of-"))
    exports = _documented("sh", "GENERIC_LOGGER_ENDPOINT").replace("http://collector:9110", collector)
    port = free_port()
    arguments = ["--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    variables = environment({}) | {
        "COLLECTOR_TOKEN": TOKEN,
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
        "DEFAULT_FLUSH_INTERVAL_SECONDS": str(FLUSH_S),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
    }
    command = ["bash", "-c", f'{exports}\nexec "$@"', "bash", str(LITELLM), *arguments]
    return Program(command, variables, port=port, redis_url="", model=model, folder=folder)


def _documented(language: str, word: str) -> str:
    """The code block of docs/sources.md that has this word."""
    (found,) = (each.text for each in blocks(language, path=ROOT / "docs" / "sources.md") if word in each.text)
    return found


def _told(call: ApiCall) -> dict[str, Any]:
    """All that a call says, but when it was."""
    told = msgspec.structs.asdict(call)
    return {name: told[name] for name in told if told[name] is not None and name not in {"ts", "latency_ms"}}


def test_an_answered_call_says_all_that_was_asked_and_answered(chain: Chain, alice: Caller) -> None:
    began_s = time.time()
    assert chain.proxy.call(alice.key, UA, messages=QUESTION, user="end user", **PARAMS).status == 200
    ended_s = time.time()

    (call,) = chain.calls_of(alice)
    assert _told(call) == {
        "id": "chatcmpl-of-the-model",
        "client": alice.client,
        "user": "end user",
        "ip": "127.0.0.1",
        "ua": UA["user-agent"],
        "route": "/v1/chat/completions",
        "model": "m",
        "status": 200,
        "input_tokens": 7,
        "output_tokens": 5,
        "finish": "stop",
        "params": Params(**PARAMS),
        "sketch": SKETCH,
    }
    assert call.latency_ms is not None
    assert began_s <= call.ts <= call.ts + call.latency_ms / 1000 <= ended_s


def test_a_stream_says_what_came_of_it_in_the_end(chain: Chain, alice: Caller) -> None:
    reply = chain.proxy.call(alice.key, UA, messages=QUESTION, stream=True, temperature=0.75)
    assert (reply.status, b"last" in reply.body) == (200, True)

    (call,) = chain.calls_of(alice)
    assert (call.stream, call.input_tokens, call.output_tokens, call.finish) == (True, 7, 5, "stop")
    assert (call.model, call.params, call.sketch) == ("m", Params(temperature=0.75), SKETCH)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [500, 429, 401])
def test_a_call_that_the_model_fails_is_its_callers_too(
    chain: Chain, alice: Caller, status: int, *, stream: bool
) -> None:
    chain.model.status = status
    asked = {"messages": QUESTION, "user": "end user", "stream": stream, **PARAMS}
    assert chain.proxy.call(alice.key, UA, **asked).status == status

    (call,) = chain.calls_of(alice)
    assert (call.status, call.finish, call.output_tokens) == (status, "error", None)
    assert (call.stream or False, call.user, call.ua) == (stream, "end user", UA["user-agent"])
    assert (call.model, call.params, call.sketch) == ("m", Params(**PARAMS), SKETCH)


def test_a_refusal_is_told_from_an_answer(chain: Chain, alice: Caller) -> None:
    chain.model.message = {"role": "assistant", "content": None, "refusal": f"I will not say what {MARKER} is."}
    assert chain.proxy.call(alice.key, messages=QUESTION).status == 200
    (call,) = chain.calls_of(alice)
    assert (call.status, call.finish) == (200, "refusal")


def test_no_client_hides_a_call(chain: Chain, alice: Caller) -> None:
    assert chain.proxy.call(alice.key, messages=QUESTION, **{"no-log": True}).status == 200
    (call,) = chain.calls_of(alice)
    assert call.sketch == SKETCH


def test_of_many_calls_at_a_time_each_arrives_once(chain: Chain, alice: Caller) -> None:
    users = {f"user {number}" for number in range(60)}
    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(lambda user: chain.proxy.call(alice.key, user=user), users))
    assert {reply.status for reply in replies} == {200}
    assert sorted(str(call.user) for call in chain.calls_of(alice, len(users))) == sorted(users)


def test_calls_that_end_while_the_collector_hangs_arrive_when_it_goes_on(chain: Chain, alice: Caller) -> None:
    users = [f"user {number:03}" for number in range(40)]  # each is posted together with all before it
    os.kill(chain.ours.collector.pid, signal.SIGSTOP)
    try:
        assert {chain.proxy.call(alice.key, user=user).status for user in users} == {200}
    finally:
        os.kill(chain.ours.collector.pid, signal.SIGCONT)
    assert [call.user for call in chain.calls_of(alice, len(users))] == users


def test_neither_text_nor_keys_are_in_a_topic_or_log_and_a_guessed_key_is_nobody(chain: Chain, alice: Caller) -> None:
    guessed = "sk-guessed-4711"
    assert chain.proxy.call(guessed, messages=QUESTION).status == 401
    assert chain.proxy.call(alice.key, messages=QUESTION, stream=True).status == 200
    chain.model.status = 500
    assert chain.proxy.call(alice.key, messages=QUESTION).status == 500
    chain.calls_of(alice, 2)
    wait_until(lambda: bool(chain.ours.letters()), "the guess becomes a dead letter")

    (letter,) = chain.ours.letters()
    assert (letter.topic, letter.detail) == (
        "collector/litellm",
        "error_information.error_code: 401, so the call belongs to nobody",
    )
    clients = {call.client for call in chain.ours.calls()}
    assert hashlib.sha256(guessed.encode()).hexdigest() not in clients
    records = [each for topic in (chain.ours.calls_topic, chain.ours.dead_topic) for each in chain.ours.written(topic)]
    found = [record.value + record.key for record in records] + [chain.ours.collector.log.read_bytes()]
    secret = [word.encode() for word in (MARKER, guessed, alice.key, TOKEN)]
    assert [content for content in found if any(each in content for each in secret)] == []
