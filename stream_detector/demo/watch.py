"""What comes out: decisions, dead letters, and the worker's metrics, written into the ledger."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from stream_detector.adapters.kafka import CAUSED_AT_HEADER
from stream_detector.demo.ledger import Ledger
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.wire import decisions as decisions_wire

_FETCH_WAIT_MS = 100
_POLL_S = 0.25


class Metrics:
    """One reading of a process's `/metrics`."""

    def __init__(self, text: str) -> None:
        self._samples = [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def total(self, name: str) -> float:
        """Sum over all labels; 0 when there is no such sample."""
        return sum(value for sample, _, value in self._samples if sample == name)

    def by_labels(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Label values, in the order of `labels` -> value."""
        return {
            tuple(given.get(label, "") for label in labels): value
            for sample, given, value in self._samples
            if sample == name
        }


async def scrape(session: aiohttp.ClientSession, url: str) -> Metrics | None:
    """Read `/metrics`; None when nobody answers."""
    try:
        async with session.get(url) as response:
            return Metrics(await response.text())
    except (aiohttp.ClientError, TimeoutError):
        return None


class Watch:
    """Reads until cancelled."""

    def __init__(self, consumer: AIOKafkaConsumer, topic_dead: str, ledger: Ledger) -> None:
        self._consumer = consumer
        self._topic_dead = topic_dead
        self._ledger = ledger
        self.worker = Metrics("")
        """The newest reading of the worker's metrics."""
        self.hook = Metrics("")
        """The newest reading of the hook's metrics."""

    async def read_topics(self) -> None:
        """Write decisions and dead letters into the ledger."""
        async for record in self._consumer:
            if record.topic == self._topic_dead:
                self._ledger.dead(msgspec.json.decode(record.value, type=DeadLetter))
            elif record.value is not None:
                self._ledger.decided(decisions_wire.decode(record.value), _latency_ms(record))

    async def read_metrics(self, session: aiohttp.ClientSession, worker_url: str, hook_url: str) -> None:
        """Keep the metrics of both processes and the ledger's count of observed calls fresh."""
        while True:
            self.worker = await scrape(session, worker_url) or self.worker
            self.hook = await scrape(session, hook_url) or self.hook
            self._ledger.observed = int(self.worker.total("stream_detector_calls_total"))
            await asyncio.sleep(_POLL_S)

    def verdicts(self) -> dict[tuple[str, ...], float]:
        """(action, cause) -> the hook's own count of its answers, where there are any."""
        counts = self.hook.by_labels("stream_detector_hook_verdicts_total", "action", "cause")
        return {labels: count for labels, count in counts.items() if count}

    def progress(self) -> tuple[int, int, int]:
        """Changes as long as something moves."""
        return self._ledger.observed, len(self._ledger.decisions), len(self._ledger.dead_letters)

    def has_everything(self) -> bool:
        """Whether every sent call is accounted for, and every decision and dead letter has been read."""
        decided = int(self.worker.total("stream_detector_decisions_total"))
        dead = int(self.worker.total("stream_detector_dead_letters_total"))
        ledger = self._ledger
        return ledger.unsettled <= 0 and len(ledger.decisions) >= decided and len(ledger.dead_letters) >= dead


def _latency_ms(record: ConsumerRecord) -> float:
    """Wall time from the causing call's record to this one."""
    headers: Mapping[str, bytes] = dict(record.headers)
    return float(record.timestamp - int(headers[CAUSED_AT_HEADER]))


@asynccontextmanager
async def watching(bootstrap: str, topics: Mapping[str, int], topic_dead: str, ledger: Ledger) -> AsyncIterator[Watch]:
    """Watch `topics` (name -> partitions) from their beginning."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=_FETCH_WAIT_MS
    )
    consumer.assign(
        [TopicPartition(topic, number) for topic, partitions in topics.items() for number in range(partitions)]
    )
    async with consumer:
        yield Watch(consumer, topic_dead, ledger)
