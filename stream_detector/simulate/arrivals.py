"""When calls come: renewal bursts, sessions of people, worker pools and nightly runs, as times in ascending order.

Fitted to ServeGen (alibaba/ServeGen, Apache-2.0; 271 clients, 14 days in windows of 10 minutes): the gaps inside a window
follow a Gamma (79 %) or Weibull distribution whose coefficient of variation has, over clients, the median 2.4 and quartiles
1.3 and 6.1; clients work in spells (median 80 minutes) and are active in 0.2 to 100 % of all windows; the logarithm of a
client's daily total has a standard deviation of 0.6 to 1.2.
"""

import math
from collections.abc import Callable, Iterator
from enum import Enum
from heapq import heapify, heappop, heappush, heapreplace
from itertools import islice
from random import Random

from msgspec import Struct

HOUR_S = 3600.0
DAY_S = 86_400.0
_THURSDAY = 4  # 1 January 1970
_SATURDAY = 5
_PEAK_H = 15
_ANSWER_SPREAD = math.log(2.4) / 1.645
"""Standard deviation of the logarithm of answer lengths within a client (ServeGen: 95th percentile 2.4 times the median)."""


class Span(Struct, frozen=True):
    """Event time, seconds since 1970: from `start_s` up to, not including, `end_s`."""

    start_s: float
    end_s: float


class Gaps(Enum):
    """Distribution of the time between two calls."""

    GAMMA = "gamma"
    WEIBULL = "weibull"


class Bursts(Struct, frozen=True, kw_only=True):
    """A program that serves others: a renewal process whose rate follows spells, the hour and the day of the week."""

    calls_per_day: float
    """While it is active in all windows; spells keep the mean over time."""
    gap_cv: float
    gaps: Gaps = Gaps.GAMMA
    active_share: float = 1.0
    """Share of the time spent in spells of work, 0 to 1."""
    spell_s: float = 4800.0
    """Mean length of a spell."""
    day_spread: float = 0.0
    """Standard deviation of the logarithm of a day's rate."""
    day_swing: float = 0.0
    """0 for none; 1 for a rate that swings between 0 and twice the mean over the day."""
    weekend: float = 1.0
    """Rate on Saturday and Sunday, as a multiple."""
    utc_offset_h: float = 0.0


WAKING = (1, 1, 0, 0, 0, 0, 1, 3, 6, 9, 10, 10, 8, 9, 10, 10, 9, 8, 7, 8, 9, 8, 5, 2)
"""Relative use of a chat per local hour: a plain choice of a long day with a lunch dip."""

OFFICE = (0, 0, 0, 0, 0, 0, 0, 1, 6, 10, 10, 9, 5, 8, 10, 10, 8, 4, 1, 0, 0, 0, 0, 0)
"""The same for somebody who is paid for it."""


class Sessions(Struct, frozen=True, kw_only=True):
    """A person: now and then a few questions in a row, in waking hours."""

    per_day: float
    turns: float = 5.0
    """Mean of a geometric distribution."""
    think_s: float = 60.0
    """Median time between two turns."""
    weekend: float = 0.7
    utc_offset_h: float = 0.0
    hours: tuple[int, ...] = WAKING
    """Weight of each local hour."""


class Pool(Struct, frozen=True, kw_only=True):
    """Workers that each send, wait for the answer, pause and send again."""

    workers: int
    answer_s: float
    """Mean time until the answer is complete."""
    pause_s: float = 0.0
    jitter: float = 0.1
    """Pauses differ by up to this share of themselves, 0 to 1."""


class Nightly(Struct, frozen=True, kw_only=True):
    """A scheduled job: `calls` through a pool, once a day at the same local hour."""

    calls: int
    pool: Pool
    hour: float
    utc_offset_h: float = 0.0


def pool_for(calls_per_day: float, answer_s: float, jitter: float) -> Pool:
    """The smallest pool that makes so many calls a day."""
    workers = max(1, math.ceil(calls_per_day * answer_s / DAY_S))
    pause_s = max(0.0, workers * DAY_S / calls_per_day - answer_s)
    return Pool(workers=workers, answer_s=answer_s, pause_s=pause_s, jitter=jitter)


def pooled(rng: Random, span: Span, pool: Pool) -> Iterator[float]:
    """Times of a worker pool that never stops."""
    cycle_s = pool.answer_s + pool.pause_s
    due = [span.start_s + cycle_s * rng.random() for _ in range(pool.workers)]
    heapify(due)
    while due[0] < span.end_s:
        now_s = due[0]
        yield now_s
        answer_s = pool.answer_s * math.exp(rng.gauss(-(_ANSWER_SPREAD**2) / 2, _ANSWER_SPREAD))
        heapreplace(due, now_s + answer_s + pool.pause_s * (1 + pool.jitter * (2 * rng.random() - 1)))


def nightly(rng: Random, span: Span, job: Nightly) -> Iterator[float]:
    """Times of a scheduled job; a run that is not done when the next one is due is cut off."""
    shift_s = (job.utc_offset_h - job.hour) * HOUR_S
    day = math.floor((span.start_s + shift_s) / DAY_S)
    while (begin_s := day * DAY_S - shift_s) < span.end_s:
        late_s = 20 * rng.random()  # a scheduler's
        run = Span(begin_s + late_s, min(begin_s + DAY_S, span.end_s))
        yield from (time for time in islice(pooled(rng, run, job.pool), job.calls) if time >= span.start_s)
        day += 1


def sessions(rng: Random, span: Span, habit: Sessions) -> Iterator[float]:
    """Times of a person."""
    shift_s = habit.utc_offset_h * HOUR_S
    day = math.floor((span.start_s + shift_s) / DAY_S)
    coming: list[float] = []
    while (midnight_s := day * DAY_S - shift_s) < span.end_s or coming:
        while coming and coming[0] < midnight_s:
            time = heappop(coming)
            if span.start_s <= time < span.end_s:
                yield time
        if midnight_s < span.end_s:
            for _ in range(_poisson(rng, habit.per_day * (habit.weekend if is_weekend(day) else 1.0))):
                _add_session(rng, midnight_s, habit, coming)
        day += 1


def _add_session(rng: Random, midnight_s: float, habit: Sessions, coming: list[float]) -> None:
    hour = rng.choices(range(24), habit.hours)[0] + rng.random()
    time = midnight_s + hour * HOUR_S
    heappush(coming, time)
    while rng.random() > 1 / habit.turns:
        time += habit.think_s * math.exp(rng.gauss(0.0, 0.9))
        heappush(coming, time)


def bursts(rng: Random, span: Span, load: Bursts) -> Iterator[float]:
    """Times of a program: gaps with mean 1 are drawn in operational time, which runs as fast as the rate is high."""
    draw_gap = gaps_of(rng, load.gaps, load.gap_cv)
    rates = _Rates(rng, span.start_s, load)
    now_s, need = span.start_s, draw_gap() * rng.random()
    while now_s < span.end_s:
        rate, until_s = rates.at(now_s), rates.until_s
        while rate > 0 and need <= rate * (until_s - now_s):
            now_s += need / rate
            if now_s >= span.end_s:
                return
            yield now_s
            need = draw_gap()
        need = max(0.0, need - rate * (until_s - now_s))
        now_s = max(now_s, until_s)  # rounding may have carried it past


class _Rates:
    """The rate of a program, constant for at most an hour: spells of work and rest, days, hours, weekends."""

    def __init__(self, rng: Random, start_s: float, load: Bursts) -> None:
        self._rng = rng
        self._load = load
        self._working = rng.random() < load.active_share
        self._spell_end_s = start_s if load.active_share < 1 else math.inf
        self._day = -1
        self._day_rate = 0.0
        self.until_s = start_s
        if load.active_share < 1:
            self._spell_end_s += self._spell_length_s()

    def at(self, now_s: float) -> float:
        """Calls per second from `now_s` to `until_s`; asked in time order."""
        while now_s >= self._spell_end_s:
            self._working = not self._working
            self._spell_end_s += self._spell_length_s()
        self.until_s = min(self._spell_end_s, (math.floor(now_s / HOUR_S) + 1) * HOUR_S)
        if not self._working:
            return 0.0
        load = self._load
        local_s = now_s + load.utc_offset_h * HOUR_S
        day, in_day_s = divmod(local_s, DAY_S)
        if day != self._day:
            self._day, spread = int(day), load.day_spread
            self._day_rate = load.calls_per_day / load.active_share / DAY_S
            self._day_rate *= math.exp(self._rng.gauss(-spread * spread / 2, spread))
            self._day_rate *= load.weekend if is_weekend(self._day) else 1.0
        return self._day_rate * (1 + load.day_swing * math.cos((in_day_s / HOUR_S - _PEAK_H) / 24 * math.tau))

    def _spell_length_s(self) -> float:
        load = self._load
        rest_s = load.spell_s * (1 - load.active_share) / load.active_share
        return self._rng.expovariate(1.0) * (load.spell_s if self._working else rest_s)


def gaps_of(rng: Random, gaps: Gaps, cv: float) -> Callable[[], float]:
    """Draws gaps with mean 1 and this coefficient of variation."""
    if gaps is Gaps.GAMMA:
        return lambda: rng.gammavariate(1 / (cv * cv), cv * cv)
    shape = weibull_shape(cv)
    scale = 1 / math.gamma(1 + 1 / shape)
    return lambda: rng.weibullvariate(scale, shape)


def is_weekend(day: int) -> bool:
    """Whether `day`, counted from 1970, is a Saturday or Sunday."""
    return (day + _THURSDAY - 1) % 7 >= _SATURDAY


def _poisson(rng: Random, mean: float) -> int:
    """Knuth's method: the number of unit-rate arrivals before `mean`."""
    count, time = 0, rng.expovariate(1.0)
    while time < mean:
        count += 1
        time += rng.expovariate(1.0)
    return count


def weibull_shape(cv: float) -> float:
    """Shape of the Weibull distribution with this coefficient of variation, by bisection; `cv` from 0.05 to 50."""
    low, high = 0.1, 30.0
    for _ in range(60):
        shape = (low + high) / 2
        ratio = math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1
        low, high = (shape, high) if ratio > cv * cv else (low, shape)
    return low
