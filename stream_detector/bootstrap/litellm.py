"""The parts that operators name in LiteLLM's configuration; `stream_detector.litellm` has their public names."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from stream_detector.adapters.collector_calls import CollectorCalls
from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.adapters.kafka_calls import KafkaCallLog
from stream_detector.bootstrap.parts import sketcher_of
from stream_detector.bootstrap.resident import resident_guard_of
from stream_detector.domain.calls import ApiCall
from stream_detector.hook.litellm import EnforcingGuardrail
from stream_detector.hook.litellm_calls import CallReporter
from stream_detector.service.outbox import Outbox, Send
from stream_detector.settings import Settings

_KAFKA_TIMEOUT_S = 10.0


def guardrail_of(settings: Settings, **options: Any) -> EnforcingGuardrail:  # noqa: ANN401 - LiteLLM's
    """A guardrail with everything real behind it; `options` are what LiteLLM passes on from its configuration."""
    observer = PrometheusHookObserver(CollectorRegistry())
    return EnforcingGuardrail(guard=resident_guard_of(settings, observer), observer=observer, **options)


def reporter_of(settings: Settings) -> CallReporter:
    """Reports every call of LiteLLM to where the settings say."""
    return CallReporter(report=Outbox(_sender_of(settings)).put, sketch=sketcher_of(settings).sketch)


def _sender_of(settings: Settings) -> Send:
    if settings.calls_to != "kafka":
        return CollectorCalls(settings.calls_to, token=settings.collector_token).send
    log = KafkaCallLog(
        settings.kafka,
        topic_calls=settings.topic_calls,
        topic_dead=settings.topic_dead,
        timeout_s=_KAFKA_TIMEOUT_S,
    )

    async def send(calls: Sequence[ApiCall]) -> None:
        await log.publish(calls, [])

    return send
