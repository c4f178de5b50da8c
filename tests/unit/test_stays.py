"""A client's window of stays counts where one sender was, and for how long."""

import pytest

from stream_detector.detection.examples import START_S
from stream_detector.detection.windows.stays import DAY_S, REST_S, STAY_CALLS, STAY_S, StayWindow

GAP_S = STAY_S / (STAY_CALLS - 1)
"""Between the calls of the shortest stay."""


def observed(*networks: int, gap_s: float = GAP_S) -> StayWindow:
    window = StayWindow()
    for number, network in enumerate(networks):
        window.observe(START_S + number * gap_s, network, network % 10)
    return window


def stayed_at(window: StayWindow) -> float:
    return window.networks.count(window.last_ts)


def test_a_stay_counts_when_it_is_over() -> None:
    there = [1] * STAY_CALLS
    assert stayed_at(observed(*there)) == 0
    assert stayed_at(observed(*there, 2)) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "window",
    [
        observed(*[1] * (STAY_CALLS - 1), 2),
        observed(*[1] * STAY_CALLS, 2, gap_s=GAP_S - 1),
        observed(*[1] * (STAY_CALLS - 1), 2, *[1] * (STAY_CALLS - 1), 2),
        observed(*[1, 2] * 200),
        observed(*[1] * 50, 2, gap_s=REST_S),
    ],
    ids=["too few calls", "too short", "a call from elsewhere between", "side by side", "a pause after every call"],
)
def test_what_is_no_stay(window: StayWindow) -> None:
    assert stayed_at(window) == 0
    assert window.share(window.last_ts) == 0


def test_networks_that_are_returned_to_count_once() -> None:
    window = observed(*([1] * STAY_CALLS + [2] * STAY_CALLS) * 5, 1)
    assert stayed_at(window) == pytest.approx(2, abs=0.2)


def test_networks_of_one_operator_are_counted_apart() -> None:
    window = observed(*[1] * STAY_CALLS, *[11] * STAY_CALLS, *[2] * STAY_CALLS, 1)
    assert stayed_at(window) == pytest.approx(3, abs=0.3)
    assert window.operators.count(window.last_ts) == pytest.approx(2, abs=0.2)


def test_a_stay_without_end_is_all_of_the_time_after_a_day() -> None:
    window = StayWindow()
    shares = []
    for number in range(3 * 24 * 4):
        window.observe(START_S + number * 900.0, 1, 1)
        if (number + 1) % (24 * 4) == 48:
            shares.append(window.share(window.last_ts))
    assert shares == pytest.approx([1 / 3, 1.0, 1.0], abs=0.02)
    assert stayed_at(window) == pytest.approx(1, abs=0.1)


def test_the_night_is_not_spent_in_stays() -> None:
    window = StayWindow()
    for day in range(3):
        for number in range(8 * 6):
            window.observe(START_S + day * DAY_S + number * 600.0, 1, 1)
    assert window.share(START_S + 2.9 * DAY_S) == pytest.approx(16 / (24 + 0.9 * 24), abs=0.02)


def test_stays_are_forgotten_after_two_days() -> None:
    window = observed(*[1] * 48, *[2] * 48, gap_s=900.0)
    later = [(stayed_at(window), window.share(window.last_ts))]
    for days in (1, 2):
        now_s = window.last_ts + days * DAY_S
        later.append((window.networks.count(now_s), window.share(now_s)))
    assert all(both > (0.9, 0.4) for both in later[:2])
    assert later[2] == (0.0, 0.0)


def test_late_calls_change_nothing() -> None:
    window, same = observed(*[1] * 30), observed(*[1] * 30)
    for back in range(1, 20):
        window.observe(START_S + (29 - back) * GAP_S, 2, 2)
    assert window == same
