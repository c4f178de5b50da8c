"""A fixed number of calls per key, the same for all: what most gateways have.

Idea: nobody honest needs more. Each key may make so many calls per hour of the clock and so many per UTC day.
Source: common practice; limits at the benign 99.9th percentile.
Parameters: 99.9th percentiles over the honest client-days of the warm-up, of the calls in their busiest hour and in all.
Changed: nothing. Two limits may act on twice the budget; mostly they are exceeded together.
"""

from collections.abc import Sequence

from stream_detector.domain.calls import ApiCall
from stream_detector.quality.rivals.budget import DAY_S, ClientDays

_HOUR_S = 3600


class StaticLimit:
    """Acts on the call that exceeds its key's hourly or daily limit."""

    name = "static_limit"

    def __init__(self) -> None:
        self.hourly = 0.0
        """Calls a key may make in an hour of the clock; set by `calibrate`."""
        self.daily = 0.0
        """Calls a key may make in a UTC day; set by `calibrate`."""
        self._hours = _Counts(_HOUR_S)
        self._days = _Counts(DAY_S)

    def calibrate(self, calls: Sequence[ApiCall]) -> None:
        """Set both limits."""
        busiest_hours, days = ClientDays(), ClientDays()
        for call in calls:
            busiest_hours.take_in(call, self._hours.count(call))
            days.take_in(call, self._days.count(call))
        self.hourly, self.daily = busiest_hours.limit(), days.limit()

    def observe(self, call: ApiCall) -> bool:
        """True from the first call above a limit."""
        hour, day = self._hours.count(call), self._days.count(call)
        return hour > self.hourly or day > self.daily


class _Counts:
    """Calls of each key in its current period."""

    def __init__(self, period_s: int) -> None:
        self._period_s = period_s
        self._of: dict[str, tuple[float, int]] = {}

    def count(self, call: ApiCall) -> int:
        period = call.ts // self._period_s
        last, seen = self._of.get(call.client, (period, 0))
        seen = seen + 1 if last == period else 1
        self._of[call.client] = (period, seen)
        return seen
