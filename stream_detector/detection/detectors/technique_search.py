"""technique_search: many different ways to ask for what is not given, most of them in vain."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.cue_shares import doubt
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class TechniqueSearch(Struct, frozen=True):
    """Distinct beginnings of prompts with cues in one to two weeks, times the share of attempts that failed.

    An attempt is a prompt with a cue that begins unlike the one with a cue before; it failed if it was refused or answered in
    a few tokens. A search tries hundreds of beginnings, and nearly all fail; then one is repeated at scale. Repetition is no
    attempt, so that the failures stay in memory while the one that worked is scaled. The purpose model's odds are a
    factor on the tail, as in `reasoning_elicitation`.

    Misses: searches on other accounts than the ones that scale, techniques without cues, failures that talk at length.
    Prompt engineers and red teams vary as much, but mostly succeed: hence the share of failures, and the ceiling.

    Parameters: `min_attempts` before an opinion; `half`, different failed beginnings that half of the honest clients with as
    many attempts exceed; `power` of the tail.

    Reference: a vendor's disclosure of 2026: over 12,000 requests to find a prompt that reveals the reasoning.

    >>> from stream_detector.detection.cues import Cue
    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, cues=Cue.REASONING, probing=True)
    >>> reading = TechniqueSearch().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.95
    True
    """

    name: ClassVar[str] = "technique_search"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.5

    min_attempts: int = 8
    half: float = 4.0
    power: float = 1.2

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.attempts < self.min_attempts:
            return Warming(float(window.attempts), float(self.min_attempts))
        techniques = window.heads.count(context.now_s)
        failed = window.failures / window.attempts
        tail = power_tail(techniques * failed, self.half, self.power) * doubt(context.elicitation)
        evidence = {"techniques": techniques, "failed_share": failed, "elicitation": context.elicitation}
        return Scored(1.0 - min(1.0, tail) if window.failures else 0.0, evidence)
