"""A service that is killed at any point and started again ends exactly where an uninterrupted one does."""

import asyncio
import math
import random
from collections.abc import Sequence
from functools import cache

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.adapters.clocks import WallClock
from stream_detector.adapters.memory import (
    MemoryDeadLetterLog,
    MemoryDecisionLog,
    MemoryDecisionStore,
    MemoryPopulationStore,
    MemoryProfileStore,
)
from stream_detector.adapters.tally import Tally
from stream_detector.detection.detectors.catalogue import build_all
from stream_detector.detection.engine import Engine
from stream_detector.detection.examples import START_S, example_call
from stream_detector.detection.policy import Policy
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.decisions import Decision
from stream_detector.ports import Ownership, Record
from stream_detector.service.handler import Outside, Pace, Service
from stream_detector.service.intake import Limits, Reader
from stream_detector.wire import calls as wire

PARTITION = 3
RECORDS = 1500
CHUNK = 100
SALT = b"property test"


@cache
def traffic() -> tuple[Record, ...]:
    """A prober, a pool that shares a template, a rotating client and ordinary ones, with a bad record now and then."""
    rng = random.Random(7)
    records = []
    for offset in range(RECORDS):
        kind = rng.choice(["prober", "prober", "pool", "pool", "rotating", "plain", "plain", "plain"])
        client = f"{kind}-{rng.randrange(2)}"
        call = example_call(
            rng.randrange(100_000),
            gap_s=0.0,
            same_head=kind == "pool",
            new_network=kind == "rotating",
            new_bias=kind == "prober",
        )
        created_s = START_S - 86_400.0 if kind == "pool" else START_S - 1e8
        late_s = rng.choice([0.0, 0.0, 0.0, -90.0])
        call = msgspec.structs.replace(
            call, id=str(offset), client=client, ts=START_S + offset * 30.0 + late_s, client_created_ts=created_s
        )
        value = b"not a call" if rng.random() < 0.01 else wire.encode(call)
        records.append(Record(offset, 0, client.encode(), value))
    return tuple(records)


class World:
    """What survives a kill: the stores and the logs."""

    def __init__(self) -> None:
        self.profiles = MemoryProfileStore()
        self.decisions = MemoryDecisionStore()
        self.decision_log = MemoryDecisionLog()
        self.dead = MemoryDeadLetterLog()
        self.population = MemoryPopulationStore()

    def service(self) -> Service:
        """A new process."""
        outside = Outside(
            profiles=self.profiles,
            population=self.population,
            decisions=self.decisions,
            decision_log=self.decision_log,
            dead_letter_log=self.dead,
            observer=Tally(),
            clock=WallClock(),
            wall_s=lambda: 0.0,
            monotonic_s=lambda: 0.0,
        )
        limits = Limits(max_record_bytes=1 << 20, max_future_s=math.inf, max_past_s=math.inf)
        pace = Pace(checkpoint_s=math.inf, checkpoint_calls=1 << 60, max_profiles=1 << 60)
        return Service(Engine(build_all(), Policy()), Reader("calls", limits, Sketcher(SALT)), pace, outside, {})

    async def ending(self) -> tuple[Ownership, list[bytes | None]]:
        """Partition state and all profiles as stored."""
        clients = sorted({record.key.decode() for record in traffic() if record.key})
        ownership = await self.profiles.claim(PARTITION)
        return msgspec.structs.replace(ownership, token=0), await self.profiles.load(PARTITION, clients)


async def run(world: World, kills: Sequence[tuple[int, bool]]) -> None:
    """Handle all records; at each kill, with or without a checkpoint just before it, start over as a new process."""
    pending = sorted(kills)
    service = world.service()
    saved = await service.claim(PARTITION, RECORDS)
    position = saved + 1
    while position < RECORDS:
        await service.handle(PARTITION, traffic()[position : position + CHUNK])
        position += CHUNK
        if pending and position >= pending[0][0]:
            _, saves = pending.pop(0)
            if saves:
                await service.release(PARTITION)
            service = world.service()
            # Kafka delivers from the last acknowledged record on, or from a little before it.
            position = max(0, await service.claim(PARTITION, RECORDS) + 1 - 7)
    await service.release(PARTITION)


def _unique(decisions: Sequence[Decision]) -> list[Decision]:
    """By offset, without the repetitions that a replay brings."""
    seen: dict[bytes, Decision] = {}
    for decision in decisions:
        seen.setdefault(msgspec.json.encode(decision), decision)
    return sorted(seen.values(), key=lambda decision: decision.source.offset if decision.source else -1)


@cache
def uninterrupted() -> tuple[Ownership, list[bytes | None], list[Decision], int]:
    async def main() -> tuple[Ownership, list[bytes | None], list[Decision], int]:
        world = World()
        await run(world, [])
        ownership, profiles = await world.ending()
        return ownership, profiles, _unique(world.decision_log.decisions), len(world.dead.letters)

    return asyncio.run(main())


def test_the_traffic_leads_to_decisions_and_dead_letters() -> None:
    _, profiles, decisions, dead = uninterrupted()
    acted_on = {decision.subject.key.split("-")[0] for decision in decisions}
    assert "prober" in acted_on
    assert "plain" not in acted_on
    assert dead > 5
    assert all(profiles)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(min_value=0, max_value=RECORDS), st.booleans()), max_size=4))
def test_killed_anywhere_it_ends_exactly_as_if_it_had_never_stopped(kills: list[tuple[int, bool]]) -> None:
    async def main() -> None:
        world = World()
        await run(world, kills)
        ownership, profiles = await world.ending()
        expected_ownership, expected_profiles, expected_decisions, _ = uninterrupted()
        assert profiles == expected_profiles
        assert ownership == expected_ownership
        assert _unique(world.decision_log.decisions) == expected_decisions

    asyncio.run(main())
