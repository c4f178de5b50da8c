"""One account of a campaign: what its family gets, and what the family says that it does."""

from collections.abc import Callable, Iterator
from random import Random

from msgspec import Struct, field

from stream_detector.simulate.arrivals import DAY_S, Span, pool_for, pooled
from stream_detector.simulate.campaigns.campaign import Age, Campaign, Network
from stream_detector.simulate.campaigns.material import Material
from stream_detector.simulate.network import Country
from stream_detector.simulate.outcome import Failures, Request


class Member(Struct, frozen=True, kw_only=True):
    """One account of a campaign, before its family is asked."""

    index: int
    rng: Random
    secret: str
    """Equal for all accounts of the campaign: seed of what they share."""
    asked: set[int]
    """Shared as well: hashes of the questions that one of the accounts has taken from the list."""
    place: Country
    whole: Span
    """Of the scenario."""
    span: Span
    """Of the campaign."""
    material: Material

    def shared(self, purpose: str) -> Random:
        """Random numbers that are equal for all accounts of the campaign."""
        return Random(f"{self.secret}/{purpose}")


class Pace(Struct, frozen=True, kw_only=True):
    """How fast calls are to come."""

    calls_per_day: float
    answer_s: float
    jitter: float
    utc_offset_h: float
    """Of those who run the campaign."""


Rhythm = Callable[[Random, Span, Pace], Iterator[float]]
"""Times of calls, in ascending order."""


def steady(rng: Random, span: Span, pace: Pace) -> Iterator[float]:
    """Workers that never stop."""
    return pooled(rng, span, pool_for(pace.calls_per_day, pace.answer_s, pace.jitter))


class Phase(Struct, frozen=True):
    """What an account asks for a time."""

    span: Span
    requests: Iterator[Request]


class Part(Struct, frozen=True, kw_only=True):
    """What one account does for the campaign."""

    phases: tuple[Phase, ...]
    agent: str
    """User agent of its software."""
    answer_s: float
    """Mean time until an answer is complete."""
    failures: Failures
    network: Network = Network.SERVERS
    """Unless the campaign says otherwise; so is `age`."""
    age: Age | None = None
    opened_before_s: float = 3 * DAY_S
    """Without an age: the account is at most this old when the campaign starts."""
    payment: str | None = None
    """Means of payment that accounts share; None for one of its own."""
    rhythm: Rhythm = field(default=steady)
    owner_calls_per_day: float = 0.0
    """Honest calls of the account before the campaign; from then on the campaign's mix says."""


Contents = Callable[[Campaign, Member], Part]
"""A family."""
