import pytest

from stream_detector.adapters.gcra import Rate, rate_of, step
from stream_detector.domain.decisions import Limit


@pytest.mark.parametrize(
    ("limit", "rate"),
    [
        (Limit(6, 60.0, 3), Rate(10_000_000, 30_000_000)),
        (Limit(7, 60.0, 1), Rate(8_571_429, 8_571_429)),
        (Limit(3, 1.0, 5), Rate(333_334, 1_666_670)),
        (Limit(10, 1e-6, 2), Rate(1, 2)),
    ],
)
def test_intervals_are_rounded_up_so_that_the_limit_is_never_exceeded(limit: Limit, rate: Rate) -> None:
    assert rate_of(limit) == rate


def test_longest_times_stay_exact_in_the_doubles_of_lua() -> None:
    rate = rate_of(Limit(1, 1e15, 10**9))
    year_2100_us = 4_102_444_800_000_000
    after = step(rate, 0, year_2100_us)
    assert after.admission.allowed
    assert after.tat_us + rate.interval_us < 1 << 53
    assert not step(rate, after.tat_us, year_2100_us).admission.allowed


def test_a_refused_call_leaves_the_arrival_time_alone() -> None:
    rate = Rate(interval_us=10, tolerance_us=10)
    assert step(rate, 0, 100).tat_us == 110
    assert step(rate, 110, 105).tat_us == 110
