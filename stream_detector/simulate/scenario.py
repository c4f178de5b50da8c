"""A scenario: which clients and campaigns share the API, when and how busily; its calls in time order, and the truth."""

import heapq
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import attrgetter

from msgspec import Struct

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.arrivals import Span
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.campaigns import PUBLISHED, Campaign, Material, campaign_clients
from stream_detector.simulate.client import Client, Label, calls_of
from stream_detector.simulate.outcome import Content
from stream_detector.simulate.population import checked, honest_clients

SALT = b"stream_detector simulation"
"""Public: sketches of made-up prompts hide nothing."""
_SKETCHES_KEPT = 4096
_LATEST_S = 32_503_680_000.0

ContentOf = Callable[[str], Content]
"""What a call event carries for a prompt."""


class Scenario(Struct, frozen=True, kw_only=True):
    """Settings of simulated traffic. Equal scenarios give equal calls.

    Raises:
        ValueError: from the constructor, when a number is out of its range or two campaigns have one id.
    """

    seed: int = 1
    start_s: float = 1_767_571_200.0
    """Event time, seconds since 1970; the default is Monday, 5 January 2026."""
    duration_s: float = 86_400.0
    clients: int = 200
    """Honest ones."""
    campaigns: tuple[Campaign, ...] = PUBLISHED
    scale: float = 1.0
    """Factor on the calls of all honest clients."""
    kinds: tuple[tuple[str, float], ...] = ()
    """Classes of honest clients and their weights; empty for the usual population, `benign.EVERY_KIND` for all alike."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("start_s", self.start_s, 0, _LATEST_S),
            ("duration_s", self.duration_s, 0, _LATEST_S),
            ("clients", self.clients, 0, math.inf),
        ):
            if not low <= value <= high:
                message = f"scenario: {name} must be from {low} to {high}, got {value}"
                raise ValueError(message)
        if not 0 < self.scale < math.inf:
            message = f"scenario: scale must be above 0, got {self.scale}"
            raise ValueError(message)
        checked(self.kinds)
        if len({campaign.id for campaign in self.campaigns}) < len(self.campaigns):
            message = "scenario: two campaigns have the same id; give each its own"
            raise ValueError(message)


def prompt_text(text: str) -> Content:
    """The prompt itself, for those who want to sketch it under their own salt."""
    return Content(prompt=text)


def sketches(salt: bytes = SALT) -> ContentOf:
    """Sketches instead of prompts; those of repeated prompts are kept."""
    sketch = lru_cache(maxsize=_SKETCHES_KEPT)(Sketcher(salt).sketch)
    return lambda text: Content(sketch=sketch(text))


def traffic(
    scenario: Scenario,
    content_of: ContentOf | None = None,
    sources: Sources | None = None,
    material: Material | None = None,
) -> Iterator[ApiCall]:
    """All calls in time order, one at a time: memory grows with the number of clients, not of calls.

    Args:
        scenario: what to simulate.
        content_of: `prompt_text`, or `sketches(salt)`; default `sketches()`.
        sources: recorded times and questions for the honest clients (`recordings.read`); default made-up ones.
        material: recorded headers and questions for the campaigns (`campaigns.recorded.read`); default made-up ones.
    """
    span = _span(scenario)
    content = content_of or sketches()
    streams = (calls_of(client, span.end_s, content) for client in _clients(scenario, sources or Sources(), material))
    return heapq.merge(*streams, key=attrgetter("ts"))


def labels(scenario: Scenario) -> dict[str, Label]:
    """Who is who: client id -> label, whether or not the client makes a call."""
    return {client.identity.client: client.label for client in _clients(scenario, Sources())}


def _span(scenario: Scenario) -> Span:
    return Span(scenario.start_s, scenario.start_s + scenario.duration_s)


def _clients(scenario: Scenario, sources: Sources, material: Material | None = None) -> Iterator[Client]:
    span = _span(scenario)
    yield from honest_clients(scenario.seed, scenario.clients, span, scenario.scale, sources, kinds=scenario.kinds)
    for campaign in scenario.campaigns:
        yield from campaign_clients(scenario.seed, campaign, span, sources, material)
