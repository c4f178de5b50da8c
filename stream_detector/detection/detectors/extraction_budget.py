"""extraction_budget: how much of the model a client has carried away, by its own count and against its segment."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ExtractionBudget(Struct, frozen=True):
    """Distinct prompts of a lifetime against the size of known training sets; output tokens an hour against the segment.

    52,000 prompts were enough for Alpaca; 100,000 alarmed a search company.

    Misses: campaigns below the budget per account (pooled budgets need cohorts). The biggest honest customers pass any
    absolute number in the end: volume is one family, and never acts alone.

    Parameters: `half_prompts`, lifetime prompts that half of the heavy clients exceed; `half` deviations of the rate.

    Reference: Taori et al. 2023 (Alpaca); ServeGen (arXiv 2505.09999): the logarithm of a client's volume has a standard
    deviation of 2.1 to 2.3 and tails that are nearly normal; the null here has heavier ones.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=20, gap_s=1.0)
    >>> ExtractionBudget().score(profile, example_context(profile))
    Warming(seen=20.0, needed=100.0)
    """

    name: ClassVar[str] = "extraction_budget"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.5

    min_calls: int = 100
    min_norm: int = 20
    half_prompts: float = 30_000.0
    half: float = 1.2

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        if profile.calls < self.min_calls:
            return Warming(float(profile.calls), float(self.min_calls))
        prompts, rate = context.features.lifetime_prompts, context.features.token_rate
        tail = power_tail(prompts, self.half_prompts, 2.0)
        evidence = {"lifetime_prompts": prompts, "output_tokens_90d": profile.budget.output_tokens}
        norm = context.norms.token_rate
        if norm.seen >= self.min_norm:
            deviations = norm.deviations(math.log1p(rate), noise=0.25)
            evidence |= {"output_tokens_per_h": rate, "segment_deviations": deviations}
            tail = min(tail, power_tail(deviations, self.half, 4.0))
        return Scored(1.0 - tail, evidence)
