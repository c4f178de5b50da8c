"""distribution_shift: the client's prompts are not what its segment asks."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming

_TESTS = 2


class DistributionShift(Struct, frozen=True):
    """Two-sample test of the client's last prompts against honest windows of its segment, online and without a model.

    The statistic is the squared distance of the window's mean sketch from the segment's, each dimension in units of the
    variance *between clients*: an application has a topic of its own, and that is no evidence. Its logarithm is ranked
    among those of honest clients. A mean wastes a minority, hence the second test: the share of prompts that are far from
    the client's own bulk. The smaller tail counts, twice.

    Misses: a small share of campaign prompts beside much chat, and segments whose clients differ as much as campaigns do.
    A new product, or a language that is rare here, looks the same: the ceiling keeps this supporting evidence.

    Parameters: `min_prompts` in the window; `min_norm` honest windows; `half` deviations; `half_far` of the far share.

    Reference: maximum mean discrepancy of prompts (arXiv 2606.05725); count-sketches instead of embeddings find the same
    six extraction sets at 100 prompts.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> DistributionShift().score(profile, example_context(profile))
    Warming(seen=0.0, needed=30.0)
    """

    name: ClassVar[str] = "distribution_shift"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.5

    min_prompts: int = 64
    min_norm: int = 30
    half: float = 1.2
    half_far: float = 2.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window, norms = profile.texts, context.texts
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        if norms.distance.seen < self.min_norm:
            return Warming(norms.distance.seen, float(self.min_norm))
        distance, far = norms.distance_of(window), window.far_share()
        deviations = norms.distance.deviations(math.log(distance), noise=0.04)
        far_deviations = norms.far.deviations(far, noise=0.002)
        tail = min(power_tail(deviations, self.half, 4.0), power_tail(far_deviations, self.half_far, 3.0))
        evidence = {"distance": distance, "segment_deviations": deviations, "far_share": far}
        return Scored(1.0 - min(1.0, _TESTS * tail), evidence)
