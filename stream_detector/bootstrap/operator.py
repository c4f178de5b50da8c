"""What an operator decides: allowlist entries, stored and published like every decision; and an analyst's judgements."""

import secrets
from collections.abc import Iterable

from stream_detector.adapters.kafka import KafkaDecisionLog, KafkaFeedbackLog, open_producer
from stream_detector.bootstrap.parts import clock_of, stores_of
from stream_detector.detection.policy import AllowEntry
from stream_detector.domain.decisions import Action, Decision, Mode, Origin, Subject, SubjectKind
from stream_detector.domain.feedback import Feedback, Judgement
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


async def judge(settings: Settings, client: str, judgement: Judgement, reason: str) -> Feedback:
    """Tell every worker what an analyst found; the one that knows the client acts within a second or two.

    What stands against the client goes along, so that all partitions learn from the judgement.

    Raises:
        StoreUnavailable: Redis or Kafka does not answer.
        ConfigError: the calls topic does not exist.
    """
    now_s = clock_of(settings).now_s()
    async with stores_of(settings) as stores, open_producer(settings.kafka) as producer:
        standing = [each for each in await stores.decisions.standing(now_s) if each.subject.key == client]
        feedback = Feedback(
            feedback=judgement,
            ref=secrets.token_hex(8),
            ts=now_s,
            client=client,
            reason=reason,
            reasons=standing[0].reasons if standing else (),
        )
        await KafkaFeedbackLog(producer, settings.topic_calls).publish(feedback)
    return feedback
