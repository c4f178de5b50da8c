"""For LiteLLM's configuration: `guardrail: stream_detector.litellm.Guardrail` and `callbacks: [stream_detector.litellm.calls]`.

See docs/gateways.md and deploy/gateways/litellm.
"""

import os
from functools import cache

from stream_detector.bootstrap.litellm import Guardrail, reporter_of
from stream_detector.hook.litellm_calls import CallReporter
from stream_detector.settings import Settings

__all__ = ["Guardrail", "calls"]  # noqa: F822 - made when LiteLLM asks for it


@cache
def _calls() -> CallReporter:
    return reporter_of(Settings.from_env(os.environ))


def __getattr__(name: str) -> CallReporter:
    """`calls` is made for whom asks for it: a proxy that only enforces reports to nobody."""
    if name == "calls":
        return _calls()
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
