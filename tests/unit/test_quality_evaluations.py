"""Decisions repeated from kept evaluations, as they are and otherwise."""

import pytest

from stream_detector.detection.fuse import fuse
from stream_detector.detection.policy import Policy
from stream_detector.detection.weigh import Evidence
from stream_detector.domain.decisions import Action, Reason
from stream_detector.domain.signals import Family
from stream_detector.quality.evaluations import Evaluations, at_threshold, detectors_in, tried

POLICY = Policy()


def evidence(**weights: float) -> Evidence:
    """Of detectors named after families."""
    risk = fuse([Reason(name, Family(name), 0.99, weight, {}) for name, weight in weights.items()])
    return Evidence(risk, risk)


def watched(*made: tuple[float, Evidence]) -> Evaluations:
    evaluations = Evaluations()
    for at_s, each in made:
        evaluations("a", at_s, each)
    return evaluations


def test_evaluations_without_risk_are_counted_and_not_kept() -> None:
    evaluations = watched((1.0, evidence(volume=0.6)), (2.0, evidence(volume=2.0, timing=2.0)))
    assert evaluations.count == 2
    assert [each.at_s for each in evaluations.of["a"]] == [2.0]
    assert detectors_in(evaluations.of["a"]) == {"volume", "timing"}


def test_the_ladder_is_climbed_again_from_what_was_kept() -> None:
    evaluations = watched(
        (100.0, evidence(volume=2.0, timing=2.0, content=1.2)),
        (200.0, evidence(volume=2.0, timing=2.0, content=1.2)),
        (300.0, evidence(content=2.0, timing=2.0, network=3.0)),
    )
    throttle, block = tried(evaluations.of, POLICY)["a"]
    assert (throttle.action, throttle.start_s, throttle.end_s) == (Action.THROTTLE, 100.0, 300.0)
    assert throttle.limit == POLICY.throttle.limit()
    assert (block.action, block.start_s) == (Action.BLOCK, 300.0)


def test_without_a_detector_its_evidence_is_missing() -> None:
    evaluations = watched((100.0, evidence(content=2.0, timing=2.0)))
    assert tried(evaluations.of, POLICY)
    assert tried(evaluations.of, POLICY, without="timing") == {}
    assert tried(evaluations.of, POLICY, without="nobody") == tried(evaluations.of, POLICY)


@pytest.mark.parametrize(("above", "is_acted_on"), [(-0.3, True), (0.0, True), (0.01, False), (0.4, False)])
def test_another_threshold_acts_on_more_or_fewer(above: float, *, is_acted_on: bool) -> None:
    spoken = evidence(content=2.0, timing=2.0)
    policy = at_threshold(POLICY, spoken.enforced.value + above)
    assert bool(tried(watched((100.0, spoken)).of, policy)) is is_acted_on
