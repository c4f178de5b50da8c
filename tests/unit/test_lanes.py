"""Each software of a client is timed alone, in two places, as long as there are several kinds."""

import math
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from stream_detector.detection import state
from stream_detector.detection.detectors.machine_timing import MachineTiming
from stream_detector.detection.examples import START_S, example_context
from stream_detector.detection.hashing import hash64
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.lanes import FORGOTTEN_S, HEARD, PLACES, REST_S, Lane, LaneWindow
from stream_detector.domain.calls import ApiCall, Sketch
from stream_detector.domain.signals import Scored

DAY_S = 86_400.0
Timed = tuple[float, str]


def _call(after_s: float, agent: str | None = None, **fields: str) -> ApiCall:
    return ApiCall(id="1", ts=START_S + after_s, client="c", ua=agent, **fields)


def _window(calls: list[Timed]) -> LaneWindow:
    window = LaneWindow()
    for after_s, agent in sorted(calls):
        window.observe(_call(after_s, agent))
    return window


def _evidence(calls: list[Timed]) -> tuple[float, dict[str, float]]:
    """Evidence (-log10 of the tail) of `machine_timing`, and its numbers."""
    profile = Profile()
    for after_s, agent in sorted(calls):
        profile.observe(_call(after_s, agent))
    reading = MachineTiming().score(profile, example_context(profile))
    assert isinstance(reading, Scored)
    return -math.log10(max(1e-9, 1.0 - reading.suspicion)), reading.evidence


def _person(agent: str, *, days: int, seed: int = 1) -> Iterator[Timed]:
    """Sessions between eight and twenty o'clock."""
    rng = Random(seed)
    for day in range(days):
        for _ in range(8):
            after_s = day * DAY_S + rng.uniform(8, 20) * 3600
            for _ in range(rng.randrange(5, 40)):
                yield after_s, agent
                after_s += 60 * math.exp(rng.gauss(0.0, 0.9))


def _pool(agent: str, *, begin_s: float, days: float, gap_s: float, jitter: float = 0.1) -> Iterator[Timed]:
    rng = Random(2)
    after_s = begin_s
    while after_s < begin_s + days * DAY_S:
        yield after_s, agent
        after_s += gap_s * (1 + jitter * rng.uniform(-1, 1))


def test_a_client_with_one_software_has_no_lanes() -> None:
    window = _window(list(_person("browser", days=5)))
    assert window.lanes == []


def test_a_client_that_changes_its_software_has_lanes_for_a_day() -> None:
    calls = list(_pool("old", begin_s=0.0, days=1, gap_s=300)) + list(_pool("new", begin_s=DAY_S, days=2, gap_s=300))
    assert len(_window([call for call in calls if call[0] < DAY_S + FORGOTTEN_S / 2]).lanes) == PLACES
    assert _window(calls).lanes == []


def test_calls_without_software_are_told_apart_by_their_network() -> None:
    window = LaneWindow()
    for number in range(3 * HEARD):
        window.observe(_call(number * 60.0, ip=f"192.0.2.{number}" if number % 3 else "198.51.100.7"))
    assert sorted(lane.seen for lane in window.lanes) == [HEARD - 1, 2 * HEARD - 1]


def test_calls_that_tell_nothing_change_nothing() -> None:
    window = LaneWindow()
    for number in range(100):
        window.observe(_call(number * 60.0))
    assert window == LaneWindow()


def test_a_lane_begins_anew_after_a_rest() -> None:
    calls = [(number * 60.0, f"agent {number % 2}") for number in range(100)]
    rested = calls[-1][0] + REST_S + 60.0
    window = _window([*calls, (rested, "agent 0")])
    assert min(lane.seen for lane in window.lanes) == 0


def test_many_kinds_of_people_do_not_crowd_out_a_pool() -> None:
    calls = [call for number in range(12) for call in _person(f"browser {number}", days=3, seed=number)]
    window = _window([*calls, *_pool("script", begin_s=DAY_S, days=2, gap_s=900)])
    assert len(window.lanes) == PLACES
    assert max(lane.work_h() for lane in window.lanes) > 30
    assert min(lane.variation() for lane in window.heard()) < 0.1


@pytest.mark.parametrize("gap_s", [60.0, 600.0, 1700.0, 3400.0])
def test_a_pool_beside_a_person_is_seen_and_its_share_named(gap_s: float) -> None:
    person = list(_person("browser", days=4))
    pool = list(_pool("script", begin_s=2 * DAY_S, days=2, gap_s=gap_s))
    assert _evidence(person)[0] < 0.5
    evidence, numbers = _evidence(person + pool)
    assert evidence >= 2.0
    of_last_day = sum(after_s >= 3 * DAY_S for after_s, _ in pool)
    everybody = of_last_day + sum(after_s >= 3 * DAY_S for after_s, _ in person)
    assert numbers["lane_share"] == pytest.approx(of_last_day / everybody, rel=0.15)


def test_a_pool_that_shows_the_software_of_the_owner_is_missed() -> None:
    calls = [*_person("browser", days=4), *_pool("browser", begin_s=2 * DAY_S, days=2, gap_s=600.0)]
    assert _evidence(calls)[0] < 1.0


def test_jobs_of_a_clock_beside_a_person_are_nothing() -> None:
    rng = Random(3)
    job = [(number * 300.0 + rng.uniform(0, 8), "cron") for number in range(4 * 288)]
    assert _evidence([*_person("browser", days=4), *job])[0] < 0.5


def test_a_monitor_beside_a_person_adds_nothing() -> None:
    monitor = _pool("monitor", begin_s=0.0, days=4, gap_s=301.7, jitter=0.01)
    calls = [*_person("browser", days=4), *monitor]
    together = _evidence([(after_s, "one") for after_s, _ in calls])
    assert _evidence(calls) == together


def test_a_job_of_an_hour_beside_a_person_is_little() -> None:
    job = _pool("job", begin_s=2 * DAY_S, days=1 / 24, gap_s=40)
    calls = [call for call in (*_person("browser", days=3), *job) if call[0] < 2 * DAY_S + 3600]
    assert _evidence(calls)[0] < 0.8


def test_the_more_lanes_were_tried_the_less_one_of_them_says() -> None:
    pool = list(_pool("script", begin_s=0.0, days=1, gap_s=600, jitter=0.6))
    one = [*_person("browser", days=1), *pool]
    many = one + [
        (hour * 3600.0 + second * 80.0, f"tool {hour}") for hour in range(2, 22, 3) for second in range(HEARD + 5)
    ]
    few, more = _evidence(one), _evidence(many)
    assert more[0] < few[0]


def test_what_a_lane_asks_is_counted_since_its_last_rest() -> None:
    window = LaneWindow()
    for number in range(400):
        window.observe(_asking(number * 300.0, "script", head=hash64(f"head {number}")))
        window.observe(_asking(number * 300.0 + 1.0, "app", head=7))
    script, app = sorted(window.lanes, key=Lane.bare, reverse=True)
    assert script.prompts == app.prompts == 399
    assert script.bare() > 150
    assert app.bare() < 1
    window.observe(_asking(400 * 300.0 + REST_S, "script", head=1))
    assert min(lane.prompts for lane in window.lanes) == 0


def _asking(after_s: float, agent: str, head: int) -> ApiCall:
    sketch = Sketch(head=head, digest=head, simhash=bytes(8), chars=200, opening=hash64(f"opening {head}") >> 11)
    return msgspec.structs.replace(_call(after_s, agent), sketch=sketch)


def test_lanes_are_small_in_the_store() -> None:
    profile = Profile()
    alone = len(state.encode(profile))
    for number in range(4000):
        for after_s, agent in ((31.0 * number, "a"), (47.0 * number, "b")):
            profile.lanes.observe(_asking(after_s, agent, head=hash64(f"{agent} {number}")))
    assert len(state.encode(profile)) - alone <= 300
