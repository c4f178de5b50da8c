"""Whatever lies in the calls topic: the bad is dead-lettered with its reason, the good is observed, no prompt leaks.

On Apache Kafka and Redis, with a real worker process: one record of every kind of nonsense between good calls.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from running.installation import Installation, installed
from servers.kafka_topics import KafkaTopics, Sent

from stream_detector.adapters.memory import MemoryDeadLetterLog, MemoryDecisionLog
from stream_detector.adapters.tally import Tally
from stream_detector.bootstrap.offline import offline_service
from stream_detector.bootstrap.parts import PUBLIC_SALT
from stream_detector.detection.policy import Policy
from stream_detector.detection.state import decode_profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.dead_letters import DeadLetter
from stream_detector.domain.decisions import Decision
from stream_detector.domain.errors import RejectReason
from stream_detector.ports import Record
from stream_detector.simulate.campaigns import Campaign, Family
from stream_detector.simulate.outcome import Content
from stream_detector.simulate.scenario import Scenario, traffic
from stream_detector.wire import calls as wire

MARKER = "qzmarkerqz"
"""Stands in every prompt, good or bad, and nowhere else."""
PARTITIONS = 2
START_S = 1_767_571_200.0
NOW_S = START_S + 6 * 3600.0
LONG_AGO_S = NOW_S - 8 * 86_400.0
DEEP = 100_000
HOSTILE_CLIENTS = (
    "__proto__",
    "constructor",
    "{p0}:meta",
    "}:meta",
    "a{b}c",
    "client:{client}:decisions",
    "*",
    "%s%n%d",
    "'; DROP TABLE clients; --",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "${jndi:ldap://127.0.0.1/a}",
    "acct:with:colons",
    " ",
    "клиент",
    "客户",
    "🦊",
    "x" * 256,
)
"""Odd, but printable: opaque ids may look like this."""


class Bad(Struct, frozen=True):
    """A record, and the dead letters that it must lead to."""

    name: str
    value: bytes | None
    reason: RejectReason
    detail: str
    """Part of it."""
    indexes: tuple[int, ...] = (0,)
    good: int = 0
    """Calls of the record that can be used all the same."""


def _call(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": "bad", "ts": NOW_S - 60.0, "client": "nobody", "prompt": f"a prompt with {MARKER}", **fields}


def _json(**fields: Any) -> bytes:  # noqa: ANN401
    return msgspec.json.encode(_call(**fields))


def _msgpack(**fields: Any) -> bytes:  # noqa: ANN401
    return msgspec.msgpack.encode(_call(**fields))


def _without(field: str) -> bytes:
    return msgspec.json.encode({name: value for name, value in _call().items() if name != field})


def _batch(encode: Any) -> bytes:  # noqa: ANN401
    good = _call(client="in a batch")
    return bytes(encode([good, _call(ts="soon"), good, [MARKER], f"just {MARKER}", good, _call(id="")]))


def bad_records() -> tuple[Bad, ...]:
    """One of every kind."""
    unreadable, invalid = RejectReason.UNREADABLE, RejectReason.INVALID_FIELD
    name = "must be printable characters only"
    return (
        Bad("text", f"GET / {MARKER}".encode(), unreadable, "neither JSON nor MessagePack"),
        Bad("truncated", _json()[:-1], unreadable, "not valid JSON"),
        Bad("trailing", _json() + MARKER.encode(), unreadable, "trailing characters"),
        Bad("two lines", _json() + b"\n" + _json(), unreadable, "trailing characters"),
        Bad("not UTF-8", b'{"id":"\xff\xfe","ts":1,"client":"c"}', unreadable, "neither JSON nor MessagePack"),
        Bad("half a surrogate pair", b'{"id":"a","ts":1,"client":"\\ud800"}', unreadable, "not valid JSON"),
        Bad("empty", b"", unreadable, "the record is empty"),
        Bad("tombstone", None, unreadable, "the record is empty"),
        Bad("deep array", b"[" * DEEP, unreadable, "nested too deeply"),
        Bad("deep field", _json()[:-1] + b',"x":' + b"[" * DEEP + b"]" * DEEP + b"}", unreadable, "nested too deeply"),
        Bad("deep MessagePack", b"\x91" * DEEP, unreadable, "nested too deeply"),
        Bad("bare text", msgspec.msgpack.encode(f"only {MARKER}"), invalid, "expected `object`, got `str`"),
        Bad("wrong type", _json(ts="yesterday"), invalid, "ts: expected `float`, got `str`"),
        Bad("number as id", _json(id=7), invalid, "id: expected `str`, got `int`"),
        Bad("prompt in parts", _json(prompt=[{"text": MARKER}]), invalid, "prompt: expected `str | null`, got `array`"),
        Bad("wrong type beside a prompt", _json(stream="yes"), invalid, "stream: expected `bool | null`, got `str`"),
        *(Bad(f"no {field}", _without(field), invalid, f"missing required field `{field}`") for field in ("id", "ts")),
        Bad("no client", _without("client"), invalid, "missing required field `client`"),
        Bad("NaN as time", _msgpack(ts=math.nan), invalid, "ts: must be >= 0"),
        Bad("infinite time", _msgpack(ts=math.inf), invalid, "ts: must be >= 0"),
        Bad("NaN as latency", _msgpack(latency_ms=math.nan), invalid, "latency_ms: must be >= 0"),
        Bad("NaN as temperature", _msgpack(params={"temperature": math.nan}), invalid, "params.temperature"),
        Bad("negative tokens", _json(input_tokens=-1), invalid, "input_tokens: must be >= 0"),
        Bad("endless tokens", _json(output_tokens=10**30), invalid, "output_tokens: must be >= 0 and <= 1000000000"),
        Bad("control characters", _json(client="a\x00b\x07"), invalid, f"client: {name}"),
        Bad("right to left", _json(client="user\u202egnp.exe"), invalid, f"client: {name}"),
        Bad("terminal escape", _json(client="\x1b]0;owned\x07\x1b[2J"), invalid, f"client: {name}"),
        Bad("terminal escape as id", _json(id="\x1b[31mred"), invalid, f"id: {name}"),
        Bad("line feed", _json(client='x\n{"level":"ERROR"}'), invalid, f"client: {name}"),
        Bad(
            "long client", _json(client="y" * 100_000), invalid, "client: must be at least 1 long and at most 256 long"
        ),
        Bad("empty client", _json(client=""), invalid, "client: must be at least 1 long"),
        Bad("no address", _json(ip="999.1.1.1"), invalid, "ip: must be an IPv4 or IPv6 address"),
        Bad("10 MB", _json(prompt=MARKER * 1_000_000), RejectReason.TOO_LARGE, "must be at most 1048576 bytes"),
        Bad("far future", _json(ts=NOW_S + 1e6), RejectReason.FUTURE, "ahead of the clock, must be at most 300 s"),
        Bad("far past", _json(ts=LONG_AGO_S), RejectReason.PAST, "behind the clock, must be at most 604800 s"),
        Bad("JSON batch", _batch(msgspec.json.encode), invalid, "", (1, 3, 4, 6), 3),
        Bad("MessagePack batch", _batch(msgspec.msgpack.encode), invalid, "", (1, 3, 4, 6), 3),
    )


@cache
def good_calls() -> tuple[ApiCall, ...]:
    """A prober, who is acted on, honest clients, and odd names; with prompts as text."""
    prober = Campaign(id="prober", family=Family.LOGIT_PROBER, calls_per_account_day=3_000)
    scenario = Scenario(seed=11, start_s=START_S, duration_s=NOW_S - START_S, clients=20, campaigns=(prober,))
    calls = list(traffic(scenario, lambda text: Content(prompt=f"{text} {MARKER}")))
    odd = [ApiCall(id="odd", ts=NOW_S - 60.0, client=client, prompt=MARKER) for client in HOSTILE_CLIENTS]
    return (*calls, *odd)


def _partition(call: ApiCall) -> int:
    """All clients with templates lie on partition 0, so that partitions have nothing to tell each other."""
    return 1 if call.client in HOSTILE_CLIENTS else 0


def records() -> Iterator[tuple[Sent, Bad | None]]:
    """Good calls with a bad record after each of the first ones, on both partitions."""
    for call, bad in zip_longest(good_calls(), bad_records()):
        key = call.client.encode()
        yield Sent(key, wire.encode(call), _partition(call)), None
        if bad is not None:
            yield from ((Sent(key, bad.value, partition), bad) for partition in range(PARTITIONS))


class Outcome(Struct, frozen=True):
    """What a worker made of it all."""

    letters: Sequence[DeadLetter]
    decisions: Sequence[Decision]
    metrics: str
    observed: int
    profile_calls: dict[tuple[str, ...], int]
    """(partition as in Redis, client) -> calls in its stored profile."""
    traces: dict[str, bytes]
    """Where text could leak to -> all that is there."""


_outcomes: list[Outcome] = []


@pytest.fixture
def outcome(kafka_topics: KafkaTopics, redis_url: str, tmp_path: Path) -> Outcome:
    """Of one worker, with its log at the most talkative level; worked out once for all tests."""
    if not _outcomes:
        settings = {"clock": f"scaled:{NOW_S:.0f}:0:0", "max_past_s": 604_800, "sketch_salt": PUBLIC_SALT.decode()}
        with installed(kafka_topics, redis_url, tmp_path, log_level="DEBUG", **settings) as installation:
            installation.create_calls(PARTITIONS, max_message_bytes="12000000")
            installation.produce((record for record, _ in records()), max_request_size=12_000_000)
            _outcomes.append(_observed(installation))
    return _outcomes[0]


def _observed(installation: Installation) -> Outcome:
    worker = installation.start(checkpoint_s=0.2)
    installation.wait_all_saved()
    metrics, observed = worker.metrics(), int(worker.metric("calls_total"))
    assert worker.stop() == 0, worker.output()
    stored = installation.ending().stored
    letters = [msgspec.json.decode(record.value, type=DeadLetter) for record in installation.records("topic_dead")]
    decisions = [msgspec.json.decode(each.value, type=Decision) for each in installation.records("topic_decisions")]
    profiles = {key: blob for key, blob in stored.items() if ":profile:" in key and isinstance(blob, bytes)}
    calls = {tuple(key.split(":profile:", 1)): decode_profile(blob).calls for key, blob in profiles.items()}
    traces = {"log": worker.log.read_bytes(), "metrics": metrics.encode(), **_everything(installation)}
    return Outcome(letters, decisions, metrics, observed, calls, traces)


def _everything(installation: Installation) -> dict[str, bytes]:
    """All of Redis, and every topic but the one with the calls."""
    contents = {f"redis {key}": repr(value).encode() for key, value in installation.ending().stored.items()}
    for topic in installation.other_topics():
        found = [(each.key, each.value, each.headers) for each in installation.topics.consume(topic)]
        contents[f"topic {topic}"] = repr(found).encode()
    return contents


def test_every_bad_call_is_dead_lettered_with_reason_and_place(outcome: Outcome) -> None:
    expected: dict[tuple[int, int, int], Bad] = {}
    offsets: Counter[int | None] = Counter()
    for record, bad in records():
        if bad is not None:
            place = record.partition or 0, offsets[record.partition]
            expected |= {(*place, index): bad for index in bad.indexes}
        offsets[record.partition] += 1
    found = {(letter.partition, letter.offset, letter.index): letter for letter in outcome.letters}
    assert len(found) == len(outcome.letters), "a dead letter was published twice"
    assert found.keys() == expected.keys()
    for where, each in expected.items():
        letter = found[where]
        assert letter.reason is each.reason, each.name
        assert each.detail in letter.detail, each.name
        assert len(letter.detail) < 500, each.name


def test_dead_letters_are_counted_by_reason(outcome: Outcome) -> None:
    for reason, count in Counter(letter.reason for letter in outcome.letters).items():
        assert f'stream_detector_dead_letters_total{{reason="{reason}"}} {count:.1f}\n' in outcome.metrics


def test_the_calls_around_bad_ones_are_observed_exactly(outcome: Outcome) -> None:
    expected = Counter((f"{{p{_partition(call)}}}", call.client) for call in good_calls())
    for partition in range(PARTITIONS):
        expected[f"{{p{partition}}}", "in a batch"] = sum(bad.good for bad in bad_records())
    assert outcome.profile_calls == expected
    assert outcome.observed == expected.total()


def test_bad_calls_change_no_decision(outcome: Outcome) -> None:
    decided = [_without_source(decision) for decision in outcome.decisions]
    assert decided == [_without_source(decision) for decision in _undisturbed()]
    assert {decision.action for decision in outcome.decisions}, "nobody was acted on: this shows nothing"


def test_prompts_leave_no_trace(outcome: Outcome) -> None:
    assert len(outcome.traces["log"]) > 10_000
    assert sum(name.startswith("topic ") for name in outcome.traces) >= 2
    assert sum(name.startswith("redis ") for name in outcome.traces) > 20
    assert [name for name, content in outcome.traces.items() if MARKER.encode() in content] == []


def test_hostile_names_cannot_write_to_the_terminal(outcome: Outcome) -> None:
    log = outcome.traces["log"].replace(b"\n", b"")
    assert all(0x20 <= byte < 0x7F for byte in log)


def _without_source(decision: Decision) -> Decision:
    return msgspec.structs.replace(decision, source=None)


def _undisturbed() -> list[Decision]:
    """What the good calls alone lead to."""

    async def main() -> list[Decision]:
        log = MemoryDecisionLog()
        service = offline_service(Policy(), log, MemoryDeadLetterLog(), Tally())
        for partition in range(PARTITIONS):
            await service.claim(partition, 0)
            calls = [call for call in good_calls() if _partition(call) == partition]
            chunk = [Record(offset, 0, None, wire.encode(call)) for offset, call in enumerate(calls)]
            await service.handle(partition, chunk)
        return list(log.decisions)

    return asyncio.run(main())
