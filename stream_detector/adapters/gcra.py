"""The generic cell rate algorithm: a rate limit that is one number per subject.

The number is the theoretical arrival time (TAT): when the bucket will be full again. A call moves it one emission interval
ahead, and passes if the TAT then lies at most `burst` intervals ahead of now. A refused call leaves it where it is.

`lua/admit.lua` does the same steps inside Redis; a property test holds the two together.
Time is in whole microseconds, so that both compute the same and rounding never adds up.

Reference: ITU-T Recommendation I.371 (03/2004), annex A, "virtual scheduling algorithm".
"""

from msgspec import Struct

from stream_detector.domain.decisions import Limit
from stream_detector.ports import Admission

_US_PER_S = 1_000_000
_LONGEST_US = 1 << 51
"""71 years. With it every sum of times stays below 2**53, where the doubles of Lua are still exact."""


class Rate(Struct, frozen=True, gc=False):
    """A limit as the algorithm needs it."""

    interval_us: int
    """Emission interval: a call's share of the window, rounded up so that the limit is never exceeded."""
    tolerance_us: int
    """How far ahead of now the TAT may lie after a call: `burst` intervals."""


class Step(Struct, frozen=True, gc=False):
    """What one call did."""

    tat_us: int
    """The TAT to keep; unchanged (or past, and then meaningless) when the call was refused."""
    admission: Admission


def rate_of(limit: Limit) -> Rate:
    """Interval and tolerance of a limit; longer times than 71 years count as 71 years."""
    interval_us = -int(-limit.window_s * _US_PER_S // limit.requests)
    interval_us = min(max(interval_us, 1), _LONGEST_US)
    return Rate(interval_us, min(interval_us * limit.burst, _LONGEST_US))


def microseconds(now_s: float) -> int:
    """Seconds since 1970 as whole microseconds."""
    return round(now_s * _US_PER_S)


def step(rate: Rate, tat_us: int, now_us: int) -> Step:
    """Count one call.

    Args:
        rate: the limit.
        tat_us: TAT that the call before left behind; 0 for none.
        now_us: time of the call.
    """
    ahead_us = max(tat_us - now_us, 0)
    if ahead_us + rate.interval_us <= rate.tolerance_us:
        ahead_us += rate.interval_us
        remaining = (rate.tolerance_us - ahead_us) // rate.interval_us
        return Step(now_us + ahead_us, admission(remaining=remaining, retry_after_us=0, reset_after_us=ahead_us))
    retry_after_us = ahead_us + rate.interval_us - rate.tolerance_us
    return Step(tat_us, admission(remaining=0, retry_after_us=retry_after_us, reset_after_us=ahead_us))


def admission(*, remaining: int, retry_after_us: int, reset_after_us: int) -> Admission:
    """The answer in seconds. A call was allowed exactly if nothing has to be waited for."""
    return Admission(
        allowed=retry_after_us == 0,
        remaining=remaining,
        retry_after_s=retry_after_us / _US_PER_S,
        reset_after_s=reset_after_us / _US_PER_S,
    )
