"""takeover: an established client abruptly becomes another."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.habits import DAY_S
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class Takeover(Struct, frozen=True):
    """Calls from where the client has never been that break two further habits: software, model, settings, template, hour.

    A product changes its prompt, a company moves its servers, a developer tries a model: one thing at a time, or a few on
    different days. An owner's new program is other software that asks another model in another way, all at once; but it
    mostly runs where the old ones do. A key in other hands is used from elsewhere, in the same call. So the place is what
    counts, and each further habit, a place of another operator among them, only halves the chance: they come together. So do
    several times more calls than there were, and texts that are others as a whole. Whether the old calls go on says nothing:
    a thief may or may not leave the owner his key, and a new program may or may not replace the old one.

    It must last: a benchmark that somebody runs on a hired machine is over after an hour or three, a campaign works for days.
    In the days in which a model is new to everybody, who tries it is likely to be measuring it, and may take a day or two. And
    the client must be established: the account of a new customer moves from a laptop to servers within its first weeks.

    Misses: keys that were made for the campaign, owners who rent theirs out from their own servers, thieves who copy the
    victim's software and prompts, or have the same carrier or cloud as an owner whose networks always change. A relaunch on
    new servers looks the same for some days: the ceiling asks for a second family.

    Parameters: `min_age_days` of the account, or since it was first seen; `min_days` of activity that were learned; `min_odd`
    odd calls. `base`, the share of honest clients that break three habits at once within some days; it is larger before
    `sure_days`, as Laplace's rule of succession has it. `each`, the factor for each further habit; `worse` for more than
    `multiple` as many calls, and for a `drift` of the texts. `full_odd` calls in `full_hours` hours, below which less counts;
    in `trial_hours`, where a model that is new to everybody has `trial_share` of the calls of today or yesterday.

    Reference: conduit keys in the disclosures of 2026; catalogue of account-takeover signals.

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> Takeover().score(profile, example_context(profile))
    Warming(seen=0.0, needed=4.0)
    """

    name: ClassVar[str] = "takeover"
    family: ClassVar[Family] = Family.NETWORK
    ceiling: ClassVar[float] = 2.3

    min_age_days: float = 14.0
    min_days: int = 4
    sure_days: int = 7
    min_odd: int = 8
    full_odd: int = 32
    full_hours: int = 8
    trial_hours: int = 48
    trial_share: float = 0.2
    base: float = 0.05
    each: float = 0.5
    worse: float = 0.5
    multiple: float = 4.0
    drift: float = 0.4

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        habits = profile.habits
        if habits.days < self.min_days:
            return Warming(float(habits.days), float(self.min_days))
        opened_ts = profile.first_ts if profile.created_ts < 0 else profile.created_ts
        age_days = (profile.last_ts - opened_ts) / DAY_S
        if age_days < self.min_age_days:
            return Warming(max(0.0, age_days), self.min_age_days)
        growth, drift = habits.growth(), profile.texts.drift() if profile.texts.own_means else 0.0
        evidence = {
            "odd_calls": float(habits.odd),
            "odd_hours": float(habits.hours),
            "habits_broken": habits.together(),
            "odd_share": habits.odd_share(),
            "volume_multiple": growth,
            "text_drift": drift,
        }
        if habits.odd < self.min_odd:
            return Scored(0.0, evidence)
        tail = self.base * max(1.0, (self.sure_days + 1) / (habits.days + 1))
        tail *= self.each ** (habits.together() - 3.0) * self.worse ** ((growth > self.multiple) + (drift > self.drift))
        tries = any(profile.models.share(model) >= self.trial_share for model in context.released)
        hours = self.trial_hours if tries else self.full_hours
        return Scored(1.0 - tail ** min(1.0, habits.odd / self.full_odd, habits.hours / hours), evidence)
