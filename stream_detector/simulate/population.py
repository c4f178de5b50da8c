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

import msgspec

from stream_detector.simulate.arrivals import DAY_S, HOUR_S, Span
from stream_detector.simulate.benign import BY_NAME, KINDS, Kind, Seat, Sources
from stream_detector.simulate.client import Client, Label
from stream_detector.simulate.network import Country, country
from stream_detector.simulate.outcome import Failures, Identity

VOLUME_SPREAD = 2.2
"""Standard deviation of the logarithm of the daily calls of programs (ServeGen)."""
MEAN_AGE_S = 400 * DAY_S
"""Accounts open at a steady rate and close after this time on average: plain choice."""
FRESH_S = Span(-5 * DAY_S, 2 * DAY_S)
"""When fresh accounts are opened, from the start of the simulation."""
RELEASED_S = 8 * DAY_S + 17 * HOUR_S
"""When the provider publishes a new model, from the start of the simulation: by default on the second Tuesday, 17:00 UTC.

After a week, because what is new to everybody can only be told from what was there before."""
Weights = tuple[tuple[str, float], ...]
"""Classes and how many of their clients there are for each one of the others."""
USUAL: Weights = tuple((kind.name, kind.share) for kind in KINDS if kind.share > 0)
"""The population of the demo."""
_TIERS = ("free", "pro", "enterprise")
_QUOTAS = {"free": 1_000.0, "pro": 20_000.0, "enterprise": 1_000_000.0}
"""Calls a day: plain choice."""


def honest_clients(
    seed: int, count: int, span: Span, scale: float, sources: Sources, *, kinds: Weights = ()
) -> Iterator[Client]:
    """`count` clients, the classes in their shares.

    Args:
        seed: equal seeds give equal clients.
        count: how many, over all classes.
        span: event time of the simulation.
        scale: factor on all calls.
        sources: where times, questions and addresses come from.
        kinds: classes and their weights, in any unit: `(("migration", 3), ("cron", 1))`; default is the usual population.
            Within a class the volumes then cover the whole range, whatever its number.

    Raises:
        ValueError: a class that is not in the table, or weights that are not above 0.
    """
    rng = Random(f"{seed}/population")
    wanted = _shares(count, checked(kinds))
    rng.shuffle(wanted)
    ranks = _ranks(rng, wanted, is_by_class=bool(kinds))
    for index, kind in enumerate(wanted):
        rank = min(max(ranks[index], 1e-6), 1 - 1e-6)
        volume = _volume(rank) if kind.is_program else 1.0
        rng = Random(f"{seed}/honest/{index}")
        seat = Seat(
            rng=rng,
            span=span,
            place=country(rng),
            sources=sources,
            calls_per_day=min(kind.most, max(kind.least, kind.usual * volume)) * scale,
            scale=scale,
            rank=rank if kinds and kind.is_program else None,  # the usual population keeps its seeds
            released_s=span.start_s + RELEASED_S,
        )
        yield _client(f"{seed}/honest/{index}", kind, seat)


def checked(kinds: Weights) -> Weights:
    """The same, once every class and weight is known to be right; the usual population if there is none.

    Raises:
        ValueError: what is wrong, by name.
    """
    for name, weight in kinds:
        if name not in BY_NAME:
            message = f"kinds: there is no class {name!r}; take from {', '.join(sorted(BY_NAME))}"
            raise ValueError(message)
        if not 0 < weight < math.inf:
            message = f"kinds: the weight of {name!r} must be above 0, got {weight}"
            raise ValueError(message)
    return kinds or USUAL


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
    return math.exp(VOLUME_SPREAD * NormalDist().inv_cdf(rank))


def _ranks(rng: Random, kinds: list[Kind], *, is_by_class: bool) -> list[float]:
    """Each client's rank among the programs, or among those of its class, 0 to 1: spread evenly, in random order."""
    groups: dict[str, list[int]] = {}
    for index, kind in enumerate(kinds):
        if kind.is_program:
            groups.setdefault(kind.name if is_by_class else "", []).append(index)
    ranks = [0.5] * len(kinds)
    for members in groups.values():
        drawn = [(place + rng.random()) / len(members) for place in range(len(members))]
        rng.shuffle(drawn)
        for index in members:
            ranks[index] = drawn.pop()
    return ranks


def _client(name: str, kind: Kind, seat: Seat) -> Client:
    rng, span = seat.rng, seat.span
    created_ts = max(0.0, span.start_s - rng.expovariate(1 / MEAN_AGE_S))
    tier = rng.choices(_TIERS, kind.tiers)[0]
    if kind.fresh and rng.random() < kind.fresh:
        created_ts = max(0.0, span.start_s + rng.uniform(FRESH_S.start_s, FRESH_S.end_s))
        seat = msgspec.structs.replace(seat, span=Span(min(max(span.start_s, created_ts), span.end_s), span.end_s))
    papers = identity(rng, name, tier, seat.place, created_ts)
    failures = Failures(overloaded=min(0.2, 0.003 * math.exp(rng.gauss(0.0, 1.0))))
    return Client(identity=papers, label=Label(None, kind.name), streams=kind.streams(seat), failures=failures, rng=rng)


def _shares(count: int, kinds: Weights) -> list[Kind]:
    """Whole numbers of each class that add up: the largest remainders are rounded up."""
    total = sum(weight for _, weight in kinds)
    exact = [weight / total * count for _, weight in kinds]
    whole = [int(value) for value in exact]
    by_remainder = sorted(range(len(kinds)), key=lambda index: whole[index] - exact[index])
    for index in by_remainder[: count - sum(whole)]:
        whole[index] += 1
    return [BY_NAME[name] for (name, _), number in zip(kinds, whole, strict=True) for _ in range(number)]
