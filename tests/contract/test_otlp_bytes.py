"""OTLP as the OpenTelemetry Collector's Kafka exporter (0.155.0) writes it, byte for byte."""

import base64

import pytest

from stream_detector.collector.routes import Posted, routes
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.wire.sources.events import Discretion, Found, Part

_ROUTES = routes("stream_detector.client", None)
_DISCRETION = Discretion(Sketcher(b"salt").sketch)
_SPAN_JSON = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},'
    b'{"key":"stream_detector.tier","value":{"stringValue":"pro"}}]},"scopeSpans":[{"scope":{"name":"application"},'
    b'"spans":[{"traceId":"082a899f790735b3f50f73551cbbeae2","spanId":"ceb199771e6ad402","flags":256,'
    b'"name":"chat large-1","kind":1,"startTimeUnixNano":"1767571200000000000","endTimeUnixNano":"1767571201500000000",'
    b'"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},'
    b'{"key":"gen_ai.request.model","value":{"stringValue":"large-1"}},'
    b'{"key":"gen_ai.request.top_p","value":{"doubleValue":1}},'
    b'{"key":"gen_ai.request.temperature","value":{"doubleValue":"NaN"}},'
    b'{"key":"gen_ai.usage.output_tokens","value":{"intValue":"412"}},'
    b'{"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":[{"stringValue":"end_turn"}]}}},'
    b'{"key":"gen_ai.request.stream","value":{"boolValue":true}},'
    b'{"key":"stream_detector.client","value":{"stringValue":"acct-7"}}],"status":{}}]}]}]}'
)
_EVENT_JSON = (
    b'{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{"name":"application"},"logRecords":['
    b'{"timeUnixNano":"1767571200000000000","observedTimeUnixNano":"1795348168131740969","body":{},"attributes":['
    b'{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},'
    b'{"key":"gen_ai.input.messages","value":{"arrayValue":{"values":[{"kvlistValue":{"values":['
    b'{"key":"role","value":{"stringValue":"user"}},{"key":"parts","value":{"arrayValue":{"values":['
    b'{"kvlistValue":{"values":[{"key":"type","value":{"stringValue":"text"}},'
    b'{"key":"content","value":{"stringValue":"Wie hei\xc3\x9ft der Turm?"}}]}}]}}}]}}]}}},'
    b'{"key":"stream_detector.client","value":{"stringValue":"acct-7"}}],'
    b'"eventName":"gen_ai.client.inference.operation.details"}]}]}]}'
)
_SPAN_PROTOBUF = base64.b64decode(
    "CoYFEpwDEooDegBKGhIICgZhY2N0LTcKDnRlbmFudC5hY2NvdW50Sh8SBgoEY2hhdAoVZ2VuX2FpLm9wZXJhdGlvbi5uYW1lSiESCQoHbGFyZ2UtMQoU"
    "Z2VuX2FpLnJlcXVlc3QubW9kZWxKIRIJIQAAAAAAAPA/ChRnZW5fYWkucmVxdWVzdC50b3BfcEonEgkhAAAAAAAA+H8KGmdlbl9haS5yZXF1ZXN0LnRl"
    "bXBlcmF0dXJlSiESAxicAwoaZ2VuX2FpLnVzYWdlLm91dHB1dF90b2tlbnNKMBIOKgwKCgoIZW5kX3R1cm4KHmdlbl9haS5yZXNwb25zZS5maW5pc2hf"
    "cmVhc29uc0obEgIQAQoVZ2VuX2FpLnJlcXVlc3Quc3RyZWFtSiISCAoGYWNjdC03ChZzdHJlYW1fZGV0ZWN0b3IuY2xpZW50QQAvnoykrIcYOQAANjOk"
    "rIcYMAEqDGNoYXQgbGFyZ2UtMYUBAAEAACIAEgjIirlp2CKsCAoQ4CpHWDSxEoQTc9hGSVDLmAoNCgthcHBsaWNhdGlvbgrkAQoiEggKBnB5dGhvbgoW"
    "dGVsZW1ldHJ5LnNkay5sYW5ndWFnZQolEg8KDW9wZW50ZWxlbWV0cnkKEnRlbGVtZXRyeS5zZGsubmFtZQohEggKBjEuNDUuMgoVdGVsZW1ldHJ5LnNk"
    "ay52ZXJzaW9uCj0SJgokMWJjZGRjY2EtYmU1ZC00ZThmLWI2M2UtOTdkNGI5OTU4YzBlChNzZXJ2aWNlLmluc3RhbmNlLmlkChYSBgoEc2hvcAoMc2Vy"
    "dmljZS5uYW1lCh0SBQoDcHJvChRzdHJlYW1fZGV0ZWN0b3IudGllcg=="
)


def _read(path: str, body: bytes) -> Found:
    kind = "application/json" if body.startswith(b"{") else "application/x-protobuf"
    return _ROUTES[path].read(Posted(body, kind, Part.WHOLE, {}), _DISCRETION)


def _call(path: str, body: bytes) -> ApiCall:
    found = _read(path, body)
    assert (found.refused, found.left_out) == ([], [])
    (event,) = found.events
    return event.call


@pytest.mark.parametrize(
    ("body", "span"),
    [
        (_SPAN_JSON, "082a899f790735b3f50f73551cbbeae2:ceb199771e6ad402"),
        (_SPAN_PROTOBUF, "e02a475834b112841373d8464950cb98:c88ab969d822ac08"),
    ],
    ids=["JSON", "protobuf"],
)
def test_a_span_is_a_call(body: bytes, span: str) -> None:
    assert _call("/v1/traces", body) == ApiCall(
        id=span,
        ts=1_767_571_200.0,
        client="acct-7",
        tier="pro",
        model="large-1",
        stream=True,
        latency_ms=1500.0,
        output_tokens=412,
        finish="stop",
        params=Params(top_p=1.0),
    )


def test_an_event_with_structured_messages_is_a_call_with_a_sketch() -> None:
    call = _call("/v1/logs", _EVENT_JSON)
    assert (call.client, call.ts) == ("acct-7", 1_767_571_200.0)
    assert call.sketch == Sketcher(b"salt").sketch("Wie heißt der Turm?")


def test_events_outside_of_spans_have_ids_of_their_own() -> None:
    zeros = b'"traceId":"00000000000000000000000000000000","spanId":"0000000000000000","timeUnixNano":"1767571'
    bodies = [_EVENT_JSON.replace(b'"timeUnixNano":"1767571', zeros), _EVENT_JSON]
    bodies += [body.replace(b"1767571200", b"1767571201") for body in bodies]
    one, same, other, other_too = (_call("/v1/logs", body).id for body in bodies)
    assert one == same
    assert other == other_too != one
    assert "0000000000000000" not in one
