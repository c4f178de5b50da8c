"""What the ledger amounts to: which campaigns were caught, when, and who was hurt. Pure.

An account counts as *acted on* when an enforced decision throttled or blocked it.
"""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from stream_detector.demo.ledger import Answer, CallSeen, ClientRecord, Ledger, SeenDecision
from stream_detector.domain.decisions import Action, Decision, Mode

_STRENGTH = (Action.ALLOW, Action.MARK, Action.THROTTLE, Action.BLOCK)


class Stop(Struct, frozen=True):
    """The first time that a campaign was acted on in one way."""

    at: float
    """Event time."""
    calls_before: int
    """Calls of the campaign until then."""
    seconds_before: float
    """Event time since the campaign's first call."""


class CampaignOutcome(Struct, frozen=True, kw_only=True):
    """How one campaign went."""

    name: str
    accounts: int
    """Accounts that have made a call."""
    accounts_acted_on: int
    calls: int
    refused: int
    started_at: float
    ended_at: float
    throttle: Stop | None
    block: Stop | None

    @property
    def is_caught(self) -> bool:
        """Whether anything was done about it."""
        return self.throttle is not None or self.block is not None

    @property
    def leaked(self) -> int:
        """Calls that the model answered."""
        return self.calls - self.refused


class HonestClient(Struct, frozen=True):
    """An honest client that was acted on: a mistake."""

    client: str
    label: str
    decision: Decision
    """The strongest one."""
    calls: int
    refused: int


class Latency(Struct, frozen=True):
    """From the send of the causing call to the decision's record, wall time."""

    count: int
    p50_ms: float
    p99_ms: float


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of a demo run."""

    calls: int
    refused: int
    sent: int
    unsent: int
    unanswered: int
    observed: int
    dead_lettered: int
    lost: int
    """Confirmed by the broker, but neither observed nor dead-lettered; below 0: observed twice. Must be 0."""
    honest_clients: int
    honest_acted_on: tuple[HonestClient, ...]
    campaigns: tuple[CampaignOutcome, ...]
    decisions: dict[tuple[Action, Mode], int]
    latency: Latency | None
    """None when nothing was decided."""


def outcome_of(ledger: Ledger) -> Outcome:
    """Draw the conclusions from what was seen so far."""
    attackers = {client for client, truth in ledger.truth.items() if truth.is_attacker}
    honest = {client: record for client, record in ledger.clients.items() if client not in attackers and record.calls}
    return Outcome(
        calls=ledger.calls,
        refused=ledger.refused,
        sent=ledger.sent,
        unsent=ledger.unsent,
        unanswered=ledger.answers[Answer.UNANSWERED],
        observed=ledger.observed,
        dead_lettered=len(ledger.dead_letters),
        lost=ledger.unsettled,
        honest_clients=len(honest),
        honest_acted_on=tuple(_hurt(ledger, honest)),
        campaigns=tuple(
            sorted((_campaign(ledger, name) for name in ledger.campaigns), key=lambda each: each.started_at)
        ),
        decisions=dict(ledger.actions),
        latency=_latency([seen.latency_ms for seen in ledger.decisions]),
    )


def strongest_action(record: ClientRecord) -> Decision | None:
    """The earliest of the strongest enforced decisions that refuse calls; None when there is none."""
    acting = [decision for decision in _enforced(record.decisions) if decision.action in _STRENGTH[2:]]
    return max(acting, key=lambda decision: _STRENGTH.index(decision.action), default=None)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of at least one value; `share` from 0 to 1."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _enforced(decisions: Iterable[SeenDecision]) -> list[Decision]:
    return [seen.decision for seen in decisions if seen.decision.mode is Mode.ENFORCE]


def _hurt(ledger: Ledger, honest: dict[str, ClientRecord]) -> Iterable[HonestClient]:
    for client, record in honest.items():
        decision = strongest_action(record)
        if decision is not None:
            truth = ledger.truth.get(client)
            yield HonestClient(client, truth.label if truth else "unknown", decision, record.calls, record.refused)


def _campaign(ledger: Ledger, name: str) -> CampaignOutcome:
    calls = sorted(ledger.campaigns[name], key=lambda call: call.ts)
    members = [client for client, truth in ledger.truth.items() if truth.is_attacker and truth.label == name]
    records = [ledger.clients[client] for client in members if client in ledger.clients]
    decisions = [decision for record in records for decision in _enforced(record.decisions)]
    return CampaignOutcome(
        name=name,
        accounts=sum(record.calls > 0 for record in records),
        accounts_acted_on=sum(strongest_action(record) is not None for record in records),
        calls=len(calls),
        refused=sum(call.is_refused for call in calls),
        started_at=calls[0].ts,
        ended_at=calls[-1].ts,
        throttle=_first(Action.THROTTLE, decisions, calls),
        block=_first(Action.BLOCK, decisions, calls),
    )


def _first(action: Action, decisions: Iterable[Decision], calls: Sequence[CallSeen]) -> Stop | None:
    times = [decision.decided_at for decision in decisions if decision.action is action]
    if not times:
        return None
    at = min(times)
    return Stop(at, sum(call.ts <= at for call in calls), max(0.0, at - calls[0].ts))


def _latency(values: Sequence[float]) -> Latency | None:
    return Latency(len(values), percentile(values, 0.5), percentile(values, 0.99)) if values else None
