"""Growth from week to week: how steadily, and for how long."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from msgspec import Struct, field

from stream_detector.domain.calls import ApiCall

WEEK_S = 604_800.0
WEEKS = 13
"""Whole weeks that are remembered: a quarter."""
SHORTEST = 5
"""Fewer weeks are no climb."""
SMALL = 20.0
"""Added to a week's calls: growth from next to nothing is none."""
SLACK = 0.08
"""Growth a week that is nobody's business: not quite three times in a quarter. 19 times in 13 weeks is 0.226 a week."""
STEEPEST = 0.5
"""More than this a week counts as this. In units of the logarithm, as are the others."""
UNEVEN = 0.1
"""Standard deviation of a week around its trend that every client is granted."""
DOUBT = 3.0
"""Standard errors that the growth is taken to be slower than it looks."""


class WeekWindow(Struct, array_like=True, gc=False):
    """Calls in each of the last whole weeks, counted from when the client was first seen."""

    start_ts: float = -1.0
    week: int = 0
    """The open one, from 0."""
    calls: int = 0
    """In the open week."""
    counts: list[int] = field(default_factory=list)
    """Of the last `WEEKS` whole weeks, the newest last."""
    climbed: float = 0.0
    """How far they rose at a steady pace (`climbed`)."""

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        if self.start_ts < 0:
            self.start_ts = call.ts
        elif call.ts >= self.start_ts + (self.week + 1) * WEEK_S:
            self._close(int((call.ts - self.start_ts) // WEEK_S))
        self.calls += 1

    def _close(self, week: int) -> None:
        """Take in the open week, and empty ones up to `week`."""
        self.counts.append(self.calls)
        self.counts.extend([0] * min(WEEKS, week - self.week - 1))
        del self.counts[:-WEEKS]
        self.calls = 0
        self.week = week
        self.climbed = climbed([math.log(SMALL + count) for count in self.counts])


def climbed(levels: Sequence[float]) -> float:
    """How far the levels rose at a steady pace until now; 0 for not at all. A jump counts as `STEEPEST`, a fall in full."""
    tamed = list(accumulate((min(STEEPEST, now - before) for before, now in pairwise(levels)), initial=0.0))
    return min(_furthest(levels), _furthest(tamed))


def _furthest(levels: Sequence[float]) -> float:
    """The climb of the last `SHORTEST` levels or of more, whichever goes furthest.

    The pace is the slope of a straight line, less `DOUBT` standard errors and `SLACK`: a busy season in an uneven life lies
    far from every line. One pass from the newest level back adds up what all the lines need.
    """
    furthest = 0.0
    sum_x = sum_xx = sum_y = sum_yy = sum_xy = 0.0
    for back, level in enumerate(reversed(levels)):
        x, y = -float(back), level - levels[-1]
        sum_x, sum_xx = sum_x + x, sum_xx + x * x
        sum_y, sum_yy, sum_xy = sum_y + y, sum_yy + y * y, sum_xy + x * y
        weeks = back + 1
        if weeks < SHORTEST:
            continue
        spread = sum_xx - sum_x * sum_x / weeks
        slope = (sum_xy - sum_x * sum_y / weeks) / spread
        rest = sum_yy - sum_y * sum_y / weeks - slope * slope * spread
        error = math.sqrt(max(UNEVEN * UNEVEN, rest / (weeks - 2)) / spread)
        furthest = max(furthest, (slope - DOUBT * error - SLACK) * back)
    return furthest
