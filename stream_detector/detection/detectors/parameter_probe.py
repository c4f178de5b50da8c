"""parameter_probe: questions to the logits instead of to the model."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ParameterProbe(Struct, frozen=True):
    """Distinct biased tokens, and distinct (token, bias) pairs, in one to two days.

    Stealing a projection matrix or a full logit vector takes `logit_bias` over the vocabulary, a few tokens a call (Carlini
    et al.: prompts x vocabulary / (top_logprobs - 1) calls) or a bisection of the bias of each token (openlogprobs: 25 to
    32 calls a token). An honest classifier biases the same handful of labels for ever.

    Misses: extraction without `logit_bias`; a vocabulary divided among many accounts (each below `half`).

    Parameters: `half`, tokens that half of the honest users of `logit_bias` exceed; `min_biased` calls.

    Reference: Carlini et al. 2024 (arXiv 2403.06634); Finlayson et al. 2024 (arXiv 2403.09539).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0, new_bias=True)
    >>> reading = ParameterProbe().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "parameter_probe"
    family: ClassVar[Family] = Family.PARAMETERS
    ceiling: ClassVar[float] = 5.0

    min_biased: int = 8
    half: float = 8.0
    power: float = 3.5

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.parameters
        if window.biased < self.min_biased:
            return Warming(float(window.biased), float(self.min_biased))
        tokens, pairs = context.features.biased_tokens, context.features.token_bias_pairs
        evidence = {
            "biased_tokens": tokens,
            "token_bias_pairs": pairs,
            "one_token_share": window.one_token / window.seen,
            "logprobs_share": window.logprobs / window.seen,
            "parameter_sets": window.settings.count(context.now_s),
        }
        return Scored(1.0 - power_tail(max(tokens, pairs / 2), self.half, self.power), evidence)
