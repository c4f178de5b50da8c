"""extraction_budget: how much of the model a client has carried away, by its own count and against its segment."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming

PROMPT_TOKENS = 1000.0
"""Output tokens that weigh as much as one distinct prompt: a long answer with its reasoning."""
PLAIN = 0.02
"""Weight of a prompt that an application may have sent: a million of them are 20,000."""
_COMMON = 0.1
"""To be large says no more than this."""


class ExtractionBudget(Struct, frozen=True):
    """What was taken in all against the size of training sets; and what is taken, in all and per hour, against the segment.

    1,000 chosen prompts align a model, 10,000 fine-tune one, 52,000 were enough for Alpaca: evidence 0.1, 1.1 and 2. Bare
    prompts count in full, those with cues as far as the purpose model takes the client for an extractor, all others `PLAIN`,
    and so do output tokens in units of `PROMPT_TOKENS`: nearly every busy honest program passes these numbers in the end.
    What is rare for a program is to be far above the clients of its segment, in distinct prompts, in output tokens of 90
    days, or in output tokens an hour. But honest volumes are as extreme as a campaign's, so that this counts half, up to
    `_COMMON`.

    Misses: campaigns below the budget per account (pooled budgets need cohorts). Volume is one family, and never acts alone.

    Parameters: `min_calls` before an opinion, `min_norm` clients' hours learned; `half_prompts`, lifetime prompts that half
    of the clients exceed who collect some; `half` deviations from the segment.

    Reference: Zhou et al. 2023 (LIMA, arXiv 2305.11206); Taori et al. 2023 (Alpaca); ServeGen (arXiv 2505.09999): the
    logarithm of a client's volume has a standard deviation of 2.1 to 2.3 and tails that are nearly normal; the null here has
    heavier ones.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=20, gap_s=1.0)
    >>> ExtractionBudget().score(profile, example_context(profile))
    Warming(seen=20.0, needed=100.0)
    """

    name: ClassVar[str] = "extraction_budget"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.0

    min_calls: int = 100
    min_norm: int = 20
    half_prompts: float = 2_000.0
    half: float = 1.35

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        if profile.calls < self.min_calls:
            return Warming(float(profile.calls), float(self.min_calls))
        features, norms = context.features, context.norms
        prompts, tokens = features.lifetime_prompts, features.output_tokens_90d
        taken = _taken(profile, context)
        evidence = {
            "lifetime_prompts": prompts,
            "taken": taken,
            "output_tokens_90d": tokens,
            "output_tokens_per_h": features.token_rate,
        }
        tail = power_tail(taken, self.half_prompts, 1.5)
        if norms.token_rate.seen >= self.min_norm:
            evidence["segment_deviations"] = max(
                norms.token_rate.deviations(math.log1p(features.token_rate), noise=0.25),
                norms.prompts.deviations(math.log1p(prompts), noise=0.25),
                norms.output_tokens.deviations(math.log1p(tokens), noise=0.25),
            )
            tail = min(tail, max(_COMMON, math.sqrt(power_tail(evidence["segment_deviations"], self.half, 4.0))))
        return Scored(1.0 - tail, evidence)


def _taken(profile: Profile, context: Context) -> float:
    """Distinct prompts of a lifetime, each weighed by how much it looks like collecting."""
    window, features = profile.budget, context.features
    prompts = features.lifetime_prompts
    bare = min(prompts, profile.novelty.taken)
    cued = (prompts - bare) * window.cued / max(1, window.seen) * max(0.0, 2.0 * context.elicitation - 1.0)
    plain = max(prompts - bare - cued, features.output_tokens_90d / PROMPT_TOKENS)
    return bare + cued + PLAIN * plain
