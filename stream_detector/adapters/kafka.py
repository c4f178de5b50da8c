"""The topics that we write: decisions (compacted, by subject), dead letters, and feedback among the calls.

Rules:
1. `publish` returns when every in-sync replica has every record. aiokafka has one request in flight per partition, so that
   its retries keep the order; they may double records, like rule 2, so an idempotent producer would add nothing.
2. What fails may have been written in part. Publishing again is harmless: decisions are compacted by subject, dead letters
   carry the place of their record.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from msgspec import Struct

from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Decision
from stream_detector.domain.errors import ConfigError, StoreUnavailable
from stream_detector.domain.feedback import Feedback
from stream_detector.wire import calls as calls_wire
from stream_detector.wire import decisions as wire

CAUSED_AT_HEADER = "caused_at_ms"
"""Record header of a decision: wall time at which the causing call was sent, milliseconds since 1970, decimal digits."""

_REQUEST_TIMEOUT_MS = 10_000
_OPERATOR_MUST_ACT = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.InvalidTopicError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.UnsupportedVersionError,
)


class Outgoing(Struct, frozen=True, gc=False):
    """One record to be written."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    """None for the one that the key belongs to."""


@asynccontextmanager
async def open_producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer, which several logs may share; stopped at the end of the block.

    Raises:
        StoreUnavailable: no broker answers.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        try:
            await producer.start()
        except kafka_errors.KafkaError as error:
            message = f"kafka: no broker answers at {bootstrap_servers}; start it, or set STREAM_DETECTOR_KAFKA"
            raise StoreUnavailable(message) from error
        yield producer
    finally:
        await producer.stop()


class KafkaDecisionLog:
    """Implements `ports.DecisionLog`: JSON, keyed by the subject."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def publish(self, decisions: Sequence[Decision], caused_at_ms: Sequence[int]) -> None:
        """Return once the broker has them all.

        Raises:
            StoreUnavailable: the broker did not take them; publish them again.
            ConfigError: it never will.
        """
        outgoing = [
            Outgoing(
                wire.subject_key(decision.subject), wire.encode(decision), ((CAUSED_AT_HEADER, str(caused).encode()),)
            )
            for decision, caused in zip(decisions, caused_at_ms, strict=True)
        ]
        await publish(self._producer, self._topic, outgoing)


class KafkaDeadLetterLog:
    """Implements `ports.DeadLetterLog`: JSON, keyed by the place of the call."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Return once the broker has them all.

        Raises:
            StoreUnavailable: the broker did not take them; publish them again.
            ConfigError: it never will.
        """
        outgoing = [Outgoing(place_of(letter), msgspec.json.encode(letter)) for letter in letters]
        await publish(self._producer, self._topic, outgoing)


class KafkaFeedbackLog:
    """An analyst's judgements, into every partition of the calls topic: each has learned of its own."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def publish(self, feedback: Feedback) -> None:
        """Return once the broker has it in every partition.

        Raises:
            StoreUnavailable: the broker did not take it; publish it again: it is heeded once.
            ConfigError: it never will.
        """
        key, value = feedback.client.encode(), calls_wire.encode_feedback(feedback)
        try:
            partitions = sorted(await self._producer.partitions_for(self._topic))
        except kafka_errors.KafkaError as error:
            message = f"topic {self._topic}: not found ({error!r}); make it with: stream-detector topics"
            raise ConfigError(message) from error
        await publish(self._producer, self._topic, [Outgoing(key, value, (), each) for each in partitions])


def place_of(letter: DeadLetter) -> bytes:
    """The key of a dead letter: where its call lies."""
    return f"{letter.topic}:{letter.partition}:{letter.offset}:{letter.index}".encode()


async def publish(producer: AIOKafkaProducer, topic: str, outgoing: Sequence[Outgoing]) -> None:
    """Write records, and return once the broker has them all.

    Raises:
        StoreUnavailable: the broker did not take them; publish them again.
        ConfigError: it never will.
    """
    try:
        deliveries = [
            await producer.send(
                topic, value=each.value, key=each.key, headers=list(each.headers), partition=each.partition
            )
            for each in outgoing
        ]
        await asyncio.gather(*deliveries)
    except _OPERATOR_MUST_ACT as error:
        message = f"topic {topic}: the broker refuses a record ({error}); see the topic's rights and max.message.bytes"
        raise ConfigError(message) from error
    except kafka_errors.KafkaError as error:
        message = f"topic {topic}: the broker did not take {len(outgoing)} records ({error!r}); they are sent again"
        raise StoreUnavailable(message) from error
