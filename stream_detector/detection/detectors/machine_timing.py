"""machine_timing: gaps like a metronome's, or a load that never breathes."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.rate import DAY_HOURS
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class MachineTiming(Struct, frozen=True):
    """Two null models: variation of the gaps, and evenness of the hours. The smaller tail counts, twice if both were tried.

    A serial loop has gaps that vary less than Poisson arrivals; a worker pool has Poisson gaps, but hours that all weigh
    the same, where honest load follows people. Both nulls are power laws fitted to honest programs (ServeGen, 162 busy
    clients): in ten minutes with 100 calls or more, the coefficient of variation of the gaps is below 0.92 / 0.28 / 0.13 with
    probability 0.1 / 0.01 / 0.001; the squared coefficient of variation of 24 busy hours is below 0.1 / 0.0005 with
    probability 0.1 / 0.01, of 6 hours 18 times less.

    Misses: jitter that imitates bursts, and a duty cycle copied from people. Cron jobs and load tests are honest machines:
    the ceiling keeps this supporting evidence.

    Parameters: `min_gaps` and `min_hours` before an opinion; `min_hour_calls` below which an hour's count is noise.

    Reference: ServeGen (arXiv 2505.09999), language traces of alibaba/ServeGen.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=1.0)
    >>> reading = MachineTiming().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "machine_timing"
    family: ClassVar[Family] = Family.TIMING
    ceiling: ClassVar[float] = 2.0

    min_gaps: int = 30
    min_hours: int = 4
    min_hour_calls: float = 30.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        if profile.gaps.seen < self.min_gaps:
            return Warming(profile.gaps.seen, float(self.min_gaps))
        variation = context.features.gap_variation
        tail = 0.1 * (variation / 0.92) ** 2.1
        evidence = {"gap_variation": variation, "gap_entropy": context.features.gap_entropy}
        hours = self._whole_hours(profile)
        mean = sum(hours) / len(hours) if hours else 0.0
        if len(hours) >= self.min_hours and mean >= self.min_hour_calls:
            unevenness = sum((hour - mean) ** 2 for hour in hours) / (len(hours) - 1) / mean**2
            evidence["hour_unevenness"] = unevenness
            tail = 2.0 * min(tail, 0.1 * (unevenness / (0.1 * (len(hours) / 24) ** 2.1)) ** 0.45)
        return Scored(1.0 - min(1.0, tail), evidence)

    @staticmethod
    def _whole_hours(profile: Profile) -> list[int]:
        """Calls per whole clock hour, oldest first, since the client was first seen; without the open hour."""
        rate = profile.rate
        known = int(profile.last_ts // 3600 - profile.first_ts // 3600)
        return [rate.calls[(rate.hour - back) % DAY_HOURS] for back in range(min(known - 1, DAY_HOURS - 1), 0, -1)]
