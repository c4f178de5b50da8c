"""benchmark_sweep: the model sits an exam, question after question."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import share_tail
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class BenchmarkSweep(Struct, frozen=True):
    """Prompts in the form of an exam (cue `BENCHMARK`): what share they are of all, and how many different ones a day.

    Whoever copies a model measures it as well: subject after subject, lettered options, a letter in return. Evaluations of
    customers, quizzes and lessons have the same form, and are common: so the tail ends at `twins`, which is supporting
    evidence. What tells a sweep apart is how it goes on, day and night, and that is for other detectors to see.

    Misses: open questions, exams in words without a cue, a sweep that is a small part of a key.

    Parameters: `min_prompts` before an opinion; `twins`, share of honest clients whose work has this form; `half`, different
    prompts a day that half of them exceed.

    Reference: Hendrycks et al. 2021 (MMLU, arXiv 2009.03300) and its driver: 57 subjects in order, one letter in return.

    >>> from stream_detector.detection.cues import Cue
    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, cues=Cue.BENCHMARK)
    >>> reading = BenchmarkSweep().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and 0.95 < reading.suspicion < 0.98
    True
    """

    name: ClassVar[str] = "benchmark_sweep"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 1.5

    min_prompts: int = 32
    twins: float = 0.03
    half: float = 10.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        shown = window.count(Cue.BENCHMARK)
        share = shown / window.seen
        fresh = share * context.features.distinct_prompts
        evidence = {"cue_share": share, "exam_prompts": fresh}
        tail = max(self.twins, share_tail(shown, window.seen)) if shown else 1.0
        return Scored(1.0 - max(tail, power_tail(fresh, self.half, 2.0)), evidence)
