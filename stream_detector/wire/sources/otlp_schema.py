"""The messages of OTLP that are read and answered, in protobuf.

Made here because the package of their compiled form, `opentelemetry-proto`, shares its files with `xds-protos`, which brings
old ones: in one environment whoever is installed last would win. They live in a pool of their own, so neither is disturbed.
What is not named here stays in a message as unknown fields, and is written again with it.

Source: opentelemetry-proto 1.x, `opentelemetry/proto/{collector,common,logs,resource,trace}/v1`.
"""

from typing import Any, Final, TypeAlias

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from msgspec import Struct

Message: TypeAlias = Any
"""A message, or the class of one; its fields are those below."""

_PACKAGE = "stream_detector.otlp"


class _Field(Struct, frozen=True):
    """One line of a message."""

    number: int
    kind: str
    """A scalar of protobuf, or a message of this schema."""
    is_repeated: bool = False


def _many(number: int, kind: str) -> _Field:
    return _Field(number, kind, is_repeated=True)


_ONE_OF: Final = {"AnyValue": "value"}
"""Messages that hold one of their fields, and what that is called."""
_SCHEMA: Final = {
    "AnyValue": {
        "string_value": _Field(1, "string"),
        "bool_value": _Field(2, "bool"),
        "int_value": _Field(3, "int64"),
        "double_value": _Field(4, "double"),
        "array_value": _Field(5, "ArrayValue"),
        "kvlist_value": _Field(6, "KeyValueList"),
        "bytes_value": _Field(7, "bytes"),
    },
    "ArrayValue": {"values": _many(1, "AnyValue")},
    "KeyValueList": {"values": _many(1, "KeyValue")},
    "KeyValue": {"key": _Field(1, "string"), "value": _Field(2, "AnyValue")},
    "Resource": {"attributes": _many(1, "KeyValue")},
    "LogRecord": {
        "time_unix_nano": _Field(1, "fixed64"),
        "attributes": _many(6, "KeyValue"),
        "trace_id": _Field(9, "bytes"),
        "span_id": _Field(10, "bytes"),
        "observed_time_unix_nano": _Field(11, "fixed64"),
        "event_name": _Field(12, "string"),
    },
    "ScopeLogs": {"log_records": _many(2, "LogRecord")},
    "ResourceLogs": {"resource": _Field(1, "Resource"), "scope_logs": _many(2, "ScopeLogs")},
    "ExportLogsServiceRequest": {"resource_logs": _many(1, "ResourceLogs")},
    "ExportLogsPartialSuccess": {"rejected_log_records": _Field(1, "int64"), "error_message": _Field(2, "string")},
    "ExportLogsServiceResponse": {"partial_success": _Field(1, "ExportLogsPartialSuccess")},
    "Event": {"attributes": _many(3, "KeyValue")},
    "Status": {"code": _Field(3, "int32")},
    "Span": {
        "trace_id": _Field(1, "bytes"),
        "span_id": _Field(2, "bytes"),
        "name": _Field(5, "string"),
        "start_time_unix_nano": _Field(7, "fixed64"),
        "end_time_unix_nano": _Field(8, "fixed64"),
        "attributes": _many(9, "KeyValue"),
        "events": _many(11, "Event"),
        "status": _Field(15, "Status"),
    },
    "ScopeSpans": {"spans": _many(2, "Span")},
    "ResourceSpans": {"resource": _Field(1, "Resource"), "scope_spans": _many(2, "ScopeSpans")},
    "ExportTraceServiceRequest": {"resource_spans": _many(1, "ResourceSpans")},
    "ExportTracePartialSuccess": {"rejected_spans": _Field(1, "int64"), "error_message": _Field(2, "string")},
    "ExportTraceServiceResponse": {"partial_success": _Field(1, "ExportTracePartialSuccess")},
}


def _describe(name: str, fields: dict[str, _Field]) -> DescriptorProto:
    message = DescriptorProto(name=name)
    if name in _ONE_OF:
        message.oneof_decl.add(name=_ONE_OF[name])
    for called, field in fields.items():
        made = message.field.add(name=called, number=field.number)
        made.label = FieldDescriptorProto.LABEL_REPEATED if field.is_repeated else FieldDescriptorProto.LABEL_OPTIONAL
        if field.kind in _SCHEMA:
            made.type, made.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{field.kind}"
        else:
            made.type = FieldDescriptorProto.Type.Value(f"TYPE_{field.kind.upper()}")
        if name in _ONE_OF:
            made.oneof_index = 0
    return message


def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name="stream_detector/otlp.proto", package=_PACKAGE, syntax="proto3")
    file.message_type.extend(_describe(name, fields) for name, fields in _SCHEMA.items())
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _class_of(name: str) -> Message:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


_POOL: Final = _pool()
LogRecord: Final = _class_of("LogRecord")
ExportLogsServiceRequest: Final = _class_of("ExportLogsServiceRequest")
ExportTraceServiceRequest: Final = _class_of("ExportTraceServiceRequest")
ExportLogsServiceResponse: Final = _class_of("ExportLogsServiceResponse")
ExportTraceServiceResponse: Final = _class_of("ExportTraceServiceResponse")
