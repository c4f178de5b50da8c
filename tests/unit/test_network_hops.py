"""network_hops tells one sender that moves on every few hours from the honest clients that look a little like it."""

import math
from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from staged.wanderers import (
    DAY_S,
    HOUR_S,
    Sight,
    Story,
    World,
    app,
    calls_of,
    gateway,
    journey,
    machines,
    people,
    tunnel,
)

from stream_detector.detection.detectors.network_hops import NetworkHops
from stream_detector.detection.examples import example_context
from stream_detector.detection.fuse import FREE, POWER, STRONG
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Scored

DAYS = 4
SEEDS = range(3)


def loop(exits: int, *, awake_h: float = 24.0, calls: int = 300, least_h: float = 0.5, most_h: float = 8.0) -> Story:
    """One program that runs by day and night, or rests; another one of the same exits every few hours."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, 400)
        pool = [world.place() for _ in range(exits)]
        until_s, place = 0.0, pool[0]
        at_s = rng.uniform(0.0, DAY_S)
        end_s = at_s + DAYS * DAY_S
        while at_s < end_s:
            if at_s >= until_s:
                until_s = at_s + rng.uniform(least_h, most_h) * HOUR_S
                place = rng.choice(pool)
            if at_s % DAY_S < awake_h * HOUR_S:
                yield Sight(at_s, place, "one")
            at_s += DAY_S / calls * rng.uniform(0.5, 1.5)

    return story


def commuter(calls: int, *, awake_h: float = 24.0) -> Story:
    """One program on a laptop that is at home, at work, and on a mobile line in between; every third evening elsewhere."""

    def story(rng: Random) -> Iterator[Sight]:
        world = World(rng, 400)
        home, work, phone, elsewhere = (world.place() for _ in range(4))
        for number in range(DAYS * calls):
            at_s = number * DAY_S / calls
            hour = at_s % DAY_S / HOUR_S
            if hour >= awake_h:
                continue
            evening = elsewhere if int(at_s // DAY_S) % 3 == 1 else home
            place = home if hour < 8 else phone if hour < 9 else work if hour < 17 else phone if hour < 18 else evening
            yield Sight(at_s, place, "one")

    return story


def together(*stories: Story) -> Story:
    """Side by side."""
    return lambda rng: (sight for story in stories for sight in story(rng))


HONEST: dict[str, Story] = {
    "machine that stays": loop(1),
    "machine with a spare line": loop(2),
    "laptop that rests at night": commuter(300, awake_h=17.0),
    "laptop that works by itself all night": commuter(300),
    "loop of a person with a tunnel, awake": loop(4, awake_h=15.0),
    "team of three, one program": people(3, programs=1, in_office=0.5, systems=12, calls=60.0),
    "team of ten": people(10, programs=8, in_office=0.6, systems=12),
    "team of forty at home all over the world, one program": people(40, programs=1, in_office=0.0, systems=30),
    "app of twenty countries": app(3000, calls=3.0, systems=60, programs=4),
    "app of all the world, one program, one question": app(3000, calls=1.0, systems=400, programs=1),
    "twenty runners": machines(20, 300, one_by_one=False),
    "traveller": journey(8, 150),
    "gateway": gateway(300),
    "five machines at five hosters, side by side": together(*[loop(1)] * 5),
}
ONE_OPERATOR: dict[str, Story] = {
    "three hundred runners, one for each job": machines(300, 1500, one_by_one=True),
    "a runner every three hours": machines(8, 300, one_by_one=True),
    "tunnel of one provider": tunnel(12, 300, systems=1),
}


def strongest(calls: Iterator[ApiCall]) -> float:
    """Evidence, as the engine asks for it: after every 16 calls."""
    detector, profile, evidence = NetworkHops(), Profile(), 0.0
    for number, call in enumerate(calls, 1):
        profile.observe(call)
        if number % 16 == 0:
            context = msgspec.structs.replace(example_context(profile), now_s=profile.last_ts)
            reading = detector.score(profile, context)
            if isinstance(reading, Scored):
                evidence = max(evidence, -math.log10(1.0 - reading.suspicion))
    return evidence


def median_of_strongest(story: Story, *, systems_known: bool) -> float:
    found = (strongest(calls_of(story(Random(seed)), systems_known=systems_known)) for seed in SEEDS)
    return sorted(found)[len(SEEDS) // 2]


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_clients_stay_quiet(story: Story) -> None:
    assert median_of_strongest(story, systems_known=True) < FREE
    assert median_of_strongest(story, systems_known=False) < FREE


@pytest.mark.parametrize("story", ONE_OPERATOR.values(), ids=ONE_OPERATOR)
def test_many_addresses_of_one_operator_are_one_place(story: Story) -> None:
    assert median_of_strongest(story, systems_known=True) < FREE


@pytest.mark.parametrize(("exits", "least"), [(8, 0.8), (12, 1.0), (18, 1.0)])
def test_a_loop_behind_many_exits_scores(exits: int, least: float) -> None:
    assert median_of_strongest(loop(exits), systems_known=True) > least


def test_exits_of_two_operators_count_for_four() -> None:
    calls = list(calls_of(loop(18)(Random(1)), systems_known=True))
    two = [msgspec.structs.replace(call, ip_asn=None, ip_provider=f"hoster {(call.ip_asn or 0) % 2}") for call in calls]
    assert strongest(iter(two)) < strongest(iter(calls))
    assert strongest(iter(two)) < FREE


def test_more_exits_are_more_evidence() -> None:
    found = [median_of_strongest(loop(exits), systems_known=True) for exits in (1, 2, 4, 12)]
    assert found == sorted(found)
    assert found[0] < 0.1 * found[-1]


def test_side_by_side_the_same_loop_says_nothing() -> None:
    assert median_of_strongest(together(loop(12), loop(12), loop(12)), systems_known=True) < FREE


def test_hops_alone_are_never_strong() -> None:
    assert NetworkHops.ceiling * POWER.get(NetworkHops.name, 1.0) - FREE < STRONG
