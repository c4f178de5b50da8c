"""Workers that die, hand over or are asked to stop in mid-stream end exactly where an uninterrupted one does.

On Apache Kafka and Redis, with real processes. "Exactly" means every byte in Redis but the fencing tokens (profiles,
partition states, offsets, standing decisions, template counts) and every distinct record of the topics that workers write.
"""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from running import traffic
from running.installation import Ending, Installation, installed
from running.worker_process import WorkerProcess
from servers.kafka_topics import KafkaTopics
from servers.processes import wait_until

from stream_detector.domain.decisions import Action, Decision

_RARELY = {"checkpoint_s": 3600, "checkpoint_calls": 300}
"""Checkpoints by count alone: what was handled since the last one is surely unsaved."""
_OFTEN = {"checkpoint_s": 0.2}
_PATIENT = {"rebalance_timeout_s": 3}
"""Two workers must find the time to rejoin; one alone need not wait for a dead one."""
_uninterrupted: list[Ending] = []


@pytest.fixture
def fresh(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation that has seen nothing yet."""
    with _installation(kafka_topics, redis_url, tmp_path) as installation:
        yield installation


@pytest.fixture
def expected(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path) -> Ending:
    """The ending of one worker that is never interrupted; worked out once for all tests."""
    if not _uninterrupted:
        with _installation(kafka_topics, redis_url, tmp_path) as installation:
            installation.produce(traffic.records())
            worker = installation.start(**_OFTEN)
            installation.wait_all_saved()
            assert worker.stop() == 0
            _uninterrupted.append(installation.ending())
    return _uninterrupted[0]


def test_the_traffic_leads_to_decisions_profiles_and_dead_letters(expected: Ending) -> None:
    decisions = [msgspec.json.decode(value, type=Decision) for value in expected.decisions]
    assert len(decisions) > 5
    assert {decision.action for decision in decisions} >= {Action.THROTTLE, Action.BLOCK}
    assert sum(":profile:" in key for key in expected.stored) > 20
    assert sum(key.endswith(":state") for key in expected.stored) == traffic.PARTITIONS
    assert len(expected.dead_letters) > 20


def test_no_template_is_shared_across_partitions(expected: Ending) -> None:
    uses = [value for key, value in expected.stored.items() if key.startswith("template:")]
    assert uses
    assert all(len(partitions) == 1 for partitions in uses if isinstance(partitions, dict))


def test_a_worker_killed_again_and_again_ends_as_if_it_had_never_stopped(fresh: Installation, expected: Ending) -> None:
    sent, quarter = 0, len(traffic.records()) // 4
    for _ in range(3):
        saved = sum(fresh.saved().values())
        worker = fresh.start(**_RARELY)
        worker.wait_partitions(traffic.PARTITIONS)
        sent = _produce_until_unsaved(fresh, range(sent, sent + quarter), saved, worker)
        worker.kill()
    fresh.produce(traffic.records()[sent:])
    before = fresh.saved()
    in_full_flow = fresh.start(**_OFTEN)
    wait_until(lambda: fresh.saved() != before, "a checkpoint")
    in_full_flow.kill()
    _finish(fresh, fresh.start(**_OFTEN))
    _assert_equal(fresh.ending(), expected)


def test_what_a_killed_worker_owned_another_takes_over(fresh: Installation, expected: Ending) -> None:
    victim, survivor = _two_workers(fresh)
    sent = _produce_until_unsaved(fresh, range(2 * len(traffic.records()) // 3), 0, victim, survivor)
    victim.kill()
    fresh.produce(traffic.records()[sent:])
    _finish(fresh, survivor)
    _assert_equal(fresh.ending(), expected)


def test_a_worker_that_was_frozen_while_another_took_over_changes_nothing(
    fresh: Installation, expected: Ending
) -> None:
    frozen, successor = _two_workers(fresh)
    sent = _produce_until_unsaved(fresh, range(2 * len(traffic.records()) // 3), 0, frozen, successor)
    frozen.send_signal(signal.SIGSTOP)
    fresh.produce(traffic.records()[sent:])
    fresh.wait_all_saved()
    frozen.send_signal(signal.SIGCONT)
    frozen.wait_partitions(traffic.PARTITIONS // 2)
    assert successor.stop() == 0, successor.output()
    frozen.wait_partitions(traffic.PARTITIONS)
    _finish(fresh, frozen)
    _assert_equal(fresh.ending(), expected)


def test_a_worker_stopped_in_mid_stream_repeats_nothing(fresh: Installation, expected: Ending) -> None:
    records = traffic.records()
    half = len(records) // 2
    fresh.produce(records[:half])
    stopped = fresh.start(**_RARELY)
    stopped.wait_handled(1)
    stopped.send_signal(signal.SIGTERM)
    fresh.produce(records[half:])
    assert stopped.exit_code() == 0, stopped.output()
    assert fresh.committed().items() >= {part: at for part, at in fresh.saved().items() if at}.items()
    _finish(fresh, fresh.start(**_OFTEN))
    _assert_equal(fresh.ending(), expected)
    for topic in ("topic_decisions", "topic_dead"):
        times = Counter(record.value for record in fresh.records(topic))
        assert set(times.values()) == {1}, topic


@contextmanager
def _installation(topics: KafkaTopics, redis_url: str, directory: Path) -> Iterator[Installation]:
    with installed(topics, redis_url, directory, clock=traffic.CLOCK) as installation:
        installation.create_calls(traffic.PARTITIONS)
        yield installation


def _two_workers(installation: Installation) -> tuple[WorkerProcess, WorkerProcess]:
    """One that saves rarely and one that saves often, with two partitions each."""
    workers = installation.start(**_RARELY, **_PATIENT), installation.start(**_OFTEN, **_PATIENT)
    for worker in workers:
        worker.wait_partitions(traffic.PARTITIONS // 2)
    return workers


def _produce_until_unsaved(installation: Installation, part: range, saved: int, *workers: WorkerProcess) -> int:
    """Send a part of the records, and a few more until the first worker has handled some that no checkpoint includes.

    Args:
        installation: to send to.
        part: of the records, by number.
        saved: how many records were saved when the workers started.
        workers: all that run.

    Returns:
        How many records were sent, from the first one on.
    """
    records, begin = traffic.records(), part.start
    for end in range(part.stop, len(records), 20):
        installation.produce(records[begin:end])
        begin = end
        _wait_handled(end - saved, workers)
        ends, saved_now = installation.topics.end_offsets(installation.calls), installation.saved()
        if any(saved_now[partition] < ends[partition] for partition in workers[0].partitions()):
            return end
    pytest.fail("a worker that saves rarely has saved everything")


def _wait_handled(count: int, workers: Sequence[WorkerProcess]) -> None:
    wait_until(lambda: sum(worker.handled() for worker in workers) >= count, f"{count} handled records", 60)


def _finish(installation: Installation, worker: WorkerProcess) -> None:
    """Let it save everything and stop it."""
    installation.wait_all_saved()
    assert worker.stop() == 0, worker.output()
    assert installation.committed() == installation.topics.end_offsets(installation.calls)


def _assert_equal(ending: Ending, expected: Ending) -> None:
    """Key by key, so that a failure says what differs."""
    assert ending.stored.keys() == expected.stored.keys()
    assert [key for key, value in expected.stored.items() if ending.stored[key] != value] == []
    assert ending.decisions == expected.decisions
    assert ending.newest == expected.newest
    assert ending.dead_letters == expected.dead_letters
