"""volume_spike: far more calls in five minutes, an hour or a day than the client's own past."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.baseline import Baseline
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class VolumeSpike(Struct, frozen=True):
    """Log counts at three time scales against the client's own past, in standard deviations with Poisson noise.

    At each scale the greatest count that the baseline has not learned counts. While a client has no past, its busiest five
    minutes are compared with its segment. The variance of a logarithm plus 1 / mean is that of a negative binomial. Hours
    are not compared with the same hour of other days: the daily cycle of single honest clients is too weak for that
    (autocorrelation 0.13 to 0.19).

    Misses: slow ramps (the baseline follows them; `sustained_ramp` does not), many quiet accounts, and a client that starts
    at full rate and whose segment is that busy too. Honest clients spike as well: a day above five times the median of the
    days before occurs on 13 % of honest client-days, and campaigns do not spike more often than they do. Hence the heavy tails
    and the low ceiling.

    Parameters: `min_buckets`, `min_hours` and `min_days` busy ones make a past, `min_norm` clients' hours a norm; `half`
    deviations from the norm are exceeded by half of all honest spikes, and `half_5min`, `half_hour` and `half_day` from
    the own past. On honest days (ServeGen) the greatest deviation of one in ten / a hundred / a thousand is 2.7 / 5.6 / 10.3 in
    five minutes, 1.8 / 3.7 / 8.8 in an hour, 1.2 / 3.5 / 7.8 in a day; the tails here are heavier, for a day has many
    evaluations and three scales.

    Reference: ServeGen (arXiv 2505.09999), 271 clients, 2,000 client-days.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=1.0)
    >>> VolumeSpike().score(profile, example_context(profile))
    Warming(seen=0.0, needed=12.0)
    """

    name: ClassVar[str] = "volume_spike"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 1.5

    min_buckets: int = 12
    min_hours: int = 12
    min_days: int = 3
    min_norm: int = 20
    half: float = 2.2
    half_5min: float = 1.75
    half_hour: float = 1.3
    half_day: float = 0.75

    def score(self, profile: Profile, context: Context) -> Reading:
        """Own past first, else the segment's norm, else `Warming`."""
        rate = profile.rate
        is_new = rate.baseline.seen < self.min_buckets
        norm = context.norms.busiest if is_new else rate.baseline
        if is_new and norm.seen < self.min_norm:
            return Warming(float(rate.baseline.seen), float(self.min_buckets))
        busiest = context.features.busiest_bucket
        deviations = _deviations(norm, busiest)
        evidence = {"calls_per_5min": float(busiest), "expected": math.expm1(norm.mean), "deviations": deviations}
        tail = power_tail(deviations, self.half, 3.0) if is_new else power_tail(deviations, self.half_5min, 3.2)
        if rate.hours.baseline.seen >= self.min_hours:
            hourly = evidence["hour_deviations"] = _deviations(rate.hours.baseline, rate.busiest_hour())
            tail = min(tail, power_tail(hourly, self.half_hour, 3.2))
        if rate.days.baseline.seen >= self.min_days:
            daily = evidence["day_deviations"] = _deviations(rate.days.baseline, rate.busiest_day())
            tail = min(tail, power_tail(daily, self.half_day, 2.5))
        return Scored(1.0 - tail, evidence)


def _deviations(norm: Baseline, count: int) -> float:
    return norm.deviations(math.log1p(count), noise=math.exp(-norm.mean) + 0.1)
