"""The generic cell rate algorithm: a rate limit that is one number per subject.

The number is the theoretical arrival time (TAT): when the bucket will be full again. A call moves it one emission interval
per unit ahead, and passes if the TAT then lies at most the tolerance ahead of now. A refused call leaves it where it is.

Time is in whole microseconds, so that Lua in Redis and Python compute the same and rounding never adds up.

Reference: ITU-T Recommendation I.371 (03/2004), annex A, "virtual scheduling algorithm".
"""

from msgspec import Struct

US_PER_S = 1_000_000
LONGEST_US = 1 << 51
"""71 years. With it every sum of three times stays below 2**53, where the doubles of Lua are still exact."""


class Rate(Struct, frozen=True, gc=False):
    """A rate as the algorithm needs it."""

    interval_us: int
    """Emission interval: one unit's share of the window, rounded up so that the rate is never exceeded."""
    tolerance_us: int
    """How far ahead of now the TAT may lie after a call: `burst` intervals."""

    def cost_us(self, units: int) -> int:
        """How far so many units move the TAT; what is more than the whole burst counts as the burst."""
        return min(units * self.interval_us, self.tolerance_us)


def rate_of(units: int, window_s: float, burst: int) -> Rate:
    """Interval and tolerance of `units` per window; longer times than 71 years count as 71 years."""
    interval_us = -int(-window_s * US_PER_S // units)
    interval_us = min(max(interval_us, 1), LONGEST_US)
    return Rate(interval_us, min(interval_us * burst, LONGEST_US))


def microseconds(now_s: float) -> int:
    """Seconds since 1970 as whole microseconds."""
    return round(now_s * US_PER_S)
