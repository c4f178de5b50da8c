"""An application with OpenTelemetry's SDK, the real OpenTelemetry Collector, ours, and the topic that workers read."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gateways.opentelemetry import Application, OpenTelemetryCollector, otelcol
from reports import samples
from running.collecting import SALT, Installation, installed
from servers.kafka_topics import KafkaTopics
from servers.processes import wait_until

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall

_PROGRAM = otelcol()
pytestmark = pytest.mark.skipif(_PROGRAM is None, reason="no OpenTelemetry Collector; run `make otelcol`")

_TOKEN = "0123456789abcdef"  # noqa: S105 - of this test
_NOON_NS = int(samples.NOON_S) * 1_000_000_000
_EVENT = "gen_ai.client.inference.operation.details"
_SKETCH = Sketcher(SALT.encode()).sketch
_QUESTION = "Wie heißt „Leuchtturm“ auf Griechisch? 🗼 " + samples.QUESTION
_MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": _QUESTION}]}]
_ATTRIBUTES: dict[str, Any] = {
    "tenant.account": "acct-7",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "large-1",
    "gen_ai.request.temperature": 0.7,
    "gen_ai.request.top_p": 1.0,
    "gen_ai.request.max_tokens": 1024,
    "gen_ai.request.seed": 2**53 + 1,
    "gen_ai.request.stream": True,
    "gen_ai.response.finish_reasons": ["end_turn"],
    "gen_ai.usage.input_tokens": 21,
    "gen_ai.usage.output_tokens": 412,
    "client.address": "2001:db8::17",
    "user_agent.original": "OpenAI/Python 1.52.0",
    "http.route": "/v1/chat/completions",
    "http.response.status_code": 200,
}
_PARSED = {
    "client": "acct-7",
    "tier": "pro",
    "model": "large-1",
    "status": 200,
    "stream": True,
    "input_tokens": 21,
    "output_tokens": 412,
    "finish": "stop",
    "ip": "2001:db8::17",
    "ua": "OpenAI/Python 1.52.0",
    "route": "/v1/chat/completions",
    "sketch": _SKETCH(_QUESTION),
}


class Chain:
    """An application, and all that lies behind it."""

    def __init__(self, ours: Installation, theirs: OpenTelemetryCollector) -> None:
        self.ours, self.theirs = ours, theirs
        self.application = Application(theirs.endpoint, {"service.name": "shop", "stream_detector.tier": "pro"})

    def wait_calls(self, count: int) -> list[ApiCall]:
        wait_until(lambda: len(self.ours.calls()) >= count, f"{count} calls", 60)
        return self.ours.calls()


@contextmanager
def _through_kafka(
    topics: KafkaTopics, folder: Path, spans: str = "otlp_proto", logs: str = "otlp_json"
) -> Iterator[Chain]:
    spans_topic, logs_topic = topics.create(2, "otlp_spans"), topics.create(2, "otlp_logs")
    changes = {"exporters": {"kafka": {"traces": {"encoding": spans}, "logs": {"encoding": logs}}}}
    variables = {"KAFKA": topics.bootstrap, "TOPIC_SPANS": spans_topic, "TOPIC_LOGS": logs_topic}
    setting = f"{spans_topic}=traces,{logs_topic}=logs"
    with installed(topics, folder, collector_topics=setting) as ours, _running(folder, variables, changes) as theirs:
        yield Chain(ours, theirs)


@contextmanager
def _over_http(topics: KafkaTopics, folder: Path) -> Iterator[Chain]:
    straight = {"exporters": ["otlp_http"]}
    changes = {"service": {"pipelines": {"traces": straight, "logs": straight}}}
    with installed(topics, folder, collector_token=_TOKEN) as ours:
        variables = {"COLLECTOR": ours.collector.address, "COLLECTOR_TOKEN": _TOKEN}
        with _running(folder, variables, changes) as theirs:
            yield Chain(ours, theirs)


@contextmanager
def _running(folder: Path, variables: dict[str, str], changes: dict[str, Any]) -> Iterator[OpenTelemetryCollector]:
    assert _PROGRAM
    theirs = OpenTelemetryCollector(_PROGRAM, folder, variables, changes)
    try:
        theirs.wait_ready()
        yield theirs
    finally:
        theirs.stop()


def _swapped(topics: KafkaTopics, folder: Path) -> Any:  # noqa: ANN401 - as its like
    return _through_kafka(topics, folder, spans="otlp_json", logs="otlp_proto")


_WAYS: dict[str, Callable[[KafkaTopics, Path], Any]] = {
    "Kafka": _through_kafka,
    "Kafka, the other encodings": _swapped,
    "HTTP": _over_http,
}


@pytest.mark.parametrize("way", _WAYS)
def test_what_the_application_reports_is_what_workers_read(way: str, kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    with _WAYS[way](kafka_topics, tmp_path) as chain:
        attributes, tell = _ATTRIBUTES, chain.application
        as_text = attributes | {"gen_ai.input.messages": json.dumps(_MESSAGES)}
        span = tell.span("chat large-1", as_text, _NOON_NS, _NOON_NS + 1_500_000_000)
        tell.span("SELECT calls", {"db.system": "postgresql", "tenant.account": "acct-7"}, _NOON_NS, _NOON_NS + 1)
        failed = {"tenant.account": "acct-8", "gen_ai.operation.name": "chat", "gen_ai.request.model": "large-1"}
        failed_span = tell.span("chat large-1", failed, _NOON_NS + 10**9, _NOON_NS + 2 * 10**9, has_failed=True)
        tell.event(_EVENT, attributes | {"gen_ai.input.messages": _MESSAGES}, _NOON_NS + 2 * 10**9)
        calls = chain.wait_calls(3)

    assert [(call.id, call.ts) for call in calls[:2]] == [(span, samples.NOON_S), (failed_span, samples.NOON_S + 1)]
    assert calls[2].ts == samples.NOON_S + 2
    for call in (calls[0], calls[2]):
        assert {name: getattr(call, name) for name in _PARSED} == _PARSED
        assert call.params is not None
        assert (call.params.temperature, call.params.top_p, call.params.max_tokens) == (0.7, 1.0, 1024)
        assert call.params.seed == 2**53 + 1
    assert (calls[0].latency_ms, calls[1].latency_ms, calls[2].latency_ms) == (1500.0, 1000.0, None)
    assert (calls[1].client, calls[1].finish) == ("acct-8", "error")
    assert chain.ours.letters() == []


@pytest.mark.parametrize("way", ["Kafka", "HTTP"])
def test_many_calls_with_long_prompts_all_arrive_once(way: str, kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    prompt = json.dumps([{"role": "user", "content": samples.QUESTION * 700}])
    with _WAYS[way](kafka_topics, tmp_path) as chain:
        asked = _ATTRIBUTES | {"gen_ai.input.messages": prompt}
        ids = {chain.application.span("chat", asked, _NOON_NS + number, _NOON_NS + 10**9) for number in range(120)}
        calls = chain.wait_calls(120)

    assert len(prompt) * 120 > 5_000_000, "several times what a record of Kafka takes"
    assert sorted(call.id for call in calls) == sorted(ids)


@pytest.mark.parametrize("way", ["Kafka", "HTTP"])
def test_nothing_is_lost_while_our_collector_restarts(way: str, kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    with _WAYS[way](kafka_topics, tmp_path) as chain:
        port = int(chain.ours.collector.address.rpartition(":")[2])
        ids = {_short_span(chain, number) for number in range(50)}
        chain.wait_calls(1)
        chain.ours.collector.stop()
        ids |= {_short_span(chain, number) for number in range(50, 100)}
        chain.ours.collector = chain.ours.start_another(port)
        ids |= {_short_span(chain, number) for number in range(100, 150)}
        calls = chain.wait_calls(150)

    assert sorted(call.id for call in calls) == sorted(ids)


def _short_span(chain: Chain, number: int) -> str:
    return chain.application.span("chat", _ATTRIBUTES, _NOON_NS + number * 10**6, _NOON_NS + 10**9)
