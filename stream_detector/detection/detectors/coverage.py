"""coverage: a sweep. Very many prompts, each sent once, with nothing in common."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.lanes import Lane
from stream_detector.detection.windows.novelty import HANDFUL, Swept
from stream_detector.domain.signals import Family, Reading, Scored, Warming

DAY_H, WAKING_H = 24.0, 16.0
RECENT_H = 48.0
"""Recent prompts are of one to two days."""


class Coverage(Struct, frozen=True):
    """Fresh bare prompts: conversations that never continue, asked en masse; and on how many days.

    People continue their conversations (the same head again, or input tokens that are not the prompt's), applications wrap
    users' words in a template or a prefix, a nightly test asks what it asked before. A list of bare questions does none of
    this, at a volume that no person types; and a list wants answers that explain something (`TOLD_TOKENS`), whereas a device
    that passes its users' words on has to read them out. But an evaluation on a public question set looks exactly so for a
    day or two, and a student's for some hours of every other day. So their number, of one to two days and of a month, reaches
    `burst` at most; beyond it count the days: those of a sweep after the first and a half (three, four, five of 500 prompts
    are evidence 1.9, 2.2, 2.5), or those of steady collecting after `patience` (a hundred prompts on each of 40 days are
    evidence 2).

    Students and evaluations sleep, or are done within a day; a loop asks at all hours. Where conversations began in more hours
    of a day than people are awake, fewer prompts say as much: a hundred a day, round the clock, are evidence up to 0.8 after
    one day and 1.5 after two. And a key may carry a list beside its owner's work: each software that works without a rest
    (`windows.lanes`) is looked at alone; its evidence is whole after a day, its tail multiplied by the number of those tried.

    Misses: sweeps wrapped in a template, padded with a long constant context, answered in a few words, or slower than
    `half_month` in a month; lists beside an owner with the same software.

    Parameters: `half_day` and `half_month`, fresh bare prompts that half of the clients who send some exceed; `min_prompts`;
    `power` of both tails; `sleepless`, times `half_day` for those who send some at all hours; `burst`, share of honest clients
    with evaluations or studies; `half_sweep` and `half_patience`, days beyond the first that half of those go on. By choice:
    simulated students stay below.

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
    sleepless: float = 0.5
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
            "hours_awake": float(window.hours_awake(context.now_s)),
        }
        tail = self._many(bare, swept.month, evidence["hours_awake"]) * self._days(swept)
        for lane in profile.lanes.heard():
            lane_tail = self._lane_tail(lane, profile)
            if lane_tail < tail:
                tail = lane_tail
                evidence |= {"lane_bare_prompts": lane.bare(), "lane_work_h": lane.work_h()}
        return Scored(1.0 - tail, evidence)

    def _many(self, recent: float, month: float, hours_awake: float) -> float:
        """P(an honest client sends so many, at so many hours of the day)."""
        beyond = min(1.0, max(0.0, (hours_awake - WAKING_H) / (DAY_H - WAKING_H)))
        half_day = self.half_day * math.pow(self.sleepless, beyond)
        many = min(power_tail(recent, half_day, self.power), power_tail(month, self.half_month, self.power))
        return max(self.burst, many)

    def _lane_tail(self, lane: Lane, profile: Profile) -> float:
        """The same for one software alone, as far as it has worked for a day without a rest."""
        work_h, bare = lane.work_h(), lane.bare()
        recent = bare * min(1.0, RECENT_H / max(1.0, work_h))
        if recent < HANDFUL:
            return 1.0
        renewed = min(1.0, profile.novelty.renewed() / recent)
        tail = (1 + profile.lanes.tried) * self._many(renewed * recent, renewed * bare, DAY_H)
        return math.pow(min(1.0, tail), min(1.0, work_h / DAY_H))

    def _days(self, swept: Swept) -> float:
        """P(an honest client goes on for so many days)."""
        return min(
            power_tail(swept.sweep_days - 1.5, self.half_sweep, 2.0),
            power_tail(swept.study_days - self.patience, self.half_patience, 2.0),
        )
