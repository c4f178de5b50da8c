"""OTLP logs and spans -> calls: `ExportLogsServiceRequest` and `ExportTraceServiceRequest`, as JSON and as protobuf.

The same bytes arrive over OTLP/HTTP and in the topics of the OpenTelemetry Collector's Kafka exporter (`otlp_json` and
`otlp_proto`). A call is a span, or an event such as `gen_ai.client.inference.operation.details`; what else is in a body
is skipped. Of one call send the span or the event, not both.

Source: OTLP 1.x; in JSON names are in camel case, ids in hexadecimal, and 64-bit numbers are text.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Any, TypeVar

import msgspec
from google.protobuf.message import DecodeError
from msgspec import Struct

from stream_detector.wire import damaged
from stream_detector.wire.sources import genai, values
from stream_detector.wire.sources.events import UNDECODABLE, Discretion, Draft, Found, Part, gather, id_of, unreadable
from stream_detector.wire.sources.otlp_schema import (
    ExportLogsServiceRequest,
    ExportTraceServiceRequest,
    LogRecord,
    Message,
)

_NS = 1e-9
_FAILED = 2
"""Code of a span's status."""


class Signal(Enum):
    """What a body holds."""

    LOGS = auto()
    TRACES = auto()


class Encoding(Enum):
    """How a body is written."""

    JSON = auto()
    PROTOBUF = auto()


class _Pair(Struct):
    key: str = ""
    value: object = None


class _Status(Struct):
    code: int | str = 0


class _Item(Struct, rename="camel"):
    """A log record or a span; in JSON."""

    attributes: list[_Pair] | None = None
    trace_id: str = ""
    span_id: str = ""
    name: str = ""
    event_name: str = ""
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    status: _Status | None = None
    events: list["_Item"] | None = None


class _Origin(Struct):
    attributes: list[_Pair] | None = None


class _Scope(Struct, rename="camel"):
    log_records: list[msgspec.Raw] | None = None
    spans: list[msgspec.Raw] | None = None


class _Resource(Struct, rename="camel"):
    resource: _Origin | None = None
    scope_logs: list[_Scope] | None = None
    scope_spans: list[_Scope] | None = None


class _Export(Struct, rename="camel"):
    resource_logs: list[_Resource] | None = None
    resource_spans: list[_Resource] | None = None


class _Document(Struct):
    """A record or span where it lay."""

    origin: dict[str, object]
    """Attributes of the resource."""
    content: bytes | Message

    def size_bytes(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.ByteSize()


class _Entry(Struct):
    """A record or span, whatever it was written in."""

    name: str
    attributes: dict[str, object]
    trace: str
    span: str
    begin_ns: int
    end_ns: int = 0
    is_failed: bool = False


_Decoded = TypeVar("_Decoded")
_export = msgspec.json.Decoder(_Export)
_item = msgspec.json.Decoder(_Item)


def read(
    body: bytes,
    discretion: Discretion,
    part: Part = Part.WHOLE,
    *,
    signal: Signal,
    encoding: Encoding,
    client_attribute: str = genai.OWN + "client",
) -> Found:
    """Read one export request.

    Args:
        body: its bytes.
        discretion: what becomes of texts and of those who are named.
        part: of a call that it tells.
        signal: what it holds.
        encoding: how it is written.
        client_attribute: attribute of a record, a span or their resource that holds the client id.
    """
    try:
        walk = _json_documents if encoding is Encoding.JSON else _protobuf_documents
        documents = list(walk(body, signal))
    except (DecodeError, *UNDECODABLE) as error:
        return unreadable(body, f"not an export request of OTLP: {error}")

    def draft(document: _Document) -> Draft | None:
        content = document.content
        entry = _of_json(_decoded(_item, content)) if isinstance(content, bytes) else _of_message(content)
        return _draft(entry, document.origin, client_attribute)

    return gather(documents, draft, discretion=discretion, part=part, size=_Document.size_bytes)


def _draft(entry: _Entry, origin: dict[str, object], client_attribute: str) -> Draft | None:
    if not genai.tells_of_a_call(entry.name, entry.attributes):
        return None
    attributes = origin | entry.attributes
    fields = genai.fields_of(attributes, client_attribute)
    if fields.get("ts") is None and entry.begin_ns > 0:
        fields["ts"] = entry.begin_ns * _NS
    if entry.end_ns > entry.begin_ns > 0:
        fields["latency_ms"] = (entry.end_ns - entry.begin_ns) / 1_000_000
    if entry.is_failed and fields["finish"] is None:
        fields["finish"] = "error"
    if genai.OWN + "id" not in attributes and entry.span.strip("0"):  # zeros: of no span
        fields["id"] = f"{entry.trace}:{entry.span}"
    if fields["id"] is None:
        fields["id"] = id_of(sorted(attributes), fields)
    return Draft(fields, genai.prompt_of(attributes))


def _json_documents(body: bytes, signal: Signal) -> Iterator[_Document]:
    export = _decoded(_export, body)
    for resource in (export.resource_logs if signal is Signal.LOGS else export.resource_spans) or ():
        origin = _of_pairs((resource.resource and resource.resource.attributes) or ())
        for scope in (resource.scope_logs if signal is Signal.LOGS else resource.scope_spans) or ():
            for raw in (scope.log_records if signal is Signal.LOGS else scope.spans) or ():
                yield _Document(origin, bytes(raw))


def _decoded(decoder: msgspec.json.Decoder[_Decoded], document: bytes) -> _Decoded:
    try:
        return decoder.decode(document)
    except UNDECODABLE:
        return decoder.decode(damaged.mended(document))


def _protobuf_documents(body: bytes, signal: Signal) -> Iterator[_Document]:
    if signal is Signal.LOGS:
        for logs in ExportLogsServiceRequest.FromString(body).resource_logs:
            origin = _of_messages(logs.resource.attributes)
            yield from (_Document(origin, each) for scope in logs.scope_logs for each in scope.log_records)
    else:
        for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            origin = _of_messages(spans.resource.attributes)
            yield from (_Document(origin, each) for scope in spans.scope_spans for each in scope.spans)


def _of_json(item: _Item) -> _Entry:
    attributes = _of_pairs(item.attributes or ())
    for event in item.events or ():
        attributes = _of_pairs(event.attributes or ()) | attributes
    times = (item.start_time_unix_nano, item.time_unix_nano, item.observed_time_unix_nano)
    return _Entry(
        name=item.event_name or values.text(attributes.get("event.name")) or item.name,
        attributes=attributes,
        trace=item.trace_id,
        span=item.span_id,
        begin_ns=next(filter(None, map(values.whole, times)), 0),
        end_ns=values.whole(item.end_time_unix_nano) or 0,
        is_failed=item.status is not None and item.status.code in {_FAILED, "STATUS_CODE_ERROR"},
    )


def _of_message(item: Message) -> _Entry:
    attributes = _of_messages(item.attributes)
    trace, span = item.trace_id.hex(), item.span_id.hex()
    if isinstance(item, LogRecord):
        name = item.event_name or values.text(attributes.get("event.name")) or ""
        return _Entry(name, attributes, trace, span, item.time_unix_nano or item.observed_time_unix_nano)
    for event in item.events:
        attributes = _of_messages(event.attributes) | attributes
    begin_ns, end_ns = item.start_time_unix_nano, item.end_time_unix_nano
    return _Entry(item.name, attributes, trace, span, begin_ns, end_ns, item.status.code == _FAILED)


def _of_pairs(pairs: Sequence[_Pair]) -> dict[str, object]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> object:  # noqa: ANN401 - JSON of any shape
    if not isinstance(value, dict):
        return None
    for kind, content in value.items():
        match kind, content:
            case "intValue", int() | str():
                return values.whole(content)
            case "stringValue" | "boolValue" | "doubleValue", str() | bool() | int() | float():
                return content
            case "arrayValue", {"values": list(each)}:
                return [_plain(one) for one in each]
            case "kvlistValue", {"values": list(each)}:
                return {str(one.get("key")): _plain(one.get("value")) for one in each if isinstance(one, dict)}
    return None


def _of_messages(pairs: Sequence[Message]) -> dict[str, object]:
    return {pair.key: _plain_message(pair.value) for pair in pairs}


def _plain_message(value: Message) -> object:
    match value.WhichOneof("value"):
        case None | "bytes_value":
            return None
        case "array_value":
            return [_plain_message(each) for each in value.array_value.values]
        case "kvlist_value":
            return _of_messages(value.kvlist_value.values)
        case kind:
            found: object = getattr(value, kind)
            return found
