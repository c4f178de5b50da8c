"""When: the gaps between a client's calls, and how evenly its load is spread."""

import math

from msgspec import Struct, field

from stream_detector.domain.calls import ApiCall

BINS = 24
"""Powers of two of milliseconds: 1 ms to 4.7 h."""
MEMORY = 512
"""At this many gaps everything is halved."""
DIAL_S = 60
"""Jobs that a clock starts come at the same second of each minute."""
DIAL_STEP_S = 3
SCHEDULED = 0.7
"""`clockwork` of such jobs: a delay of up to ten seconds, or four jobs with little delay, leave as much."""
_FULL = 255


def _bins() -> list[int]:
    return [0] * BINS


class GapWindow(Struct, array_like=True, gc=False):
    """Decayed histogram and moments of the gaps between calls, in seconds."""

    last_ts: float = -1.0
    seen: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    bins: list[int] = field(default_factory=_bins)
    dial: bytearray = field(default_factory=lambda: bytearray(DIAL_S // DIAL_STEP_S))
    """Calls by their second of the minute."""

    def observe(self, call: ApiCall) -> None:
        """Count the gap to the newest call before this one; a late call has a gap of 0."""
        ts = call.ts
        last = self.last_ts
        if last < 0:
            self.last_ts = ts
            return
        gap = ts - last
        if gap > 0:
            self.last_ts = ts
        else:
            gap = 0.0
        if self.seen >= MEMORY:
            self._halve()
        self.seen += 1
        self.total += gap
        self.squares += gap * gap
        step = int(ts) % DIAL_S // DIAL_STEP_S
        if self.dial[step] < _FULL:
            self.dial[step] += 1
        bin_of = int(gap * 1000).bit_length()
        self.bins[bin_of if bin_of < BINS else BINS - 1] += 1

    def _halve(self) -> None:
        self.seen /= 2
        self.total /= 2
        self.squares /= 2
        self.dial = bytearray(count >> 1 for count in self.dial)
        self.bins = [count >> 1 for count in self.bins]

    def variation(self) -> float:
        """Coefficient of variation of the gaps: 0 for a metronome, 1 for Poisson arrivals, honest clients mostly above."""
        if not self.total:
            return 0.0
        mean = self.total / self.seen
        return math.sqrt(max(0.0, self.squares / self.seen - mean * mean)) / mean

    def clockwork(self) -> float:
        """Share of the calls in the busiest quarter of the minute: 1 for a job that the clock starts, 0.25 for chance."""
        total = sum(self.dial)
        return sum(sorted(self.dial)[-len(self.dial) // 4 :]) / total if total else 0.0

    def entropy(self) -> float:
        """Entropy of the gap histogram, 0 (one bin) to 1 (all bins alike)."""
        total = sum(self.bins)
        if not total:
            return 0.0
        return -sum(c / total * math.log(c / total) for c in self.bins if c) / math.log(BINS)
