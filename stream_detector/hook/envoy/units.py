"""Limits in the units of Envoy's rate limiting: so many requests per second, minute, hour or day.

Source: `envoy.type.v3.RateLimitUnit` and `RateLimitResponse.RateLimit.Unit`, which name these units alike.
"""

from enum import Enum

from msgspec import Struct

from stream_detector.domain.decisions import Limit

_MAX_UINT32 = (1 << 32) - 1


class Unit(Enum):
    """Its length in seconds."""

    SECOND = 1
    MINUTE = 60
    HOUR = 3600
    DAY = 86_400


class UnitRate(Struct, frozen=True):
    """So many requests per unit."""

    requests: int
    unit: Unit


def exact_rate(limit: Limit) -> UnitRate | None:
    """The same limit in Envoy's words; None where it has none for the window, or for a part of the limit."""
    if limit.input_tokens is not None or limit.output_tokens is not None or limit.streams is not None:
        return None
    unit = next((unit for unit in Unit if unit.value == limit.window_s), None)
    if unit is None or limit.requests > _MAX_UINT32:
        return None
    return UnitRate(limit.requests, unit)


def nearest_rate(limit: Limit) -> UnitRate:
    """The rate of calls in the smallest unit that holds the window; a day for longer ones. Good for showing only."""
    unit = next((unit for unit in Unit if unit.value >= limit.window_s), Unit.DAY)
    requests = int(min(limit.requests * unit.value / limit.window_s, _MAX_UINT32))
    return UnitRate(max(requests, 1), unit)
