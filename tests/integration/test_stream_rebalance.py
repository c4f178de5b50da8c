"""The stream layer on Apache Kafka: workers that come and go, and workers that lost a partition without knowing."""

from typing import Any

from servers.processes import wait_until
from streaming.workers import Worker, Workers


def test_workers_may_join_and_leave_in_full_flow(workers: Workers) -> None:
    workers.new_topic()
    workers.produce(1500)
    first = workers.start(pause_s=0.002, max_chunk_records=5)
    first.wait_handled(300)
    second = workers.start(pause_s=0.002, max_chunk_records=5)
    second.wait_for("claim", 2)
    workers.produce(1000, begin=1500)
    second.wait_handled(100)
    assert first.stop() == 0
    second.wait_for("claim", 4)
    workers.produce(500, begin=2500)
    wait_until(lambda: workers.saved_records() == 3000, "every record to be saved", 120)
    assert second.stop() == 0
    assert workers.committed() == workers.topics.end_offsets(workers.topic)
    workers.assert_everything_counts_once()
    assert _owners_overlap(first, second) == []


def test_a_worker_without_a_partition_waits_and_stops_like_the_others(workers: Workers) -> None:
    workers.new_topic(1)
    workers.produce(100)
    first = workers.start()
    first.wait_handled(100)
    second = workers.start()
    first.wait_for("release")  # the second has joined
    wait_until(lambda: len(first.events("claim")) + len(second.events("claim")) == 2, "the second claim")
    owner, idle = (second, first) if second.events("claim") else (first, second)
    assert idle.stop() == 0
    workers.produce(100, begin=100)
    wait_until(lambda: workers.saved_records() == 200, "every record to be saved")
    assert owner.stop() == 0
    assert workers.committed() == workers.topics.end_offsets(workers.topic)


def test_a_killed_workers_partitions_go_to_the_other(workers: Workers) -> None:
    workers.new_topic()
    first = workers.start(pause_s=0.002, max_chunk_records=5)
    first.wait_for("claim", 4)
    second = workers.start(pause_s=0.002, max_chunk_records=5)
    second.wait_for("claim", 2)
    workers.produce(2000)
    second.wait_handled(200)
    second.kill()
    wait_until(lambda: workers.saved_records() == 2000, "every record to be saved", 120)
    assert first.stop() == 0
    assert workers.committed() == workers.topics.end_offsets(workers.topic)
    workers.assert_everything_counts_once()


def test_a_lost_partition_is_forgotten_and_the_others_go_on(workers: Workers) -> None:
    workers.new_topic()
    first = workers.start()
    workers.produce(1000)
    first.wait_handled(1000)
    wait_until(lambda: workers.committed() == workers.topics.end_offsets(workers.topic), "the commit")
    committed = workers.committed()
    workers.checkpoints.claim(2)  # somebody else
    workers.produce(1000, begin=1000)
    first.wait_for("forget")
    ends = workers.topics.end_offsets(workers.topic)
    wait_until(lambda: workers.committed() == {**ends, 2: committed[2]}, "the commit of all but partition 2")
    assert first.events("forget")[0]["partition"] == 2
    second = workers.start()
    second.wait_for("claim", 2)
    wait_until(lambda: workers.saved_records() == 2000, "every record to be saved")
    assert [first.stop(), second.stop()] == [0, 0]
    workers.assert_everything_counts_once()


def test_a_partition_that_commits_nothing_any_more_ends_the_process(workers: Workers) -> None:
    workers.new_topic(1)
    worker = workers.start(stall_limit_s=1.0)
    workers.produce(10)
    worker.wait_handled(10)
    workers.checkpoints.claim(0)  # somebody else, but Kafka goes on to deliver to this one
    workers.produce(10, begin=10)
    worker.wait_for("forget")
    assert worker.exit_code() == 1
    assert "Stalled: partition 0" in worker.stderr()
    restarted = workers.start()
    wait_until(lambda: workers.saved_records() == 20, "every record to be saved")
    assert restarted.stop() == 0
    workers.assert_everything_counts_once()


def _owners_overlap(*workers: Worker) -> list[dict[str, Any]]:
    """Claims of a partition that came before the owner before had released it."""
    events = [event for worker in workers for event in worker.events("claim", "release")]
    overlaps: list[dict[str, Any]] = []
    owned: set[int] = set()
    for event in sorted(events, key=lambda event: event["at_ns"]):
        partition = event["partition"]
        if event["event"] == "release":
            owned.discard(partition)
        elif partition in owned:
            overlaps.append(event)
        else:
            owned.add(partition)
    return overlaps
