"""One installation under test: its topics, its keys in Redis, its workers, and what they leave behind."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis
from kafka.admin import KafkaAdminClient
from msgspec import Struct
from running.worker_process import WorkerProcess
from servers.kafka_topics import KafkaTopics, Sent
from servers.processes import wait_until

from stream_detector.domain.dead_letters import DeadLetter

_LONGEST_S = 31_536_000


class Ending(Struct, frozen=True):
    """What an installation has come to. Equal work gives equal endings."""

    stored: dict[str, object]
    """Everything in Redis but the fencing tokens, by key without the installation's prefix."""
    decisions: frozenset[bytes]
    """Every distinct record of the decisions topic."""
    newest: dict[bytes, bytes]
    """Subject -> last record of the decisions topic: what compaction leaves."""
    dead_letters: frozenset[bytes]
    """Every distinct record of the dead-letters topic, without the name of the calls topic."""


class Installation:
    """Topics, keys and workers that no other test uses."""

    def __init__(self, topics: KafkaTopics, redis_url: str, directory: Path, **settings: object) -> None:
        """`settings` are fields of `stream_detector.settings.Settings`, for all workers."""
        self.topics = topics
        self.redis = redis.Redis.from_url(redis_url)
        self.prefix = topics.unique_name("sd")
        self.directory = directory
        self._workers: list[WorkerProcess] = []
        self._numbers = itertools.count(1)
        self.settings: dict[str, object] = {
            "kafka": topics.bootstrap,
            "redis": redis_url,
            "key_prefix": self.prefix,
            "group": self.prefix,
            "topic_calls": topics.unique_name("calls"),
            "topic_decisions": topics.create(
                1, "decisions", cleanup_policy="compact", message_timestamp_type="LogAppendTime"
            ),
            "topic_dead": topics.create(1, "dead"),
            "rebalance_timeout_s": 1,
            "max_past_s": _LONGEST_S,
            "sketch_salt": "a salt of the tests",
            **settings,
        }

    @property
    def calls(self) -> str:
        """Name of the calls topic."""
        return str(self.settings["topic_calls"])

    def create_calls(self, partitions: int, **configs: str) -> None:
        """Make the calls topic; `configs` are its settings, with `_` for `.`."""
        self.settings["topic_calls"] = self.topics.create(partitions, "calls", **configs)

    def produce(self, records: Iterable[Sent], **producer_settings: Any) -> None:  # noqa: ANN401
        """Send to the calls topic and wait until the broker has all."""
        self.topics.produce(self.calls, records, **producer_settings)

    def start(self, **settings: object) -> WorkerProcess:
        """A new worker; `settings` override the installation's."""
        log = self.directory / f"{self.prefix}-{next(self._numbers)}.log"
        worker = WorkerProcess(self.settings | settings, log)
        self._workers.append(worker)
        return worker

    def saved(self) -> dict[int, int]:
        """Partition -> offset after the last record that its checkpoint includes; 0 before the first."""
        ends = self.topics.end_offsets(self.calls)
        offsets = {each: self.redis.hget(f"{self.prefix}:{{p{each}}}:meta", "offset") for each in ends}
        return {each: int(offset) + 1 if offset is not None else 0 for each, offset in offsets.items()}

    def wait_all_saved(self, timeout_s: float = 60.0) -> None:
        """Wait until the checkpoints include every record."""
        ends = self.topics.end_offsets(self.calls)
        wait_until(lambda: self.saved() == ends or self._all_ended(), "every record saved", timeout_s)
        assert self.saved() == ends, self.outputs()

    def committed(self) -> dict[int, int]:
        return dict(self.topics.committed(self.prefix, self.calls))

    def records(self, setting: str) -> list[Any]:
        """All records of the topic that a setting names."""
        return self.topics.consume(str(self.settings[setting]))

    def other_topics(self) -> list[str]:
        """All topics of the broker but the calls topic, internal ones too."""
        with closing(KafkaAdminClient(bootstrap_servers=self.topics.bootstrap)) as admin:
            return [str(topic) for topic in admin.list_topics() if topic != self.calls]

    def ending(self) -> Ending:
        """Everything that must not depend on who was killed when."""
        decisions = self.records("topic_decisions")
        return Ending(
            dict(self._stored()),
            frozenset(record.value for record in decisions),
            {record.key: record.value for record in decisions},
            frozenset(_anywhere(record.value) for record in self.records("topic_dead")),
        )

    def outputs(self) -> str:
        """What all workers have printed and logged."""
        return "\n".join(worker.output() for worker in self._workers)

    def close(self) -> None:
        """Whatever still runs is killed."""
        for worker in self._workers:
            worker.end()
        self.redis.close()

    def _stored(self) -> Iterator[tuple[str, object]]:
        for key in self.redis.scan_iter(f"{self.prefix}:*"):
            name = key.decode("utf-8", "surrogateescape").removeprefix(f"{self.prefix}:")
            yield name, _value(self.redis, key, name)

    def _all_ended(self) -> bool:
        return all(worker.has_ended() for worker in self._workers)


@contextmanager
def installed(topics: KafkaTopics, redis_url: str, directory: Path, **settings: object) -> Iterator[Installation]:
    """An installation whose workers end with the block."""
    installation = Installation(topics, redis_url, directory, **settings)
    try:
        yield installation
    finally:
        installation.close()


def _value(store: "redis.Redis", key: bytes, name: str) -> object:
    kind = store.type(key)
    if kind == b"string":
        return store.get(key)
    if kind == b"zset":
        return store.zrange(key, 0, -1, withscores=True)
    fields: dict[bytes, bytes] = store.hgetall(key)  # type: ignore[assignment]
    if name.endswith(":known"):  # written by Lua, which knows no order
        return {field: msgspec.msgpack.decode(value) for field, value in fields.items()}
    return {field: value for field, value in fields.items() if field != b"token"}


def _anywhere(letter: bytes) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(msgspec.json.decode(letter, type=DeadLetter), topic=""))
