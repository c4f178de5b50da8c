"""boundary_probe: refusals, and refused prompts that were asked again in other words until they were answered."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.cue_shares import cued, share_tail
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.purposes import PurposeWindow
from stream_detector.domain.signals import Family, Reading, Scored, Warming

_DEVIATIONS = 2.0


class BoundaryProbe(Struct, frozen=True):
    """Refusals, times how often the client walked from one to an answer; or words. The smaller tail counts.

    Who maps the boundary asks the refused prompt again, a few words changed, until it is answered, then the next one. Red teams
    and moderation are refused as often, but each of their prompts is another one, or all are one template: so refusals alone,
    and words alone (prompts with the cue `REFUSAL`, as in `reasoning_elicitation`), reach `twins` at most. The walk is the
    number of refusals that a near prompt turned into an answer, times their share of all refusals, times the share of
    prompts outside the client's commonest template, where all prompts are near each other. Or, behind one long header, it
    is seen by its outcomes: whoever aims across the boundary is refused and answered in turn, more often than chance, by
    two standard deviations, would have it. An exact repetition of a refused prompt does not count. A product that has
    refused prompts reworded walks, too, so that a walk alone reaches `retries`; less honest is who asks for the operator's
    own instructions (the cue `SYSTEM_PROMPT`) in much of what it sends: that is up to ten times as rare.

    Misses: gateways that do not say `finish`, models that decline in words and stop normally, probing across accounts, or
    behind one long header in random order. A red team that edits its prompts as patiently looks the same.

    Parameters: `min_prompts` before an opinion; `twins`, share of honest clients whom refusals or such words are usual for;
    `half_walk`, the walk that half of those with refusals exceed, by choice (simulated red teams hardly do); `power` of it;
    `retries`, share of honest clients that may walk as far as they like; `asking`, share of prompts from which on that cue
    counts in full; `half`, distinct prompts with the cue `REFUSAL` a day.

    Reference: Röttger et al. 2024 (XSTest, arXiv 2308.01263); Anthropic 2025, constitutional classifiers (arXiv 2501.18837).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=400, gap_s=60.0, probing=True)
    >>> reading = BoundaryProbe().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "boundary_probe"
    family: ClassVar[Family] = Family.CONTENT
    ceiling: ClassVar[float] = 3.0

    min_prompts: int = 32
    twins: float = 0.1
    half_walk: float = 0.8
    power: float = 1.3
    retries: float = 0.0032
    asking: float = 0.25
    half: float = 20.0

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.purposes
        if window.seen < self.min_prompts:
            return Warming(float(window.seen), float(self.min_prompts))
        words = cued(window, Cue.REFUSAL, context, self.half)
        walk = _walk(window, context.features.template_share)
        refusals = share_tail(window.refused, window.answered + window.refused)
        walked = max(self.retries, max(self.twins, refusals) * power_tail(walk, self.half_walk, self.power))
        asked = window.count(Cue.SYSTEM_PROMPT) / window.seen
        outcomes = walked * (1.0 - (1.0 - self.twins) * min(1.0, asked / self.asking))
        evidence = {
            "refused_share": window.refused / max(1, window.answered + window.refused),
            "turned": float(window.turned),
            "walk": walk,
            "system_prompt_share": asked,
            "cue_share": words.share,
            "cued_prompts": words.fresh,
            "elicitation": context.elicitation,
        }
        return Scored(1.0 - min(max(self.twins, words.tail), outcomes), evidence)


def _walk(window: PurposeWindow, template_share: float) -> float:
    if not window.refused:
        return 0.0
    edited = window.turned * min(1.0, window.turned / window.refused) * (1.0 - template_share)
    return max(edited, _alternation(window))


def _alternation(window: PurposeWindow) -> float:
    """Refusals that an answer followed at once, beyond what independent outcomes of this share have by chance."""
    answers = window.answered / (window.answered + window.refused)
    expected = window.refused * answers
    return max(0.0, window.relented - expected - _DEVIATIONS * math.sqrt(expected * (1.0 - answers)))
