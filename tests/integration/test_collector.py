"""Bytes in over HTTP, records in the topic that a worker's decoder takes: the collector as a process, with Apache Kafka."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reports import samples
from running.collecting import SALT, Installation, installed
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics
from servers.processes import wait_until

from stream_detector.detection.sketching import Sketcher

_MARKER = "Zanzibarmarkertext"
_PROTOBUF = "application/x-protobuf"


@pytest.fixture
def installation(kafka_topics: KafkaTopics, tmp_path: Path) -> Iterator[Installation]:
    """One that is ready."""
    with installed(kafka_topics, tmp_path) as made:
        yield made


_BODIES: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "calls": ("/v1/calls", samples.as_json(samples.call()), {}),
    "OTLP logs, JSON": ("/v1/logs", samples.as_json(samples.logs(samples.record(2))), {}),
    "OTLP logs, protobuf": (
        "/v1/logs",
        samples.as_protobuf(samples.logs(samples.record(3))),
        {"content_type": _PROTOBUF},
    ),
    "OTLP traces, JSON": ("/v1/traces", samples.as_json(samples.traces(samples.span())), {}),
    "OTLP traces, protobuf": (
        "/v1/traces",
        samples.as_protobuf(samples.traces(samples.span(4))),
        {"content_type": _PROTOBUF},
    ),
    "Envoy": ("/v1/envoy", samples.as_json(samples.envoy()), {}),
    "LiteLLM": ("/v1/litellm", samples.as_json([samples.litellm()]), {}),
    "CloudEvents, structured": (
        "/v1/events",
        samples.as_json(samples.cloudevent(5)),
        {"content_type": "application/cloudevents+json; charset=utf-8"},
    ),
    "CloudEvents, binary": (
        "/v1/events",
        samples.as_json(samples.cloudevent()["data"]),
        {
            "ce_specversion": "1.0",
            "ce_id": "req-6",
            "ce_time": "2026-01-05T00:00:00Z",
            "ce_partitionkey": "acct-7",
            "ce_type": "example.call",
        },
    ),
    "mapped": ("/v1/mapped", samples.as_json(samples.foreign(7)), {}),
}


def test_every_format_becomes_a_call_that_a_worker_reads(installation: Installation) -> None:
    for count, (path, body, headers) in enumerate(_BODIES.values(), start=1):
        for packed in (False, True):
            answer = installation.collector.post(path, body, packed=packed, **headers)
            assert answer.status == 200, (path, answer)
        calls = installation.calls()
        assert len(calls) == count, f"{path}: the packed one is the same call, sent again"

    sketch = Sketcher(SALT.encode()).sketch(samples.QUESTION)
    assert {call.client for call in calls} == {"acct-7", "ab" * 32}
    assert {call.output_tokens for call in calls} == {412}
    assert [call.sketch for call in calls if call.route is None] == [sketch] * (len(_BODIES) - 1)
    assert {call.status for call in calls} == {200}
    assert installation.letters() == []


def test_a_thousand_calls_of_many_clients_arrive_once_each(installation: Installation) -> None:
    sent = [samples.call(number, client=f"acct-{number % 17}") for number in range(1000)]
    lines = b"\n".join(map(samples.as_json, sent))
    answer = installation.collector.post("/v1/calls", lines, packed=True)
    again = installation.collector.post("/v1/calls", lines)

    assert (answer.status, answer.json["accepted"]) == (200, 1000)
    assert again.status == 200
    assert [call.id for call in installation.calls()] == [str(call["id"]) for call in sent]


def test_bad_neighbours_become_dead_letters_and_the_good_arrive(installation: Installation) -> None:
    bad: list[object] = [
        samples.call(2, client=""),
        7,
        {"id": "x", "ts": "soon", "client": "a"},
        samples.call(3, ip="home"),
    ]
    lines = b"\n".join(
        [samples.as_json(samples.call(1)), *map(samples.as_json, bad), b"{", samples.as_json(samples.call(9))]
    )
    answer = installation.collector.post("/v1/calls", lines)

    assert answer.status == 200
    assert [each["index"] for each in answer.json["refused"]] == [1, 2, 3, 5]
    assert answer.json["left_out"] == ["ip: must be an IPv4 or IPv6 address, got 'home'"]
    assert [call.id for call in installation.calls()] == ["req-1", "req-3", "req-9"]
    letters = installation.letters()
    assert [(letter.topic, letter.index, str(letter.reason)) for letter in letters] == [
        ("collector/calls", 1, "invalid_field"),
        ("collector/calls", 2, "unreadable"),
        ("collector/calls", 3, "invalid_field"),
        ("collector/calls", 5, "unreadable"),
    ]
    assert letters[0].detail.startswith("client: ")


def test_what_is_no_json_by_the_letter_hides_no_neighbour(installation: Installation) -> None:
    odd = [samples.call(2, params={"temperature": float("nan")}), samples.call(3, ua="\ud83d"), float("inf")]
    array = samples.as_json([samples.call(1), *odd, samples.call(9)])
    answer = installation.collector.post("/v1/calls", array)

    assert (answer.status, answer.json["accepted"]) == (200, 4)
    assert [each["index"] for each in answer.json["refused"]] == [3]
    assert answer.json["left_out"] == ["params.temperature: must be >= 0 and <= 100"]
    assert [call.id for call in installation.calls()] == ["req-1", "req-2", "req-3", "req-9"]
    assert [call.ua for call in installation.calls()] == [None, None, "?", None]
    assert [letter.index for letter in installation.letters()] == [3]


def test_bad_spans_are_a_partial_success(installation: Installation) -> None:
    nobody = samples.span(2, samples.genai(client=None))
    export = samples.traces(samples.span(1), nobody, samples.span(3, [samples.attribute("db.system", "redis")]))
    told = installation.collector.post("/v1/traces", samples.as_json(export)).json

    assert told["partialSuccess"]["rejectedSpans"] == "1"
    assert "client: missing" in told["partialSuccess"]["errorMessage"]
    assert len(installation.calls()) == 1


def test_a_body_that_is_not_the_format_is_refused_for_good(installation: Installation) -> None:
    collector = installation.collector
    refused = {
        "no JSON": collector.post("/v1/calls", b"[not json"),
        "no protobuf": collector.post("/v1/logs", b"\xff\xff", content_type=_PROTOBUF),
        "no gzip": collector.post("/v1/calls", b"{}", content_encoding="gzip"),
        "half of gzip": collector.post("/v1/calls", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", content_encoding="gzip"),
        "wrong part": collector.post("/v1/calls?event=some", b"{}"),
    }
    assert {name: answer.status for name, answer in refused.items()} == dict.fromkeys(refused, 400)
    assert collector.post("/v1/logs", b"a", content_type="text/plain").status == 415
    assert collector.post("/v1/calls", b"a", content_encoding="br").status == 415
    assert collector.post("/v1/other", b"a").status == 404
    assert collector.get("/v1/calls").status == 405
    assert installation.calls() == []


def test_halves_become_one_call_and_lonely_ones_are_written_at_the_end(installation: Installation) -> None:
    collector = installation.collector
    request = {"id": "req-1", "ts": samples.NOON_S, "client": "acct-7", "ip": "192.0.2.17", "event": "request"}
    lonely = {**request, "id": "req-2", "ts": samples.NOON_S + 1}
    first = collector.post("/v1/calls", samples.as_json([request, lonely]))
    completion = samples.envoy(1, client="-", start_time="2026-01-05T00:00:02Z")
    second = collector.post("/v1/envoy?event=completion", samples.as_json(completion))
    held = installation.calls()
    collector.stop()

    assert (first.status, second.status) == (202, 200)
    assert [(call.ts, call.client, call.ip, call.output_tokens) for call in held] == [
        (samples.NOON_S, "acct-7", "192.0.2.17", 412)
    ]
    assert [(call.id, call.output_tokens) for call in installation.calls()] == [("req-1", 412), ("req-2", None)]


def test_a_half_that_waits_too_long_is_written_alone(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    with installed(kafka_topics, tmp_path, collector_pair_s=0.2) as installation:
        request = {"id": "req-1", "ts": samples.NOON_S, "client": "acct-7", "event": "request"}
        orphan = {"id": "req-2", "ts": samples.NOON_S, "event": "completion"}
        assert installation.collector.post("/v1/calls", samples.as_json([request, orphan])).status == 202

        wait_until(lambda: len(installation.calls()) == 1, "the half is written")
        wait_until(lambda: len(installation.letters()) == 1, "the half without a client is refused")
        assert installation.letters()[0].topic == "collector/pairing"


def test_prompts_are_in_no_topic_log_or_metric(installation: Installation) -> None:
    collector, secret = installation.collector, f"Tell me of {_MARKER}."
    bad_call = samples.call(2, prompt=secret, ts="soon")
    nobody = samples.span(2, samples.genai(client=None, question=secret))
    told = [
        collector.post("/v1/calls", samples.as_json([samples.call(1, prompt=secret), bad_call, [secret]])),
        collector.post("/v1/calls", samples.as_json(samples.call(3, prompt=[secret], sketch={"head": secret}))),
        collector.post("/v1/calls", samples.as_json(samples.call(4, params={"logit_bias": {secret: secret}}))),
        collector.post("/v1/calls", b'{"prompt": "' + secret.encode()),
        collector.post(
            "/v1/traces", samples.as_json(samples.traces(samples.span(1, samples.genai(question=secret)), nobody))
        ),
        collector.post("/v1/litellm", samples.as_json([samples.litellm(1, secret), {"messages": secret}])),
        collector.post("/v1/mapped", samples.as_json(samples.foreign(1, secret))),
        collector.get("/metrics"),
    ]
    collector.stop()

    assert len(installation.calls()) == 6
    assert len(installation.letters()) == 5
    found = [answer.body for answer in told] + [collector.log.read_bytes()]
    found += [record.value + record.key for topic in _topics(installation) for record in topic]
    assert [content for content in found if _MARKER.encode() in content] == []


def test_who_shows_no_token_is_not_heard(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    token = "0123456789abcdef"  # noqa: S105 - of this test
    with installed(kafka_topics, tmp_path, collector_token=token) as installation:
        collector, body = installation.collector, samples.as_json(samples.call())
        wrong = [{}, {"authorization": "Bearer 0123456789abcdeF"}, {"authorization": token}]
        assert [collector.post("/v1/calls", body, **headers).status for headers in wrong] == [401] * 3
        assert collector.post("/v1/calls", body, authorization=f"Bearer {token}").status == 200
        assert collector.get("/healthz").status == 200
        assert len(installation.calls()) == 1
        assert token.encode() not in collector.get("/metrics").body + collector.log.read_bytes()


def test_a_large_body_is_refused_packed_or_not(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    with installed(kafka_topics, tmp_path, collector_max_body_bytes=10_000) as installation:
        collector, large = installation.collector, b"[" + b" " * 20_000 + b"]"
        assert collector.post("/v1/calls", large).status == 413
        assert collector.post("/v1/calls", large, packed=True).status == 413
        assert collector.post("/v1/calls", samples.as_json(samples.call())).status == 200


def test_without_kafka_senders_keep_their_events_until_it_is_back(private_kafka: KafkaServer, tmp_path: Path) -> None:
    topics = KafkaTopics(private_kafka.bootstrap)
    with installed(topics, tmp_path, collector_kafka_timeout_s=1) as installation:
        topics.close()
        collector, numbers = installation.collector, itertools.count(2)
        assert collector.post("/v1/calls", samples.as_json(samples.call(1))).status == 200

        private_kafka.stop()
        refused = [collector.post("/v1/calls", samples.as_json(samples.call(next(numbers)))) for _ in range(3)]
        assert [(answer.status, answer.headers["retry-after"]) for answer in refused] == [(503, "5")] * 3
        assert (collector.get("/readyz").status, collector.get("/healthz").status) == (503, 200)

        private_kafka.start()
        wait_until(collector.is_ready, "the collector is ready again")
        for number in range(1, 5):
            assert collector.post("/v1/calls", samples.as_json(samples.call(number))).status == 200

        installation.topics = KafkaTopics(private_kafka.bootstrap)
        assert [call.id for call in installation.calls()] == ["req-1", "req-2", "req-3", "req-4"]
        installation.topics.close()


def _topics(installation: Installation) -> list[list[Any]]:
    topics = (installation.calls_topic, installation.dead_topic)
    return [installation.topics.consume(topic) for topic in topics]
