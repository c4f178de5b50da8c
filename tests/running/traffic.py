"""Seeded traffic as records: honest clients, all four campaigns, batches, and bad records in between.

What partitions tell each other about shared templates depends on when they tell it. So clients that may share a template
lie on one partition: then what becomes of them depends on the records alone.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from zlib import crc32

from servers.kafka_topics import Sent

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.client import Label
from stream_detector.simulate.scenario import Scenario, labels, traffic
from stream_detector.wire import calls as wire

PARTITIONS = 4
CAMPAIGNS = (
    Campaign(id="hot-distiller", family=Family.HOT_DISTILLER, calls_per_account_day=2_000),
    Campaign(id="bare-questions", family=Family.BARE_QUESTIONS, accounts=2, calls_per_account_day=2_000),
    Campaign(id="logit-prober", family=Family.LOGIT_PROBER, calls_per_account_day=3_000),
    Campaign(id="template-pool", family=Family.TEMPLATE_POOL, accounts=16, calls_per_account_day=300, jitter=0.3),
)
SCENARIO = Scenario(seed=4, duration_s=8 * 3600.0, clients=30, campaigns=CAMPAIGNS)
CLOCK = f"scaled:{SCENARIO.start_s + SCENARIO.duration_s:.0f}:0:0"
"""Setting of the workers' clock: it stands still at the end of the traffic, so that nothing depends on when a test runs."""

_BAD_EVERY = 97
_BATCHED_EVERY = 3
_BATCH = 5
_BAD = (b"not a call", b"", None, b'{"id":"1"}', b'[{"id":"2","ts":-1,"client":"honest"}]')


@cache
def records() -> tuple[Sent, ...]:
    """All records in the order in which they are sent."""
    truth = labels(SCENARIO)
    homes = {client: _partition(client, label) for client, label in truth.items()}
    return tuple(_with_bad_ones(_batched(traffic(SCENARIO), homes)))


def clients_of(campaign: str) -> frozenset[str]:
    """A campaign's accounts."""
    return frozenset(client for client, label in labels(SCENARIO).items() if label.campaign == campaign)


def _partition(client: str, label: Label) -> int:
    for number, campaign in enumerate(CAMPAIGNS):
        if label.campaign == campaign.id:
            return number
    return 0 if label.kind == "harness_app" else crc32(client.encode()) % PARTITIONS


def _batched(calls: Iterator[ApiCall], homes: dict[str, int]) -> Iterator[Sent]:
    """Every third client sends its calls five at a time."""
    waiting: dict[str, list[ApiCall]] = defaultdict(list)
    for call in calls:
        key, home = call.client.encode(), homes[call.client]
        if crc32(key) % _BATCHED_EVERY:
            yield Sent(key, wire.encode(call), home)
            continue
        batch = waiting[call.client]
        batch.append(call)
        if len(batch) == _BATCH:
            yield Sent(key, wire.encode_batch(batch), home)
            batch.clear()
    for client, batch in waiting.items():
        if batch:
            yield Sent(client.encode(), wire.encode_batch(batch), homes[client])


def _with_bad_ones(good: Iterator[Sent]) -> Iterator[Sent]:
    for number, record in enumerate(good):
        yield record
        if number % _BAD_EVERY == 0:
            yield Sent(record.key, _BAD[number // _BAD_EVERY % len(_BAD)], record.partition)
