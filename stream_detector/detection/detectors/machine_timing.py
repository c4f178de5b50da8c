"""machine_timing: gaps like a metronome's, or a pool that is always equally busy, for hours on end."""

import math
from typing import ClassVar

from msgspec import Struct

from stream_detector.detection.context import Context
from stream_detector.detection.profile import Profile
from stream_detector.detection.windows.gaps import SCHEDULED
from stream_detector.detection.windows.lanes import Lane
from stream_detector.detection.windows.rate import DAY_HOURS
from stream_detector.domain.signals import Family, Reading, Scored, Warming

_MONITOR_CALLS = 61.0
"""An hour, at most: monitors look every minute or less often."""
_EXACT = 0.02
"""No less variation counts: a clock that is exact for ten minutes says nothing about the night."""


class MachineTiming(Struct, frozen=True):
    """Three null models: variation of the gaps, evenness of calls per hour, evenness of open calls. The smallest tail counts.

    A serial loop has gaps that vary less than Poisson arrivals. A worker pool has gaps like chance, but hours that all weigh
    the same; and where answers differ in length, not the calls but the calls that are open at a time stay the same (Little:
    the sum of the latencies of an hour / 3600). Honest load follows people. The nulls are power laws fitted to honest
    programs (ServeGen, 162 busy clients): in ten minutes with 100 calls or more, the coefficient of variation of the gaps is
    below 0.92 / 0.28 / 0.13 with probability 0.1 / 0.01 / 0.001; the squared coefficient of variation of 24 busy hours is below
    0.1 / 0.0005 with probability 0.1 / 0.01, of 6 hours 18 times less.

    Evaluations, backfills and load tests are pools as well, for an hour or a night: evidence grows with the time since the
    last rest of an hour, and is whole after `whole_h`. Jobs that a clock starts keep to some seconds of the minute: their
    gaps and hours say nothing. A key may carry a pool beside its owner: each software that keeps working (`windows.lanes`) is
    looked at alone, more slowly (`lane_whole_h`: a night's job beside an app is usual), and its tail is multiplied by the
    number of those tried. Pauses after a failed call that are always the same, and not the usual gap, count double.

    Misses: jitter that imitates bursts, a duty cycle copied from people, loops that wait for a full minute, a pool that shows
    its owner's software. Honest machines run for days too, alone or beside an app: the ceiling keeps this supporting evidence.

    Parameters: `min_gaps` and `min_hours` before an opinion; `min_hour_calls` below which an hour's count is noise;
    `min_retries` and `fixed_spread` (standard deviation of the logarithm) for pauses; `timer`, the variation below which a lane
    with a call a minute or less is a monitor's.

    Reference: ServeGen (arXiv 2505.09999), language traces of alibaba/ServeGen; pauses of public drivers (1, 2, 30, 60 s).

    >>> from stream_detector.detection.examples import example_context, example_profile
    >>> profile = example_profile(calls=5000, gap_s=13.7)
    >>> reading = MachineTiming().score(profile, example_context(profile))
    >>> isinstance(reading, Scored) and reading.suspicion > 0.99
    True
    """

    name: ClassVar[str] = "machine_timing"
    family: ClassVar[Family] = Family.TIMING
    ceiling: ClassVar[float] = 2.0

    min_gaps: int = 30
    min_hours: int = 4
    min_hour_calls: float = 30.0
    whole_h: float = 3.0
    min_retries: int = 10
    fixed_spread: float = 0.1
    lane_whole_h: float = 6.0
    timer: float = 0.02

    def score(self, profile: Profile, context: Context) -> Reading:
        """See the class."""
        gaps = profile.gaps
        if gaps.seen < self.min_gaps:
            return Warming(gaps.seen, float(self.min_gaps))
        clockwork, work_h = gaps.clockwork(), profile.hours.work_h()
        evidence = {
            "gap_variation": context.features.gap_variation,
            "gap_entropy": context.features.gap_entropy,
            "work_h": work_h,
            "clockwork": clockwork,
        }
        tails = [_regular_tail(context.features.gap_variation, gaps.seen)]
        tails += self._evenness(profile, evidence)
        tail = min(1.0, len(tails) * min(tails))
        if self._pauses_alike(profile, evidence):
            tail /= 2
        tail = 1.0 if clockwork >= SCHEDULED else tail ** min(1.0, work_h / self.whole_h)
        for lane in profile.lanes.heard():
            lane_tail = self._lane_tail(lane, profile.lanes.tried)
            if lane_tail < tail:
                tail = lane_tail
                evidence |= _of_lane(lane, profile)
        return Scored(1.0 - tail, evidence)

    def _lane_tail(self, lane: Lane, tried: int) -> float:
        """Tail of one software alone; 1 for what a clock or a timer starts."""
        variation, hours = lane.variation(), lane.hours
        is_timer = variation < self.timer and lane.calls_per_h() <= _MONITOR_CALLS
        if is_timer or lane.clockwork() >= SCHEDULED:
            return 1.0
        tails = [_regular_tail(variation, lane.seen)]
        if hours.hours >= self.min_hours and hours.mean() >= self.min_hour_calls:
            tails.append(_even_tail(hours.unevenness(), min(float(DAY_HOURS), hours.hours)))
        tail = min(1.0, (1 + tried) * len(tails) * min(tails))
        return math.pow(tail, min(1.0, lane.work_h() / self.lane_whole_h))

    def _evenness(self, profile: Profile, evidence: dict[str, float]) -> list[float]:
        """Tails of the calls and of the open calls per hour, where there are enough."""
        tails = []
        hours = _whole_hours(profile)
        mean = sum(hours) / len(hours) if hours else 0.0
        if len(hours) >= self.min_hours and mean >= self.min_hour_calls:
            evidence["hour_unevenness"] = sum((hour - mean) ** 2 for hour in hours) / (len(hours) - 1) / mean**2
            tails.append(_even_tail(evidence["hour_unevenness"], len(hours)))
        pool = profile.hours.open_calls
        if pool.hours >= self.min_hours and pool.total:
            evidence["open_calls"] = pool.mean()
            evidence["open_unevenness"] = pool.unevenness()
            tails.append(_even_tail(evidence["open_unevenness"], min(float(DAY_HOURS), pool.hours)))
        return tails

    def _pauses_alike(self, profile: Profile, evidence: dict[str, float]) -> bool:
        """Whether a failed call is always followed after the same pause, which is not just the usual gap."""
        window = profile.reaction
        if window.retries < self.min_retries:
            return False
        evidence["retry_spread"] = window.retry_spread()
        evidence["retry_wait_s"] = window.usual_wait_s()
        gap_s = profile.gaps.total / profile.gaps.seen
        usual = 0.5 * gap_s < evidence["retry_wait_s"] < 2 * gap_s
        return evidence["retry_spread"] < self.fixed_spread and not usual


def _regular_tail(variation: float, gaps: float) -> float:
    """Of the variation and half a standard error: of some dozen looks at a few dozen calls, one is even by chance."""
    likely = variation * (1.0 + 0.5 / math.sqrt(gaps))
    return 0.1 * math.pow(max(likely, _EXACT) / 0.92, 2.1)


def _of_lane(lane: Lane, profile: Profile) -> dict[str, float]:
    """What to say about a lane."""
    hours = min(float(DAY_HOURS), max(1.0, (profile.last_ts - profile.first_ts) / 3600))
    return {
        "lane_variation": lane.variation(),
        "lane_calls_per_h": lane.calls_per_h(),
        "lane_work_h": lane.work_h(),
        "lane_share": min(1.0, lane.calls_per_h() * hours / max(1, profile.rate.day_calls())),
    }


def _even_tail(unevenness: float, hours: float) -> float:
    return 0.1 * math.pow(unevenness / (0.1 * math.pow(hours / 24, 2.1)), 0.45)


def _whole_hours(profile: Profile) -> list[int]:
    """Calls per whole clock hour, oldest first, since the client was first seen; without the open hour."""
    rate = profile.rate
    known = int(profile.last_ts // 3600 - profile.first_ts // 3600)
    return rate.whole_hours()[max(0, DAY_HOURS - known) :]
