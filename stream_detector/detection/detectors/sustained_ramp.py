"""sustained_ramp: week after week more, too steadily and for too long to be a start."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.weeks import SHORTEST
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class SustainedRamp(Struct, frozen=True):
    """How far the weekly calls climbed along a straight line (of logarithms) that is steeper than 8 % a week beyond doubt.

    A disclosed campaign grew by 1,800 % in three months, 0.226 a week in the logarithm: after 6 / 8 / 13 whole weeks the climb
    is 0.35 / 0.7 / 1.4, evidence 1.3 / 1.9 / 2.0. One jump, a season or an uneven month lies on no line and is no climb; a
    company that doubles in a quarter is not steep enough.

    Misses: growth below 12 % a week, or whose weeks are deliberately uneven; a campaign that adds accounts instead of calls;
    the first five weeks of every account. Honest products that take off look the same: volume never acts alone.

    Parameters: `half`, the climb that half of all growing clients exceed. Of simulated honest clients one week in a thousand
    has a climb above 0.1; the tail here is heavier by choice, because no published trace of clients is longer than two weeks.

    Reference: a disclosure of 2026 (19 times in 13 weeks); the line and its error are ordinary least squares.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> SustainedRamp().score(profile, example_context(profile))
    Warming(seen=0.0, needed=5.0)
    """

    name: ClassVar[str] = "sustained_ramp"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.0

    half: float = 0.08

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.weeks
        if window.week < SHORTEST:
            return Warming(float(window.week), float(SHORTEST))
        evidence = {"climbed": window.climbed, "weeks": float(window.week)}
        return Scored(1.0 - power_tail(window.climbed, self.half, 2.0), evidence)
