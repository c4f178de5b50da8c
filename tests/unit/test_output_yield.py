"""What comes out for what goes in."""

from collections.abc import Iterable

import pytest

from stream_detector.detection.calibration import surprise
from stream_detector.detection.detectors.output_yield import OutputYield
from stream_detector.detection.examples import example_context
from stream_detector.detection.fuse import CERTAIN, FREE, MOST
from stream_detector.detection.policy import Policy
from stream_detector.detection.profile import Profile
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Scored, Warming

START_S = 1_767_600_000.0
Tokens = tuple[int | None, int | None]
TIPS = Policy().throttle.risk * CERTAIN - MOST + FREE
"""Evidence that makes a throttle of hard and steady work."""


def observed(tokens: Iterable[Tokens]) -> Profile:
    profile = Profile()
    for number, (into, out) in enumerate(tokens):
        call = ApiCall(
            id=str(number), ts=START_S + number * 60.0, client="c", input_tokens=into, output_tokens=out, finish="stop"
        )
        profile.observe(call)
    return profile


def evidence(profile: Profile) -> float:
    reading = OutputYield().score(profile, example_context(profile))
    assert isinstance(reading, Scored)
    return min(OutputYield.ceiling, surprise(reading.suspicion))


@pytest.mark.parametrize(("into", "out"), [(1400, 90), (1155, 211), (900, 600), (70, 215), (600, 620)], ids=str)
def test_programs_and_people_of_published_traffic_do_not_tip_the_scales(into: int, out: int) -> None:
    assert evidence(observed([(into, out)] * 200)) < TIPS


@pytest.mark.parametrize(("into", "out"), [(60, 1500), (600, 2400), (300, 900), (150, 2800)], ids=str)
def test_campaigns_that_collect_answers_show(into: int, out: int) -> None:
    assert evidence(observed([(into, out)] * 200)) > 1.0


def test_only_calls_that_say_both_count() -> None:
    honest: list[Tokens] = [(900, 600)] * 200
    partly: list[Tokens] = [(900 if number % 10 == 0 else None, 600) for number in range(200)]
    assert evidence(observed(partly)) == pytest.approx(evidence(observed(honest)), abs=0.01)


def test_without_input_tokens_there_is_no_opinion() -> None:
    profile = observed([(None, 2000)] * 200)
    assert isinstance(OutputYield().score(profile, example_context(profile)), Warming)
