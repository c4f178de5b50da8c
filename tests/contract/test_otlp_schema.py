"""Our own form of OTLP's messages against the official one."""

import subprocess
import sys

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from stream_detector.wire.sources import otlp_schema

REQUESTS_AND_RESPONSES = [
    (otlp_schema.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceRequest),
    (otlp_schema.ExportLogsServiceResponse, logs_service_pb2.ExportLogsServiceResponse),
    (otlp_schema.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceRequest),
    (otlp_schema.ExportTraceServiceResponse, trace_service_pb2.ExportTraceServiceResponse),
]
READ_AS = {FieldDescriptor.TYPE_ENUM: FieldDescriptor.TYPE_INT32}
"""The same on the wire."""


def differences(ours: Descriptor, official: Descriptor, seen: set[str]) -> list[str]:
    """Fields of ours, in the message and below it, that the official one does not have or writes otherwise."""
    if ours.name in seen:
        return []
    seen.add(ours.name)
    found = []
    for field in ours.fields:
        theirs = official.fields_by_name.get(field.name)
        if theirs is None or written(field) != written(theirs):
            found.append(f"{ours.name}.{field.name}")
        elif field.message_type is not None:
            found += differences(field.message_type, theirs.message_type, seen)
    return found


def written(field: FieldDescriptor) -> tuple[int, int, bool, bool]:
    kind = READ_AS.get(field.type, field.type)
    return field.number, kind, field.is_repeated, field.containing_oneof is not None


@pytest.mark.parametrize(("ours", "official"), REQUESTS_AND_RESPONSES)
def test_every_field_is_written_as_the_official_schema_says(
    ours: otlp_schema.Message, official: otlp_schema.Message
) -> None:
    seen: set[str] = set()
    assert differences(ours.DESCRIPTOR, official.DESCRIPTOR, seen) == []
    assert ours.DESCRIPTOR.name in seen


def test_fields_that_are_not_in_our_schema_are_written_again() -> None:
    whole = logs_service_pb2.ExportLogsServiceRequest()
    record = whole.resource_logs.add().scope_logs.add().log_records.add(severity_text="INFO", event_name="a")
    record.body.string_value = "text"
    data = whole.SerializeToString()
    again = otlp_schema.ExportLogsServiceRequest.FromString(data).SerializeToString()
    assert logs_service_pb2.ExportLogsServiceRequest.FromString(again) == whole


def test_the_collector_reads_otlp_without_the_official_package() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None; "
        "import stream_detector.collector.replies, stream_detector.wire.sources.otlp"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
