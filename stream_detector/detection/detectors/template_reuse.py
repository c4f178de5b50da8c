"""template_reuse: most prompts start with the same words."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class TemplateReuse(Struct, frozen=True):
    """Share of the commonest prompt head, or of near-duplicates, among the last prompts, whichever is greater.

    Misses: bare question lists (`coverage` sees those), a preamble rewritten by a model for each call. Honest production
    apps have one system prompt too, so that even a share of 1 says little: three in ten honest clients look like that, and
    calibration against the segment takes away the rest where all are apps.

    Parameters: `min_prompts` before an opinion; `common`, the share of honest clients with a single template.

    Reference: head-hash shares of real pipelines and users: 0.80-1.00 against <= 0.006.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0, same_head=True)
    >>> TemplateReuse().score(profile, example_context(profile)).suspicion
    0.7
    """

    name: ClassVar[str] = "template_reuse"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.0

    min_prompts: int = 32
    common: float = 0.3

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.templates
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        share, near = context.features.template_share, context.features.near_duplicate_share
        evidence = {"top_template_share": share, "near_duplicate_share": near}
        return Scored((1.0 - self.common) * max(share, near) ** 4, evidence)
