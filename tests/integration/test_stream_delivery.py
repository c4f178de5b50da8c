"""The stream layer on Apache Kafka: what a worker handles, in which order, and what it commits."""

from typing import Any

from kafka import KafkaProducer
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until
from streaming.workers import Workers, numbered


def test_every_record_is_handled_once_and_a_graceful_stop_commits_the_end(workers: Workers) -> None:
    workers.new_topic()
    workers.produce(4000)
    worker = workers.start()
    worker.wait_handled(4000)
    assert worker.stop() == 0
    assert f"transport in use: {workers.transport}" in worker.stderr()
    assert worker.handled() == 4000
    assert {event["partition"] for event in worker.events("release")} == {0, 1, 2, 3}
    assert workers.committed() == workers.topics.end_offsets(workers.topic)
    workers.assert_everything_counts_once()


def test_records_are_committed_while_the_worker_runs_once_they_are_saved(workers: Workers) -> None:
    workers.new_topic(1)
    workers.start()
    for begin in (0, 100, 200):
        workers.produce(100, begin=begin)
        wait_until(lambda: workers.committed() == workers.topics.end_offsets(workers.topic), "the commit of the end")
        assert workers.saved_offsets() == {0: begin + 99}


def test_nothing_is_committed_that_is_not_saved(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(500)
    worker = workers.start(checkpoint_s=3600)
    worker.wait_handled(500)
    workers.produce(1, begin=500)
    worker.wait_handled(501)
    worker.kill()
    assert workers.committed() == {}


def test_an_idle_worker_is_given_the_true_end_of_its_partitions(workers: Workers) -> None:
    workers.new_topic(2)
    workers.topics.produce(workers.topic, [Sent(b"a", b"1", partition=1), Sent(b"a", b"2", partition=1)])
    worker = workers.start()
    worker.wait_for("claim", 2)
    assert {event["partition"]: event["end_offset"] for event in worker.events("claim")} == {0: 0, 1: 2}


def test_any_bytes_pass_through_as_they_are(workers: Workers) -> None:
    workers.new_topic(1)
    values = [b"", None, b"\xff\x00{", b"not json", b"x" * 900_000, b'{"id":1}']
    workers.topics.produce(workers.topic, [Sent(None if value else b"\xfe", value) for value in values])
    worker = workers.start()
    worker.wait_handled(len(values))
    assert worker.stop() == 0
    workers.assert_everything_counts_once()


def test_control_records_of_transactions_do_not_stall_commits(workers: Workers) -> None:
    workers.new_topic(1)
    producer = KafkaProducer(bootstrap_servers=workers.topics.bootstrap, transactional_id=workers.group)
    producer.init_transactions()
    for begin in range(0, 500, 100):
        producer.begin_transaction()
        for sent in numbered(100, begin):
            producer.send(workers.topic, key=sent.key, value=sent.value)
        producer.commit_transaction()
    producer.close()
    # Each transaction ends with a record that consumers do not see.
    wait_until(lambda: workers.topics.end_offsets(workers.topic) == {0: 505}, "the last control record")
    worker = workers.start()
    worker.wait_handled(500)
    wait_until(lambda: workers.committed() == {0: 504}, "the commit of the last record")
    assert worker.stop() == 0
    workers.assert_everything_counts_once()


def test_holes_that_compaction_left_do_not_stall_commits(workers: Workers) -> None:
    workers.new_topic(
        1, cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.001", max_compaction_lag_ms="100"
    )
    workers.produce(1000)
    wait_until(lambda: _is_compacted(workers.topics, workers.topic), "compaction")
    offsets = [record.offset for record in workers.topics.consume(workers.topic)]
    worker = workers.start()
    worker.wait_handled(len(offsets))
    assert worker.stop() == 0
    assert workers.committed() == {0: offsets[-1] + 1}
    assert worker.events("handle")[0]["first"] == offsets[0]


def _is_compacted(topics: KafkaTopics, topic: str) -> bool:
    """One more record lets the log roll, so that what came before may be compacted."""
    topics.produce(topic, [Sent(b"roll", b"")])
    records: list[Any] = topics.consume(topic)
    return len(records) < records[-1].offset - records[0].offset
