"""What every detector must do, whatever its idea."""

import copy
import math
import random
from collections.abc import Callable

import msgspec
import pytest

from stream_detector.detection import state
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.catalogue import build_all, names
from stream_detector.detection.examples import (
    START_S,
    example_call,
    example_context,
    example_hops,
    example_limited,
    example_profile,
    example_two_lanes,
)
from stream_detector.detection.profile import Profile
from stream_detector.domain.addresses import AddressKind
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Reading, Scored, Warming

Shape = Callable[[], Profile]


SHAPES: dict[str, Shape] = {
    "nobody": Profile,
    "newcomer": lambda: example_profile(calls=1, gap_s=1.0),
    "bare questions": lambda: example_profile(calls=3000, gap_s=2.0),
    "one template": lambda: example_profile(calls=3000, gap_s=2.0, same_head=True),
    "rotating networks": lambda: example_profile(calls=500, gap_s=60.0, new_network=True),
    "established": lambda: example_profile(calls=200, gap_s=7200.0),
    "logit prober": lambda: example_profile(calls=500, gap_s=1.0, new_bias=True),
    "limited after weeks": example_limited,
    "every cue, half in vain": lambda: example_profile(calls=500, gap_s=60.0, cues=127, probing=True),
    "two lanes": example_two_lanes,
    "hops": example_hops,
}

detectors = pytest.mark.parametrize("detector", build_all(), ids=lambda detector: detector.name)
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


def test_names_are_unique_and_ceilings_leave_room() -> None:
    assert len(names()) == len(build_all()) + 1
    assert all(0 < detector.ceiling <= 6 for detector in build_all())


@detectors
@shapes
def test_score_is_pure(detector: Detector, shape: Shape) -> None:
    profile = shape()
    context = example_context(profile, members=10, young=10)
    before = state.encode(profile)
    first = detector.score(profile, context)
    assert detector.score(profile, context) == first
    assert state.encode(profile) == before


@detectors
@shapes
def test_suspicion_is_a_probability_and_evidence_is_finite(detector: Detector, shape: Shape) -> None:
    profile = shape()
    reading = detector.score(profile, example_context(profile, members=10, young=5))
    if isinstance(reading, Warming):
        assert 0 <= reading.seen < reading.needed
    else:
        assert 0.0 <= reading.suspicion <= 1.0
        assert reading.evidence
        assert all(math.isfinite(value) for value in reading.evidence.values())


@detectors
def test_a_client_never_seen_is_warming(detector: Detector) -> None:
    profile = Profile()
    assert isinstance(detector.score(profile, example_context(profile)), Warming)


@detectors
@shapes
def test_resumed_profile_scores_as_the_uninterrupted_one(detector: Detector, shape: Shape) -> None:
    profile = shape()
    resumed = state.decode_profile(state.encode(profile))
    for number in range(3000, 3050):
        call = example_call(number, gap_s=2.0)
        profile.observe(call)
        resumed.observe(call)
    assert detector.score(resumed, example_context(resumed)) == detector.score(profile, example_context(profile))


@detectors
@shapes
def test_late_and_disordered_calls_are_no_evidence(detector: Detector, shape: Shape) -> None:
    """A client whose last calls arrive late or twice at the same time still gets a reading in range."""
    profile = shape()
    rng = random.Random(5)
    for number in range(200):
        call = example_call(number, gap_s=1.0)
        profile.observe(msgspec.structs.replace(call, ts=START_S + rng.uniform(-86_400.0, 86_400.0)))
    reading = detector.score(profile, example_context(profile))
    assert isinstance(reading, Warming) or 0.0 <= reading.suspicion <= 1.0


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("coverage", {"calls": 200, "gap_s": 60.0}, {"calls": 3000, "gap_s": 20.0}),
        (
            "network_fanout",
            {"calls": 30, "gap_s": 60.0, "new_network": True},
            {"calls": 500, "gap_s": 60.0, "new_network": True},
        ),
        (
            "parameter_probe",
            {"calls": 20, "gap_s": 1.0, "new_bias": True},
            {"calls": 500, "gap_s": 1.0, "new_bias": True},
        ),
        ("template_reuse", {"calls": 200, "gap_s": 1.0}, {"calls": 200, "gap_s": 1.0, "same_head": True}),
        ("machine_timing", {"calls": 200, "gap_s": 13.7}, {"calls": 2000, "gap_s": 13.7}),
        ("duty_cycle", {"calls": 60, "gap_s": 14_400.0}, {"calls": 2000, "gap_s": 300.0}),
        ("reasoning_elicitation", {"calls": 40, "gap_s": 60.0, "cues": 1}, {"calls": 400, "gap_s": 60.0, "cues": 1}),
        ("reward_grading", {"calls": 40, "gap_s": 60.0, "cues": 2}, {"calls": 400, "gap_s": 60.0, "cues": 2}),
        ("data_generation", {"calls": 40, "gap_s": 60.0, "cues": 32}, {"calls": 400, "gap_s": 60.0, "cues": 32}),
        ("benchmark_sweep", {"calls": 40, "gap_s": 60.0, "cues": 64}, {"calls": 400, "gap_s": 60.0, "cues": 64}),
        ("output_yield", {"calls": 40, "gap_s": 60.0, "probing": True}, {"calls": 40, "gap_s": 60.0}),
        ("boundary_probe", {"calls": 40, "gap_s": 60.0}, {"calls": 40, "gap_s": 60.0, "probing": True}),
        (
            "technique_search",
            {"calls": 40, "gap_s": 60.0, "cues": 1},
            {"calls": 40, "gap_s": 60.0, "cues": 1, "probing": True},
        ),
        ("extraction_budget", {"calls": 100, "gap_s": 1.0}, {"calls": 2000, "gap_s": 1.0}),
    ],
)
def test_more_evidence_is_more_suspicion(name: str, less: dict[str, float], more: dict[str, float]) -> None:
    detector = next(detector for detector in build_all() if detector.name == name)
    low, high = example_profile(**less), example_profile(**more)  # type: ignore[arg-type]
    low_reading = detector.score(low, example_context(low))
    high_reading = detector.score(high, example_context(high))
    assert isinstance(low_reading, Scored)
    assert isinstance(high_reading, Scored)
    assert high_reading.suspicion > low_reading.suspicion


def test_an_old_member_is_not_suspected_for_the_young() -> None:
    detector = next(detector for detector in build_all() if detector.name == "shared_template")
    profile = example_profile(calls=100, gap_s=1.0, same_head=True)
    for created_ts in (-1.0, profile.first_ts - 400 * 86_400.0):
        profile.created_ts = created_ts
        reading = detector.score(profile, example_context(profile, members=30, young=30))
        assert isinstance(reading, Scored)
        assert reading.suspicion == 0.0


def test_more_young_members_are_more_suspicion() -> None:
    detector = next(detector for detector in build_all() if detector.name == "shared_template")
    profile = example_profile(calls=100, gap_s=1.0, same_head=True)
    profile.created_ts = profile.first_ts - 86_400.0
    readings = [detector.score(profile, example_context(profile, members=12, young=young)) for young in (0, 2, 6, 12)]
    suspicions = [reading.suspicion for reading in readings if isinstance(reading, Scored)]
    assert suspicions == sorted(suspicions)
    assert suspicions[0] == 0.0
    assert suspicions[-1] > 0.9999


@shapes
def test_a_profile_is_stored_in_two_kilobytes(shape: Shape) -> None:
    assert len(state.encode(shape())) <= 2048


def test_the_busiest_profile_is_stored_in_two_kilobytes() -> None:
    rng = random.Random(6)
    profile = Profile()
    for number in range(20_000):
        call = example_call(number, gap_s=40.0, same_head=number % 2 == 0, new_network=True, new_bias=True)
        profile.observe(msgspec.structs.replace(call, ua=f"agent/{number % 300}", output_tokens=rng.randrange(100_000)))
    assert len(state.encode(profile)) <= 2048


def test_country_language_and_provider_lead_nowhere() -> None:
    """Clients that differ in geography, in who operates their network, or in its kind only, are equally suspected."""

    def profile_of(new_network: bool, **fields: object) -> Profile:  # noqa: FBT001
        profile = Profile()
        for number in range(300):
            call = example_call(number, gap_s=30.0, new_network=new_network)
            profile.observe(msgspec.structs.replace(call, **fields))
        return profile

    places: list[dict[str, object]] = [
        {"country": "DE", "time_zone": "Europe/Berlin", "ip_country": "DE", "ip_asn": 3320, "ip_provider": "one"},
        {"country": "CN", "time_zone": "Asia/Shanghai", "ip_country": "CN", "ip_asn": 4134, "ip_provider": "other"},
    ]
    places += [places[0] | {"ip_kind": kind} for kind in AddressKind]
    for new_network in (False, True):
        first, *others = [profile_of(new_network, **place) for place in places]
        for detector in build_all():
            reading = detector.score(first, example_context(first))
            for other in others:
                assert _suspicion(detector.score(other, example_context(other))) == _suspicion(reading), detector.name


def test_a_new_country_with_every_call_leads_nowhere() -> None:
    """A person who hops through the exits of one tunnel is as suspect as one who does not."""

    def profile_of(countries: int) -> Profile:
        profile = Profile()
        for number in range(300):
            call = example_call(number, gap_s=30.0, new_network=True)
            country = f"{number % countries:02d}"
            profile.observe(msgspec.structs.replace(call, ip_asn=64496, ip_kind=AddressKind.VPN, ip_country=country))
        return profile

    still, hopping = profile_of(1), profile_of(90)
    for detector in build_all():
        reading, other = (detector.score(profile, example_context(profile)) for profile in (still, hopping))
        assert _suspicion(reading) == _suspicion(other), detector.name


def _suspicion(reading: Reading) -> float | None:
    return reading.suspicion if isinstance(reading, Scored) else None


def test_profiles_can_be_copied_for_what_if_questions() -> None:
    profile = example_profile(calls=50, gap_s=1.0)
    copied = copy.deepcopy(profile)
    copied.observe(ApiCall(id="x", ts=START_S + 1e6, client="example"))
    assert copied.calls == profile.calls + 1
