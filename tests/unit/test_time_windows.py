"""The windows over hours, weeks, models and reactions, and what gaps and rates remember of the clock and the past."""

import math
import random

import pytest

from stream_detector.detection.examples import START_S
from stream_detector.detection.population import HISTORY_S, RELEASED_CLIENTS, RELEASED_S, Population
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.gaps import SCHEDULED, GapWindow
from stream_detector.detection.windows.hours import HoursWindow
from stream_detector.detection.windows.models import MODELS, ModelWindow, model_hash
from stream_detector.detection.windows.rate import RateWindow
from stream_detector.detection.windows.reaction import ReactionWindow
from stream_detector.detection.windows.weeks import WEEK_S, WEEKS, WeekWindow
from stream_detector.detection.zones import of_country, of_zone
from stream_detector.domain.calls import ApiCall

HOUR_S, DAY_S = 3600.0, 86_400.0


def call_at(ts: float, status: int = 200, **fields: object) -> ApiCall:
    return ApiCall(id="x", ts=ts, client="c", status=status, **fields)  # type: ignore[arg-type]


def weekly(counts: list[int]) -> WeekWindow:
    window = WeekWindow()
    for week, count in enumerate(counts):
        for number in range(count):
            window.observe(call_at(START_S + week * WEEK_S + number))
    window.observe(call_at(START_S + len(counts) * WEEK_S))
    return window


def test_hours_know_the_longest_rest_of_the_week_and_forget_older_ones() -> None:
    window = HoursWindow()
    window.observe(call_at(START_S))
    window.observe(call_at(START_S + 10 * HOUR_S))
    assert window.longest_rest_h() == pytest.approx(10, abs=0.2)
    for slot in range(61, 9 * 144):
        window.observe(call_at(START_S + slot * 600.0))
    assert window.longest_rest_h() == 0.0


def test_work_begins_after_a_rest_of_an_hour() -> None:
    window = HoursWindow()
    for minute in range(0, 180, 5):
        window.observe(call_at(START_S + minute * 60.0))
    assert window.work_h() == pytest.approx(3, abs=0.2)
    window.observe(call_at(START_S + 5 * HOUR_S))
    assert window.work_h() == 0.0


def test_silent_hours_are_part_of_the_load() -> None:
    window = HoursWindow()
    for hour in range(0, 49, 4):
        for number in range(10):
            window.observe(call_at(START_S + hour * HOUR_S + number))
    assert window.calls.mean() == pytest.approx(2.5, rel=0.15)
    assert window.calls.unevenness() == pytest.approx(3.0, rel=0.25)


def test_the_hour_in_which_a_client_is_met_is_not_a_whole_one() -> None:
    window = HoursWindow()
    for minute in range(59, 241):
        window.observe(call_at(START_S + minute * 60.0))
    assert window.calls.hours == 3
    assert window.calls.unevenness() == 0.0


def test_open_calls_of_a_pool_are_its_workers() -> None:
    rng = random.Random(1)
    calls: list[tuple[float, float]] = []
    for _worker in range(5):
        now_s = START_S
        while now_s < START_S + DAY_S:
            answer_s = rng.lognormvariate(3.0, 1.0)
            calls.append((now_s, answer_s))
            now_s += answer_s
    window = HoursWindow()
    for ts, answer_s in sorted(calls):
        window.observe(call_at(ts, latency_ms=answer_s * 1000))
    assert window.open_calls.mean() == pytest.approx(5, rel=0.02)
    assert window.open_calls.unevenness() < window.calls.unevenness() / 4


def test_busy_slots_of_an_hour_never_overflow() -> None:
    window = HoursWindow()
    for slot in range(60 * 144):
        window.observe(call_at(START_S + slot * 600.0))
    assert all(40 <= count <= 84 for count in window.active)


def test_a_late_call_counts_where_the_hours_stand_now() -> None:
    window = HoursWindow()
    window.observe(call_at(START_S + DAY_S))
    window.observe(call_at(START_S))
    assert (window.slot, window.hour_calls) == (int(START_S + DAY_S) // 600, 2)


def test_a_steady_climb_goes_further_every_week_and_a_jump_is_none() -> None:
    after = {weeks: weekly([int(200 * 1.254**week) for week in range(weeks)]).climbed for weeks in (4, 6, 8, 13, 16)}
    assert after[4] == 0.0
    assert 0.2 < after[6] < after[8] < after[13] == pytest.approx(after[16], rel=0.1)
    assert weekly([200] * 7 + [3800]).climbed == 0.0
    assert weekly([200] * 7 + [3800] * 7).climbed < 0.1
    assert weekly([200, 400, 800, 1600, 3200] + [3200] * 9).climbed == 0.0


def test_a_climb_is_forgotten_a_quarter_after_it_ended() -> None:
    window = weekly([int(200 * 1.254**week) for week in range(10)] + [1500] * WEEKS)
    assert (window.climbed, len(window.counts)) == (0.0, WEEKS)


def test_a_company_that_doubles_in_a_quarter_does_not_climb() -> None:
    assert weekly([int(1000 * 2 ** (week / 13)) for week in range(14)]).climbed == 0.0


def test_growth_from_next_to_nothing_is_small() -> None:
    assert weekly([int(2 * 1.254**week) for week in range(14)]).climbed < 0.4


def test_weeks_of_absence_do_not_make_a_climb_of_the_return() -> None:
    assert weekly([1000, 1000, 1000, 0, 0, 0, 1000, 1000]).climbed == 0.0


def test_the_share_of_a_model_moves_from_day_to_day() -> None:
    window = ModelWindow()
    for day, name in enumerate(("old", "new")):
        for number in range(50):
            window.observe(call_at(START_S + day * DAY_S + number, model=name))
    assert window.share_gained(model_hash("new")) == 1.0
    assert window.share_dropped() == 1.0
    assert window.taken_up == [model_hash("old"), model_hash("new")]


def test_models_are_bounded_whatever_names_a_client_invents() -> None:
    window = ModelWindow()
    for number in range(1000):
        window.observe(call_at(START_S + number, model=f"model {number // 4}"))
    assert len(window.today) == MODELS
    assert len(window.taken_up) <= MODELS


def _uses(population: Population, clients: int, name: str, ts: float) -> None:
    for _ in range(clients):
        profile = Profile()
        for number in range(5):
            profile.observe(call_at(ts + number, model=name))
        population.meet(profile)
        population.spot(profile)


def test_a_model_is_new_when_the_population_has_a_history_without_it() -> None:
    population = Population()
    _uses(population, 5, "first", START_S)
    assert population.released(START_S + HOUR_S) == ()
    _uses(population, RELEASED_CLIENTS - 1, "second", START_S + HISTORY_S)
    assert population.released(START_S + HISTORY_S + HOUR_S) == ()
    _uses(population, 1, "second", START_S + HISTORY_S + HOUR_S)
    assert population.released(START_S + HISTORY_S + HOUR_S) == (model_hash("second"),)
    assert population.released(START_S + HISTORY_S + HOUR_S + RELEASED_S) == ()


def test_invented_names_do_not_push_out_models_in_use() -> None:
    population = Population()
    _uses(population, 5, "first", START_S)
    for number in range(600):
        _uses(population, 1, f"invented {number}", START_S + HISTORY_S + number * HOUR_S)
    assert model_hash("first") in population.models
    assert len(population.models) <= 256


def _limited(usual: int, after: list[tuple[int, int]]) -> ReactionWindow:
    """Ten slots at the usual pace, one that meets a limit of five, then slots of (calls, refused)."""
    window = ReactionWindow()
    slots = [(usual, 0)] * 10 + [(usual, usual - 5), *after, (1, 0)]
    for slot, (calls, refused) in enumerate(slots):
        for number in range(calls):
            status = 429 if number >= calls - refused else 200
            window.observe(call_at(START_S + slot * 600.0 + number * 590.0 / max(1, calls), status))
    return window


def test_a_client_that_keeps_to_the_limit_is_paced_and_one_that_goes_on_is_not() -> None:
    adapted = _limited(60, [(5, 0)] * 20)
    stubborn = _limited(60, [(60, 55)] * 20)
    gone = _limited(60, [(0, 0)] * 20)
    assert (adapted.paced, adapted.slots) == (20, 20)
    assert (stubborn.paced, stubborn.quiet) == (0, 0)
    assert (gone.paced, gone.quiet) == (0, 20)


def test_a_single_failure_is_no_limit() -> None:
    window = ReactionWindow()
    for number in range(500):
        window.observe(call_at(START_S + number * 20.0, 429 if number % 100 == 0 else 200))
    assert window.limit_slot == -1


def test_pauses_after_failures_are_alike_or_grow() -> None:
    fixed, growing = ReactionWindow(), ReactionWindow()
    now_s = START_S
    for number in range(40):
        fixed.observe(call_at(START_S + number * 60.0, 429))
        growing.observe(call_at(now_s, 429))
        now_s += 0.5 * 2 ** (number % 5)
    assert fixed.retry_spread() == pytest.approx(0.0, abs=1e-6)
    assert fixed.usual_wait_s() == pytest.approx(60.0)
    assert growing.retry_spread() > 0.5


@pytest.mark.parametrize(("every_s", "late_s"), [(60.0, 0.2), (60.0, 10.0), (300.0, 2.0), (3600.0, 5.0)])
def test_jobs_that_a_clock_starts_keep_to_their_second(every_s: float, late_s: float) -> None:
    window = GapWindow()
    rng = random.Random(2)
    for number in range(700):
        window.observe(call_at(START_S + 17 + number * every_s + rng.uniform(0, late_s)))
    assert window.clockwork() > SCHEDULED


@pytest.mark.parametrize("pause_s", [1.0, 10.0, 60.0])
def test_loops_that_wait_for_answers_drift(pause_s: float) -> None:
    window = GapWindow()
    rng = random.Random(3)
    now_s = START_S
    for _ in range(700):
        window.observe(call_at(now_s))
        now_s += pause_s + rng.lognormvariate(1.0, 0.5)
    assert window.clockwork() < 0.5


def test_hours_and_days_are_learned_when_they_are_over() -> None:
    window = RateWindow()
    for hour in range(73):
        for number in range(20):
            window.observe(call_at(START_S + hour * HOUR_S + number))
        window.learn()
    assert window.hours.baseline.seen == 72
    assert window.hours.baseline.mean == pytest.approx(math.log(21))
    assert window.days.baseline.seen == 3
    assert window.days.baseline.mean == pytest.approx(math.log(481))


def test_places_know_their_distance_on_the_circle_of_hours() -> None:
    tokyo, america = of_zone("Asia/Tokyo"), of_country("US")
    assert tokyo is not None
    assert america is not None
    assert tokyo.distance_h(-9.0) == 6.0
    assert america.distance_h(-7.0) == 0.0
    assert america.distance_h(8.0) == 6.0
    assert of_zone("Mars/Olympus") is None
