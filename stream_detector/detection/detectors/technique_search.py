"""technique_search: many different ways to ask for the model's reasoning, in vain."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.cue_shares import doubt
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class TechniqueSearch(Struct, frozen=True):
    """Distinct beginnings, in one to two weeks, of prompts that asked for the model's reasoning and failed.

    A search tries hundreds of beginnings, and nearly all fail: they are refused, or answered in a few tokens. Then one that
    works is repeated at scale; repetition is no attempt, so that the failures stay in memory meanwhile. Red teams try as many
    ways to get other things: their attempts do not count here. The purpose model's odds are a factor on the tail, as in
    `reasoning_elicitation`.

    Misses: searches on other accounts than the ones that scale, techniques without the cue, failures that talk at length, and
    searches for anything but reasoning, which a red team makes as well (`boundary_probe` sees some).

    Parameters: `min_attempts` with any cue before an opinion; `half`, failed beginnings that half of the honest clients with
    one exceed, and `power` of the tail: by choice, because hardly any simulated honest client has one.

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
    half: float = 1.2
    power: float = 1.3

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.attempts < self.min_attempts:
            return Warming(float(window.attempts), float(self.min_attempts))
        techniques = window.heads.count(context.now_s)
        failed = window.failures / window.attempts
        tail = power_tail(techniques, self.half, self.power) * doubt(context.elicitation)
        evidence = {"techniques": techniques, "failed_share": failed, "elicitation": context.elicitation}
        return Scored(1.0 - min(1.0, tail) if techniques else 0.0, evidence)
