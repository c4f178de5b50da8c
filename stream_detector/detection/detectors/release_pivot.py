"""release_pivot: on the day a model appears, all the work moves to it."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.models import MIN_CALLS
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ReleasePivot(Struct, frozen=True):
    """Share of the calls that a model new to the whole population gained overnight, at the cost of the client's old one.

    A disclosed campaign redirected half of its traffic to a new model within 24 hours. Everybody tries a new model; few
    honest clients stop using the old one and do all of yesterday's work with the new one, for prompts are tuned to a model.
    One in ten is assumed to. The suspicion grows with the square of the smallest of three shares: gained by the new
    model, dropped by yesterday's first model, and work kept (calls of today / yesterday).

    It belongs to the family `behaviour`: it says nothing of how much a client calls, and it may support others but never
    lead to anything itself.

    Misses: staggered moves, and models that are new under an old name. Where a model is withdrawn on the day its successor
    appears, all clients move: calibration takes the evidence away.

    Parameters: `min_calls` of both days; `movers`, the share of honest clients that move at once, by choice.

    Reference: disclosures of 2026 (half of the traffic moved within 24 hours of a release).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> ReleasePivot().score(profile, example_context(profile))
    Warming(seen=0.0, needed=30.0)
    """

    name: ClassVar[str] = "release_pivot"
    family: ClassVar[Family] = Family.BEHAVIOUR
    ceiling: ClassVar[float] = 1.0

    min_calls: int = 30
    movers: float = 0.1

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class; `Warming` while no model is new."""
        window = profile.models
        today, before = sum(window.today.values()), sum(window.yesterday.values())
        known = min(today, before)
        if known < self.min_calls:
            return Warming(float(known), float(self.min_calls))
        if not context.released:
            return Warming(0.0, 1.0)
        gained = max(window.share_gained(m) if window.today.get(m, 0) >= MIN_CALLS else 0.0 for m in context.released)
        dropped, kept = window.share_dropped(), min(1.0, today / before)
        pivot = max(0.0, min(gained, dropped, kept))
        evidence = {"share_gained": gained, "share_dropped": dropped, "work_kept": kept}
        return Scored((1.0 - self.movers) * pivot * pivot, evidence)
