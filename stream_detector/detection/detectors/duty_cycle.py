"""duty_cycle: never asleep, and every hour of every day like the others."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.detectors.tails import even_tail
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.gaps import SCHEDULED
from stream_detector.detection.windows.hours import DAY_SLOTS, DAYS, HOUR_SLOTS, HoursWindow
from stream_detector.domain.signals import Family, Reading, Scored, Warming


class DutyCycle(Struct, frozen=True):
    """The longest rest of a week; for clients that hardly rest, how evenly their hours are loaded over days.

    Not to sleep is common: 7 % of honest client-weeks have no rest above half an hour, 21 % none above three hours
    (ServeGen). It is worth at most `sleepless` (evidence 0.8). To work round the clock at even load is rare: the squared
    coefficient of variation of 168 hours is below 0.14 / 0.013 in one of ten / a hundred honest weeks, because honest load
    follows people, and days differ. Calls are counted with chance taken off, so that a slow worker is not excused by few calls.

    Misses: a sleep schedule; campaigns younger than two days; load that is modulated on purpose. Jobs that a clock starts
    (see `machine_timing`) are even as well, and are passed over; monitoring that does not keep to the clock is not.

    Parameters: `min_days` since the client was met; `short_rest_h`, up to which a client hardly rests; `sleepless`, the least
    tail for not sleeping alone.

    Reference: ServeGen (arXiv 2505.09999), 470 client-weeks; a government advisory of 2026 ("24/7 use without idle periods").

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=2000, gap_s=300.0)
    >>> reading = DutyCycle().score(profile, example_context(profile))
    >>> reading.evidence["longest_rest_h"], round(reading.evidence["hour_entropy"], 2)
    (0.0, 1.0)
    """

    name: ClassVar[str] = "duty_cycle"
    family: ClassVar[Family] = Family.TIMING
    ceiling: ClassVar[float] = 2.2

    min_days: float = 2.0
    short_rest_h: float = 3.0
    sleepless: float = 0.16

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.hours
        if window.days() < self.min_days or not window.calls.total:
            return Warming(min(window.days(), self.min_days - 0.01), self.min_days)
        rest_h = window.longest_rest_h()
        tail = min(1.0, max(self.sleepless, 0.05 * math.sqrt(1 + rest_h * HOUR_SLOTS)))
        unevenness = _without_chance(window)
        if rest_h <= self.short_rest_h and profile.gaps.clockwork() < SCHEDULED:
            tail = min(tail, even_tail(unevenness, window.calls.hours))
        evidence = {
            "longest_rest_h": rest_h,
            "busy_share": sum(window.occupied) / min(DAYS * DAY_SLOTS, max(1, window.slot - window.first_slot)),
            "hour_entropy": _entropy(window.active),
            "hour_unevenness": unevenness,
        }
        return Scored(1.0 - tail, evidence)


def _without_chance(window: HoursWindow) -> float:
    """Unevenness of the calls per hour beyond Poisson noise, plus one standard error of that."""
    mean = window.calls.mean()
    return max(0.0, window.calls.unevenness() - 1 / mean) + math.sqrt(2 / window.calls.hours) / mean


def _entropy(active: bytearray) -> float:
    """Of the busy slots over the hours of the day: 0 for one hour, 1 for all alike."""
    total = sum(active)
    return -sum(count / total * math.log(count / total) for count in active if count) / math.log(24)
