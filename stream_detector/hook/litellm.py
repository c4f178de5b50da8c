"""The hook inside LiteLLM's proxy: a guardrail that runs before every call.

1. It runs for every call, whatever the request says: LiteLLM lets some requests switch guardrails off.
2. A refusal is an `HTTPException` with a text: LiteLLM adds the guardrail's name and mode to any other detail.
3. LiteLLM counts a raised 429 as a guardrail that failed, so the guardrail says itself how it ended.
4. The mark goes to the model among the request's extra headers. What a client may not say is removed before it is judged.
5. LiteLLM looks for some hooks in the class itself, so nobody may inherit from this one.
6. A call is remembered by LiteLLM's own object of it, and by an id of ours in its metadata: LiteLLM's call id is the
   client's to choose.
7. A call of a limited client is open until its end (`litellm_ends`); then it counts with the tokens that it used.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, final
from weakref import WeakKeyDictionary

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail
from litellm.types.guardrails import GuardrailEventHooks

from stream_detector.domain.limits import Ask
from stream_detector.hook.answers import Answer, Dialect, answer
from stream_detector.hook.litellm_ends import CallEnd, end_of_answered, end_of_failed, remember
from stream_detector.hook.litellm_requests import RequestData, forbid_hiding, forbid_marks, mark
from stream_detector.hook.observer import HookObserver
from stream_detector.hook.resident import ResidentGuard
from stream_detector.wire.litellm import client_of

_LITELLMS_OWN: Final = frozenset({"content-type", "content-length"})
"""LiteLLM writes the body, in the form that OpenAI's clients expect."""
_DECIDED: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


@final
class EnforcingGuardrail(CustomGuardrail):  # type: ignore[misc]  # it has no types
    """Judges every call before LiteLLM routes it.

    Args:
        guard: judges.
        observer: hears of every answer.
        timer: seconds that never go back.
        options: what LiteLLM passes on from the configuration: `guardrail_name`, `event_hook` and more.
    """

    def __init__(
        self,
        *,
        guard: ResidentGuard,
        observer: HookObserver,
        timer: Callable[[], float] = time.perf_counter,
        **options: Any,  # noqa: ANN401 - LiteLLM's
    ) -> None:
        super().__init__(supported_event_hooks=[GuardrailEventHooks.pre_call], **options)
        self._guard = guard
        self._observer = observer
        self._timer = timer
        self._answers: WeakKeyDictionary[object, dict[str, str]] = WeakKeyDictionary()

    def should_run_guardrail(self, data: object, event_type: object) -> bool:  # noqa: ARG002
        """Whether LiteLLM runs it: for every call."""
        return bool(event_type == GuardrailEventHooks.pre_call)

    async def async_pre_call_hook(
        self,
        user_api_key_dict: Any,  # noqa: ANN401 - LiteLLM's
        cache: object,  # noqa: ARG002
        data: RequestData,
        call_type: str,  # noqa: ARG002
    ) -> RequestData:
        """Let a call pass, perhaps marked.

        Raises:
            HTTPException: it may not pass.
        """
        started, call = self._timer(), uuid.uuid4().hex
        forbid_marks(data)
        forbid_hiding(data)
        client = client_of(user_api_key_dict.api_key, user_api_key_dict.user_id)
        verdict = await self._guard.check(client, lambda: Ask(call=call))
        given = answer(verdict, Dialect.HTTP)
        self._observer.answered(verdict, self._timer() - started)
        if given.status != HTTPStatus.OK:
            self._say_why(data, given.status)
            raise _refusal(given)
        mark(data, given.for_model)
        if verdict.limit is not None:
            remember(data, call)
            if data.get("litellm_logging_obj") is not None:
                self._answers[data["litellm_logging_obj"]] = dict(given.for_client)
        return data

    async def async_post_call_response_headers_hook(
        self,
        data: RequestData,
        user_api_key_dict: object,  # noqa: ARG002
        response: object,  # noqa: ARG002
        request_headers: object = None,  # noqa: ARG002
        litellm_call_info: object = None,  # noqa: ARG002
    ) -> dict[str, str] | None:
        """Show a limited client what is left."""
        call = data.get("litellm_logging_obj")
        return None if call is None else self._answers.pop(call, None)

    async def async_log_success_event(
        self,
        kwargs: Mapping[str, Any],
        response_obj: object,  # noqa: ARG002
        start_time: object,  # noqa: ARG002
        end_time: object,  # noqa: ARG002
    ) -> None:
        """A call was answered; of a stream, all of it."""
        await self._settle(end_of_answered(kwargs))

    async def async_post_call_failure_hook(
        self,
        request_data: RequestData,
        original_exception: object,  # noqa: ARG002
        user_api_key_dict: Any,  # noqa: ANN401 - LiteLLM's
        traceback_str: object = None,  # noqa: ARG002
    ) -> None:
        """A call failed, after all its attempts; one that we refused reserved nothing."""
        client = client_of(user_api_key_dict.api_key, user_api_key_dict.user_id)
        await self._settle(end_of_failed(request_data, client))

    async def _settle(self, end: CallEnd | None) -> None:
        if end is not None:
            await self._guard.settle(end.client, end.use)

    def _say_why(self, data: RequestData, status: int) -> None:
        self.add_standard_logging_guardrail_information_to_request_data(
            guardrail_json_response=HTTPStatus(status).phrase,
            request_data=data,
            guardrail_status="guardrail_intervened" if status in _DECIDED else "guardrail_failed_to_respond",
        )


def _refusal(given: Answer) -> HTTPException:
    headers = {name: value for name, value in given.headers if name not in _LITELLMS_OWN}
    return HTTPException(given.status, HTTPStatus(given.status).phrase, headers)
