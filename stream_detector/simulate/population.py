"""The honest clients of a scenario: how many of each class, how busy, how old, which papers.

Volumes follow ServeGen (alibaba/ServeGen, Apache-2.0; two model families, 162 and 109 clients): the logarithm of a client's
volume has the standard deviation 2.1 to 2.3, so that the top ten clients make 63 to 79 % of all calls. Its clients are
programs; people have their own habits.
"""

import math
from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from statistics import NormalDist

from stream_detector.simulate.arrivals import DAY_S, Span
from stream_detector.simulate.benign import KINDS, Kind, Seat, Sources
from stream_detector.simulate.client import Client, Label
from stream_detector.simulate.network import Country, country
from stream_detector.simulate.outcome import Failures, Identity

PROGRAM_CALLS_PER_DAY = 60.0
"""Median over programs at scale 1: 1/200 of ServeGen's smaller family, so that a laptop can follow."""
VOLUME_SPREAD = 2.2
"""Standard deviation of the logarithm of the daily calls of programs (ServeGen)."""
MEAN_AGE_S = 400 * DAY_S
"""Accounts open at a steady rate and close after this time on average: plain choice."""
_TIERS = ("free", "pro", "enterprise")
_QUOTAS = {"free": 1_000.0, "pro": 20_000.0, "enterprise": 1_000_000.0}
"""Calls a day: plain choice."""


def honest_clients(seed: int, count: int, span: Span, scale: float, sources: Sources) -> Iterator[Client]:
    """`count` clients, the classes in their shares."""
    rng = Random(f"{seed}/population")
    kinds = _shares(count)
    rng.shuffle(kinds)
    programs = sum(kind.is_program for kind in kinds)
    ranks = [(index + rng.random()) / programs for index in range(programs)]
    rng.shuffle(ranks)
    for index, kind in enumerate(kinds):
        volume = _volume(ranks.pop()) if kind.is_program else 1.0
        rng = Random(f"{seed}/honest/{index}")
        seat = Seat(
            rng=rng,
            span=span,
            place=country(rng),
            sources=sources,
            calls_per_day=PROGRAM_CALLS_PER_DAY * volume * scale,
            scale=scale,
        )
        yield _client(f"{seed}/honest/{index}", kind, seat)


def account_id(name: str) -> str:
    """An opaque id that tells nothing about `name`."""
    return f"acct_{blake2b(name.encode(), digest_size=6).hexdigest()}"


def identity(rng: Random, name: str, tier: str, place: Country, created_ts: float) -> Identity:
    """Papers of an account that nobody else shares."""
    return Identity(
        client=account_id(name),
        org=f"org_{rng.getrandbits(40):010x}",
        tier=tier,
        quota=_QUOTAS[tier],
        created_ts=math.floor(created_ts),
        country=place.code,
        time_zone=place.time_zone,
        payment=f"{rng.getrandbits(48):012x}",
    )


def _volume(rank: float) -> float:
    """Calls of the client at this rank, 0 to 1, as a multiple of the median."""
    return math.exp(VOLUME_SPREAD * NormalDist().inv_cdf(min(max(rank, 1e-6), 1 - 1e-6)))


def _client(name: str, kind: Kind, seat: Seat) -> Client:
    rng = seat.rng
    created_ts = max(0.0, seat.span.start_s - rng.expovariate(1 / MEAN_AGE_S))
    papers = identity(rng, name, rng.choices(_TIERS, kind.tiers)[0], seat.place, created_ts)
    failures = Failures(overloaded=min(0.2, 0.003 * math.exp(rng.gauss(0.0, 1.0))))
    return Client(identity=papers, label=Label(None, kind.name), streams=kind.streams(seat), failures=failures, rng=rng)


def _shares(count: int) -> list[Kind]:
    """Whole numbers of each class that add up: the largest remainders are rounded up."""
    exact = [kind.share * count for kind in KINDS]
    whole = [int(value) for value in exact]
    by_remainder = sorted(range(len(KINDS)), key=lambda index: whole[index] - exact[index])
    for index in by_remainder[: count - sum(whole)]:
        whole[index] += 1
    return [kind for kind, number in zip(KINDS, whole, strict=True) for _ in range(number)]
