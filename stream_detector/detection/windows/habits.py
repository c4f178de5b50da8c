"""Habits: what a client has always used, and the calls that break several habits at once.

Seven aspects of a call: network (/24, /48) and its operator, software, model, settings, template, hour of the day. Each has a
Bloom filter of one hash and 64 bits (Bloom 1970) of what was used on days before; something else is strange. Where newness is
usual (the templates of a chat, the networks of a traveller), strangeness means nothing and does not count. A filter that fills
up knows everything: then the aspect says nothing any more, rather than something false.

A new program of the same owner changes software, model, settings, template and hours at once. So a call is odd only if it comes
from a strange place as well: another network, or another operator where new networks are usual, as with a line at home.

A day with odd calls is not learned, for who takes a key over shall not be its owner at midnight; nor are the days that follow,
until one passes without, or too many have passed: owners do move for good.
"""

import math
from functools import lru_cache

from msgspec import Struct, field

from stream_detector.detection.hashing import hash64, settled
from stream_detector.detection.windows.network import operator_of, place_of
from stream_detector.domain.calls import ApiCall

ASPECTS = ("network", "operator", "software", "model", "settings", "template", "hour")
PLACE = 2
"""The first so many aspects say from where."""
BESIDES = 2
"""So many of the other aspects must be strange, beside the place, to make a call odd."""
USUAL = 0.1
"""An aspect that is strange in more of a client's calls than this is never strange for it;"""
USUAL_PLACE = 0.25
"""a place may be more often: alone it makes no call odd, and lines at home get another network every few days."""
MEMORY_DAYS = 8
SETTLED_DAYS = 4
"""Before so many active days everything is learned, for at first everything is new."""
JUDGED_DAYS = 3
"""At most so many days, one after the other, are not learned."""
BUSY = 64
"""After so many calls on a day only every fourth is looked at."""
HOUR_S, DAY_S = 3600.0, 86_400.0
_BITS = 63
_RARE = tuple(255 * (USUAL_PLACE if aspect < PLACE else USUAL) for aspect in range(len(ASPECTS)))
_ANYWHERE = (1 << PLACE) - 1


def _zeros() -> list[int]:
    return [0] * len(ASPECTS)


class HabitWindow(Struct, array_like=True, gc=False):
    """What is known, and the *change*: what is new, and which calls were odd, since the last day that was learned."""

    days: int = 0
    """Active days that were learned."""
    day: int = -1
    calls: int = 0
    """Of today;"""
    looked: int = 0
    """those of them that were looked at,"""
    odd_today: int = 0
    """and the odd ones among these."""
    level: float = 0.0
    """Mean of log1p of the calls on days that were learned."""
    judged: int = 0
    """Days of the change that are over;"""
    peak: int = 0
    """calls of the busiest of them,"""
    odd: int = 0
    """odd calls, of those looked at;"""
    strangeness: int = 0
    """their strange aspects, added up;"""
    beside: int = 0
    """calls that were not odd, since the first that was;"""
    hours: int = 0
    """hours with odd calls,"""
    hour: int = -1
    """and the last of them."""
    known: list[int] = field(default_factory=_zeros)
    fresh: list[int] = field(default_factory=_zeros)
    """What is new."""
    strange: list[int] = field(default_factory=_zeros)
    """Calls looked at today in which the aspect was strange."""
    usual: bytearray = field(default_factory=lambda: bytearray(len(ASPECTS)))
    """Mean share of strange calls on days that were learned, in 1 / 255; none at first."""

    def observe(self, call: ApiCall) -> None:
        """Compare one call with the days before."""
        day = int(call.ts // DAY_S)
        if day > self.day:
            self._turn(day)
        self.calls += 1
        if self.calls > BUSY and self.calls & 3:
            return
        self.looked += 1
        broken = 0
        known = self.known
        for aspect, hashed in enumerate(_aspects(call)):
            if hashed < 0:
                continue
            bit = 1 << hashed % _BITS
            if not known[aspect] & bit:
                self.fresh[aspect] |= bit
                self.strange[aspect] += 1
                if self.usual[aspect] <= _RARE[aspect]:
                    broken |= 1 << aspect
        if broken & _ANYWHERE and (broken >> PLACE).bit_count() >= BESIDES:
            self._count(broken.bit_count(), int(call.ts // HOUR_S))
        elif self.odd:
            self.beside += 1

    def _count(self, strangeness: int, hour: int) -> None:
        self.odd += 1
        self.odd_today += 1
        self.strangeness += strangeness
        if hour > self.hour:
            self.hours += 1
            self.hour = hour

    def _turn(self, day: int) -> None:
        if self.looked:
            if self.odd_today and self.days >= SETTLED_DAYS and self.judged < JUDGED_DAYS:
                self.judged += 1
                self.peak = max(self.peak, self.calls)
            else:
                self._learn()
        self.strange = _zeros()
        self.calls = self.looked = self.odd_today = 0
        self.day = day

    def _learn(self) -> None:
        """Today, and the days that were judged before it, become habit."""
        self.days += 1
        self.level += (math.log1p(self.calls) - self.level) / min(self.days, MEMORY_DAYS)
        for aspect in range(len(ASPECTS)):
            if self.days > 2 and not self.judged:  # noqa: PLR2004 - at first, and after a change, everything is new
                share = 255 * self.strange[aspect] // self.looked
                self.usual[aspect] = round(self.usual[aspect] + (share - self.usual[aspect]) / MEMORY_DAYS)
            self.known[aspect] |= self.fresh[aspect]
        self.fresh = _zeros()
        self.judged = self.peak = self.odd = self.strangeness = self.beside = self.hours = 0

    def odd_share(self) -> float:
        """Odd calls, as a share of all since the first of them: below 1 where the old ones go on beside them."""
        return self.odd / max(1, self.odd + self.beside)

    def together(self) -> float:
        """Strange aspects of an odd call, on average; 0 without one."""
        return self.strangeness / max(1, self.odd)

    def growth(self) -> float:
        """Calls of the busiest day of the change, or today, as a multiple of what is usual."""
        return (1 + max(self.calls, self.peak)) / math.exp(self.level)


def _aspects(call: ApiCall) -> tuple[int, int, int, int, int, int, int]:
    """A hash per aspect, -1 for what the call does not say."""
    params, sketch = call.params, call.sketch
    network, block = (-1, -1) if call.ip is None else place_of(call.ip)
    return (
        network,
        -1 if block < 0 else operator_of(call, block),
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
