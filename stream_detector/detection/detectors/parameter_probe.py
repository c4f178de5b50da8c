"""parameter_probe: questions to the logits instead of to the model."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ParameterProbe(Struct, frozen=True):
    """Four ways to read the output layer, of one to two days. The smallest tail counts.

    * One prompt under ever new parameters: `logit_bias` token by token (Carlini et al.: prompts x vocabulary /
      (top_logprobs - 1) calls), bisected (openlogprobs: 25 to 32 calls a token), grids of temperature and n. Both the
      number of variants and the variants per prompt must be great.
    * The same prompts again and again for one token with its log probabilities.
    * Very many biased tokens, on however many prompts.
    * One prefix with ever another last word, for one token with its log probabilities. Classifiers of short texts come
      near, with texts of different lengths, so that this takes many calls; classifiers of single words do the same.
      Or a text that grows by a few words from call to call: as little evidence as `typed` says, because that is also how
      a text is completed while somebody types, and how a moderator follows an answer that streams.

    An honest classifier has one fixed bias and new texts; guided decoding changes its bias, and the prompt with it; a tuner
    of parameters tries a few on many questions.

    Misses: a vocabulary divided among many accounts and prompts; probes whose prompts differ in more than a word or two.

    Parameters: `min_calls` that ask for logits or leave the habit; `half_*` are exceeded by half of the few honest clients
    who do it at all, so that four tests are no more than four chances for those few.

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

    min_calls: int = 8
    half_variants: float = 8.0
    half_tries: float = 1.0
    half_repeats: float = 6.0
    half_tokens: float = 400.0
    half_stuck: float = 30.0
    half_grown: float = 15.0
    typed: float = 0.03
    power: float = 3.5

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window, now_s = profile.parameters, context.now_s
        variants = window.variants.count(now_s)
        logit_calls = window.logits + window.logits_before
        if max(variants, logit_calls) < self.min_calls:
            return Warming(float(max(variants, logit_calls)), float(self.min_calls))
        tries, repeats, tokens = window.tries(now_s), window.repeats(now_s), context.features.biased_tokens
        varying = max(
            power_tail(variants, self.half_variants, self.power), power_tail(tries, self.half_tries, self.power)
        )
        repeating = power_tail(repeats, self.half_repeats, 2.7)
        # a fixed set of tokens has no variants, however large it is
        covering = power_tail(min(tokens, 4 * variants), self.half_tokens, 2.0)
        stuck, grown = window.stuck_calls(now_s), window.grown_calls(now_s)
        continuing = min(
            power_tail(stuck, self.half_stuck, 2.5), max(self.typed, power_tail(grown, self.half_grown, 2.5))
        )
        evidence = {
            "variants": variants,
            "variants_per_prompt": tries,
            "calls_per_probed_prompt": repeats,
            "biased_tokens": tokens,
            "stuck_calls": stuck,
            "grown_calls": grown,
            "one_token_share": window.one_token / window.seen,
            "logprobs_share": window.logprobs / window.seen,
        }
        return Scored(1.0 - min(varying, repeating, covering, continuing), evidence)
