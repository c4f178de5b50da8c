"""Envoy's account of a call (`envoy.data.accesslog.v3.HTTPAccessLogEntry`) -> the fields of a record of the calls topic.

Nothing is checked but that there are id, time and client: who writes the record does that. Nothing of a prompt is in them.

1. The client is the request header that the gateway sets; Envoy reports it with `additional_request_headers_to_log`.
2. Tokens and model are those that Envoy AI Gateway left in the metadata `io.envoy.ai_gateway`.
3. The path is told without its query, which may hold secrets.
4. A status that the hook caused is the client's: 429 and 403 are what a call was answered with. No answer at all is 499.

Source: Envoy's `api/envoy/data/accesslog/v3/accesslog.proto`; the metadata's names are Envoy AI Gateway's defaults.
"""

from collections.abc import Mapping
from typing import Final

from envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon, HTTPAccessLogEntry

from stream_detector.wire.sources import values

_AI_GATEWAY: Final = "io.envoy.ai_gateway"
_CLIENT_WENT_AWAY = 499
_NANOSECONDS: Final = 1_000_000_000


def record_of(entry: HTTPAccessLogEntry, client_header: str) -> dict[str, object] | None:
    """The record; None where the entry does not say whose call it was, or when.

    Args:
        entry: as Envoy sent it.
        client_header: request header that says whose call it is, in lower case.
    """
    common, request = entry.common_properties, entry.request
    client = request.request_headers.get(client_header)
    if not client or not common.HasField("start_time"):
        return None
    fields: dict[str, object] = {
        "id": request.request_id or common.stream_id,
        "ts": common.start_time.seconds + common.start_time.nanos / _NANOSECONDS,
        "client": client,
        "ip": _address(common),
        "ua": request.user_agent,
        "route": (request.original_path or request.path).partition("?")[0],
        "status": entry.response.response_code.value or _CLIENT_WENT_AWAY,
        "latency_ms": _latency_ms(common),
        **_usage(common),
    }
    told = {name: value for name, value in fields.items() if value not in {None, ""}}
    return told if "id" in told else None


def _address(common: AccessLogCommon) -> str:
    address: str = common.downstream_remote_address.socket_address.address
    return address


def _latency_ms(common: AccessLogCommon) -> float | None:
    """To the last byte that the client got."""
    for moment in ("duration", "time_to_last_downstream_tx_byte"):
        if common.HasField(moment):
            lasted = getattr(common, moment)
            return float(lasted.seconds * 1000 + lasted.nanos / 1_000_000)
    return None


def _usage(common: AccessLogCommon) -> Mapping[str, object]:
    metadata = common.metadata.filter_metadata
    if _AI_GATEWAY not in metadata:
        return {}
    said = {
        name: value.number_value if value.HasField("number_value") else value.string_value
        for name, value in metadata[_AI_GATEWAY].fields.items()
    }
    return {
        "model": values.text(said.get("model_name_override")),
        "input_tokens": values.whole(said.get("llm_input_token")),
        "output_tokens": values.whole(said.get("llm_output_token")),
    }
