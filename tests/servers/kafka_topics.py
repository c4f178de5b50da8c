"""What tests do with topics: create, produce, read everything, look at offsets."""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

_numbers = itertools.count(1)


class Sent(NamedTuple):
    """One record to produce."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp_ms: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class KafkaTopics:
    """Topics with names that no other test uses."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self._created: list[str] = []

    def unique_name(self, stem: str = "topic") -> str:
        """A name for a topic or group that nobody has used."""
        return f"{stem}-{os.getpid()}-{next(_numbers)}"

    def create(self, partitions: int = 1, stem: str = "topic", **configs: str) -> str:
        """A new topic's name. `configs`: the topic's settings, with `_` for `.`."""
        name = self.unique_name(stem)
        self.create_named(name, partitions, **configs)
        return name

    def create_named(self, name: str, partitions: int = 1, **configs: str) -> None:
        """A new topic of this name."""
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        topic = {"num_partitions": partitions, "replication_factor": 1, "configs": settings}
        self._admin.create_topics({name: topic}, wait_for_metadata=True)
        self._created.append(name)

    def produce(self, topic: str, records: Iterable[Sent], **producer_settings: Any) -> None:  # noqa: ANN401
        """Send in order and wait until the broker has them all."""
        settings = {"linger_ms": 5, "batch_size": 65536, **producer_settings}
        with KafkaProducer(bootstrap_servers=self.bootstrap, **settings) as producer:
            sent = [
                producer.send(
                    topic,
                    key=record.key,
                    value=record.value,
                    partition=record.partition,
                    timestamp_ms=record.timestamp_ms,
                    headers=list(record.headers),
                )
                for record in records
            ]
            producer.flush()
            for future in sent:
                future.get(timeout=30)

    def consume(self, topic: str) -> list[Any]:
        """Every record up to the end as it is now, by partition and offset (`kafka-python`'s ConsumerRecord)."""
        end = self.end_offsets(topic)
        partitions = [TopicPartition(topic, partition) for partition in end]
        records: list[Any] = []
        with KafkaConsumer(
            bootstrap_servers=self.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50
        ) as consumer:
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            while any(consumer.position(each) < end[each.partition] for each in partitions):
                records += itertools.chain.from_iterable(consumer.poll(timeout_ms=200).values())
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Partition -> offset of its next record."""
        [description] = self._admin.describe_topics([topic])
        partitions = [TopicPartition(topic, part["partition_index"]) for part in description["partitions"]]
        found = self._admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return {partition.partition: found[partition].offset for partition in partitions}

    def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Partition -> committed offset of a group; a partition without a commit is missing."""
        [offsets] = self._admin.list_group_offsets([group]).values()
        return {
            partition.partition: found.offset
            for partition, found in offsets.items()
            if partition.topic == topic and found.offset >= 0
        }

    def delete_created(self) -> None:
        """Delete every topic that was created here."""
        if self._created:
            self._admin.delete_topics(self._created)

    def close(self) -> None:
        """Close the connections."""
        self._admin.close()
