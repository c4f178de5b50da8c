"""boundary_probe: refusals, and refused prompts that were asked again in other words until they were answered."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import cued, doubt, share_tail
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.purposes import PurposeWindow
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class BoundaryProbe(Struct, frozen=True):
    """Two tests, of outcomes and of words; the smaller tail counts, twice, because both were tried.

    Outcomes: the share of refused answers (beta-binomial, as for cues), times the tail of how often a refused prompt was
    answered once a few words were changed: who maps the boundary walks along it, who was refused by mistake gives up or
    asks for something else. Words: prompts with the cue `REFUSAL`, as in `reasoning_elicitation`. The purpose model's odds
    are a factor on both.

    Misses: gateways that do not say `finish`, models that decline in words and stop normally, probing across accounts.
    Red teams and moderation do this for a living: hence the ceiling.

    Parameters: `min_prompts` before an opinion; `half_turns`, refusals turned into answers that half of the honest clients
    with refusals exceed; `half`, distinct prompts with the cue a day.

    Reference: Röttger et al. 2024 (XSTest, arXiv 2308.01263); Anthropic 2025, constitutional classifiers (arXiv 2501.18837).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, probing=True)
    >>> reading = BoundaryProbe().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "boundary_probe"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 2.5

    min_prompts: int = 32
    half_turns: float = 4.0
    half: float = 20.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        words = cued(window, Cue.REFUSAL, context, self.half)
        tail = 2.0 * min(words.tail, self._outcomes(window) * doubt(context.elicitation))
        evidence = {
            "refused_share": window.refused / max(1, window.answered + window.refused),
            "turned": float(window.turned),
            "cue_share": words.share,
            "cued_prompts": words.fresh,
            "elicitation": context.elicitation,
        }
        return Scored(1.0 - min(1.0, tail), evidence)

    def _outcomes(self, window: PurposeWindow) -> float:
        if not window.refused:
            return 1.0
        return share_tail(window.refused, window.answered + window.refused) * power_tail(
            window.turned, self.half_turns, 1.0
        )
