"""LiteLLM's account of one call (`StandardLoggingPayload`) -> our call.

Rules:
1. Nothing that a client chooses can hide its call: what does not fit is shortened or left out, field by field. Only a
   payload without client or time is refused.
2. The client is the hash of the virtual key, or else the user that LiteLLM authenticated; never a key.
3. The text goes into the sketch and no further. Text that LiteLLM has redacted is none.
4. Whoever LiteLLM did not let in (401) is nobody: guessed keys must not become clients. A 401 of the model's provider is
   about the gateway's own key: that call is its caller's.
5. `x-litellm-call-id` is the client's to choose, so it is the call's id only where the answer has none.

Source: litellm/types/utils.py, version 1.106; and what version 1.106.2 posts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final, get_type_hints

import msgspec

from stream_detector.domain.addresses import network_of
from stream_detector.domain.calls import ApiCall, Params, Sketch
from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.wire.sources import values

Payload = Mapping[str, Any]

_KEY_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NAME_CHARS = 256
_REDACTED: Final = "redacted-by-litellm"
_TYPES: Final = get_type_hints(ApiCall, include_extras=True)
_PARAM_TYPES: Final = get_type_hints(Params, include_extras=True)
_PARAM_NAMES: Final = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "n": ("n",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
    "logprobs": ("logprobs",),
    "top_logprobs": ("top_logprobs",),
    "logit_bias": ("logit_bias",),
    "seed": ("seed",),
}
_TEXT_CHARS: Final = {"org": 256, "user": 256, "ua": 1024, "route": 1024, "model": 256}
_FINISH: Final = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "content_filter": "filter",
    "refusal": "refusal",
    "tool_calls": "tool",
    "function_call": "tool",
    "tool_use": "tool",
}
"""Finish reasons of the chat, messages and responses APIs."""


def client_of(key_hash: object, user_id: object) -> str | None:
    """The client id: the SHA-256 of the virtual key as LiteLLM makes it, else the authenticated user, else None."""
    if isinstance(key_hash, str) and _KEY_HASH.fullmatch(key_hash):
        return key_hash
    return _name(user_id)


def call_of(payload: Payload, sketch: Callable[[str], Sketch]) -> ApiCall:
    """One call as LiteLLM's callbacks and its `generic_api` logger report it, whether it succeeded or failed.

    Args:
        payload: a `StandardLoggingPayload`.
        sketch: makes the sketch of the prompt.

    Raises:
        MalformedCall: it does not say when or whose the call was, or it was nobody's.
    """
    metadata = _mapping(payload.get("metadata"))
    client, start_s = _whose(payload, metadata), _when(payload)
    call_id = _name(payload.get("id")) or _name(payload.get("litellm_call_id")) or f"litellm-{start_s}"
    text = prompt_of(payload.get("messages"))
    return ApiCall(
        id=call_id,
        ts=start_s,
        client=client,
        sketch=sketch(text) if text else None,
        params=_params(_mapping(payload.get("model_parameters"))),
        **_fitting(_wished(payload, metadata, start_s)),  # type: ignore[arg-type]
    )


def prompt_of(messages: object) -> str:
    """What is new in a call: the last messages of the user that follow each other, else the last message with a text.

    LiteLLM makes such messages of the inputs of an embedding, too.
    """
    if isinstance(messages, str):
        return "" if messages == _REDACTED else messages
    if isinstance(messages, Mapping):
        messages = [messages]
    if not isinstance(messages, list):
        return ""
    if all(isinstance(each, str) for each in messages):
        return "\n".join(messages)
    given = [each for each in messages if isinstance(each, Mapping)]
    runs = [(by_user, _texts(run)) for by_user, run in groupby(given, lambda each: each.get("role") == "user")]
    asked = next((texts for by_user, texts in reversed(runs) if by_user and texts), None)
    return "\n".join(asked or [text for _, texts in runs for text in texts][-1:])


def _texts(messages: Iterable[Payload]) -> list[str]:
    texts = (_text(each.get("content")) for each in messages)
    return [text for text in texts if text and text != _REDACTED]


def _whose(payload: Payload, metadata: Payload) -> str:
    error = _mapping(payload.get("error_information"))
    if _error_status(error) == HTTPStatus.UNAUTHORIZED and not error.get("llm_provider"):
        detail = "error_information.error_code: 401, so the call belongs to nobody"
        raise MalformedCall(RejectReason.INVALID_FIELD, detail)
    client = client_of(metadata.get("user_api_key_hash"), metadata.get("user_api_key_user_id"))
    if client is None:
        detail = "metadata.user_api_key_hash: missing, and so is user_api_key_user_id; let LiteLLM authenticate callers"
        raise MalformedCall(RejectReason.INVALID_FIELD, detail)
    return client


def _when(payload: Payload) -> float:
    try:
        return msgspec.convert(payload.get("startTime"), _TYPES["ts"])  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        detail = "startTime: must be seconds since 1970; send LiteLLM's standard_logging_object as it is"
        raise MalformedCall(RejectReason.INVALID_FIELD, detail) from error


def _wished(payload: Payload, metadata: Payload, start_s: float) -> dict[str, object]:
    """Optional fields, not checked yet."""
    end_s = values.number(payload.get("endTime"))
    ok = payload.get("status") == "success"
    return {
        "org": metadata.get("user_api_key_org_id") or metadata.get("user_api_key_team_id"),
        "user": payload.get("end_user") or metadata.get("user_api_key_end_user_id"),
        "ip": payload.get("requester_ip_address") or metadata.get("requester_ip_address"),
        "ua": payload.get("user_agent") or metadata.get("user_agent"),
        "route": metadata.get("user_api_key_request_route"),
        "model": payload.get("model_group") or payload.get("model"),
        "status": 200 if ok else _error_status(_mapping(payload.get("error_information"))),
        "latency_ms": None if end_s is None else (end_s - start_s) * 1000,
        "stream": payload.get("stream") or _mapping(payload.get("model_parameters")).get("stream") or None,
        "input_tokens": payload.get("prompt_tokens") or None,
        "output_tokens": payload.get("completion_tokens") if ok else None,
        "finish": _finish(_mapping(payload.get("response"))) if ok else "error",
    }


def _fitting(wished: Mapping[str, object]) -> dict[str, object]:
    fitting: dict[str, object] = {}
    for name, value in wished.items():
        is_text = name in _TEXT_CHARS and isinstance(value, str)
        kept = values.encodable(str(value)[: _TEXT_CHARS[name]]) if is_text else value
        if (
            kept is not None
            and kept != ""
            and values.fits(kept, _TYPES[name])
            and (name != "ip" or _is_address(str(kept)))
        ):
            fitting[name] = kept
    return fitting


def _params(given: Mapping[str, object]) -> Params | None:
    fitting: dict[str, Any] = {}
    for name, spellings in _PARAM_NAMES.items():
        value = next((given[each] for each in spellings if given.get(each) is not None), None)
        if name == "logit_bias" and isinstance(value, Mapping):
            value = values.biases(value) or None
        if value is not None and values.fits(value, _PARAM_TYPES[name]):
            fitting[name] = value
    return Params(**fitting) if fitting else None


def _error_status(error: Mapping[str, object]) -> int:
    code = str(error.get("error_code") or "")
    return int(code) if re.fullmatch(r"[1-5][0-9]{2}", code) else 500


def _finish(response: Mapping[str, object]) -> str | None:
    for reason in _reasons(response):
        if reason is not None:
            return _FINISH.get(str(reason))
    return None


def _reasons(response: Mapping[str, object]) -> Iterator[object]:
    """Where the three APIs say why the answer ended, the most telling first."""
    for choice in map(_mapping, _items(response.get("choices"))):
        message = _mapping(choice.get("message"))
        refusal = message.get("refusal") or _mapping(message.get("provider_specific_fields")).get("refusal")
        yield "refusal" if refusal else choice.get("finish_reason")
    yield response.get("stop_reason")
    yield _mapping(response.get("incomplete_details")).get("reason")
    yield response.get("status")


def _text(content: object) -> str:
    """The text of a message: the content itself, or its parts that are text."""
    if isinstance(content, str):
        return content
    texts = (_mapping(part).get("text") for part in _items(content))
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _name(value: object) -> str | None:
    usable = isinstance(value, str) and 0 < len(value) <= _NAME_CHARS and value.isprintable()
    return str(value) if usable else None


def _is_address(text: str) -> bool:
    try:
        network_of(text)
    except ValueError:
        return False
    return True


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()
