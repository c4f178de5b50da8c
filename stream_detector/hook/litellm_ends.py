"""How a call ends in LiteLLM, and what it has used by then.

1. An answered call ends with the event of its success: the last one, whatever was tried before.
2. A failed call ends when LiteLLM tells the client so. The event of a failure is no end: LiteLLM sends it after the first
   attempt, and goes on if the client or the operator wants repetitions or other models.
3. What failed has used nothing, but for a stream that broke: what had come of it counts.

Source: LiteLLM 1.106.2, `proxy/utils.py` (`post_call_failure_hook`, `_failure_fields_to_lift`), and what the tests see of it.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from msgspec import Struct

from stream_detector.domain.limits import Use
from stream_detector.wire.litellm import client_of

_CALL: Final = "stream_detector_call"
_RECOVERED: Final = "combined_usage_object"
"""What LiteLLM has counted of the last attempt. A client that writes such a field of its own sends no object of LiteLLM's."""


class CallEnd(Struct, frozen=True, gc=False):
    """A call of a limited client has ended."""

    client: str
    use: Use


def remember(data: Mapping[str, Any], call: str) -> None:
    """Write the id of a call into a request, where its end will find it."""
    _metadata_of(data)[_CALL] = call


def end_of_answered(kwargs: Mapping[str, Any]) -> CallEnd | None:
    """From the event of a success; None where nothing is open."""
    payload = kwargs.get("standard_logging_object")
    if not isinstance(payload, Mapping):
        return None
    metadata = payload.get("metadata") or {}
    client = client_of(metadata.get("user_api_key_hash"), metadata.get("user_api_key_user_id"))
    used = int(payload["prompt_tokens"]), int(payload["completion_tokens"])
    return _end(client, kwargs.get("litellm_params") or {}, *used)


def end_of_failed(data: Mapping[str, Any], client: str | None) -> CallEnd | None:
    """From the request of a call that has failed for good; None where nothing is open."""
    usage = data.get(_RECOVERED)
    output = getattr(usage, "completion_tokens", None) or 0
    return _end(client, data, getattr(usage, "prompt_tokens", None) or 0 if output else 0, output)


def _end(client: str | None, data: Mapping[str, Any], input_tokens: int, output_tokens: int) -> CallEnd | None:
    call = _metadata_of(data).get(_CALL)
    if client is None or not isinstance(call, str):
        return None
    return CallEnd(client, Use(call, input_tokens, output_tokens))


def _metadata_of(data: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """Where LiteLLM keeps what belongs to a call: which of two fields depends on the route."""
    found = data.get("litellm_metadata") or data.get("metadata")
    return found if isinstance(found, dict) else {}
