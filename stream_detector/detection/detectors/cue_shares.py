"""The null model that the detectors of purposes share: how often do honest clients show a cue, or a refusal?"""

import math

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.cues import Cue
from stream_detector.detection.detectors.tails import binomial_tail, power_tail
from stream_detector.detection.windows.purposes import PurposeWindow

USUAL = 0.015
"""Share of prompts in which most honest clients show a cue; on honest public prompts each occurs in at most 0.6 %."""
UNUSUAL = 0.06
"""Share of honest clients that show it more often: plain choice, as are the next two."""
TWINS = 0.01
"""Share of honest clients whose purpose it is: judges, graders, audit trails, red teams."""
SPREAD = 0.3
"""Of unusual clients: P(share >= x) = 1 - x**SPREAD; half of them are above a tenth."""
_MOST_DOUBT = 3.0
_POWER = 0.7


class Cued(Struct, frozen=True):
    """How much of a cue a client shows."""

    share: float
    """Of its last prompts."""
    fresh: float
    """Distinct prompts with it, in one to two days; estimated."""
    tail: float
    """Probability that an honest client shows as much."""


def share_tail(shown: int, of: int) -> float:
    """P(an honest client shows something in at least `shown` of its last `of` prompts): over-dispersed.

    Most show it at the usual rate; the shares of the others follow a beta distribution, so that their counts are
    beta-binomial; the twins show it always.

    >>> share_tail(0, 500), round(share_tail(8, 500), 1), round(share_tail(50, 500), 3), round(share_tail(500, 500), 3)
    (1.0, 1.0, 0.04, 0.01)
    """
    if shown <= 0:
        return 1.0
    rarer = math.exp(
        math.lgamma(of + 1) - math.lgamma(of + 1 + SPREAD) + math.lgamma(shown + SPREAD) - math.lgamma(shown)
    )
    return min(1.0, binomial_tail(shown, of, USUAL) + UNUSUAL * (1.0 - rarer) + TWINS)


def doubt(elicitation: float) -> float:
    """Odds of honesty by the purpose model, at most `_MOST_DOUBT` either way: a factor on a tail probability.

    >>> doubt(0.5), doubt(0.75), doubt(1.0) == doubt(0.99)
    (1.0, 0.3333333333333333, True)
    """
    return max(1.0 / _MOST_DOUBT, min(_MOST_DOUBT, (1.0 - elicitation) / max(elicitation, 1e-9)))


def cued(window: PurposeWindow, cue: Cue, context: Context, half: float) -> Cued:
    """Share and number of prompts with a cue; under the null the two are independent, volumes being what they are.

    Args:
        window: the client's; its `seen` must not be 0.
        cue: one bit.
        context: for the time, and for what the purpose model thinks of the client.
        half: distinct prompts a day that half of the honest clients with this cue exceed.
    """
    shown = window.count(cue)
    if not shown:
        return Cued(0.0, 0.0, 1.0)
    fresh = window.prompts.count(context.now_s) * min(1.0, shown / max(1, window.cued))
    tail = share_tail(shown, window.seen) * power_tail(fresh, half, _POWER) * doubt(context.elicitation)
    return Cued(shown / window.seen, fresh, min(1.0, tail))
