"""Whatever honest clients score: calibration resumes exactly, is right on its null, and only takes evidence away."""

import math
import random
from collections import Counter
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_detector.detection import digest as digest_module
from stream_detector.detection.calibration import ALIKE, Calibrator, surprise
from stream_detector.detection.digest import BATCH, GENERATION, Digest, DigestState
from stream_detector.detection.partition import Partition
from stream_detector.detection.segment import Segment
from stream_detector.detection.state import decode_partition, encode
from stream_detector.domain.errors import ConfigError

SKETCHED = 0.1
"""Decades by which regrouping may move a tail; single scores are told exactly."""
suspicions = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.5, 0.99, 0.999999, 1.0]))


def partition_of(calibrator: Calibrator) -> Partition:
    partition = Partition()
    partition.segments["pro/app"] = Segment(calibrators={"volume_spike": calibrator})
    return partition


def resumed(calibrator: Calibrator) -> Calibrator:
    return decode_partition(encode(partition_of(calibrator))).segments["pro/app"].calibrators["volume_spike"]


def suspicion_at(decades: float) -> float:
    return 1.0 - math.pow(10.0, -decades)


def overconfident(rng: random.Random) -> float:
    """A score of a detector whose null model is wrong: honest clients exceed it three times as far, in decades."""
    luck = 1.0 - rng.random()
    return 1.0 - luck * luck * luck


@given(scores=st.lists(suspicions, max_size=400), stops=st.sets(st.integers(0, 400)), asked=suspicions)
@settings(max_examples=60, deadline=None)
def test_calibration_that_stops_asks_and_resumes_equals_one_that_never_did(
    scores: list[float], stops: set[int], asked: float
) -> None:
    with patch.object(digest_module, "GENERATION", 4 * BATCH):
        straight, stopped = Calibrator(), Calibrator()
        for index, score in enumerate(scores):
            straight.learn(score)
            stopped.learn(score)
            if index in stops:
                stopped.evidence(asked, 0)
                stopped = resumed(stopped)
    assert stopped == straight
    assert encode(partition_of(stopped)) == encode(partition_of(straight))


@given(scores=st.lists(suspicions, max_size=300), asked=suspicions, own_votes=st.integers(0, 100))
@settings(deadline=None)
def test_calibrated_evidence_is_at_most_the_detectors_own(scores: list[float], asked: float, own_votes: int) -> None:
    calibrator = Calibrator()
    for score in scores:
        calibrator.learn(score)
    assert 0.0 <= calibrator.evidence(asked, own_votes) <= surprise(asked)


@given(
    before=st.lists(suspicions, max_size=300),
    asked=suspicions,
    higher=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=100),
)
@settings(deadline=None)
def test_more_honest_high_scores_do_not_raise_the_evidence(
    before: list[float], asked: float, higher: list[float]
) -> None:
    calibrator = Calibrator()
    for score in before:
        calibrator.learn(score)
    unexcused = calibrator.evidence(asked, 0)
    for share in higher:
        calibrator.learn(asked + share * (1.0 - asked))
        assert calibrator.evidence(asked, 0) <= unexcused + SKETCHED


@given(scores=st.lists(suspicions, max_size=BATCH - 1), asked=suspicions, higher=st.floats(0.0, 1.0))
def test_one_more_high_score_lowers_the_evidence_while_scores_are_few(
    scores: list[float], asked: float, higher: float
) -> None:
    calibrator = Calibrator()
    for score in scores:
        calibrator.learn(score)
    before = calibrator.evidence(asked, 0)
    calibrator.learn(asked + higher * (1.0 - asked))
    assert calibrator.evidence(asked, 0) <= before


@pytest.mark.parametrize("seed", range(3))
def test_calibrated_probabilities_are_uniform_over_honest_clients(seed: int) -> None:
    rng = random.Random(seed)
    calibrator = Calibrator()
    for _ in range(20_000):
        calibrator.learn(overconfident(rng))
    fresh = 40_000
    counts = Counter[float]()
    for _ in range(fresh):
        evidence = calibrator.evidence(overconfident(rng), 0)
        counts.update(level for level in (0.3, 1.0, 1.7) if evidence >= level)
    for level, tolerance in ((0.3, 0.1), (1.0, 0.15), (1.7, 0.25)):
        assert counts[level] / fresh == pytest.approx(10.0**-level, rel=tolerance)


def test_equal_scores_of_many_are_told_from_lower_ones() -> None:
    digest = Digest()
    for index in range(3_000):
        digest.add(3.0 if index % 10 == 0 else 0.0)
    assert digest.at_least(3.0 - ALIKE) == pytest.approx(300, abs=30)
    assert digest.at_least(3.1) == 0.0


def test_the_highest_scores_are_counted_nearly_exactly() -> None:
    rng = random.Random(4)
    values = [-math.log10(1.0 - rng.random()) for _ in range(GENERATION)]
    digest = Digest()
    for value in values:
        digest.add(value)
    for above in (5, 20, 80):
        threshold = sorted(values)[-above] - 1e-6
        assert digest.at_least(threshold) == pytest.approx(above, abs=1 + above / 20)


def test_what_was_common_long_ago_is_forgotten() -> None:
    calibrator = Calibrator()
    for _ in range(2_000):
        calibrator.learn(suspicion_at(3.0))
    excused = calibrator.evidence(suspicion_at(3.0), 0)
    for _ in range(2 * GENERATION):
        calibrator.learn(0.0)
    assert excused < 0.1
    assert calibrator.evidence(suspicion_at(3.0), 0) > 2.5
    assert GENERATION <= calibrator.total <= 2 * GENERATION


@pytest.mark.parametrize("groups", [b"", b"not a digest", Digest().state().latest[:5]])
def test_damaged_calibration_is_refused_with_one_line(groups: bytes) -> None:
    class Damaged(Digest):
        def state(self) -> DigestState:
            return msgspec.structs.replace(super().state(), latest=groups)

    with pytest.raises(ConfigError, match="partition state in the store cannot be read"):
        decode_partition(encode(partition_of(Calibrator(Damaged()))))
