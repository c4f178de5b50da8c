"""What tests do with worker processes: start, wait, stop, kill, read their logs, compare with what was produced."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until
from streaming.recorder import Checkpoints, digest_of
from streaming.worker import WorkerOptions

from stream_detector.ports import Record

_TESTS = Path(__file__).parent.parent


class Worker:
    """One worker process."""

    def __init__(self, options: WorkerOptions) -> None:
        self._log = Path(options.log)
        self._stderr = self._log.with_suffix(".stderr")
        with self._stderr.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, _TESTS / "streaming" / "worker.py", msgspec.json.encode(options).decode()],
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(_TESTS)},
            )

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Logged calls of the handler with one of these names, in order; a line that is being written is left out."""
        lines = self._log.read_bytes().split(b"\n")[:-1] if self._log.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] in names]

    def handled(self) -> int:
        """Records handled so far."""
        return sum(event["fresh"] for event in self.events("handle"))

    def wait_for(self, event: str, count: int = 1) -> None:
        """Wait until the handler was called so often."""
        wait_until(lambda: len(self.events(event)) >= count or self.is_dead(), f"{count} times {event}", 60)
        assert len(self.events(event)) >= count, self.stderr()

    def wait_handled(self, records: int) -> None:
        """Wait until so many records are handled."""
        wait_until(lambda: self.handled() >= records or self.is_dead(), f"{records} handled records", 60)
        assert self.handled() >= records, self.stderr()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self.exit_code()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def exit_code(self) -> int:
        """Wait for the end."""
        return self._process.wait(60)

    def stderr(self) -> str:
        return self._stderr.read_text()

    def end(self) -> None:
        """Whatever state it is in."""
        if not self.is_dead():
            self.kill()

    def is_dead(self) -> bool:
        return self._process.poll() is not None


class Workers:
    """The workers of one test: one topic, one group, one set of checkpoints."""

    def __init__(self, topics: KafkaTopics, directory: Path, transport: str) -> None:
        self.topics = topics
        self.transport = transport
        self.topic = ""
        self._partitions: range = range(0)
        self.group = topics.unique_name("group")
        self.checkpoints = Checkpoints(directory)
        self._directory = directory
        self._numbers = itertools.count(1)
        self._started: list[Worker] = []

    def new_topic(self, partitions: int = 4, **configs: str) -> None:
        """Make the topic that the workers read."""
        self.topic = self.topics.create(partitions, "calls", **configs)
        self._partitions = range(partitions)

    def start(self, **options: Any) -> Worker:  # noqa: ANN401
        """A new worker; `options` are fields of `WorkerOptions`."""
        log = self._directory / f"worker-{next(self._numbers)}.log"
        facts = {
            "bootstrap": self.topics.bootstrap,
            "topic": self.topic,
            "group": self.group,
            "transport": self.transport,
            "checkpoints": str(self._directory),
            "log": str(log),
        }
        worker = Worker(WorkerOptions(**{**facts, **options}))
        self._started.append(worker)
        return worker

    def produce(self, count: int, *, begin: int = 0) -> None:
        """Numbered records with one of 50 keys each."""
        self.topics.produce(self.topic, numbered(count, begin))

    def committed(self) -> dict[int, int]:
        return dict(self.topics.committed(self.group, self.topic))

    def saved_offsets(self) -> dict[int, int]:
        return {partition: self.checkpoints.read(partition).offset for partition in self._partitions}

    def saved_records(self) -> int:
        """Records that the checkpoints include."""
        return sum(self.checkpoints.read(partition).records for partition in self._partitions)

    def assert_everything_counts_once(self) -> None:
        """Every partition's checkpoint equals that of one run over all of its records without an interruption."""
        by_partition: dict[int, list[Record]] = {partition: [] for partition in self._partitions}
        for record in self.topics.consume(self.topic):
            by_partition[record.partition].append(Record(record.offset, record.timestamp, record.key, record.value))
        for partition, records in by_partition.items():
            saved = self.checkpoints.read(partition)
            assert (saved.records, saved.digest) == (len(records), digest_of(records)), f"partition {partition}"

    def said(self) -> str:
        """Standard error of every worker."""
        return "\n".join(f"worker {number}:\n{each.stderr()}" for number, each in enumerate(self._started, 1))

    def end(self) -> None:
        for worker in self._started:
            worker.end()


def numbered(count: int, begin: int = 0) -> Iterator[Sent]:
    """Records with a number as value."""
    return (Sent(b"client-%d" % (number % 50), b"%d" % number) for number in range(begin, begin + count))
