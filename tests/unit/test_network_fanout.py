"""network_fanout tells rented exits from the honest clients that look a little like them."""

import math
from collections.abc import Iterator
from random import Random

import msgspec
import pytest
from staged.wanderers import (
    Story,
    app,
    calls_of,
    gateway,
    journey,
    machines,
    people,
    rented_exits,
    tunnel,
)

from stream_detector.detection.detectors.network_fanout import NetworkFanout
from stream_detector.detection.examples import example_context
from stream_detector.detection.fuse import FREE, STRONG
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Scored

SEEDS = range(3)
HONEST: dict[str, Story] = {
    "team of ten": people(10, programs=8, in_office=0.6, systems=12),
    "team of forty": people(40, programs=8, in_office=0.6, systems=12),
    "team of forty at home all over the world, one program": people(40, programs=1, in_office=0.0, systems=30),
    "class with one program": people(30, programs=1, in_office=1.0, systems=5),
    "app of one country": app(3000, calls=3.0, systems=4, programs=3),
    "app of one country, one program, one question": app(3000, calls=1.0, systems=4, programs=1),
    "app of twenty countries": app(3000, calls=3.0, systems=60, programs=4),
    "twenty runners": machines(20, 300, one_by_one=False),
    "three hundred runners, one for each job": machines(300, 1500, one_by_one=True),
    "tunnel of one provider": tunnel(40, 300, systems=1),
    "tunnel of a provider with five systems": tunnel(40, 300, systems=5),
    "traveller": journey(8, 150),
    "gateway": gateway(300),
}
RENTED: dict[str, Story] = {
    "16 a day for two days": rented_exits(16, 150, days=2),
    "50 a day": rented_exits(50, 150),
    "200 a day": rented_exits(200, 1000),
    "another one for every call": rented_exits(2000, 2000),
}


def readings(calls: Iterator[ApiCall]) -> list[Scored]:
    """As the engine asks: after every 16 calls."""
    detector, profile, scored = NetworkFanout(), Profile(), []
    for number, call in enumerate(calls, 1):
        profile.observe(call)
        if number % 16 == 0:
            context = msgspec.structs.replace(example_context(profile), now_s=profile.last_ts)
            reading = detector.score(profile, context)
            if isinstance(reading, Scored):
                scored.append(reading)
    return scored


def evidence(reading: Scored) -> float:
    return -math.log10(1.0 - reading.suspicion)


def median_of_strongest(story: Story, *, systems_known: bool) -> float:
    return sorted(
        max(evidence(reading) for reading in readings(calls_of(story(Random(seed)), systems_known=systems_known)))
        for seed in SEEDS
    )[len(SEEDS) // 2]


@pytest.mark.parametrize("story", HONEST.values(), ids=HONEST)
def test_honest_clients_stay_quiet_at_all_times(story: Story) -> None:
    assert median_of_strongest(story, systems_known=True) < FREE
    assert median_of_strongest(story, systems_known=False) < FREE + STRONG, (
        "none of the two families that a block needs"
    )


@pytest.mark.parametrize(
    ("story", "least", "least_blind"),
    list(zip(RENTED.values(), (1.0, 1.2, 2.0, 2.4), (0.6, 1.0, 1.5, 1.5), strict=True)),
    ids=RENTED,
)
def test_rented_exits_score_and_more_so_with_data_about_addresses(
    story: Story, least: float, least_blind: float
) -> None:
    informed, blind = (median_of_strongest(story, systems_known=known) for known in (True, False))
    assert informed >= least
    assert blind >= least_blind
    assert informed >= blind


def test_addresses_alone_end_at_the_blind_ceiling() -> None:
    strongest = max(map(evidence, readings(calls_of(rented_exits(2000, 2000)(Random(1)), systems_known=False))))
    assert strongest == pytest.approx(NetworkFanout().blind_ceiling)


def test_forged_user_agents_do_not_hide_one_tls_stack() -> None:
    calls = [
        msgspec.structs.replace(call, ua=f"Browser/{number}")
        for number, call in enumerate(calls_of(rented_exits(200, 1000)(Random(1)), systems_known=True))
    ]
    assert max(map(evidence, readings(iter(calls)))) > 2.0


def test_a_country_with_a_thousand_carriers_is_not_the_world() -> None:
    """Addresses of one country's blocks, every carrier small: as in Brazil or Ukraine."""
    calls = [
        msgspec.structs.replace(call, ip=f"{177 + number % 5}.{call.ip.partition('.')[2]}")
        for number, call in enumerate(
            calls_of(app(300, calls=1.0, systems=400, programs=1)(Random(1)), systems_known=True)
        )
        if call.ip is not None
    ]
    assert max(map(evidence, readings(iter(calls)))) < FREE


def test_several_systems_of_one_provider_are_one_operator() -> None:
    calls = [
        msgspec.structs.replace(call, ip_provider="cloud")
        for call in calls_of(rented_exits(200, 1000)(Random(1)), systems_known=True)
    ]
    assert max(map(evidence, readings(iter(calls)))) < 0.1


def test_what_is_only_to_be_read_changes_no_suspicion() -> None:
    plain = list(calls_of(rented_exits(50, 300)(Random(1)), systems_known=True))
    marked = [
        msgspec.structs.replace(call, ip_country=f"{number % 50:02d}", ip_kind="proxy")
        for number, call in enumerate(plain)
    ]
    before, after = readings(iter(plain)), readings(iter(marked))
    assert [reading.suspicion for reading in before] == [reading.suspicion for reading in after]
    assert after[-1].evidence["country_jump_share"] > 0.1
