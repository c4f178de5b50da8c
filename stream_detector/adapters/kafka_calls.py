"""The collector's way into Kafka: calls, packed by client, and dead letters.

1. `publish` returns when every in-sync replica has every record. The producer is idempotent where the broker lets it, so
   that its own retries write nothing twice.
2. What fails may have been written in part; publishing again may write calls twice. Dead letters go first: twice they do
   no harm.
3. A producer that failed is thrown away with what it still holds. An idempotent one would go on trying for ever, and
   write in the end what its sender has been told to send again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from stream_detector.adapters.kafka import Outgoing, place_of, publish
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.errors import StoreUnavailable, StreamDetectorError
from stream_detector.wire import calls as calls_wire

_MAX_RECORD_BYTES = 262_144
"""Well below what brokers and workers take."""
_STOP_S = 5.0
_log = logging.getLogger(__name__)


class KafkaCallLog:
    """Implements `collector.writer.CallLog`. One task at a time may use it.

    Args:
        bootstrap_servers: `host:port`, comma-separated.
        topic_calls: where calls go, keyed by client.
        topic_dead: where dead letters go, keyed by their place.
        timeout_s: a broker that does not answer within it is away.
    """

    def __init__(self, bootstrap_servers: str, *, topic_calls: str, topic_dead: str, timeout_s: float) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic_calls = topic_calls
        self._topic_dead = topic_dead
        self._timeout_s = timeout_s
        self._is_idempotent = True
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Connect, if that is not done.

        Raises:
            StoreUnavailable: no broker answers.
        """
        if self._producer is not None:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                self._producer = await self._connected()
        except (kafka_errors.KafkaError, TimeoutError) as error:
            message = f"kafka: no broker answers at {self._bootstrap_servers}; start it, or set STREAM_DETECTOR_KAFKA"
            raise StoreUnavailable(message) from error

    async def _connected(self) -> AIOKafkaProducer:
        if self._is_idempotent:
            try:
                return await self._started()
            except kafka_errors.BrokerResponseError as error:
                self._is_idempotent = False
                _log.warning(
                    "kafka: the broker lets no producer be idempotent (%s); calls may be written twice when the network "
                    "fails. Allow IdempotentWrite, or use Apache Kafka",
                    error,
                )
        return await self._started()

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            enable_idempotence=self._is_idempotent,
            acks="all",
            request_timeout_ms=int(self._timeout_s * 1000),
        )
        try:
            await producer.start()
        except BaseException:
            await _end(producer)
            raise
        return producer

    async def publish(self, calls: Sequence[ApiCall], letters: Sequence[DeadLetter]) -> None:
        """Return once the broker has everything.

        Raises:
            StoreUnavailable: the broker did not take it; publish it again.
            ConfigError: it never will.
        """
        await self.open()
        by_client: dict[str, list[ApiCall]] = defaultdict(list)
        for call in calls:
            by_client[call.client].append(call)
        records = [
            Outgoing(client.encode(), value)
            for client, theirs in by_client.items()
            for value in calls_wire.pack(theirs, max_bytes=_MAX_RECORD_BYTES)
        ]
        dead = [Outgoing(place_of(letter), msgspec.json.encode(letter)) for letter in letters]
        try:
            async with asyncio.timeout(2 * self._timeout_s):
                await publish(self._producer, self._topic_dead, dead)
                await publish(self._producer, self._topic_calls, records)
        except TimeoutError as error:
            await self._give_up()
            message = f"topic {self._topic_calls}: the broker did not answer in time; check that it runs"
            raise StoreUnavailable(message) from error
        except StreamDetectorError:
            await self._give_up()
            raise

    async def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _end(producer)

    async def _give_up(self) -> None:
        """Disconnect without writing what is left."""
        sender = self._producer and self._producer._sender.sender_task  # noqa: SLF001 - `stop` would wait for it
        if sender is not None:
            sender.cancel()
        await self.close()


async def _end(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(_STOP_S):
            await producer.stop()
    except (kafka_errors.KafkaError, TimeoutError) as error:
        _log.info("kafka: a connection did not close in order (%s)", type(error).__name__)
