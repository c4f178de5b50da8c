"""What clients may not say to LiteLLM: how their calls are marked, and that nobody shall see them.

1. Only we mark. LiteLLM sends headers of several fields to the model; a mark in any of them is removed, also in spellings
   that some servers take for it.
2. Headers that are no object are dropped: LiteLLM makes headers of some, and stumbles over others.
3. Every call is logged, and with its text: else a client would be open forever in its limit, and unseen by detectors.
   What the operator has set, for all or for a key, stays.

Source: LiteLLM 1.106.2, `litellm_core_utils/{redact_messages,get_litellm_params,initialize_dynamic_callback_params}.py`.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

from stream_detector.hook.answers import MARK_HEADER, Headers

RequestData = MutableMapping[str, Any]

_UNLOGGED: Final = ("no-log", "no_log")
_REDACTED: Final = "turn_off_message_logging"
_REDACTING_HEADERS: Final = ("x-litellm-enable-message-redaction", "litellm-enable-message-redaction")
_OF_OPERATOR: Final = "litellm_trusted_callback_vars"
"""What LiteLLM has read from the settings of a key or team, and also written over the request's own fields."""


def forbid_marks(data: RequestData) -> None:
    """Remove every mark that a client sends to the model."""
    for name in ("headers", "extra_headers"):
        if name in data:
            data[name] = _unmarked(data[name])
    scoped = data.get("provider_specific_header")
    for each in scoped if isinstance(scoped, list) else [scoped]:
        if isinstance(each, dict) and "extra_headers" in each:
            each["extra_headers"] = _unmarked(each["extra_headers"])


def mark(data: RequestData, marks: Headers) -> None:
    """Let these marks go to the model, after `forbid_marks`."""
    if marks:
        data["extra_headers"] = {**data.get("extra_headers", {}), **dict(marks)}


def forbid_hiding(data: RequestData) -> None:
    """Remove what keeps LiteLLM from logging a call, or its text."""
    for name in _UNLOGGED:
        data.pop(name, None)
    for metadata in _metadata_of(data):
        if not isinstance(metadata.get("tags", []), list):
            del metadata["tags"]  # LiteLLM takes it for a list, stumbles, and tells its loggers nothing of the call
        headers = metadata.get("headers")
        if isinstance(headers, dict):
            for name in _REDACTING_HEADERS:
                headers.pop(name, None)
    set_by_operator = data.get(_OF_OPERATOR)
    if not isinstance(set_by_operator, Mapping) or _REDACTED not in set_by_operator:
        # LiteLLM reads the fields before it asks us, so they are in its object of the call, too
        understood = getattr(data.get("litellm_logging_obj"), "standard_callback_dynamic_params", {})
        for fields in (data, understood, *_metadata_of(data)):
            fields.pop(_REDACTED, None)


def _unmarked(sent: object) -> dict[object, object]:
    given = sent if isinstance(sent, dict) else {}
    return {name: value for name, value in given.items() if _spelled_alike(name) != MARK_HEADER}


def _spelled_alike(name: object) -> str:
    return str(name).strip().lower().replace("_", "-")


def _metadata_of(data: RequestData) -> Iterator[dict[str, Any]]:
    inner = data.get("litellm_params")
    within = inner.get("metadata") if isinstance(inner, dict) else None
    yield from (each for each in (data.get("metadata"), data.get("litellm_metadata"), within) if isinstance(each, dict))
