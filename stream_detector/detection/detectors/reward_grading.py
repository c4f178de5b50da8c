"""reward_grading: the model as judge: many different things graded, cold and briefly."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import cued
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class RewardGrading(Struct, frozen=True):
    """Prompts with the cue `GRADING`: how many different ones a day, and what share they are of all.

    A reward model is trained on many thousands of grades. They are asked for at temperature 0 and answered briefly, so
    that each of the two makes a graded prompt count for up to one more. The purpose model's odds are a factor on the tail,
    as in `reasoning_elicitation`.

    Misses: preferences read from `logprobs` (`parameter_probe` sees some), rubrics in words without a cue. Evaluation
    pipelines and essay graders look the same: hence the ceiling, and calibration against their segment.

    Parameters: `min_prompts` before an opinion; `half`, distinct prompts a day that half of the honest users exceed.

    Reference: Cui et al. 2023 (UltraFeedback, arXiv 2310.01377): temperature 0, a long constant rubric.

    >>> from stream_detector.detection.cues import Cue
    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, cues=Cue.GRADING)
    >>> reading = RewardGrading().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "reward_grading"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.5

    min_prompts: int = 32
    half: float = 40.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        sampled = max(1, window.shape.sampled)
        cold, brief = window.shape.cold / sampled, window.shape.brief / sampled
        found = cued(window, Cue.GRADING, context, self.half / (1.0 + cold + brief))
        evidence = {
            "cue_share": found.share,
            "cued_prompts": found.fresh,
            "cold_share": cold,
            "brief_share": brief,
            "elicitation": context.elicitation,
        }
        return Scored(1.0 - found.tail, evidence)
