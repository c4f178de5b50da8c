"""A day of recorded traffic through Apache Kafka and a real worker: nothing is lost, the campaign is found, nobody else."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec
import pytest
from msgspec import Struct
from running import recorded
from running.bulk import send_all
from running.installation import installed
from servers.kafka_topics import KafkaTopics, Sent

from stream_detector.detection.state import decode_profile
from stream_detector.domain.decisions import Action, Decision, Mode
from stream_detector.wire import calls as wire

PARTITIONS = 4
DAYS = 2
HONEST_CALLS = 260_000
"""To ask for: the first days of the recording are quieter than its mean."""
LEAST_CALLS = 200_000
MOST_HONEST_ACTED_ON = 2
"""Of some 190 honest clients: one in a hundred. None may be blocked."""


class Outcome(Struct, frozen=True):
    """What was sent, and what a worker made of it."""

    sent: Counter[str]
    """Client -> calls."""
    observed: int
    dead_letters: int
    profile_calls: dict[str, int]
    """Client -> calls in its stored profile."""
    decisions: list[Decision]


_outcomes: list[Outcome] = []


@pytest.fixture
def outcome(kafka_topics: KafkaTopics, redis_url: str, data_dir: Path, tmp_path: Path) -> Outcome:
    """Of one worker that is never interrupted; worked out once for all tests."""
    if not _outcomes:
        sent: Counter[str] = Counter()
        clock = f"scaled:{recorded.START_S + DAYS * 86_400:.0f}:0:0"
        with installed(kafka_topics, redis_url, tmp_path, clock=clock) as installation:
            installation.create_calls(PARTITIONS)
            worker = installation.start()
            send_all(kafka_topics.bootstrap, installation.calls, _records(data_dir, sent))
            installation.wait_all_saved(120)
            observed, dead = worker.metric("calls_total"), worker.metric("dead_letters_total")
            assert worker.stop() == 0, worker.output()
            assert installation.committed() == kafka_topics.end_offsets(installation.calls)
            decisions = [
                msgspec.json.decode(each.value, type=Decision) for each in installation.records("topic_decisions")
            ]
            profiles = {key: blob for key, blob in installation.ending().stored.items() if ":profile:" in key}
            calls = {
                key.partition(":profile:")[2]: decode_profile(blob).calls
                for key, blob in profiles.items()
                if isinstance(blob, bytes)
            }
            _outcomes.append(Outcome(sent, int(observed), int(dead), calls, decisions))
    return _outcomes[0]


def _records(data_dir: Path, sent: Counter[str]) -> Iterator[Sent]:
    """One call per record; counts the clients' calls on the way."""
    library = recorded.read(data_dir)
    for call in recorded.calls(library, honest=HONEST_CALLS, days=DAYS, salt=b"a salt of the tests"):
        sent[call.client] += 1
        key = call.client.encode()
        yield Sent(key, wire.encode(call), crc32(key) % PARTITIONS)


def test_every_call_is_observed_once(outcome: Outcome) -> None:
    assert outcome.sent.total() >= LEAST_CALLS
    assert outcome.observed == outcome.sent.total()
    assert outcome.dead_letters == 0
    assert outcome.profile_calls == outcome.sent


def test_the_campaign_is_acted_on(outcome: Outcome) -> None:
    assert recorded.ALPACA in _acted_on(outcome)


def test_honest_clients_are_left_alone(outcome: Outcome) -> None:
    honest = _acted_on(outcome) - {recorded.ALPACA}
    assert len(honest) <= MOST_HONEST_ACTED_ON, honest
    blocked = {each.subject.key for each in outcome.decisions if each.action is Action.BLOCK}
    assert blocked <= {recorded.ALPACA}


def _acted_on(outcome: Outcome) -> set[str]:
    actions = (Action.THROTTLE, Action.BLOCK)
    return {each.subject.key for each in outcome.decisions if each.action in actions and each.mode is Mode.ENFORCE}
