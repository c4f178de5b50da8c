"""Records in a topic of others, calls in ours: what the collector reads from Apache Kafka."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from reports import samples
from running.collecting import Installation, installed
from running.collector_process import CollectorProcess
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until

from stream_detector.domain.calls import ApiCall

_CLOUDEVENT = {"ce_specversion": "1.0", "ce_id": "100%25", "ce_partitionkey": "acct-7", "ce_type": "example.call"}


def _record(content: object, **headers: str) -> Sent:
    value = content if isinstance(content, bytes) else samples.as_json(content)
    return Sent(None, value, headers=[(name, said.encode()) for name, said in headers.items()])


_RECORDS: dict[str, Sequence[Sent]] = {
    "traces": [
        _record(samples.traces(samples.span(1))),
        _record(samples.as_protobuf(samples.traces(samples.span(2), samples.span(3)))),
    ],
    "logs": [
        _record(samples.logs(samples.record(4))),
        _record(samples.as_protobuf(samples.logs(samples.record(5)))),
    ],
    "envoy": [_record(samples.envoy(6))],
    "litellm": [_record([samples.litellm(7)])],
    "events": [
        _record({"ts": samples.NOON_S}, **_CLOUDEVENT),
        _record(samples.cloudevent(9), **{"content-type": "application/cloudevents+json"}),
    ],
    "mapped": [_record(samples.foreign(10))],
    "calls": [_record([samples.call(11), samples.call(12)])],
}
_CALLS = 12


def _ids(calls: Sequence[ApiCall]) -> list[str]:
    return sorted((call.id for call in calls), key=lambda each: (len(each), each))


def _numbered(first: int, last: int) -> list[Sent]:
    return [_record(samples.call(number, client=f"acct-{number % 7}")) for number in range(first, last + 1)]


def _wait_calls(installation: Installation, count: int) -> None:
    wait_until(lambda: len(installation.calls()) >= count, f"{count} calls", 60)


def test_every_format_is_read_from_a_topic(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    topics = {kind: kafka_topics.create(2, kind) for kind in _RECORDS}
    for kind, records in _RECORDS.items():
        kafka_topics.produce(topics[kind], records)
    setting = ", ".join(f"{topic}={kind}" for kind, topic in topics.items())
    with installed(kafka_topics, tmp_path, collector_topics=setting) as installation:
        _wait_calls(installation, _CALLS)
        collector = installation.collector

        calls = installation.calls()
        assert len(calls) == _CALLS
        assert {call.client for call in calls} == {"acct-7", "ab" * 32}
        assert "100%25" in {call.id for call in calls}, "headers of Kafka are plain, those of HTTP percent-encoded"
        assert installation.letters() == []
        assert collector.metric("events_total", source="otlp_traces") == 3
        assert collector.metric("bodies_total", source="otlp_logs", state="taken") == 2
        wait_until(lambda: collector.metric("lag_records") == 0, "nothing is left to read")


def test_topics_may_be_compressed_in_every_way(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    codecs = ["gzip", "lz4", "snappy", "zstd"]
    topics = [kafka_topics.create(compression_type=codec) for codec in codecs]  # the broker does it
    for number, topic in enumerate(topics):
        kafka_topics.produce(topic, _numbered(1 + 50 * number, 50 + 50 * number))
    setting = ",".join(f"{topic}=calls" for topic in topics)
    with installed(kafka_topics, tmp_path, collector_topics=setting) as installation:
        _wait_calls(installation, 200)
        assert len({call.id for call in installation.calls()}) == 200


def test_what_cannot_be_used_becomes_a_dead_letter_that_says_where_it_lies(
    kafka_topics: KafkaTopics, tmp_path: Path
) -> None:
    topic = kafka_topics.create()
    two = samples.traces(samples.span(1), samples.span(2, samples.genai(client=None)))
    records = [_record(b"no export"), Sent(b"k", None), _record(two), _record(b"{" + b" " * 20_000)]
    kafka_topics.produce(topic, [*records, _record(samples.traces(samples.span(3)))])
    settings = {"collector_topics": f"{topic}=traces", "collector_max_body_bytes": 10_000}
    with installed(kafka_topics, tmp_path, **settings) as installation:
        _wait_calls(installation, 2)
        wait_until(lambda: len(installation.letters()) == 3, "three dead letters")

        letters = [(each.topic, each.offset, each.index, str(each.reason)) for each in installation.letters()]
        assert sorted(letters) == [
            (topic, 0, 0, "unreadable"),
            (topic, 2, 1, "invalid_field"),
            (topic, 3, 0, "too_large"),
        ]
        wait_until(lambda: installation.collector.metric("skipped_total") == 1, "the tombstone is skipped")
        assert installation.collector.metric("bodies_total", state="unreadable") == 2


class _NotUtf8(str):
    """A header's name as other producers may write it; ours would encode it."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:  # noqa: ARG002 - as text has it
        return b"\xff\xfe"


def test_headers_that_are_no_text_harm_no_other_batch(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    topic, quiet = kafka_topics.create(2), kafka_topics.create(2)
    bad = Sent(None, b"{}", 1, headers=[(_NotUtf8("name"), b"x")])
    records = [each._replace(partition=place % 2) for place, each in enumerate(_numbered(1, 300))]
    for batch in (records[:150], [bad], records[150:], [bad]):
        kafka_topics.produce(topic, batch)
    kafka_topics.produce(quiet, _numbered(301, 310))
    with installed(kafka_topics, tmp_path, collector_topics=f"{topic}=calls,{quiet}=calls") as installation:
        _wait_calls(installation, 310)
        wait_until(lambda: len(installation.letters()) == 2, "two dead letters", 60)

        assert _ids(installation.calls()) == [f"req-{number}" for number in range(1, 311)]
        letters = [(each.topic, each.partition, each.offset, str(each.reason)) for each in installation.letters()]
        assert letters == [(topic, 1, offset, "unreadable") for offset in (75, 151)]
        wait_until(lambda: installation.collector.metric("lag_records") == 0, "nothing is left to read")


def test_halves_from_two_topics_become_one_call(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    asked, answered = kafka_topics.create(), kafka_topics.create()
    half = {"id": "req-1", "ts": samples.NOON_S, "client": "acct-7", "ip": "192.0.2.17"}
    kafka_topics.produce(answered, [_record(samples.envoy(1, client="-"))])
    kafka_topics.produce(asked, [_record(half)])
    setting = f"{asked}=calls:request,{answered}=envoy:completion"
    with installed(kafka_topics, tmp_path, collector_topics=setting) as installation:
        _wait_calls(installation, 1)
        assert [(call.client, call.ip, call.output_tokens) for call in installation.calls()] == [
            ("acct-7", "192.0.2.17", 412)
        ]


def test_an_orderly_restart_loses_nothing_and_doubles_nothing(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    topic = kafka_topics.create(3)
    with installed(kafka_topics, tmp_path, collector_topics=f"{topic}=calls") as installation:
        for first in (1, 1001):
            kafka_topics.produce(topic, _numbered(first, first + 999))
            _wait_calls(installation, first)
            installation.collector.stop()
            installation.collector = installation.start_another()
        _wait_calls(installation, 2000)
        assert _ids(installation.calls()) == [f"req-{number}" for number in range(1, 2001)]


def test_a_killed_collector_loses_nothing(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    topic = kafka_topics.create(3)
    with installed(kafka_topics, tmp_path, collector_topics=f"{topic}=calls") as installation:
        kafka_topics.produce(topic, _numbered(1, 2000))
        _wait_calls(installation, 1)
        installation.collector.kill()
        installation.collector = installation.start_another()
        _wait_calls(installation, 2000)
        wait_until(lambda: len({call.id for call in installation.calls()}) == 2000, "every call", 60)


def test_collectors_share_the_partitions_and_double_nothing_when_one_joins(
    kafka_topics: KafkaTopics, tmp_path: Path
) -> None:
    topic, firsts = kafka_topics.create(4), itertools.count(1, 100)
    with installed(kafka_topics, tmp_path, collector_topics=f"{topic}=calls") as installation:

        def is_reading(collector: CollectorProcess) -> bool:
            first = next(firsts)
            kafka_topics.produce(topic, _numbered(first, first + 99))
            return collector.metric("events_total") > 0

        wait_until(lambda: is_reading(installation.collector), "the first one reads")
        second = installation.start_another()
        try:
            second.wait_ready()
            wait_until(lambda: is_reading(second), "the second one reads, too")
            last = next(firsts) - 1
            _wait_calls(installation, last)
            assert _ids(installation.calls()) == [f"req-{number}" for number in range(1, last + 1)]
        finally:
            second.stop()


def test_a_topic_that_is_made_later_is_read_then(kafka_topics: KafkaTopics, tmp_path: Path) -> None:
    early, late = kafka_topics.create(), f"late-{kafka_topics.unique_name()}"
    setting = f"{early}=calls,{late}=calls"
    with installed(kafka_topics, tmp_path, collector_topics=setting) as installation:
        kafka_topics.produce(early, _numbered(1, 1))
        _wait_calls(installation, 1)
        assert f"topics {late}: not there yet" in installation.collector.log.read_text()
        kafka_topics.create_named(late)
        kafka_topics.produce(late, _numbered(2, 2))
        _wait_calls(installation, 2)


def test_while_kafka_is_away_nothing_is_lost(private_kafka: KafkaServer, tmp_path: Path) -> None:
    topics = KafkaTopics(private_kafka.bootstrap)
    topic = topics.create(2)
    settings = {"collector_topics": f"{topic}=calls", "collector_kafka_timeout_s": 1}
    with installed(topics, tmp_path, **settings) as installation:
        topics.produce(topic, _numbered(1, 1000))
        _wait_calls(installation, 1)
        topics.close()
        private_kafka.stop()
        private_kafka.start()
        installation.topics = topics = KafkaTopics(private_kafka.bootstrap)
        topics.produce(topic, _numbered(1001, 2000))
        wait_until(lambda: len({call.id for call in installation.calls()}) == 2000, "every call", 60)
    topics.close()
