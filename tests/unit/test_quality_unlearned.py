"""The detector without what it learned from a family."""

from random import Random

from stream_detector.detection.policy import DetectorPolicy, Policy
from stream_detector.quality.outcome import Peaks
from stream_detector.quality.unlearned import RESEMBLING, policy_without, purposes_without, slopes
from stream_detector.simulate.campaigns import Family
from stream_detector.simulate.purposes import CAMPAIGNS


def population(seed: int) -> list[Peaks]:
    """Only sweeps show `coverage`, both families show `timing`, and honest clients as much `volume` as anybody."""
    rng = Random(seed)
    found = []
    for number in range(300):
        family = ("", Family.CAPABILITY_SWEEP, Family.RUBRIC_JUDGE)[number % 3]
        evidence = {"volume": rng.expovariate(1.0), "timing": rng.expovariate(1.0) + (1.5 if family else 0.0)}
        evidence["coverage"] = rng.expovariate(1.0) + (2.0 if family == Family.CAPABILITY_SWEEP else 0.0)
        found.append(Peaks(str(number), family, evidence))
    return found


def test_a_slope_is_as_steep_as_evidence_tells_campaigns_from_honest_clients() -> None:
    found = slopes(population(1))
    assert found["timing"] > found["volume"]
    assert found["coverage"] > found["volume"]
    assert all(slope > 0 for slope in found.values())


def test_without_a_family_what_only_it_shows_counts_less() -> None:
    usual = Policy(detectors={"timing": DetectorPolicy(weight=0.5)})
    policy = policy_without(usual, Family.CAPABILITY_SWEEP, population(1))
    assert policy.of("coverage").weight < 0.9
    assert policy.of("timing").weight >= 0.45
    assert policy.of("somebody else").weight == 1.0
    assert policy.throttle == usual.throttle


def test_a_family_that_nothing_resembles_leaves_the_purpose_model_alone() -> None:
    whole = purposes_without(Family.BARE_QUESTIONS)
    assert purposes_without(Family.LOGIT_PROBER) == whole
    assert purposes_without(Family.RUBRIC_JUDGE) != whole


def test_every_campaign_of_the_training_resembles_one_family() -> None:
    named = [habit for habits in RESEMBLING.values() for habit in habits]
    assert sorted(named) == sorted(habit.name for habit in CAMPAIGNS)
