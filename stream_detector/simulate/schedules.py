"""When planned things happen: jobs by the clock, cut-overs, outages, test runs, lessons, journeys."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from random import Random

from msgspec import Struct

from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Pool, Span, is_weekend, pooled

Share = Callable[[float], float]
"""Event time -> share of the calls that are made, 0 to 1."""


class Run(Struct, frozen=True, kw_only=True):
    """A piece of work that begins at a time and is done after so many calls."""

    start_s: float
    calls: int
    pool: Pool


def metronome(rng: Random, span: Span, every_s: float, late_s: float) -> Iterator[float]:
    """Every `every_s`, at most `late_s` after the beat, which must be less."""
    beat_s = span.start_s + every_s * rng.random()
    while beat_s < span.end_s:
        time = beat_s + late_s * rng.random()
        if time < span.end_s:
            yield time
        beat_s += every_s


def thinned(rng: Random, times: Iterable[float], share: Share) -> Iterator[float]:
    """The part of `times` that `share` leaves."""
    return (time for time in times if rng.random() < share(time))


def cut_over(rng: Random, begin_s: float, over_s: float) -> Share:
    """A trial with a few per cent, then a few large steps, then everything."""
    levels = (0.0, 0.02, *sorted(rng.uniform(0.05, 0.9) for _ in range(rng.randint(1, 3))), 1.0)
    steps = sorted(begin_s + over_s * rng.random() for _ in levels[2:])
    starts = (begin_s, *steps)

    def share(time: float) -> float:
        return levels[sum(time >= start for start in starts)]

    return share


def doubling(begin_s: float, every_s: float, first: float) -> Share:
    """Growth from the share `first` until all is there."""
    return lambda time: min(1.0, first * 2 ** max(0.0, (time - begin_s) / every_s))


def outages(rng: Random, span: Span, every_s: float, median_s: float) -> tuple[Span, ...]:
    """When somebody else's service fails: seldom, for minutes to hours, at any time of day."""
    found: list[Span] = []
    start_s = span.start_s + rng.expovariate(1 / every_s)
    while start_s < span.end_s:
        end_s = start_s + median_s * math.exp(rng.gauss(0.0, 1.0))
        found.append(Span(start_s, min(end_s, span.end_s)))
        start_s = end_s + rng.expovariate(1 / every_s)
    return tuple(found)


def runs(rng: Random, span: Span, plan: Iterable[Run]) -> Iterator[float]:
    """The calls of one run after the other; one that is late begins when the one before is done."""
    now_s = span.start_s
    for run in plan:
        left = Span(max(now_s, run.start_s), span.end_s)
        for time in islice(pooled(rng, left, run.pool), run.calls):
            yield time
            now_s = time


def working_hours(rng: Random, span: Span, utc_offset_h: float, share: float) -> Iterator[float]:
    """On this share of the working days one moment between 8 and 17 o'clock local time."""
    shift_s = utc_offset_h * HOUR_S
    for day in range(math.floor((span.start_s + shift_s) / DAY_S), math.ceil((span.end_s + shift_s) / DAY_S)):
        time = day * DAY_S - shift_s + rng.uniform(8, 17) * HOUR_S
        if rng.random() < share and not is_weekend(day) and span.start_s <= time < span.end_s:
            yield time


def lesson(rng: Random, span: Span, begin_s: float, think_s: float) -> Iterator[float]:
    """One pupil's questions in the 45 minutes of a lesson: all start within a few minutes of each other."""
    time = begin_s + 300 + 120 * rng.random()
    while time < min(begin_s + 2700, span.end_s):
        yield time
        time += think_s * math.exp(rng.gauss(0.0, 0.7))


def journeys(rng: Random, span: Span, home_s: float, away_s: float) -> Iterator[Span]:
    """The span cut into stays, at home and away in turn, with these mean lengths."""
    start_s, mean_s, next_s = span.start_s, home_s, away_s
    while start_s < span.end_s:
        end_s = min(span.end_s, start_s + mean_s * rng.uniform(0.4, 1.6))
        yield Span(start_s, end_s)
        start_s, mean_s, next_s = end_s, next_s, mean_s
