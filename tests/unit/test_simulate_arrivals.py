"""When simulated calls come."""

import itertools
import math
from random import Random

import numpy as np
import pytest

from stream_detector.simulate.arrivals import (
    DAY_S,
    HOUR_S,
    Bursts,
    Gaps,
    Nightly,
    Pool,
    Sessions,
    Span,
    bursts,
    gaps_of,
    is_weekend,
    nightly,
    pool_for,
    pooled,
    sessions,
    weibull_shape,
)

MONDAY_S = 1_767_571_200.0
WEEK = Span(MONDAY_S, MONDAY_S + 7 * DAY_S)
DAY = Span(MONDAY_S, MONDAY_S + DAY_S)


def hours(times: list[float], utc_offset_h: float = 0.0) -> np.ndarray:
    return (np.array(times) / HOUR_S + utc_offset_h) % 24


@pytest.mark.parametrize("gaps", list(Gaps))
@pytest.mark.parametrize("cv", [0.5, 1.0, 2.4])
def test_gaps_have_mean_one_and_the_asked_for_variation(gaps: Gaps, cv: float) -> None:
    draw = gaps_of(Random(1), gaps, cv)
    sample = np.array([draw() for _ in range(60_000)])
    assert sample.mean() == pytest.approx(1.0, rel=0.05)
    assert sample.std() / sample.mean() == pytest.approx(cv, rel=0.1)


@pytest.mark.parametrize("cv", [0.05, 0.5, 1.0, 3.0, 30.0])
def test_the_weibull_shape_gives_the_asked_for_variation(cv: float) -> None:
    shape = weibull_shape(cv)
    found = math.sqrt(math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1)
    assert found == pytest.approx(cv, rel=1e-6)


def test_a_program_makes_its_calls_per_day_whatever_its_spells() -> None:
    month = Span(MONDAY_S, MONDAY_S + 60 * DAY_S)
    load = Bursts(calls_per_day=500, gap_cv=1.5, active_share=0.3, spell_s=3600)
    assert len(list(bursts(Random(2), month, load))) / 60 == pytest.approx(500, rel=0.15)


def test_a_program_rests_between_its_spells() -> None:
    load = Bursts(calls_per_day=20_000, gap_cv=1.0, active_share=0.2, spell_s=3600)
    times = np.array(list(bursts(Random(3), WEEK, load)))
    windows = np.unique((times - MONDAY_S) // 600)
    assert 0.05 < len(windows) / (7 * 144) < 0.5


def test_the_swing_of_the_day_follows_local_time() -> None:
    load = Bursts(calls_per_day=5_000, gap_cv=1.0, day_swing=0.9, utc_offset_h=8)
    local = hours(list(bursts(Random(4), WEEK, load)), utc_offset_h=8)
    afternoon, night = ((local >= 12) & (local < 18)).sum(), (local < 6).sum()
    assert afternoon > 4 * night


def test_the_weekend_of_a_program_is_quieter() -> None:
    assert [is_weekend(int(MONDAY_S // DAY_S) + day) for day in range(7)] == [False] * 5 + [True] * 2
    load = Bursts(calls_per_day=2_000, gap_cv=1.0, weekend=0.1)
    days = np.bincount([int((time - MONDAY_S) // DAY_S) for time in bursts(Random(5), WEEK, load)], minlength=7)
    assert days[5:].max() < 0.3 * days[:5].min()


def test_a_pool_makes_its_calls_per_day_and_never_more_than_its_workers_at_once() -> None:
    pool = pool_for(calls_per_day=10_000, answer_s=20.0, jitter=0.1)
    assert pool.workers == 3
    assert len(list(pooled(Random(6), DAY, pool))) == pytest.approx(10_000, rel=0.05)


def test_a_serial_loop_without_pause_waits_for_each_answer() -> None:
    times = list(pooled(Random(7), DAY, Pool(workers=1, answer_s=30.0)))
    gaps = np.diff(times)
    assert gaps.mean() == pytest.approx(30.0, rel=0.05)
    assert gaps.std() / gaps.mean() < 0.7


def test_a_nightly_job_runs_once_a_day_at_its_local_hour() -> None:
    job = Nightly(calls=40, pool=Pool(workers=2, answer_s=3.0), hour=2, utc_offset_h=-5)
    times = list(nightly(Random(8), WEEK, job))
    assert len(times) == 7 * 40
    local = hours(times, utc_offset_h=-5)
    assert local.min() >= 2
    assert local.max() < 2.2


def test_a_run_that_is_too_long_is_cut_off_by_the_next_one() -> None:
    job = Nightly(calls=10**6, pool=Pool(workers=1, answer_s=600.0), hour=0)
    times = list(nightly(Random(9), WEEK, job))
    assert times == sorted(times)
    assert len(times) < 7 * 160


def test_a_person_sleeps_and_asks_several_questions_in_a_row() -> None:
    month = Span(MONDAY_S, MONDAY_S + 30 * DAY_S)
    times = list(sessions(Random(10), month, Sessions(per_day=3, turns=5, utc_offset_h=9)))
    assert len(times) / 30 == pytest.approx(3 * 5 * (5 + 2 * 0.7) / 7, rel=0.25)
    local = hours(times, utc_offset_h=9)
    assert ((local > 2.5) & (local < 6)).mean() < 0.02
    assert np.median(np.diff(times)) < 180


@pytest.mark.parametrize("start_s", [0.0, MONDAY_S + 12_345.678])
def test_every_kind_of_arrival_is_in_order_and_within_its_span(start_s: float) -> None:
    span = Span(start_s, start_s + 2.5 * DAY_S)
    pool = Pool(workers=7, answer_s=60.0)
    for times in (
        bursts(Random(11), span, Bursts(calls_per_day=900, gap_cv=8.0, active_share=0.4, day_spread=1.0)),
        pooled(Random(11), span, pool),
        nightly(Random(11), span, Nightly(calls=50, pool=pool, hour=23, utc_offset_h=5.5)),
        sessions(Random(11), span, Sessions(per_day=9, utc_offset_h=-8)),
    ):
        found = list(times)
        assert found
        assert all(one <= other for one, other in itertools.pairwise(found))
        assert span.start_s <= found[0]
        assert found[-1] < span.end_s
