"""Habits: what a client has always used, and the calls that break several habits at once.

Six aspects of a call: network, software, model, settings, template, hour of the day. Each has a Bloom filter of one hash and
64 bits (Bloom 1970) of what was used on days before; something new is strange for the day on which it first comes. Where
newness is usual (the templates of a chat, the networks of a traveller), strangeness means nothing and does not count. A
filter that fills up knows everything: then the aspect says nothing any more, rather than something false.
"""

import math
from functools import lru_cache

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64, settled
from stream_detector.detection.windows.network import place_of
from stream_detector.domain.calls import ApiCall

ASPECTS = ("network", "software", "model", "settings", "template", "hour")
TOGETHER = 3
"""Strange aspects that make one call odd."""
USUAL = 0.1
"""An aspect that is strange in more of a client's calls than this is never strange for it."""
MEMORY_DAYS = 8
BUSY = 64
"""After so many calls on a day only every fourth is looked at."""
DAY_S = 86_400.0
_BITS = 63


def _zeros() -> list[int]:
    return [0] * len(ASPECTS)


class HabitWindow(Struct, array_like=True, gc=False):
    """What is known, what is new today, and how many calls were odd today and on the day before."""

    days: int = 0
    """Active days that are over."""
    day: int = -1
    calls: int = 0
    """Of today;"""
    looked: int = 0
    """those of them that were looked at;"""
    odd: int = 0
    """odd ones among these,"""
    strangeness: int = 0
    """and their strange aspects, added up."""
    looked_before: int = 0
    """The same of the last active day before."""
    odd_before: int = 0
    strangeness_before: int = 0
    calls_before: int = 0
    level: float = 0.0
    """Mean of log1p of the calls on active days, before the last two."""
    known: list[int] = field(default_factory=_zeros)
    fresh: list[int] = field(default_factory=_zeros)
    """What was new today."""
    strange: list[int] = field(default_factory=_zeros)
    """Calls looked at today in which the aspect was strange."""
    usual: bytearray = field(default_factory=lambda: bytearray(len(ASPECTS)))
    """Mean share of strange calls on the days before, in 1 / 255."""

    def observe(self, call: ApiCall) -> None:
        """Compare one call with the days before."""
        day = int(call.ts // DAY_S)
        if day > self.day:
            self._turn(day)
        self.calls += 1
        if self.calls > BUSY and self.calls & 3:
            return
        self.looked += 1
        odd = 0
        known = self.known
        for aspect, hashed in enumerate(_aspects(call)):
            if hashed < 0:
                continue
            bit = 1 << hashed % _BITS
            if not known[aspect] & bit:
                self.fresh[aspect] |= bit
                self.strange[aspect] += 1
                odd += self.usual[aspect] <= 255 * USUAL
        if odd >= TOGETHER:
            self.odd += 1
            self.strangeness += odd

    def _turn(self, day: int) -> None:
        if self.looked:
            self.days += 1
            weight = 1 / min(self.days, MEMORY_DAYS)
            if self.calls_before:
                self.level += weight * (math.log1p(self.calls_before) - self.level)
            for aspect in range(len(ASPECTS)):
                share = 255 * self.strange[aspect] // self.looked
                if self.days > 2:  # noqa: PLR2004 - at first everything is new
                    self.usual[aspect] = int(self.usual[aspect] + weight * (share - self.usual[aspect]))
                self.known[aspect] |= self.fresh[aspect]
        self.calls_before, self.looked_before = self.calls, self.looked
        self.odd_before, self.strangeness_before = self.odd, self.strangeness
        self.fresh, self.strange = _zeros(), _zeros()
        self.calls = self.looked = self.odd = self.strangeness = 0
        self.day = day

    def odd_calls(self) -> int:
        """Odd calls among those looked at, today and on the last active day before."""
        return self.odd + self.odd_before

    def odd_share(self) -> float:
        """Their share of the calls on days that have any: below 1 where the old calls go on beside them."""
        looked = (self.looked if self.odd else 0) + (self.looked_before if self.odd_before else 0)
        return self.odd_calls() / max(1, looked)

    def together(self) -> float:
        """Strange aspects of an odd call, on average; 0 without one."""
        return (self.strangeness + self.strangeness_before) / max(1, self.odd_calls())

    def growth(self) -> float:
        """Calls of the busier of the two days, as a multiple of what is usual."""
        return (1 + max(self.calls, self.calls_before)) / math.exp(self.level)


def _aspects(call: ApiCall) -> tuple[int, int, int, int, int, int]:
    """A hash per aspect, -1 for what the call does not say."""
    params, sketch = call.params, call.sketch
    return (
        -1 if call.ip is None else place_of(call.ip).network,
        -1 if call.ua is None and call.ja4 is None else _software(call.ua, call.ja4),
        -1 if call.model is None else hash64(call.model),
        0 if params is None else _settings(params.temperature, params.top_p, params.max_tokens),
        -1 if sketch is None else sketch.head,
        int(call.ts // 3600) % 24,
    )


@lru_cache(maxsize=1 << 14)
def _software(ua: str | None, ja4: str | None) -> int:
    return hash64(f"{ua}/{ja4}")


@lru_cache(maxsize=1 << 12)
def _settings(temperature: float | None, top_p: float | None, max_tokens: int | None) -> int:
    return hash64(f"{settled(temperature)}/{settled(top_p)}/{max_tokens}")
