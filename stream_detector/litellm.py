"""For LiteLLM's configuration: `guardrail: stream_detector.litellm.guardrail` and `callbacks: [stream_detector.litellm.calls]`.

Settings are read from the environment when LiteLLM asks for one of them, and one that does not fit stops its start.
docs/gateways.md and deploy/gateways/litellm show how.
"""

import os
from functools import cache
from typing import Any

from stream_detector.bootstrap.litellm import guardrail_of, reporter_of
from stream_detector.hook.litellm import EnforcingGuardrail
from stream_detector.hook.litellm_calls import CallReporter
from stream_detector.settings import Settings

__all__ = ["calls", "guardrail"]  # noqa: F822 - calls is made when LiteLLM asks for it


def guardrail(**options: Any) -> EnforcingGuardrail:  # noqa: ANN401 - LiteLLM's
    """Refuses throttled and blocked keys before LiteLLM calls a model.

    Raises:
        ConfigError: a setting does not fit.
    """
    return guardrail_of(Settings.from_env(os.environ), **options)


def __getattr__(name: str) -> CallReporter:
    """`calls` reports every call, and is made for whom asks for it: a proxy that only enforces reports to nobody."""
    if name == "calls":
        return _calls()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


@cache
def _calls() -> CallReporter:
    return reporter_of(Settings.from_env(os.environ))
