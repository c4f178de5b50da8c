"""Envoy's access log as JSON, in the format that docs/sources.md shows; the names of Envoy's and Istio's own examples do too.

Source: Envoy, "Access logging", format dictionaries and command operators.
"""

from collections.abc import Callable, Mapping
from typing import Final

from stream_detector.wire.sources import values
from stream_detector.wire.sources.documents import gather_json
from stream_detector.wire.sources.events import Discretion, Draft, Found, Part, id_of

_NAMES: Final[Mapping[str, tuple[Callable[[object], object], tuple[str, ...]]]] = {
    "id": (values.text, ("id", "request_id", "x_request_id")),
    "ts": (values.moment_s, ("ts", "start_time")),
    "client": (values.text, ("client", "client_id", "x_client_id")),
    "tier": (values.text, ("tier",)),
    "org": (values.text, ("org",)),
    "user": (values.text, ("user",)),
    "ip": (values.address, ("ip", "downstream_remote_address", "downstream_remote_address_without_port")),
    "ua": (values.text, ("ua", "user_agent")),
    "ja4": (values.text, ("ja4",)),
    "model": (values.text, ("model",)),
    "status": (values.whole, ("status", "response_code")),
    "latency_ms": (values.number, ("latency_ms", "duration", "duration_ms")),
    "input_tokens": (values.whole, ("input_tokens",)),
    "output_tokens": (values.whole, ("output_tokens",)),
    "finish": (values.text, ("finish",)),
}


def read(body: bytes, discretion: Discretion, part: Part = Part.WHOLE) -> Found:
    """Read lines of the log, or an array of them, as log shippers send it."""
    return gather_json(body, _draft, discretion=discretion, part=part)


def _draft(entry: Mapping[str, object]) -> Draft:
    fields: dict[str, object] = {}
    for name, (understand, keys) in _NAMES.items():
        fields[name] = next((value for key in keys if (value := understand(entry.get(key))) is not None), None)
    path = values.text(entry.get("path")) or values.text(entry.get("route"))
    fields["route"] = path.partition("?")[0] if path else None
    if fields["status"] == 0:  # Envoy's word for a client that went away before the answer
        fields["status"] = 499
    if fields["id"] is None:
        fields["id"] = id_of(fields)
    return Draft(fields)
