"""Honest clients: how many of their days were spoilt, and how sure that is. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from msgspec import Struct

from stream_detector.adapters.gcra import microseconds
from stream_detector.adapters.metering import Usage, admit, meter_of
from stream_detector.domain.decisions import Action
from stream_detector.domain.limits import ONE_CALL
from stream_detector.quality.figures import HonestFigures
from stream_detector.quality.labels import Label
from stream_detector.quality.resampling import share_interval
from stream_detector.quality.standing import InForce
from stream_detector.quality.traffic import Sent


class Tenure(Struct, frozen=True, kw_only=True):
    """One honest client's time in the recording, or its mean over several runs of the same traffic. None: not known."""

    kind: str
    days: float | None
    """UTC days with a call."""
    acted_on: float | None
    """Of these, days on which a throttle or block was in force."""
    blocked_days: float | None
    blocked: float
    """1 if it was ever blocked."""
    output_tokens: float | None
    refused: float | None
    """Output tokens."""


def tenure(label: Label, periods: Sequence[InForce], sent: Sent | None) -> Tenure:
    """What the decisions did to one client."""
    blocks = [period for period in periods if period.action is Action.BLOCK]
    if sent is not None:
        called = sent.days()
        return Tenure(
            kind=label.kind,
            days=len(called),
            acted_on=len(called & _days(periods)),
            blocked_days=len(called & _days(blocks)),
            blocked=bool(blocks),
            output_tokens=sum(sent.tokens),
            refused=_refused_tokens(periods, sent),
        )
    days = label.days
    return Tenure(
        kind=label.kind,
        days=days,
        acted_on=None if days is None else min(days, len(_days(periods))),
        blocked_days=None if days is None else min(days, len(_days(blocks))),
        blocked=bool(blocks),
        output_tokens=label.output_tokens,
        refused=None if periods else 0.0,
    )


def by_class(people: Sequence[Tenure]) -> tuple[HonestFigures, ...]:
    """One summary per class, by name."""
    kinds = sorted({each.kind for each in people})
    return tuple(summarise(kind, [each for each in people if each.kind == kind]) for kind in kinds)


def summarise(name: str, people: Sequence[Tenure]) -> HonestFigures:
    """All of these clients together."""
    days = _total(people, lambda each: each.days)
    acted_on = _total(people, lambda each: each.acted_on)
    low = high = share = None
    if days and acted_on is not None:
        share = acted_on / days
        low, high = share_interval([each.acted_on or 0.0 for each in people], [each.days or 0.0 for each in people])
    return HonestFigures(
        kind=name,
        clients=len(people),
        client_days=days,
        acted_on=acted_on,
        share=share,
        low=low,
        high=high,
        blocked=_total(people, lambda each: each.blocked_days),
        blocked_clients=sum(each.blocked for each in people),
        output_tokens=_total(people, lambda each: each.output_tokens),
        refused_output_tokens=_total(people, lambda each: each.refused),
    )


def _total(people: Sequence[Tenure], of: Callable[[Tenure], float | None]) -> float | None:
    """The sum, if all of them are known."""
    values = [value for each in people if (value := of(each)) is not None]
    return sum(values) if len(values) == len(people) else None


def _days(periods: Iterable[InForce]) -> set[int]:
    return set(chain.from_iterable(period.days() for period in periods))


def _refused_tokens(periods: Sequence[InForce], sent: Sent) -> int:
    """Output tokens of the calls that the hook would have refused. The rate limit goes on over renewals."""
    refused, usage = 0, Usage()
    for period in periods:
        first, last = bisect_right(sent.times, period.start_s), bisect_right(sent.times, period.end_s)
        if period.action is Action.BLOCK or period.limit is None:
            refused += sum(sent.tokens[first:last])
            continue
        meter = meter_of(period.limit)
        for place in range(first, last):
            admission = admit(meter, usage, microseconds(sent.times[place]), ONE_CALL)
            refused += 0 if admission.allowed else sent.tokens[place]
    return refused
