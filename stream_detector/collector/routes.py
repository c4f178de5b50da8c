"""Which path takes which format."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from stream_detector.wire.sources import call_lines, cloudevents, envoy_log, litellm_log, otlp
from stream_detector.wire.sources.events import Discretion, Found, Part
from stream_detector.wire.sources.mapped import FieldMap

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"


class Posted(Struct, frozen=True):
    """A body, unpacked, and what its request says of it."""

    body: bytes
    kind: str
    """Content type in lower case, without parameters."""
    part: Part
    headers: Mapping[str, str]
    """Names in lower case."""


class Route(Struct, frozen=True):
    """One path."""

    source: str
    """Label of the metrics, and name in dead letters."""
    read: Callable[[Posted, Discretion], Found]
    signal: otlp.Signal | None = None
    """Of OTLP, which has answers of its own."""

    def take(self, posted: Posted, discretion: Discretion) -> Found:
        """Read a body; one that shows a mistake of ours is refused as a whole, and ends nobody who reads many."""
        try:
            return self.read(posted, discretion)
        except Exception as error:  # noqa: BLE001 - counted as a refusal, and told to the operator by the writer
            found = Found(unreadable=True)
            found.refuse(0, error, len(posted.body))
            return found


def routes(client_attribute: str, field_map: FieldMap | None) -> dict[str, Route]:
    """Every path that takes events.

    Args:
        client_attribute: attribute of OTLP that holds the client id.
        field_map: for `/v1/mapped`, which is not there without one.
    """
    found = {
        "/v1/logs": _otlp("otlp_logs", otlp.Signal.LOGS, client_attribute),
        "/v1/traces": _otlp("otlp_traces", otlp.Signal.TRACES, client_attribute),
        "/v1/calls": Route("calls", lambda posted, discretion: call_lines.read(posted.body, discretion, posted.part)),
        "/v1/litellm": Route(
            "litellm", lambda posted, discretion: litellm_log.read(posted.body, discretion, posted.part)
        ),
        "/v1/envoy": Route("envoy", lambda posted, discretion: envoy_log.read(posted.body, discretion, posted.part)),
        "/v1/events": Route("events", _cloudevents),
    }
    if field_map is not None:
        found["/v1/mapped"] = Route(
            "mapped", lambda posted, discretion: field_map.read(posted.body, discretion, posted.part)
        )
    return found


def _otlp(source: str, signal: otlp.Signal, client_attribute: str) -> Route:
    def read(posted: Posted, discretion: Discretion) -> Found:
        encoding = otlp.Encoding.PROTOBUF if posted.kind == PROTOBUF else otlp.Encoding.JSON
        return otlp.read(
            posted.body, discretion, posted.part, signal=signal, encoding=encoding, client_attribute=client_attribute
        )

    return Route(source, read, signal)


def _cloudevents(posted: Posted, discretion: Discretion) -> Found:
    return cloudevents.read(posted.body, discretion, posted.part, headers=posted.headers)
