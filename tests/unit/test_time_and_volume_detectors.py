"""The detectors of time and volume: what each is for, and the honest work that must not look so to it."""

import math
import random
from collections.abc import Iterable

import msgspec
import pytest

from stream_detector.detection.calibration import surprise
from stream_detector.detection.context import Context
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.clock_phase import ClockPhase
from stream_detector.detection.detectors.cold_start import ColdStart
from stream_detector.detection.detectors.duty_cycle import DutyCycle
from stream_detector.detection.detectors.evasion_response import EvasionResponse
from stream_detector.detection.detectors.extraction_budget import ExtractionBudget
from stream_detector.detection.detectors.machine_timing import MachineTiming
from stream_detector.detection.detectors.release_pivot import ReleasePivot
from stream_detector.detection.detectors.sustained_ramp import SustainedRamp
from stream_detector.detection.detectors.volume_spike import VolumeSpike
from stream_detector.detection.examples import START_S, example_context, example_limited, example_profile
from stream_detector.detection.fuse import fuse
from stream_detector.detection.norms import Norms
from stream_detector.detection.policy import Policy
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.models import model_hash
from stream_detector.detection.windows.weeks import WEEK_S
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Reason
from stream_detector.domain.signals import Scored, Warming
from stream_detector.simulate.arrivals import Bursts, Nightly, Pool, Span, bursts, nightly, pooled

HOUR_S, DAY_S = 3600.0, 86_400.0
WEEK = Span(START_S, START_S + 7 * DAY_S)


def profile_of(times: Iterable[float], **fields: object) -> Profile:
    profile = Profile()
    for number, ts in enumerate(times):
        profile.observe(ApiCall(id="x", ts=ts, client="c", **fields))  # type: ignore[arg-type]
        if number % 50 == 0:
            profile.rate.learn()
    return profile


def evidence(detector: Detector, profile: Profile, context: Context | None = None) -> float:
    """-log10 of the tail probability, cut at the ceiling; 0 while the detector warms up."""
    reading = detector.score(profile, context or example_context(profile))
    return min(detector.ceiling, surprise(reading.suspicion)) if isinstance(reading, Scored) else 0.0


def pool(calls_per_day: float, days: float = 7.0, seed: int = 1) -> Iterable[float]:
    workers = max(1, math.ceil(calls_per_day * 20 / DAY_S))
    shape = Pool(workers=workers, answer_s=20.0, pause_s=workers * DAY_S / calls_per_day - 20.0)
    return pooled(random.Random(seed), Span(START_S, START_S + days * DAY_S), shape)


def honest(
    seed: int, calls_per_day: float = 2000.0, *, day_swing: float = 0.5, day_spread: float = 0.7
) -> Iterable[float]:
    load = Bursts(calls_per_day=calls_per_day, gap_cv=2.4, day_spread=day_spread, day_swing=day_swing)
    return bursts(random.Random(seed), WEEK, load)


@pytest.mark.parametrize("calls_per_day", [150, 857, 6000])
def test_a_pool_that_never_stops_is_a_machine_and_never_sleeps(calls_per_day: float) -> None:
    profile = profile_of(pool(calls_per_day))
    assert evidence(MachineTiming(), profile) > 1.2
    assert evidence(DutyCycle(), profile) > 1.5


def test_an_hour_of_a_pool_is_nothing_yet_and_half_a_day_is() -> None:
    hour, half_day = profile_of(pool(6000, 1 / 24)), profile_of(pool(6000, 0.5))
    assert evidence(MachineTiming(), hour) < 0.5
    assert evidence(MachineTiming(), half_day) > 1.0


def test_a_product_that_is_always_awake_is_no_machine() -> None:
    profiles = [profile_of(honest(seed)) for seed in range(10)]
    assert max(evidence(MachineTiming(), profile) for profile in profiles) < 1.0
    assert max(evidence(DutyCycle(), profile) for profile in profiles) <= 1.3
    assert sum(evidence(DutyCycle(), profile) > 1.0 for profile in profiles) <= 1


def test_a_nightly_evaluation_is_no_machine() -> None:
    job = Nightly(calls=2000, pool=Pool(workers=1, answer_s=2.0), hour=2.0)
    profile = profile_of(nightly(random.Random(4), WEEK, job))
    assert evidence(MachineTiming(), profile) < 1.0
    assert evidence(DutyCycle(), profile) < 0.5


def test_a_job_of_every_minute_is_a_clock_and_no_campaign() -> None:
    rng = random.Random(5)
    profile = profile_of(START_S + minute * 60 + rng.uniform(0, 2) for minute in range(7 * 1440))
    assert evidence(MachineTiming(), profile) == 0.0
    assert evidence(DutyCycle(), profile) <= 0.8


def test_a_pool_shows_in_its_open_calls_where_answers_differ_too_much_to_count() -> None:
    rng = random.Random(6)
    profile = Profile()
    now_s = START_S
    while now_s < START_S + DAY_S:
        answer_s = rng.lognormvariate(3.0, 1.2)
        profile.observe(ApiCall(id="x", ts=now_s, client="c", latency_ms=answer_s * 1000))
        now_s += answer_s
    reading = MachineTiming().score(profile, example_context(profile))
    assert isinstance(reading, Scored)
    assert reading.evidence["open_calls"] == pytest.approx(1.0, abs=0.02)
    assert reading.evidence["open_unevenness"] < reading.evidence["hour_unevenness"] / 3
    assert surprise(reading.suspicion) > 1.0


def office(days: int, opens_utc_h: float, seed: int = 1, hours: float = 9.0) -> Iterable[float]:
    rng = random.Random(seed)
    for day in range(days):
        yield from sorted(START_S + day * DAY_S + (opens_utc_h + hours * rng.random()) * HOUR_S for _ in range(80))


@pytest.mark.parametrize(
    ("opens_utc_h", "home", "strange"),
    [(9, "Europe/London", False), (1, "Asia/Shanghai", False), (1, "Europe/London", True), (14, "Asia/Shanghai", True)],
)
def test_office_hours_are_compared_with_those_of_home(opens_utc_h: float, home: str, strange: bool) -> None:  # noqa: FBT001
    profile = profile_of(office(7, opens_utc_h), time_zone=home)
    assert (evidence(ClockPhase(), profile) > 0.7) is strange


def test_a_client_at_home_where_its_address_is_is_not_abroad() -> None:
    profile = profile_of(office(7, 1.0), time_zone="America/New_York", ip_country="CN")
    assert evidence(ClockPhase(), profile) < 0.1


def test_without_a_rhythm_a_place_says_nothing() -> None:
    for times in (pool(857), office(7, 1.0, hours=1.5)):
        assert evidence(ClockPhase(), profile_of(times, time_zone="America/Los_Angeles")) == 0.0


def test_office_hours_abroad_never_act_alone() -> None:
    profile = profile_of(office(7, 1.0), time_zone="Europe/London")
    weight = evidence(ClockPhase(), profile)
    risk = fuse([Reason("clock_phase", ClockPhase.family, 0.85, weight, {})])
    assert 0 < risk.value < Policy().observe_risk


def growing(factor: float, weeks: int, first: int = 300) -> Profile:
    times = (
        START_S + week * WEEK_S + number * WEEK_S / count
        for week in range(weeks)
        for count in [int(first * factor**week)]
        for number in range(count)
    )
    return profile_of(times)


def test_nineteen_times_in_thirteen_weeks_is_a_ramp_after_seven_and_twice_is_none() -> None:
    assert evidence(SustainedRamp(), growing(1.254, 8)) > 1.5
    assert evidence(SustainedRamp(), growing(1.254, 14)) > 1.9
    assert evidence(SustainedRamp(), growing(2 ** (1 / 13), 15)) == 0.0


def test_a_step_into_production_is_no_ramp() -> None:
    counts = [200] * 5 + [4000] * 5
    profile = profile_of(START_S + week * WEEK_S + n for week, count in enumerate(counts) for n in range(count))
    assert evidence(SustainedRamp(), profile) < 0.3


def test_noise_from_week_to_week_is_no_ramp() -> None:
    rng = random.Random(7)
    loud = []
    for _ in range(40):
        counts = [int(400 * math.exp(rng.gauss(0, 0.5))) for _ in range(14)]
        profile = profile_of(START_S + week * WEEK_S + n for week, count in enumerate(counts) for n in range(count))
        loud.append(evidence(SustainedRamp(), profile) > 1.0)
    assert sum(loud) <= 1


def steady_then(hourly: int, last_h: int, *, days: int = 6) -> Profile:
    """So many calls an hour for some days, then another number for the last six hours."""
    counts = [hourly] * (days * 24) + [last_h] * 6
    profile = Profile()
    for hour, count in enumerate(counts):
        for number in range(count):
            profile.observe(ApiCall(id="x", ts=START_S + (hour + number / count) * HOUR_S, client="c"))
        if hour < days * 24:
            profile.rate.learn()
    return profile


def test_a_spike_that_five_minutes_hide_shows_in_hours_and_days() -> None:
    calm, spike = steady_then(60, 60), steady_then(60, 360)
    assert evidence(VolumeSpike(), calm) < 0.1
    reading = VolumeSpike().score(spike, example_context(spike))
    assert isinstance(reading, Scored)
    assert reading.evidence["hour_deviations"] > reading.evidence["deviations"] > 0
    assert reading.evidence["day_deviations"] > 1
    assert surprise(reading.suspicion) > 1.0


def test_five_times_the_usual_day_is_common() -> None:
    """It occurs on 13 % of honest client-days: for a client whose days differ, evidence stays small."""
    rng = random.Random(8)
    counts = [int(600 * math.exp(rng.gauss(0, 0.9))) for _ in range(12)] + [3000]
    profile = Profile()
    for day, count in enumerate(counts):
        for number in range(count):
            profile.observe(ApiCall(id="x", ts=START_S + (day + number / count) * DAY_S, client="c"))
            if number % 20 == 0 and day < 12:
                profile.rate.learn()
    reading = VolumeSpike().score(profile, example_context(profile))
    assert isinstance(reading, Scored)
    assert 0.5 < reading.evidence["day_deviations"] < 3
    assert surprise(reading.suspicion) < 1.3


def fresh(calls: int, quota: float) -> Profile:
    profile = profile_of((START_S + number * 10.0 for number in range(calls)), quota=quota)
    profile.created_ts = START_S - HOUR_S
    return profile


def test_a_fresh_account_near_its_quota_is_suspected_before_there_are_norms() -> None:
    shares = [evidence(ColdStart(), fresh(950, quota)) for quota in (1e6, 10_000.0, 2000.0, 1000.0)]
    assert shares == sorted(shares)
    assert shares[-1] == ColdStart.ceiling
    assert evidence(ColdStart(), fresh(30, 1000.0)) == 0.0


def test_an_account_of_a_week_may_use_its_quota() -> None:
    profile = fresh(950, 1000.0)
    profile.created_ts = START_S - 7 * DAY_S
    assert evidence(ColdStart(), profile) == 0.0


@pytest.mark.parametrize("detector", [VolumeSpike(), ColdStart(), ExtractionBudget(), SustainedRamp()])
def test_volume_never_throttles_alone(detector: Detector) -> None:
    assert fuse([Reason(detector.name, detector.family, 1.0, detector.ceiling, {})]).value < Policy().throttle.risk


def test_a_budget_is_judged_against_the_segment_too() -> None:
    profile = example_profile(calls=3000, gap_s=200.0)
    small, big = Norms(), Norms()
    ordinary = example_context(example_profile(calls=40, gap_s=15_000.0)).features
    for number in range(100):
        spread = math.exp(0.5 * math.sin(number))
        like = {"lifetime_prompts": 40 * spread, "output_tokens_90d": 8000 * spread, "token_rate": 50 * spread}
        small.learn(msgspec.structs.replace(ordinary, **like))
        big.learn(msgspec.structs.replace(ordinary, **{name: 100 * value for name, value in like.items()}))
    against = [
        evidence(ExtractionBudget(), profile, msgspec.structs.replace(example_context(profile), norms=norms))
        for norms in (big, small)
    ]
    assert against[0] < 0.5
    assert against[1] == pytest.approx(1.0)  # to be large says no more


def moved(share: float, kept: float = 1.0) -> Profile:
    profile = Profile()
    for number in range(200):
        profile.observe(ApiCall(id="x", ts=START_S + number * 400.0, client="c", model="old"))
    for number in range(int(200 * kept)):
        model = "new" if number < 200 * kept * share else "old"
        profile.observe(ApiCall(id="x", ts=START_S + DAY_S + number * 400.0, client="c", model=model))
    return profile


def test_a_move_to_a_new_model_counts_by_what_moved_and_what_was_kept() -> None:
    released = (model_hash("new"),)

    def scored(profile: Profile, new: tuple[int, ...] = released) -> float:
        return evidence(ReleasePivot(), profile, example_context(profile, released=new))

    assert scored(moved(1.0)) == pytest.approx(1.0)
    assert scored(moved(0.5)) < 0.2
    assert scored(moved(0.1)) < 0.01
    assert scored(moved(1.0, kept=0.2)) < 0.05
    assert scored(moved(1.0), ()) == 0.0


def test_a_client_that_adapts_to_its_limit_is_remarked_and_only_under_a_decision() -> None:
    profile = example_limited()
    assert evidence(EvasionResponse(), profile) > 0.5
    profile.standing.strikes = 0
    assert isinstance(EvasionResponse().score(profile, example_context(profile)), Warming)


def test_a_client_that_goes_on_as_before_does_not_evade() -> None:
    profile = Profile()
    rng = random.Random(9)
    now_s = START_S
    for number in range(4000):
        now_s += rng.expovariate(1 / 20)
        refused = number > 1000 and number % 6 != 0
        profile.observe(ApiCall(id="x", ts=now_s, client="c", status=429 if refused else 200))
    profile.standing.strikes = 1
    assert evidence(EvasionResponse(), profile) < 0.2
