"""Growth from week to week, as a cumulative sum (CUSUM) that a steady climb fills and a jump does not."""

import math

from msgspec import Struct

from stream_detector.domain.calls import ApiCall

WEEK_S = 604_800.0
BASE_WEEKS = 2
"""The first weeks are the baseline; after them it is frozen, so that a slow climb cannot lift it."""
SMALL = 50.0
"""Added to a week's calls: growth from next to nothing is none."""
SLACK = math.log(1.15)
"""Growth a week that is nobody's business: five times in a quarter. 19 times in 13 weeks is 0.226 a week."""
STEP = 0.5
"""More than this a week, up or down, counts as this: one jump is no climb. In units of the logarithm, as are the above."""


class WeekWindow(Struct, array_like=True, gc=False):
    """Weeks since the client was first seen; a few numbers, whatever their count."""

    start_ts: float = -1.0
    week: int = 0
    """The open one, from 0."""
    calls: int = 0
    """In the open week."""
    baseline: float = 0.0
    """Mean logarithm of the first weeks."""
    last: float = 0.0
    """Logarithm of the last whole week."""
    climbed: float = 0.0
    """The CUSUM: max(0, before + week's growth, cut at `STEP`, - `SLACK`)."""

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        if self.start_ts < 0:
            self.start_ts = call.ts
        elif call.ts >= self.start_ts + (self.week + 1) * WEEK_S:
            self._close(int((call.ts - self.start_ts) // WEEK_S))
        self.calls += 1

    def _close(self, week: int) -> None:
        """Take in the open week, and empty ones up to `week`."""
        for closed in range(self.week, min(week, self.week + 60)):
            level = math.log(SMALL + self.calls)
            if closed < BASE_WEEKS:
                self.baseline += (level - self.baseline) / (closed + 1)
            if closed >= BASE_WEEKS:
                growth = min(STEP, max(-STEP, level - self.last))
                self.climbed = max(0.0, self.climbed + growth - SLACK)
            self.last = level
            self.calls = 0
        self.week = week

    def growth(self) -> float:
        """Logarithm of the last whole week over the baseline."""
        return self.last - self.baseline if self.week > BASE_WEEKS else 0.0
