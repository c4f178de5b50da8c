"""takeover: an established client abruptly becomes another."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class Takeover(Struct, frozen=True):
    """Calls that break at least three habits at once: another network, software, model, settings, template, hour.

    A product changes its prompt, a company moves its servers, a developer tries a model: one thing at a time, or a few on
    different days. A key in other hands changes them in one and the same call. More habits at once are rarer, and three
    things make it worse: the old calls go on beside the new ones, there are several times more calls than there were, and
    the texts as a whole are others.

    The family is network: a stolen key is first of all used from elsewhere, with other software. Behaviour would count only
    beside two others, and content is what a relaunch changes too.

    Misses: keys that were made for the campaign, owners who rent theirs out from their own servers, thieves who copy the
    victim's software and prompts. A relaunch on new servers, with a new model, looks the same for a day or two: the ceiling
    asks for a second family.

    Parameters: `min_days` of activity before; `min_odd` odd calls; `base`, the share of honest clients that break three habits
    at once on some day, and `each`, the factor for each further one; `worse` for each of the three; `multiple` of calls;
    `drift` of the texts.

    Reference: conduit keys in the disclosures of 2026; catalogue of account-takeover signals.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> Takeover().score(profile, example_context(profile))
    Warming(seen=0.0, needed=7.0)
    """

    name: ClassVar[str] = "takeover"
    family: ClassVar[Family] = Family.NETWORK
    ceiling: ClassVar[float] = 2.3

    min_days: int = 7
    min_odd: int = 8
    base: float = 0.05
    each: float = 0.25
    worse: float = 0.5
    multiple: float = 4.0
    drift: float = 0.4

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        habits = profile.habits
        if habits.days < self.min_days:
            return Warming(float(habits.days), float(self.min_days))
        odd, together, share = habits.odd_calls(), habits.together(), habits.odd_share()
        growth, drift = habits.growth(), profile.texts.drift() if profile.texts.own_means else 0.0
        evidence = {
            "odd_calls": float(odd),
            "habits_broken": together,
            "odd_share": share,
            "volume_multiple": growth,
            "text_drift": drift,
        }
        if odd < self.min_odd:
            return Scored(0.0, evidence)
        tail = self.base * self.each ** (together - 3.0)
        tail *= self.worse ** ((share < 0.9) + (growth > self.multiple) + (drift > self.drift))  # noqa: PLR2004
        return Scored(1.0 - tail ** min(1.0, odd / (4.0 * self.min_odd)), evidence)
