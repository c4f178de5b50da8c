"""What a client writes about, against its segment and its own past."""

import random

import msgspec
import numpy as np
import pytest

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.distribution_shift import DistributionShift
from stream_detector.detection.detectors.focus import Focus
from stream_detector.detection.examples import START_S, example_call, example_context
from stream_detector.detection.profile import Profile
from stream_detector.detection.text_norms import TextNorms
from stream_detector.detection.windows.texts import DAY_S, ENOUGH, MEMORY, TextWindow
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.signals import Scored, Warming

DIMENSIONS = 64


def vector(topic: int, spread: float, rng: np.random.Generator) -> bytes:
    """A sketch vector around a topic's direction."""
    centre = np.random.default_rng(topic).normal(size=DIMENSIONS)
    raw = centre + spread * rng.normal(size=DIMENSIONS)
    return np.rint(127 * raw / np.linalg.norm(raw)).astype(np.int8).tobytes()


def asked(number: int, topic: int, spread: float, rng: np.random.Generator, ts: float = START_S) -> ApiCall:
    call = example_call(number, gap_s=0.0)
    sketch = msgspec.structs.replace(call.sketch, vector=vector(topic, spread, rng), digest=2 * number)  # type: ignore[type-var]
    return msgspec.structs.replace(call, ts=ts, sketch=sketch)


def window_of(topics: list[int], *, spread: float = 1.0, seed: int = 1) -> TextWindow:
    window, rng = TextWindow(), np.random.default_rng(seed)
    for number, topic in enumerate(topics):
        window.observe(asked(number, topic, spread, rng))
    return window


def profile_of(topics: list[int], *, spread: float = 1.0, seed: int = 1) -> Profile:
    return Profile(texts=window_of(topics, spread=spread, seed=seed), first_ts=START_S, last_ts=START_S)


def learned(clients: int = 80) -> TextNorms:
    """A segment in which every client has topics of its own, out of twenty."""
    norms, rng = TextNorms(), random.Random(2)
    for client in range(clients):
        own = rng.choices(range(20), k=6)
        norms.learn(window_of([rng.choice(own) for _ in range(150)], seed=client))
    return norms


def in_segment(profile: Profile, norms: TextNorms) -> Context:
    return msgspec.structs.replace(example_context(profile), texts=norms)


def test_sums_stay_in_bounds_and_forget() -> None:
    window = window_of([1] * 1000 + [2] * 1000, spread=0.1)
    assert window.seen <= MEMORY
    centre = np.frombuffer(vector(2, 0.0, np.random.default_rng(1)), np.int8).astype(float)
    assert np.corrcoef(window.mean()[:DIMENSIONS], centre)[0, 1] > 0.95


@pytest.mark.parametrize(("spread", "low", "high"), [(0.1, 0.95, 1.0), (1.0, 0.4, 0.6), (30.0, 0.0, 0.05)])
def test_coherence_is_the_mean_cosine_of_two_prompts(spread: float, low: float, high: float) -> None:
    assert low <= window_of([1] * 200, spread=spread).coherence() <= high


def test_half_of_the_texts_are_passed_over_once_there_are_enough() -> None:
    window, rng = TextWindow(), np.random.default_rng(1)
    for number in range(200):
        call = asked(number, 1, 1.0, rng)
        sketch = msgspec.structs.replace(call.sketch, digest=number)  # type: ignore[type-var]
        window.observe(msgspec.structs.replace(call, sketch=sketch))
    assert window.seen == ENOUGH + (200 - ENOUGH) // 2


def test_a_call_without_a_vector_is_passed_over() -> None:
    window = TextWindow()
    window.observe(ApiCall(id="x", ts=START_S, client="c"))
    call = example_call(1, gap_s=0.0)
    window.observe(msgspec.structs.replace(call, sketch=msgspec.structs.replace(call.sketch, vector=b"")))  # type: ignore[type-var]
    assert window.seen == 0


def test_the_own_reference_follows_slowly_and_shows_a_change() -> None:
    window, rng = TextWindow(), np.random.default_rng(1)
    number = 0
    for day in range(12):
        for _ in range(200):
            number += 1
            window.observe(asked(number, 1 if day < 11 else 2, 0.5, rng, START_S + day * DAY_S))
        if day == 10:
            assert window.drift() < 0.1
    assert window.drift() > 0.3


def test_a_second_kind_of_text_is_far_from_the_bulk() -> None:
    rng = random.Random(3)
    alone = window_of([1] * 800, spread=0.3)
    mixed = window_of([2 if rng.random() < 0.15 else 1 for _ in range(800)], spread=0.3)
    assert alone.far_share() < 0.03
    assert 0.05 < mixed.far_share() < 0.3
    assert mixed.core_share() < alone.core_share()


def test_a_window_is_lent_once_a_day() -> None:
    window = window_of([1] * 100)
    assert window.lend()
    assert not window.lend()
    window.observe(asked(101, 1, 1.0, np.random.default_rng(1), START_S + DAY_S))
    assert window.lend()


def test_a_client_that_asks_what_nobody_asks_is_suspected_and_one_more_of_the_same_kind_is_not() -> None:
    norms, detector = learned(), DistributionShift()
    foreign, usual = profile_of([77] * 150), profile_of([1, 5, 9, 12] * 40, seed=99)
    there, here = detector.score(foreign, in_segment(foreign, norms)), detector.score(usual, in_segment(usual, norms))
    assert isinstance(there, Scored)
    assert isinstance(here, Scored)
    assert there.suspicion > 0.8
    assert here.suspicion < 0.5


def test_one_subject_is_suspected_where_others_have_several() -> None:
    norms, detector = learned(), Focus()
    narrow, broad = profile_of([3] * 150, spread=0.2), profile_of([1, 5, 9, 12, 15] * 30)
    focused, spread = detector.score(narrow, in_segment(narrow, norms)), detector.score(broad, in_segment(broad, norms))
    assert isinstance(focused, Scored)
    assert isinstance(spread, Scored)
    assert focused.suspicion > 0.8
    assert spread.suspicion < 0.5


def test_a_new_segment_borrows_from_all_and_without_norms_nothing_is_said() -> None:
    everyone = learned()
    assert TextNorms().or_else(everyone) is everyone
    assert everyone.or_else(TextNorms()) is everyone
    profile = profile_of([1] * 150)
    for detector in (DistributionShift(), Focus()):
        assert isinstance(detector.score(profile, in_segment(profile, TextNorms())), Warming)
