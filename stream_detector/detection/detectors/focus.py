"""focus: nearly all that the client takes away is about one thing."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.text_norms import spread_of
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class Focus(Struct, frozen=True):
    """How much alike the prompts are (mean cosine of two sketches), against the segment, and who gets the output tokens.

    A campaign wants few valuable topics, and long answers to them: the probability counts in full if nearly all output
    tokens go to the prompts near the mean, and less where they are spread.

    Misses: campaigns as broad as their segment. Every application has one subject: only the comparison with its own
    segment says anything, and the ceiling is low.

    Parameters: `min_prompts` in the window; `min_norm` honest windows; `half` deviations.

    Reference: disclosures of 2026: volume, structure and focus.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> Focus().score(profile, example_context(profile))
    Warming(seen=0.0, needed=30.0)
    """

    name: ClassVar[str] = "focus"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.2

    min_prompts: int = 64
    min_norm: int = 30
    half: float = 1.2

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window, norm = profile.texts, context.texts.coherence
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        if norm.seen < self.min_norm:
            return Warming(norm.seen, float(self.min_norm))
        deviations, core = norm.deviations(spread_of(window), noise=0.01), window.core_share()
        suspicion = (1.0 - power_tail(deviations, self.half, 4.0)) * core
        return Scored(
            suspicion,
            {"coherence": window.coherence(), "segment_deviations": deviations, "core_token_share": core},
        )
