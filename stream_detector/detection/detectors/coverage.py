"""coverage: a sweep. Very many prompts, each sent once, with nothing in common."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.novelty import Swept
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class Coverage(Struct, frozen=True):
    """Fresh bare prompts: conversations that never continue, asked en masse; and on how many days.

    People continue their conversations (the same head again, or input tokens that are not the prompt's), applications wrap
    users' words in a template or a prefix, a nightly test asks what it asked before. A list of bare questions does none of
    this, at a volume that no person types. But an evaluation on a public question set looks exactly so for a day or two, and a
    student's for some hours of every other day. So their number, of one to two days and of a month, reaches `burst` at most;
    beyond it count the days: those of a sweep after the first and a half (three, four, five of 500 prompts are evidence 1.9,
    2.2, 2.5), or those of steady collecting after `patience` (a hundred prompts on each of 40 days are evidence 2).

    Misses: sweeps wrapped in a template, padded with a long constant context, or slower than `half_month` in a month.

    Parameters: `half_day` and `half_month`, fresh bare prompts that half of the clients who send some exceed; `min_prompts`;
    `power` of both tails; `burst`, share of honest clients with evaluations or studies; `half_sweep` and `half_patience`, days
    beyond the first that half of those go on. By choice: simulated students stay below.

    Reference: Kesarwani et al., ACSAC 2018 (coverage of the input space); GPT-4-LLM and s1 drivers (bare, unique, shuffled).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=4000, gap_s=1.0)
    >>> reading = Coverage().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.95
    True
    """

    name: ClassVar[str] = "coverage"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.8

    min_prompts: int = 64
    half_day: float = 100.0
    half_month: float = 500.0
    power: float = 2.5
    burst: float = 0.032
    half_sweep: float = 1.2
    patience: float = 14.0
    half_patience: float = 4.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.novelty
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        features, bare = context.features, window.bare(context.now_s, context.features.distinct_heads)
        swept = window.swept(bare)
        evidence = {
            "prompts": float(features.recent_prompts),
            "distinct_prompts": features.distinct_prompts,
            "distinct_heads": features.distinct_heads,
            "shingle_growth": features.shingle_growth,
            "bare_prompts": bare,
            "bare_prompts_30d": swept.month,
            "sweep_days": swept.sweep_days,
            "study_days": swept.study_days,
        }
        many = min(power_tail(bare, self.half_day, self.power), power_tail(swept.month, self.half_month, self.power))
        return Scored(1.0 - max(self.burst, many) * self._days(swept), evidence)

    def _days(self, swept: Swept) -> float:
        """P(an honest client goes on for so many days)."""
        return min(
            power_tail(swept.sweep_days - 1.5, self.half_sweep, 2.0),
            power_tail(swept.study_days - self.patience, self.half_patience, 2.0),
        )
