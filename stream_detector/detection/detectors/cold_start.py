"""cold_start: an account that is two days old, and already near its quota or among the heaviest of its segment."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import power_tail
from stream_detector.detection.population import FRESH_S
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class ColdStart(Struct, frozen=True):
    """Both at once: a fresh account, and use far above the segment's norm or close to what the subscription allows.

    Under the null the two are independent, so that their probabilities multiply: the share of fresh accounts in the
    population, and the tail of the segment's volumes or of the used share of quotas. Honest accounts grow into their volume.

    Misses: accounts that are warmed up, bought or taken over; gateways that do not send `client_created_ts`. A customer who
    migrates with all its load looks the same on the first day: volume is one family, and never acts alone.

    Parameters: `min_calls` of the account; `min_norm` clients' hours learned; `half` deviations; `half_quota`, the share of
    its quota that half of the fresh accounts use on a day, which is generous.

    Reference: a government advisory of 2026 on model extraction ("new subscriptions at maximum use at once",
    "subscription-to-usage mismatch").

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> ColdStart().score(profile, example_context(profile))
    Warming(seen=0.0, needed=20.0)
    """

    name: ClassVar[str] = "cold_start"
    family: ClassVar[Family] = Family.VOLUME
    ceiling: ClassVar[float] = 2.5

    min_calls: int = 50
    min_norm: int = 20
    half: float = 1.2
    half_quota: float = 0.35

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        norm, quota = context.norms.token_rate, profile.budget.quota
        if profile.created_ts < 0 or (norm.seen < self.min_norm and quota <= 0):
            return Warming(float(min(norm.seen, self.min_norm - 1)), float(self.min_norm))
        if profile.calls < self.min_calls:
            return Warming(float(profile.calls), float(self.min_calls))
        age_s = profile.last_ts - profile.created_ts
        evidence = {"account_age_h": age_s / 3600, "fresh_rate": context.fresh_rate}
        tail = 1.0
        if norm.seen >= self.min_norm:
            deviations = norm.deviations(math.log1p(context.features.token_rate), noise=0.25)
            evidence["segment_deviations"] = deviations
            tail = power_tail(deviations, self.half, 4.0)
        if quota > 0:
            evidence["quota_share"] = context.features.day_calls / quota
            tail = min(tail, power_tail(evidence["quota_share"], self.half_quota, 3.0))
        if age_s > FRESH_S:
            return Scored(0.0, evidence)
        return Scored(1.0 - context.fresh_rate * tail, evidence)
