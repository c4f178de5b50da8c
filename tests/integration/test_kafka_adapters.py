"""What workers write to Apache Kafka: topics, decisions, dead letters."""

import asyncio
import logging

import msgspec
import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics

from stream_detector.adapters.kafka import CAUSED_AT_HEADER, KafkaDeadLetterLog, KafkaDecisionLog, open_producer
from stream_detector.adapters.kafka_topics import calls_topic, dead_letters_topic, decisions_topic, ensure_topics
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Action, Decision, Mode, Subject, SubjectKind
from stream_detector.domain.errors import ConfigError, RejectReason, StoreUnavailable
from stream_detector.wire import decisions as wire


def _decision(client: str, note: str = "") -> Decision:
    return Decision(
        subject=Subject(SubjectKind.CLIENT, client),
        action=Action.BLOCK,
        mode=Mode.ENFORCE,
        risk=1.0,
        note=note,
        policy_version="test",
        decided_at=1.0,
        expires_at=2.0,
    )


def _letter(offset: int) -> DeadLetter:
    return DeadLetter(
        topic="calls",
        partition=3,
        offset=offset,
        index=1,
        reason=RejectReason.UNREADABLE,
        detail="",
        payload_bytes=7,
        fields={},
    )


async def _publish_decisions(bootstrap: str, topic: str, decisions: list[Decision]) -> None:
    async with open_producer(bootstrap) as producer:
        await KafkaDecisionLog(producer, topic).publish(decisions, [100 + index for index in range(len(decisions))])


def test_decisions_are_keyed_by_subject_and_carry_the_time_of_their_cause(kafka_topics: KafkaTopics) -> None:
    topic = kafka_topics.create()
    decisions = [_decision("a"), _decision("b"), _decision("a", note="newer")]
    asyncio.run(_publish_decisions(kafka_topics.bootstrap, topic, decisions))
    records = kafka_topics.consume(topic)
    assert [wire.decode(record.value) for record in records] == decisions
    assert [record.key for record in records] == [b"client:a", b"client:b", b"client:a"]
    assert [dict(record.headers) for record in records] == [{CAUSED_AT_HEADER: b"%d" % ms} for ms in (100, 101, 102)]


def test_dead_letters_are_keyed_by_the_place_of_the_call(kafka_topics: KafkaTopics) -> None:
    topic = kafka_topics.create()

    async def publish() -> None:
        async with open_producer(kafka_topics.bootstrap) as producer:
            await KafkaDeadLetterLog(producer, topic).publish([_letter(offset) for offset in range(500)])

    asyncio.run(publish())
    records = kafka_topics.consume(topic)
    assert [msgspec.json.decode(record.value, type=DeadLetter) for record in records] == list(map(_letter, range(500)))
    assert records[7].key == b"calls:3:7:1"


def test_a_decision_that_the_broker_will_never_take_is_for_the_operator(kafka_topics: KafkaTopics) -> None:
    topic = kafka_topics.create(max_message_bytes="1000")
    with pytest.raises(ConfigError, match=r"max\.message\.bytes"):
        asyncio.run(_publish_decisions(kafka_topics.bootstrap, topic, [_decision("a", note="x" * 2000)]))


def test_a_broker_that_goes_away_and_comes_back_is_waited_for_by_publishing_again(private_kafka: KafkaServer) -> None:
    topics = KafkaTopics(private_kafka.bootstrap)
    topic = topics.create()
    topics.close()

    async def publish() -> None:
        async with open_producer(private_kafka.bootstrap) as producer:
            log = KafkaDecisionLog(producer, topic)
            await log.publish([_decision("a")], [1])
            private_kafka.stop()
            with pytest.raises(StoreUnavailable, match="sent again"):
                await log.publish([_decision("b")], [2])
            private_kafka.start()
            await log.publish([_decision("b")], [2])

    asyncio.run(publish())
    topics = KafkaTopics(private_kafka.bootstrap)
    assert {record.key for record in topics.consume(topic)} == {b"client:a", b"client:b"}
    topics.close()


def test_no_broker_is_named_with_its_address() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1; start it, or set STREAM_DETECTOR_KAFKA"):
        asyncio.run(_publish_decisions("127.0.0.1:1", "decisions", []))
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1; start it, or set STREAM_DETECTOR_KAFKA"):
        ensure_topics("127.0.0.1:1", [calls_topic("calls", 1)], timeout_s=0.5)


def test_missing_topics_are_made_once_and_decisions_are_compacted(kafka_topics: KafkaTopics) -> None:
    names = [kafka_topics.unique_name(stem) for stem in ("calls", "decisions", "dead")]
    specs = [calls_topic(names[0], 6), decisions_topic(names[1]), dead_letters_topic(names[2])]
    assert ensure_topics(kafka_topics.bootstrap, specs) == names
    assert ensure_topics(kafka_topics.bootstrap, specs) == []
    assert [len(kafka_topics.end_offsets(name)) for name in names] == [6, 1, 1]
    assert _cleanup_policy(kafka_topics.bootstrap, names[1]) == "compact"


def test_a_decisions_topic_that_is_not_compacted_is_pointed_out(
    kafka_topics: KafkaTopics, caplog: pytest.LogCaptureFixture
) -> None:
    topic = kafka_topics.create()
    with caplog.at_level(logging.WARNING, "stream_detector"):
        assert ensure_topics(kafka_topics.bootstrap, [decisions_topic(topic)]) == []
    assert f"topic {topic}: cleanup.policy is delete" in caplog.text


def test_a_topic_that_the_broker_refuses_is_for_the_operator(kafka_topics: KafkaTopics) -> None:
    with pytest.raises(ConfigError, match="refuses to make the topics"):
        ensure_topics(kafka_topics.bootstrap, [calls_topic("no spaces allowed", 1)])


def _cleanup_policy(bootstrap: str, topic: str) -> str:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    admin.close()
    return str(answer["topic"][topic]["cleanup.policy"]["value"])
