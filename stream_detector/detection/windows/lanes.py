"""With what: a client's calls by the software that makes them, as long as there are several kinds of it.

A key may carry an honest owner and somebody else's worker pool. All calls together then look like the owner's, however
even the pool is; the software of each tells them apart. Two places are enough, because a lane keeps its place only while
it may be a machine's: after two hours of silence, or once its gaps turn out to be like people's, the next newcomer has it.
What a lane asks is told apart likewise: a list of bare questions is hidden in the sum of all that a key sends.
"""

import math
from functools import lru_cache

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64
from stream_detector.detection.windows.distinct import Distinct
from stream_detector.detection.windows.gaps import DIAL_S, DIAL_STEP_S, MEMORY
from stream_detector.detection.windows.hours import Spread
from stream_detector.detection.windows.network import place_of
from stream_detector.detection.windows.novelty import bareness, is_alone, opening_of, told_by
from stream_detector.domain.calls import ApiCall, Sketch

PLACES = 2
REST_S = 7200.0
"""A lane that was silent for so long begins anew. A pool with 25 calls a day still never is."""
FORGOTTEN_S = 86_400.0
"""A client whose other software was silent for so long has one kind."""
HEARD = 30
"""Gaps after which a lane can be judged."""
TENURE = 64
"""Gaps after which an uneven lane makes room."""
UNEVEN = 1.1
"""Coefficient of variation of the gaps: chance has 1, and so has a large pool; people and most programs have more."""
DAY_HOURS = 24.0
_FULL = 255
_MASK32 = (1 << 32) - 1


class Lane(Struct, array_like=True, gc=False):
    """The calls of one software, and what they ask, since its last rest of two hours."""

    software: int
    since_ts: float
    last_ts: float
    seen: int = 0
    """Gaps; at `MEMORY` they are halved, with their sums and the dial."""
    total: float = 0.0
    squares: float = 0.0
    dial: bytearray = field(default_factory=lambda: bytearray(DIAL_S // DIAL_STEP_S))
    """Calls by their second of the minute."""
    hour: int = -1
    hour_calls: int = 0
    """In the open hour."""
    hours: Spread = field(default_factory=Spread)
    """Calls per whole hour, of the last half to one day."""
    prompts: int = 0
    alone: int = 0
    """Of these the ones that stand alone (`windows.novelty`)."""
    told: int = 0
    """Tokens of the answers to them, likewise."""
    heads: Distinct = field(default_factory=lambda: Distinct.of(5))
    openings: Distinct = field(default_factory=lambda: Distinct.of(4))

    def observe(self, ts: float) -> None:
        """Count the next call; a late one has a gap of 0."""
        gap = ts - self.last_ts
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
        hour = int(ts // 3600)
        if hour > self.hour:
            if self.hour * 3600 >= self.since_ts:
                self.hours.add(self.hour_calls, hour - self.hour - 1, DAY_HOURS)
            self.hour = hour
            self.hour_calls = 0
        self.hour_calls += 1

    def read(self, sketch: Sketch, call: ApiCall) -> None:
        """Count the next call's prompt."""
        self.prompts += 1
        self.alone += is_alone(sketch, call.input_tokens)
        self.told += told_by(call)
        self.heads.add(sketch.head)
        self.openings.add(opening_of(sketch))

    def bare(self) -> float:
        """Prompts that are bare questions, each asked once, since the last rest."""
        return bareness(self.prompts, self.alone, self.told, self.heads.count(), self.openings.count())

    def _halve(self) -> None:
        self.seen >>= 1
        self.total /= 2
        self.squares /= 2
        self.dial = bytearray(count >> 1 for count in self.dial)

    def work_h(self) -> float:
        """Time since the last rest, in hours."""
        return (self.last_ts - self.since_ts) / 3600

    def calls_per_h(self) -> float:
        """Of late."""
        return 3600 * self.seen / self.total if self.total else 0.0

    def variation(self) -> float:
        """Coefficient of variation of the gaps, as `GapWindow.variation`."""
        if not self.total:
            return 0.0
        mean = self.total / self.seen
        return math.sqrt(max(0.0, self.squares / self.seen - mean * mean)) / mean

    def clockwork(self) -> float:
        """Share of the calls in the busiest quarter of the minute, as `GapWindow.clockwork`."""
        total = sum(self.dial)
        return sum(sorted(self.dial)[-len(self.dial) // 4 :]) / total if total else 0.0


class LaneWindow(Struct, array_like=True, gc=False):
    """A hash for a client with one kind of software; two lanes for one with several."""

    usual: int = 0
    """Software of a client with one kind."""
    lanes: list[Lane] = field(default_factory=list)
    """Of a client with several kinds; else empty."""
    tried: int = 0
    """Lanes that were heard enough, halved every day: so often chance had an opportunity."""
    day: int = -1

    def observe(self, call: ApiCall) -> None:
        """Count one call."""
        software = _software(call.ua, call.ja4) or _network(call.ip)
        if software and (self.lanes or software != self.usual):
            self._sort(software, call)

    def _sort(self, software: int, call: ApiCall) -> None:
        """A call of a client that has several kinds of software, or the first call with any."""
        lanes, ts = self.lanes, call.ts
        if not lanes:
            if self.usual:
                lanes += (Lane(self.usual, ts, ts), Lane(software, ts, ts))
            else:
                self.usual = software
            return
        place = next((place for place in range(PLACES) if lanes[place].software == software), None)
        if place is None:
            place = self._vacancy(ts)
            if place is None:
                return
        lane = lanes[place]
        if lane.software != software or ts - lane.last_ts >= REST_S:
            lanes[place] = Lane(software, ts, ts)
        else:
            lane.observe(ts)
            if call.sketch is not None:
                lane.read(call.sketch, call)
            if lane.seen == HEARD:
                self._try(ts)
        if ts - lanes[1 - place].last_ts >= FORGOTTEN_S:
            self.usual = software
            lanes.clear()

    def _vacancy(self, ts: float) -> int | None:
        """A place whose lane rests, or is like people's."""
        for place, lane in enumerate(self.lanes):
            if ts - lane.last_ts >= REST_S or (lane.seen >= TENURE and lane.variation() > UNEVEN):
                return place
        return None

    def _try(self, ts: float) -> None:
        day = int(ts // FORGOTTEN_S)
        if day > self.day:
            self.tried >>= min(8, day - self.day)
            self.day = day
        self.tried += 1

    def heard(self) -> list[Lane]:
        """Lanes that can be judged."""
        return [lane for lane in self.lanes if lane.seen >= HEARD]


@lru_cache(maxsize=1 << 16)
def _software(agent: str | None, stack: str | None) -> int:
    """32-bit hash of user agent and TLS fingerprint; 0 where neither is known."""
    return 0 if agent is stack is None else hash64(f"{agent} {stack}") & _MASK32 or 1


def _network(ip: str | None) -> int:
    return 0 if ip is None else place_of(ip).network & _MASK32
