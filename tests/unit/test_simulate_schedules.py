"""When planned things happen."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest

from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Pool, Span, is_weekend
from stream_detector.simulate.schedules import (
    Run,
    cut_over,
    doubling,
    journeys,
    lesson,
    metronome,
    outages,
    runs,
    thinned,
    working_hours,
)

MONDAY_S = 1_767_571_200.0
WEEK = Span(MONDAY_S, MONDAY_S + 7 * DAY_S)


def test_a_metronome_is_never_early_and_never_later_than_allowed() -> None:
    times = np.array(list(metronome(Random(1), WEEK, 300.0, 4.0)))
    assert len(times) == pytest.approx(7 * 288, abs=1)
    lateness = (times - times[0]) % 300
    assert np.minimum(lateness, 300 - lateness).max() <= 4.0
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_over_begins_with_nothing_never_goes_back_and_ends_with_everything(seed: int) -> None:
    share = cut_over(Random(seed), MONDAY_S, 3 * DAY_S)
    shares = [share(MONDAY_S + hour * HOUR_S) for hour in range(-5, 75)]
    assert shares[0] == 0.0
    assert 0 < shares[6] < 0.9
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_growth_doubles_until_everything_is_there() -> None:
    share = doubling(MONDAY_S, DAY_S, 0.25)
    assert [share(MONDAY_S + day * DAY_S) for day in (-1, 0, 1, 2, 3)] == [0.25, 0.25, 0.5, 1.0, 1.0]


def test_thinning_keeps_its_share() -> None:
    kept = list(thinned(Random(1), map(float, range(20_000)), lambda time: 0.8 if time >= 10_000 else 0.1))
    assert sum(time < 10_000 for time in kept) == pytest.approx(1_000, rel=0.1)
    assert sum(time >= 10_000 for time in kept) == pytest.approx(8_000, rel=0.03)


def test_outages_are_apart_inside_the_span_and_as_rare_as_asked_for() -> None:
    year = Span(MONDAY_S, MONDAY_S + 365 * DAY_S)
    found = outages(Random(2), year, 3 * DAY_S, HOUR_S)
    assert 80 < len(found) < 160
    edges = [edge for span in found for edge in (span.start_s, span.end_s)]
    assert edges == sorted(edges)
    assert edges[-1] <= year.end_s
    assert np.median([span.end_s - span.start_s for span in found]) == pytest.approx(HOUR_S, rel=0.4)


def test_a_run_that_is_late_begins_when_the_one_before_is_done() -> None:
    pool = Pool(workers=2, answer_s=10.0)
    plan = [Run(start_s=MONDAY_S + start_s, calls=200, pool=pool) for start_s in (0.0, 60.0, DAY_S)]
    times = list(runs(Random(1), WEEK, plan))
    assert len(times) == 600
    assert times == sorted(times)
    assert times[400] >= MONDAY_S + DAY_S


def test_working_hours_are_on_working_days_by_local_time() -> None:
    for offset_h in (-8.0, 5.5, 9.0):
        found = [time + offset_h * HOUR_S for time in working_hours(Random(3), WEEK, offset_h, 1.0)]
        assert len(found) in {4, 5}  # the first day may be cut
        assert all(8 <= time / HOUR_S % 24 <= 17 for time in found)
        assert not any(is_weekend(int(time // DAY_S)) for time in found)


def test_a_lesson_ends_after_45_minutes_and_begins_together() -> None:
    pupils = [list(lesson(Random(seed), WEEK, MONDAY_S, 90.0)) for seed in range(30)]
    assert max(times[0] for times in pupils) - min(times[0] for times in pupils) <= 120
    assert all(times[-1] < MONDAY_S + 45 * 60 for times in pupils)


def test_journeys_cover_the_span_without_gaps() -> None:
    legs = list(journeys(Random(1), WEEK, 3 * DAY_S, DAY_S))
    assert legs[0].start_s == WEEK.start_s
    assert legs[-1].end_s == WEEK.end_s
    assert all(one.end_s == other.start_s for one, other in pairwise(legs))
    assert len(legs) >= 3
