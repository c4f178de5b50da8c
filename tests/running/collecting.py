"""A collector with topics of its own, and what it writes to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from reports import samples
from running.collector_process import CollectorProcess
from servers.kafka_topics import KafkaTopics

from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.wire import calls as wire

SALT = "a secret of the tests"


class Installation:
    """A collector and its topics."""

    def __init__(self, topics: KafkaTopics, folder: Path, **settings: object) -> None:
        self.topics = topics
        self.calls_topic, self.dead_topic = topics.create(3, "calls"), topics.create(1, "dead")
        mapping = folder / "mapping.toml"
        mapping.write_text(samples.MAPPING)
        self._folder = folder
        self._settings = {
            "kafka": topics.bootstrap,
            "topic_calls": self.calls_topic,
            "topic_dead": self.dead_topic,
            "sketch_salt": SALT,
            "collector_mapping": mapping,
            **settings,
        }
        self.collector = self.start_another()

    def start_another(self, port: int | None = None) -> CollectorProcess:
        """One more collector of the same installation; they write one log."""
        return CollectorProcess(self._settings, self._folder / "collector.log", port)

    def calls(self) -> list[ApiCall]:
        """Every call in the topic, as a worker would read it; each lies under its client."""
        calls: list[ApiCall] = []
        for record in self.topics.consume(self.calls_topic):
            decoded = wire.decode(record.value, max_bytes=1 << 20)
            assert decoded.rejected == []
            assert {call.client.encode() for call in decoded.calls} == {record.key}
            calls += decoded.calls
        return sorted(calls, key=lambda call: (call.ts, call.id))

    def letters(self) -> list[DeadLetter]:
        """Every dead letter."""
        return [msgspec.json.decode(each.value, type=DeadLetter) for each in self.written(self.dead_topic)]

    def written(self, topic: str) -> list[Any]:
        """Every record of a topic."""
        return self.topics.consume(topic)


@contextmanager
def installed(topics: KafkaTopics, folder: Path, **settings: object) -> Iterator[Installation]:
    """One that is ready; stopped at the end."""
    installation = Installation(topics, folder, **settings)
    try:
        installation.collector.wait_ready()
        yield installation
    finally:
        installation.collector.stop()
