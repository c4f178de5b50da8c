"""The stream layer on Apache Kafka: what a crash costs, and how the process ends."""

from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata
from servers.kafka_topics import Sent, TopicPartition
from servers.processes import wait_until
from streaming.recorder import Saved
from streaming.workers import Workers

from stream_detector.stream.chunked import TESTED


def test_a_killed_worker_loses_nothing_and_goes_on_where_it_had_saved(workers: Workers) -> None:
    workers.new_topic()
    workers.produce(4000)
    killed = workers.start(pause_s=0.002, max_chunk_records=5, checkpoint_s=0.1)
    killed.wait_handled(500)
    wait_until(lambda: sum(workers.saved_offsets().values()) > 0, "a checkpoint")
    killed.kill()
    saved = workers.saved_offsets()
    assert all(offset <= saved[partition] + 1 for partition, offset in workers.committed().items())
    next_one = workers.start()
    next_one.wait_handled(4000 - sum(offset + 1 for offset in saved.values()))
    assert next_one.stop() == 0
    assert {event["partition"]: event["saved"] for event in next_one.events("claim")} == saved
    assert workers.committed() == workers.topics.end_offsets(workers.topic)
    workers.assert_everything_counts_once()


def test_an_error_of_the_handler_ends_the_process_and_commits_nothing_beyond_the_checkpoint(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(300)
    crashing = workers.start(raise_at="bad")
    crashing.wait_handled(300)
    wait_until(lambda: workers.committed() == {0: 300}, "the commit")
    workers.topics.produce(workers.topic, [Sent(b"a", b"good"), Sent(b"a", b"bad"), Sent(b"a", b"good")])
    assert crashing.exit_code() == 1
    assert "RuntimeError: met b'bad'" in crashing.stderr()
    assert workers.committed()[0] <= workers.saved_offsets()[0] + 1 <= 301
    repaired = workers.start()
    repaired.wait_handled(2)
    assert repaired.stop() == 0
    workers.assert_everything_counts_once()


def test_an_error_of_the_timer_ends_the_process(workers: Workers) -> None:
    workers.new_topic(1)
    crashing = workers.start(tick_fails=True)
    assert crashing.exit_code() == 1
    assert "RuntimeError: the timer failed" in crashing.stderr()


def test_records_are_read_again_when_kafka_is_ahead_of_the_checkpoint(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(1000)
    _commit(workers, 900)
    workers.checkpoints.write(0, Saved(token=7, offset=399))
    worker = workers.start()
    worker.wait_handled(600)
    assert worker.events("handle")[0]["first"] == 400
    assert worker.stop() == 0
    assert worker.handled() == 600
    assert workers.committed() == {0: 1000}


def test_records_are_not_read_again_when_kafka_is_behind_the_checkpoint(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(1000)
    _commit(workers, 200)
    workers.checkpoints.write(0, Saved(token=7, offset=799))
    worker = workers.start()
    worker.wait_handled(200)
    assert worker.stop() == 0
    assert worker.events("handle")[0]["first"] == 800
    assert workers.committed() == {0: 1000}


def test_a_checkpoint_beyond_the_end_of_the_partition_stops_the_start(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(10)
    workers.checkpoints.write(0, Saved(token=7, offset=10))
    worker = workers.start()
    assert worker.exit_code() == 1
    assert "ConfigError: partition 0: the checkpoint lies beyond the end" in worker.stderr()
    assert worker.events("handle") == []


def test_no_broker_stops_the_start(workers: Workers) -> None:
    worker = workers.start(bootstrap="127.0.0.1:1", topic="calls")
    assert worker.exit_code() == 1
    assert "KafkaConnectionError" in worker.stderr()


def test_with_an_untested_faust_the_stock_transport_does_the_same(workers: Workers) -> None:
    workers.new_topic()
    workers.produce(500)
    worker = workers.start(pretend_faust="0.16.0")
    worker.wait_handled(500)
    assert worker.stop() == 0
    assert "transport in use: stock" in worker.stderr()
    assert f"tested with faust-streaming {TESTED['faust-streaming']}" in worker.stderr()
    assert workers.committed() == workers.topics.end_offsets(workers.topic)
    workers.assert_everything_counts_once()


def _commit(workers: Workers, offset: int) -> None:
    """Set the group's committed offset of partition 0."""
    admin = KafkaAdminClient(bootstrap_servers=workers.topics.bootstrap)
    offsets = {TopicPartition(workers.topic, 0): OffsetAndMetadata(offset, "", -1)}
    admin.alter_group_offsets(workers.group, offsets)
    admin.close()
