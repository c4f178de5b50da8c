"""evasion_response: a client that is limited, and at once keeps just below the limit or hammers at it like a machine."""

from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class EvasionResponse(Struct, frozen=True):
    """What share of the time since the first refusal a throttled client was quiet, or at the pace that the limit admits.

    People stop and ask; products go on, because their users do. Software that works off a list adapts: it finds the rate
    that passes and stays there for hours, or its work goes to a sibling and the attempts fall to less than half at
    once. And it sends a refused call again after the same pause every time.

    The throttle itself is no evidence: only clients that stand or stood under a decision have a reading, and the null is about
    them. Well-made honest software paces itself too, because the hook tells it when to come again, and fallback routers go
    elsewhere: the tails are wide, and the family `behaviour` only supports others.

    Misses: campaigns that ignore throttles, and mere volume that dies down. Shadow decisions refuse nothing: `Warming`.

    Parameters: `min_slots` of ten minutes since the first refusal, silent ones too; the shares of honest clients that keep
    pace (`pacers`), go quiet (`quitters`) and have fixed pauses (`fixed`) once throttled, by choice; `min_retries` and
    `fixed_spread`, the standard deviation of the logarithm of a fixed pause.

    Reference: a government advisory of 2026 (automated failover, countermeasure harnesses); public drivers (fixed pauses).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> EvasionResponse().score(profile, example_context(profile))
    Warming(seen=0.0, needed=1.0)
    """

    name: ClassVar[str] = "evasion_response"
    family: ClassVar[Family] = Family.BEHAVIOUR
    ceiling: ClassVar[float] = 1.0

    min_slots: int = 12
    pacers: float = 0.15
    quitters: float = 0.5
    fixed: float = 0.25
    min_retries: int = 10
    fixed_spread: float = 0.1

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.reaction
        if not profile.standing.strikes:
            return Warming(0.0, 1.0)
        if window.limit_slot < 0 or window.slots < self.min_slots:
            return Warming(float(min(window.slots, self.min_slots - 1)), float(self.min_slots))
        paced, quiet = window.paced / window.slots, window.quiet / window.slots
        spread = window.retry_spread()
        evidence = {"paced_share": paced, "quiet_share": quiet, "retries": window.retries, "retry_spread": spread}
        suspicion = max((1.0 - self.pacers) * paced, (1.0 - self.quitters) * quiet)
        if window.retries >= self.min_retries and spread < self.fixed_spread:
            suspicion = max(suspicion, 1.0 - self.fixed)
        return Scored(suspicion, evidence)
