"""sustained_ramp: week after week more, for too long to be a start."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.weeks import BASE_WEEKS
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class SustainedRamp(Struct, frozen=True):
    """CUSUM of the weekly growth beyond 15 %, not more than the whole growth over the first two weeks.

    A disclosed campaign grew by 1,800 % in three months, 0.226 a week in the logarithm: the sum reaches 0.8 after 11 such
    weeks, sooner where growth is steeper. One jump adds 0.36 at most, because a customer who goes into production jumps once.
    A company that doubles in a quarter adds nothing.

    Misses: growth below 15 % a week; a campaign that adds accounts instead of calls; the first month of every account.
    Honest products that take off look the same: volume never acts alone.

    Parameters: `min_weeks` whole weeks after the first two; `half`, the sum that half of all growing clients exceed at some
    time, by choice: no published trace of clients is longer than two weeks.

    Reference: Page 1954 (CUSUM); a disclosure of 2026 (19 times in 13 weeks).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> SustainedRamp().score(profile, example_context(profile))
    Warming(seen=0.0, needed=5.0)
    """

    name: ClassVar[str] = "sustained_ramp"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.0

    min_weeks: int = 3
    half: float = 0.4

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.weeks
        if window.week < BASE_WEEKS + self.min_weeks:
            return Warming(float(window.week), float(BASE_WEEKS + self.min_weeks))
        climbed = max(0.0, min(window.climbed, window.growth()))
        evidence = {"climbed": climbed, "growth": window.growth(), "weeks": float(window.week)}
        return Scored(1.0 - power_tail(climbed, self.half, 3.0), evidence)
