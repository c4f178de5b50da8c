"""What an operator decides: allowlist entries, stored and published like every decision."""

from collections.abc import Iterable

from stream_detector.adapters.kafka import KafkaDecisionLog, open_producer
from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.detection.policy import AllowEntry
from stream_detector.domain.decisions import Action, Decision, Mode, Origin, Subject, SubjectKind
from stream_detector.ports import DecisionLog, DecisionStore
from stream_detector.settings import Settings


def allow_decision(client: str, reason: str, policy_version: str, now_s: float, expires_at: float) -> Decision:
    """An allowlist entry as a decision; it cancels what stands, and keeps the engine from deciding until it expires."""
    return Decision(
        subject=Subject(SubjectKind.CLIENT, client),
        action=Action.ALLOW,
        mode=Mode.ENFORCE,
        risk=0.0,
        note=reason,
        origin=Origin.OPERATOR,
        policy_version=policy_version,
        decided_at=now_s,
        expires_at=expires_at,
    )


async def enter_allowlist(
    entries: Iterable[AllowEntry], policy_version: str, store: DecisionStore, log: DecisionLog, now_s: float
) -> int:
    """Store and publish the policy's live entries; returns how many there are.

    Raises:
        StoreUnavailable: Redis or Kafka does not answer.
    """
    decisions = [
        allow_decision(entry.client, entry.reason, policy_version, now_s, entry.expires.timestamp())
        for entry in entries
        if entry.expires.timestamp() > now_s
    ]
    if decisions:
        await store.put(decisions, now_s)
        await log.publish(decisions, [0] * len(decisions))
    return len(decisions)


async def allow(settings: Settings, client: str, duration_s: float, reason: str) -> Decision:
    """Put a client on the allowlist of a running installation; hooks obey within a second.

    Raises:
        StoreUnavailable: Redis or Kafka does not answer.
    """
    now_s = clock_of(settings).now_s()
    decision = allow_decision(client, reason, "operator", now_s, now_s + duration_s)
    async with stores_of(settings) as stores, open_producer(settings.kafka) as producer:
        await stores.decisions.put([decision], now_s)
        await KafkaDecisionLog(producer, settings.topic_decisions).publish([decision], [0])
    return decision
