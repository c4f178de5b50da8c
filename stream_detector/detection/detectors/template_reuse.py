"""template_reuse: prompts that start with the same words, most of them or a few among much else."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming

_MAJORITY = 0.5


class TemplateReuse(Struct, frozen=True):
    """Two tests: most prompts share a head or are near-duplicates; or one head, with ever new bodies, among free prompts.

    The second sees a campaign that hides in chat: a single template that is filled again and again, in a key that has no
    other. A greeting or a health check has one body and does not count, a product with several templates has company.

    Misses: bare question lists (`coverage` sees those), a preamble rewritten by a model for each call. Honest production
    apps have one system prompt too, so that even a share of 1 says little: three in ten honest clients look like that, and
    calibration against the segment takes away the rest where all are apps. People have habits as well.

    Parameters: `min_prompts` before an opinion; `common` and `rare`, the shares of honest clients with a template in most
    prompts and with a single one among free prompts; `enough` filled templates.

    Reference: head-hash shares of real pipelines and users: 0.80-1.00 against <= 0.006.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0, same_head=True)
    >>> TemplateReuse().score(profile, example_context(profile)).suspicion
    0.7
    """

    name: ClassVar[str] = "template_reuse"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.2

    min_prompts: int = 32
    common: float = 0.3
    rare: float = 0.12
    enough: int = 12

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.templates
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        share, near = context.features.template_share, context.features.near_duplicate_share
        most = (1.0 - self.common) * max(share, near) ** 4
        filled, *others = window.filled() or [0]
        free = 1.0 - min(1.0, sum(others) / max(1, window.seen - filled))
        hidden = (1.0 - self.rare) * min(1.0, filled / self.enough) * free**4 if share < _MAJORITY else 0.0
        evidence = {"top_template_share": share, "near_duplicate_share": near, "filled_templates": float(filled)}
        return Scored(max(most, hidden), evidence)
