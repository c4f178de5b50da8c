"""coverage: a sweep. Very many prompts, each sent once, with nothing in common."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class Coverage(Struct, frozen=True):
    """Fresh bare prompts, of one to two days and of a month: conversations that never continue, asked en masse.

    People continue their conversations (the same head again, or input tokens that are not the prompt's), applications wrap
    users' words in a template or a prefix, a nightly test asks what it asked before. A list of bare questions does none of
    this, at a volume that no person types.

    Misses: sweeps wrapped in a template, padded with a long constant context, or slower than `half_month` in a month. An
    evaluation on a public question set looks exactly so on its first day: content alone never blocks.

    Parameters: `half_day` and `half_month`, fresh bare prompts that half of the clients who send some exceed; `min_prompts`.

    Reference: Kesarwani et al., ACSAC 2018 (coverage of the input space); GPT-4-LLM and s1 drivers (bare, unique, shuffled).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=4000, gap_s=1.0)
    >>> reading = Coverage().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "coverage"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.8

    min_prompts: int = 64
    half_day: float = 100.0
    half_month: float = 300.0
    power: float = 2.5

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.novelty
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        features, bare = context.features, window.bare(context.now_s, context.features.distinct_heads)
        month = window.stock + bare
        evidence = {
            "prompts": float(features.recent_prompts),
            "distinct_prompts": features.distinct_prompts,
            "distinct_heads": features.distinct_heads,
            "shingle_growth": features.shingle_growth,
            "bare_prompts": bare,
            "bare_prompts_30d": month,
        }
        tail = min(power_tail(bare, self.half_day, self.power), power_tail(month, self.half_month, self.power))
        return Scored(1.0 - tail, evidence)
