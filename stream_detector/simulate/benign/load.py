"""How an honest program works: its bursts, spells, days and machines."""

import math
from bisect import bisect
from collections.abc import Iterator
from statistics import NormalDist

import msgspec

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import Bursts, Gaps, Span
from stream_detector.simulate.benign.seat import Seat
from stream_detector.simulate.client import Stream
from stream_detector.simulate.network import LIBRARIES, Origins, Servers
from stream_detector.simulate.outcome import Request

CV_MEDIAN, CV_SPREAD = 2.43, 1.05
"""Of the coefficient of variation of the gaps within 10 minutes, over clients (ServeGen)."""
VOLUME_AND_ACTIVITY = 0.82
"""Correlation between the logarithms of a client's volume and of its share of windows with calls (ServeGen)."""
CONSTANT_CLIENTS = 0.22
"""Share of clients in which one prompt length makes a fifth of the calls (ServeGen)."""
_RANKS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ACTIVE = (0.0015, 0.0015, 0.0035, 0.009, 0.023, 0.063, 0.17, 0.41, 0.72, 0.92, 0.958, 1.0)
"""Rank of a client -> share of its 10-minute windows with calls (ServeGen)."""


def load_of(seat: Seat, *, day_swing: float, weekend: float = 0.8) -> Bursts:
    """A program's rates and gaps at the seat's volume."""
    rng = seat.rng
    return Bursts(
        calls_per_day=seat.calls_per_day,
        gap_cv=min(20.0, max(0.5, CV_MEDIAN * math.exp(rng.gauss(0.0, CV_SPREAD)))),
        gaps=Gaps.GAMMA if rng.random() < 0.79 else Gaps.WEIBULL,  # noqa: PLR2004  ServeGen
        active_share=_active_share(_activity(rng.random(), seat.rank)),
        spell_s=4800.0 * math.exp(rng.gauss(0.0, 1.0)),
        day_spread=rng.uniform(0.2, 1.4),
        day_swing=day_swing,
        weekend=weekend,
        utc_offset_h=seat.place.utc_offset_h,
    )


def program(
    seat: Seat,
    requests: Iterator[Request],
    *,
    day_swing: float,
    weekend: float = 0.8,
    machines: int | None = None,
    origins: Origins | None = None,
) -> Stream:
    """Calls of a program at the seat's volume, with the published gaps and spells, by default from its servers."""
    rng = seat.rng
    load = load_of(seat, day_swing=day_swing, weekend=weekend)
    if rng.random() < CONSTANT_CLIENTS:
        requests = prompts.with_constant(rng, requests, rng.uniform(0.2, 0.6))
    origins = origins or servers(seat, machines or rng.randint(1, 8))
    return Stream(seat.sources.program_times(rng, seat.span, load), requests, origins)


def servers(seat: Seat, machines: int) -> Servers:
    """Machines in a cloud with one of the usual libraries."""
    return Servers(seat.rng, machines, seat.rng.choice(LIBRARIES), seat.sources.addresses)


def with_volume(seat: Seat, calls_per_day: float) -> Seat:
    """The same seat for a part of the client that makes so many calls a day at scale 1."""
    return msgspec.structs.replace(seat, calls_per_day=calls_per_day * seat.scale)


def within(seat: Seat, start_s: float, end_s: float) -> Seat:
    """The same seat for a part of the span."""
    start_s = min(max(start_s, seat.span.start_s), seat.span.end_s)
    return msgspec.structs.replace(seat, span=Span(start_s, max(start_s, min(end_s, seat.span.end_s))))


def _activity(draw: float, rank: float | None) -> float:
    """Rank of the share of windows with calls, 0 to 1: a Gaussian copula with the rank of the volume."""
    if rank is None:
        return draw
    normal = NormalDist()
    volume, noise = normal.inv_cdf(rank), normal.inv_cdf(max(draw, 1e-9))
    return min(normal.cdf(VOLUME_AND_ACTIVITY * volume + math.sqrt(1 - VOLUME_AND_ACTIVITY**2) * noise), 1 - 1e-9)


def _active_share(rank: float) -> float:
    index = bisect(_RANKS, rank) - 1
    low, high = _RANKS[index], _RANKS[index + 1]
    share = _ACTIVE[index] + (_ACTIVE[index + 1] - _ACTIVE[index]) * (rank - low) / (high - low)
    return 1.0 if share > 0.95 else share  # noqa: PLR2004  ServeGen counts such a client as always active
