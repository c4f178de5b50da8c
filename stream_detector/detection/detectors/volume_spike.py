"""volume_spike: far more calls in five minutes than the client's own past, or than its segment while it has no past."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.baseline import Baseline
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class VolumeSpike(Struct, frozen=True):
    """Log count of the busiest unlearned bucket against the baseline, in standard deviations with Poisson noise.

    Misses: slow ramps (the baseline follows them), many quiet accounts, and a client that starts at full rate and whose
    segment is that busy too. Honest clients spike as well: a day above five times the median of the days before occurs on
    13 % of honest client-days in the ServeGen traces, hence the heavy tail and the ceiling below a throttle.

    Parameters: `min_buckets` active buckets make a past; `half` deviations are exceeded by half of all honest spikes.

    Reference: Finch 2009 (exponentially weighted variance); ServeGen (arXiv 2505.09999) for the tail.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=1.0)
    >>> VolumeSpike().score(profile, example_context(profile))
    Warming(seen=0.0, needed=12.0)
    """

    name: ClassVar[str] = "volume_spike"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.5

    min_buckets: int = 12
    min_norm: int = 20
    half: float = 2.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """Own past first, else the segment's norm, else `Warming`."""
        own = profile.rate.baseline
        norm: Baseline = own if own.seen >= self.min_buckets else context.norms.busiest
        if norm is not own and norm.seen < self.min_norm:
            return Warming(float(own.seen), float(self.min_buckets))
        busiest = context.features.busiest_bucket
        deviations = norm.deviations(math.log1p(busiest), noise=math.exp(-norm.mean) + 0.1)
        tail = power_tail(deviations, self.half, 3.0)
        evidence = {"calls_per_5min": float(busiest), "expected": math.expm1(norm.mean), "deviations": deviations}
        return Scored(1.0 - tail, evidence)
