"""What LiteLLM logs about each call -> our calls.

1. A call is reported once, though LiteLLM logs some twice. It is told by its id and its start, because the id alone is the
   client's to choose.
2. No client keeps a call, or what it asks, from being reported, whether our guardrail runs, too, or not.
3. What cannot be used is counted and said in the log, and harms nobody.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from stream_detector.domain.calls import ApiCall, Sketch
from stream_detector.domain.errors import MalformedCall
from stream_detector.hook.litellm_requests import RequestData, forbid_hiding
from stream_detector.wire.litellm import Payload, call_of

_REMEMBERED = 10_000
_SAID_EVERY = 1000
_log = logging.getLogger(__name__)


class CallReporter(CustomLogger):  # type: ignore[misc]  # it has no types
    """Hears of every call that LiteLLM has finished.

    Args:
        report: takes a call; must be quick and must not wait.
        sketch: makes the sketch of a prompt.
    """

    def __init__(self, *, report: Callable[[ApiCall], None], sketch: Callable[[str], Sketch]) -> None:
        super().__init__()
        self._report = report
        self._sketch = sketch
        self._seen: OrderedDict[tuple[object, object], None] = OrderedDict()
        self.unusable = 0
        """Calls that could not be reported."""

    async def async_pre_call_hook(
        self,
        user_api_key_dict: object,  # noqa: ARG002
        cache: object,  # noqa: ARG002
        data: RequestData,
        call_type: str,  # noqa: ARG002
    ) -> RequestData:
        """A call begins."""
        forbid_hiding(data)
        return data

    async def async_log_success_event(
        self,
        kwargs: Mapping[str, Any],
        response_obj: object,  # noqa: ARG002
        start_time: object,  # noqa: ARG002
        end_time: object,  # noqa: ARG002
    ) -> None:
        """A call was answered; of a stream, all of it."""
        self._take(kwargs)

    async def async_log_failure_event(
        self,
        kwargs: Mapping[str, Any],
        response_obj: object,  # noqa: ARG002
        start_time: object,  # noqa: ARG002
        end_time: object,  # noqa: ARG002
    ) -> None:
        """A call was refused, or failed."""
        self._take(kwargs)

    def _take(self, kwargs: Mapping[str, Any]) -> None:
        payload = kwargs.get("standard_logging_object")
        if not isinstance(payload, Mapping) or not self._is_new(payload):
            return
        try:
            call = call_of(payload, self._sketch)
        except MalformedCall as error:
            self.unusable += 1
            if self.unusable % _SAID_EVERY == 1:
                _log.warning("calls are not reported, %d so far: %s", self.unusable, error)
        else:
            self._report(call)

    def _is_new(self, payload: Payload) -> bool:
        key = (payload.get("litellm_call_id"), payload.get("startTime"))
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True
