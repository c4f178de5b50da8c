"""What a class of honest clients is, and what a new client of it is given."""

from collections.abc import Callable, Iterator
from random import Random

from msgspec import Struct

from stream_detector.simulate import prompts
from stream_detector.simulate.arrivals import Bursts, Span, bursts
from stream_detector.simulate.client import Stream
from stream_detector.simulate.network import MADE_UP, Addresses, Country
from stream_detector.simulate.outcome import Request


class Sources(Struct, frozen=True):
    """Where programs take their times from, and people their questions."""

    program_times: Callable[[Random, Span, Bursts], Iterator[float]] = bursts
    questions: Callable[[Random, prompts.Style, str], Iterator[Request]] = prompts.chat
    sized: Callable[[Random, Iterator[Request]], Iterator[Request]] = lambda _, requests: requests
    """Gives the requests of a program other token counts."""
    addresses: Addresses = MADE_UP


class Seat(Struct, frozen=True, kw_only=True):
    """What a new client gets before its class is asked."""

    rng: Random
    span: Span
    """From the start of the simulation, or from the day the account is opened if that is later."""
    place: Country
    sources: Sources
    calls_per_day: float
    """Long-run mean that a program should reach; people have their own habits, times `scale`."""
    scale: float
    rank: float | None = None
    """Of its volume among the programs of its class, 0 to 1: large ones work most of the time. None: it does not matter."""
    released_s: float = 0.0
    """When the provider publishes `prompts.RELEASED`; the same for all clients."""


class Kind(Struct, frozen=True):
    """A class of honest clients."""

    name: str
    share: float
    """Of the clients of the usual population; 0 for a class that is there only on request."""
    tiers: tuple[int, int, int]
    """Weights of free, pro and enterprise."""
    streams: Callable[[Seat], tuple[Stream, ...]]
    is_program: bool = True
    """Whether its volume follows the published ones."""
    fresh: float = 0.0
    """Share of accounts opened at most a week before the start or during the simulation, 0 to 1."""
    usual: float = 60.0
    """Median calls a day of a program at scale 1: 1/200 of ServeGen's smaller family, so that a laptop can follow."""
    least: float = 0.0
    """No client of the class is smaller, in calls a day at scale 1."""
    most: float = 40_000.0
    """No client of the class is larger, in calls a day at scale 1: keeps the simulation affordable."""
