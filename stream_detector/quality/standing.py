"""From decisions to what was in force for a client, and when."""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from stream_detector.domain.decisions import Action, Decision, Limit, Mode, SubjectKind
from stream_detector.quality.traffic import DAY_S

_ACTING = frozenset({Action.THROTTLE, Action.BLOCK})


class InForce(Struct, frozen=True):
    """An enforced throttle or block: from just after `start_s` up to and including `end_s`."""

    action: Action
    start_s: float
    """Event time of the decision; the call that led to it was answered."""
    end_s: float
    """Event time of its expiry, or of the decision that took its place."""
    limit: Limit | None = None

    def days(self) -> range:
        """UTC days that it touches, numbered since 1970."""
        return range(int(self.start_s // DAY_S), math.ceil(self.end_s / DAY_S))


def in_force(decisions: Iterable[Decision]) -> dict[str, tuple[InForce, ...]]:
    """Client -> what was in force, in the order of time. Clients never acted on are left out.

    The newest decision of a client counts until it expires; shadow decisions and decisions to allow end what stood before.
    """
    by_client: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.subject.kind is SubjectKind.CLIENT:
            by_client.setdefault(decision.subject.key, []).append(decision)
    found = {client: _periods(made) for client, made in by_client.items()}
    return {client: periods for client, periods in found.items() if periods}


def in_turn(periods: Sequence[InForce]) -> tuple[InForce, ...]:
    """Each until it expires or the next one begins; those that never came into force are left out."""
    ends = [*(period.start_s for period in periods[1:]), math.inf]
    cut = [
        InForce(period.action, period.start_s, min(period.end_s, end_s), period.limit)
        for period, end_s in zip(periods, ends, strict=False)
    ]
    return tuple(period for period in cut if period.end_s > period.start_s)


def since(periods: Sequence[InForce], start_s: float) -> tuple[InForce, ...]:
    """What was in force from `start_s` on."""
    return tuple(
        InForce(period.action, max(period.start_s, start_s), period.end_s, period.limit)
        for period in periods
        if period.end_s > start_s
    )


def first_start(periods: Sequence[InForce], *actions: Action) -> float:
    """When one of `actions` was first in force; infinity for never."""
    return min((period.start_s for period in periods if period.action in actions), default=math.inf)


def _periods(decisions: list[Decision]) -> tuple[InForce, ...]:
    ordered = sorted(decisions, key=lambda decision: decision.decided_at)
    stood = [InForce(_effect(each), each.decided_at, each.expires_at, each.limit) for each in ordered]
    return tuple(period for period in in_turn(stood) if period.action in _ACTING)


def _effect(decision: Decision) -> Action:
    return decision.action if decision.mode is Mode.ENFORCE else Action.ALLOW
