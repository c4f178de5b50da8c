"""The stream layer against what production does to it."""

import random
import time
from pathlib import Path

import pytest
from servers.kafka_server import KafkaServer
from servers.kafka_topics import KafkaTopics
from servers.processes import wait_until
from streaming.workers import Worker, Workers

_MOST_WORKERS = 3  # of four partitions, so that everybody has work


@pytest.mark.parametrize("seed", [1])
def test_workers_that_start_stop_and_die_at_random_lose_and_double_nothing(workers: Workers, seed: int) -> None:
    workers.new_topic()
    chance = random.Random(seed)
    running: list[Worker] = [_start(workers)]
    produced = 0
    for _ in range(8):
        workers.produce(400, begin=produced)
        produced += 400
        running[-1].wait_for("claim")
        time.sleep(chance.uniform(0, 0.5))  # where in its work a worker is met is the point
        if len(running) == _MOST_WORKERS or (len(running) > 1 and chance.random() < 0.6):
            leaving = running.pop(chance.randrange(len(running)))
            if chance.random() < 0.5:
                leaving.kill()
            else:
                assert leaving.stop() == 0
        else:
            running.append(_start(workers))
    wait_until(lambda: workers.saved_records() == produced, "every record to be saved", 120)
    ends = workers.topics.end_offsets(workers.topic)
    wait_until(lambda: workers.committed() == ends, "every partition to have found an owner that commits", 60)
    running[-1].wait_for("claim")
    assert [worker.stop() for worker in running] == [0] * len(running)
    assert workers.committed() == ends
    workers.assert_everything_counts_once()


@pytest.mark.parametrize("transport", ["chunked", "stock"])
def test_a_restart_of_the_broker_loses_nothing(private_kafka: KafkaServer, tmp_path: Path, transport: str) -> None:
    workers = Workers(KafkaTopics(private_kafka.bootstrap), tmp_path, transport)
    workers.new_topic()
    workers.produce(1000)
    worker = _start(workers)
    worker.wait_handled(200)
    workers.topics.close()
    private_kafka.stop()
    private_kafka.start()
    workers.topics = KafkaTopics(private_kafka.bootstrap)
    workers.produce(1000, begin=1000)

    def is_saved() -> bool:
        nonlocal worker
        if worker.is_dead():  # as the orchestrator does
            assert worker.exit_code() == 1
            worker = _start(workers)
        return workers.saved_records() == 2000

    wait_until(is_saved, "every record to be saved", 120)
    assert worker.stop() == 0
    workers.assert_everything_counts_once()
    workers.end()
    workers.topics.close()


def _start(workers: Workers) -> Worker:
    """A worker that is slow enough to be caught in the middle."""
    return workers.start(pause_s=0.002, max_chunk_records=5)
