"""machine_timing: gaps like a metronome's, or a load that never breathes."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.rate import DAY_HOURS
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class MachineTiming(Struct, frozen=True):
    """Two null models, the smaller tail counts twice (two tests): variation of the gaps, and dispersion of the hours.

    A serial loop has gaps that vary less than Poisson arrivals; a worker pool has Poisson gaps, but hours that all weigh
    the same, where honest load follows people. Over their whole span none of 271 honest ServeGen clients has a coefficient
    of variation below 0.5 (median 2.4), though 13 have such an hour.

    Misses: jitter that imitates bursts, and a duty cycle copied from people. Cron jobs and load tests are honest machines:
    the ceiling keeps this supporting evidence.

    Parameters: `min_gaps` and `min_hours` before an opinion; `min_hour_calls` below which an hour's count is noise.

    Reference: ServeGen (arXiv 2505.09999); index of dispersion, Cox and Lewis 1966.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=1.0)
    >>> reading = MachineTiming().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "machine_timing"
    family: ClassVar[Family] = Family.TIMING
    ceiling: ClassVar[float] = 2.0

    min_gaps: int = 100
    min_hours: int = 5
    min_hour_calls: float = 30.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        if profile.gaps.seen < self.min_gaps:
            return Warming(profile.gaps.seen, float(self.min_gaps))
        variation = context.features.gap_variation
        tail = min(1.0, (variation / 1.2) ** 4)
        evidence = {"gap_variation": variation, "gap_entropy": context.features.gap_entropy}
        hours = self._whole_hours(profile)
        if len(hours) >= self.min_hours:
            mean = sum(hours) / len(hours)
            dispersion = sum((hour - mean) ** 2 for hour in hours) / (len(hours) - 1) / mean if mean else 0.0
            evidence["hour_dispersion"] = dispersion
            if mean >= self.min_hour_calls:
                relative = dispersion / mean  # squared coefficient of variation of the hours, beyond counting noise
                tail = min(tail, relative / 0.1 + 0.01)
        return Scored(1.0 - min(1.0, 2.0 * tail), evidence)

    @staticmethod
    def _whole_hours(profile: Profile) -> list[int]:
        """Calls per whole clock hour, oldest first, since the client was first seen; without the open hour."""
        rate = profile.rate
        known = int(profile.last_ts // 3600 - profile.first_ts // 3600)
        return [rate.calls[(rate.hour - back) % DAY_HOURS] for back in range(min(known - 1, DAY_HOURS - 1), 0, -1)]
