"""clock_phase: office hours of another part of the world."""

import cmath
import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.hours import HoursWindow
from stream_detector.domain.signals import Family, Reading, Scored, Warming

_NOON_H = 14.5
"""Local time around which people's use of an API centres."""
_HUMAN = 3.0
"""So many hours to either side of it are nothing special."""
_DIALS = tuple(cmath.exp(1j * math.tau * (hour + 0.5) / 24) for hour in range(24))


class ClockPhase(Struct, frozen=True):
    """Rayleigh statistics of the busy slots of ten minutes, and the hours between their centre and that of a day at home.

    Slots, not calls: calls come in heaps. Only a rhythm like that of people is read: a mean resultant length between
    `min_length` (round the clock has 0) and `max_length` (a nightly job has more than 0.9, office hours 0.6 to 0.8). Home is
    what was declared, and where the newest address is: a client at home in either place is not suspected.

    Misses: clients that follow their home's day, or none. Teams abroad and jobs that run for half the night look the same:
    the ceiling makes this a remark beside other evidence. Geography alone, without the rhythm, says nothing here.

    Parameters: `min_days` since the client was met and `min_slots` busy ones; `least`, the share of honest clients with
    a rhythm whose day lies elsewhere, by choice.

    Reference: Mardia and Jupp, Directional Statistics, section 6.3 (Rayleigh test); disclosures of 2026 (call times that
    follow the business hours of one far-away city).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=100, gap_s=1.0)
    >>> ClockPhase().score(profile, example_context(profile))
    Warming(seen=0.0, needed=3.0)
    """

    name: ClassVar[str] = "clock_phase"
    family: ClassVar[Family] = Family.TIMING
    ceiling: ClassVar[float] = 0.8

    min_days: float = 3.0
    min_slots: int = 60
    min_length: float = 0.35
    max_length: float = 0.9
    least: float = 0.15

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        window = profile.hours
        slots = sum(window.active)
        if window.days() < self.min_days or slots < self.min_slots:
            return Warming(min(window.days(), self.min_days - 0.01) if slots else 0.0, self.min_days)
        resultant = sum(count * dial for count, dial in zip(window.active, _DIALS, strict=True)) / slots
        length, centre_h = abs(resultant), cmath.phase(resultant) / math.tau * 24 % 24
        away_h = _away_h(window, centre_h)
        if away_h is None:
            return Warming(0.0, 1.0)
        evidence = {"resultant_length": length, "centre_utc_h": centre_h, "hours_from_home": away_h}
        if not self.min_length <= length <= self.max_length:
            return Scored(0.0, evidence)
        # Neighbouring slots go together: an hour's worth is one independent sample.
        certain = 1.0 - math.exp(-slots / 6 * length * length)
        strange = min(1.0, max(0.0, away_h - _HUMAN) / _HUMAN)
        return Scored((1.0 - self.least) * certain * strange, evidence)


def _away_h(window: HoursWindow, centre_h: float) -> float | None:
    """Hours from the offset at which the centre would be the middle of a day, to the nearest known place."""
    places = [place for place in (window.home, window.sender) if place is not None]
    return min((place.distance_h(_offset_h(centre_h)) for place in places), default=None)


def _offset_h(centre_h: float) -> float:
    """From -11.5 to 12.5, as clocks are set."""
    return (_NOON_H - centre_h + 11.5) % 24 - 11.5
