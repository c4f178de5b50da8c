"""The parts that operators name in LiteLLM's configuration; `stream_detector.litellm` has their public names."""

from typing import Any

from prometheus_client import CollectorRegistry

from stream_detector.adapters.hook_metrics import PrometheusHookObserver
from stream_detector.bootstrap.parts import sketcher_of
from stream_detector.bootstrap.reporting import channel_of
from stream_detector.bootstrap.resident import resident_guard_of
from stream_detector.hook.litellm import EnforcingGuardrail
from stream_detector.hook.litellm_calls import CallReporter
from stream_detector.service.outbox import Outbox
from stream_detector.settings import Settings


def guardrail_of(settings: Settings, **options: Any) -> EnforcingGuardrail:  # noqa: ANN401 - LiteLLM's
    """A guardrail with everything real behind it; `options` are what LiteLLM passes on from its configuration."""
    observer = PrometheusHookObserver(CollectorRegistry())
    return EnforcingGuardrail(guard=resident_guard_of(settings, observer), observer=observer, **options)


def reporter_of(settings: Settings) -> CallReporter:
    """Reports every call of LiteLLM to where the settings say."""
    return CallReporter(report=Outbox(channel_of(settings, "calls_to")).put, sketch=sketcher_of(settings).sketch)
