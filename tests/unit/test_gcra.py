import pytest

from stream_detector.adapters.gcra import LONGEST_US, Rate, rate_of


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (rate_of(6, 60.0, 3), Rate(10_000_000, 30_000_000)),
        (rate_of(7, 60.0, 1), Rate(8_571_429, 8_571_429)),
        (rate_of(3, 1.0, 5), Rate(333_334, 1_666_670)),
        (rate_of(10, 1e-6, 2), Rate(1, 2)),
    ],
)
def test_intervals_are_rounded_up_so_that_the_limit_is_never_exceeded(rate: Rate, expected: Rate) -> None:
    assert rate == expected


def test_longest_times_stay_exact_in_the_doubles_of_lua() -> None:
    rate = rate_of(1, 1e15, 10**9)
    year_2100_us = 4_102_444_800_000_000
    assert rate == Rate(LONGEST_US, LONGEST_US)
    assert year_2100_us + rate.tolerance_us + rate.interval_us < 1 << 53


def test_more_units_than_the_burst_cost_the_burst() -> None:
    rate = Rate(interval_us=10, tolerance_us=30)
    assert [rate.cost_us(units) for units in (0, 1, 3, 4, 10**9)] == [0, 10, 30, 30, 30]
