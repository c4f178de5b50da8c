"""What gateways report of one call, in each format that the collector takes; every one says the same."""

import base64
import json
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

NOON_S = 1_767_571_200.0
QUESTION = "Explain why the sky is blue, in the voice of a lighthouse keeper."
MAPPING = """
[fields]
id = "request.id"
ts = { path = "time", unit = "ms" }
client = "auth.account"
tier = { value = "pro" }
status = "response.status"
latency_ms = { path = "response.took", unit = "s" }
output_tokens = "response.usage[1]"
"params.temperature" = ["request", "model.temperature"]
prompt = "request.messages"
"""


def messages(question: str = QUESTION) -> list[dict[str, Any]]:
    """A conversation; its last question is what is new."""
    return [
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Good morning!"},
        {"role": "assistant", "content": "Good morning, and how can I help?"},
        {"role": "user", "content": [{"type": "text", "text": question}]},
    ]


def attribute(key: str, value: object) -> dict[str, object]:
    """One attribute of OTLP."""
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": key, "value": {"doubleValue": value}}
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [{"stringValue": each} for each in value]}}}
    return {"key": key, "value": {"stringValue": value}}


def genai(client: str | None = "acct-7", question: str = QUESTION, **more: object) -> list[dict[str, object]]:
    """Attributes of one call; in the names of `more`, `__` stands for `.`."""
    parts = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    content: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "example",
        "gen_ai.request.model": "large-1",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 412,
        "gen_ai.input.messages": json.dumps(parts),
        "client.address": "192.0.2.17",
        "user_agent.original": "OpenAI/Python 1.52.0",
        "http.response.status_code": 200,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    if client is not None:
        content["stream_detector.client"] = client
    return [attribute(key, value) for key, value in content.items()]


def span(number: int = 1, attributes: list[dict[str, object]] | None = None, **more: object) -> dict[str, object]:
    """A span of a call that took a second and a half."""
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "name": "chat large-1",
        "kind": 3,
        "startTimeUnixNano": str(int(NOON_S * 1e9)),
        "endTimeUnixNano": str(int((NOON_S + 1.5) * 1e9)),
        "attributes": genai() if attributes is None else attributes,
        **more,
    }


def record(number: int = 1, attributes: list[dict[str, object]] | None = None) -> dict[str, object]:
    """A log record of a call."""
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "timeUnixNano": str(int(NOON_S * 1e9)),
        "eventName": "gen_ai.client.inference.operation.details",
        "attributes": genai() if attributes is None else attributes,
    }


def traces(*spans: dict[str, object]) -> dict[str, object]:
    """An export request of spans."""
    resource = {"attributes": [attribute("service.name", "gateway"), attribute("stream_detector.tier", "pro")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "g"}, "spans": list(spans)}]}]}


def logs(*records: dict[str, object]) -> dict[str, object]:
    """An export request of log records."""
    resource = {"attributes": [attribute("stream_detector.tier", "pro")]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}


def as_json(content: object) -> bytes:
    """Bytes of JSON."""
    return json.dumps(content).encode()


def as_protobuf(content: dict[str, Any]) -> bytes:
    """The same request as protobuf."""
    message = ExportTraceServiceRequest() if "resourceSpans" in content else ExportLogsServiceRequest()
    json_format.ParseDict(_with_base64_ids(content), message)
    return message.SerializeToString()


def call(number: int = 1, **more: object) -> dict[str, object]:
    """A call as our own JSON has it."""
    return {
        "id": f"req-{number}",
        "ts": NOON_S + number,
        "client": "acct-7",
        "status": 200,
        "output_tokens": 412,
        "prompt": QUESTION,
        **more,
    }


def envoy(number: int = 1, **more: object) -> dict[str, object]:
    """A line of Envoy's access log."""
    return {
        "id": f"req-{number}",
        "start_time": "2026-01-05T00:00:00.000Z",
        "client": "acct-7",
        "ip": "192.0.2.17",
        "ua": "OpenAI/Python 1.52.0",
        "ja4": None,
        "path": "/v1/chat/completions?api-version=1",
        "status": 200,
        "latency_ms": 1500,
        "model": "large-1",
        "input_tokens": "21",
        "output_tokens": "412",
        "org": "-",
        **more,
    }


def foreign(number: int = 1, question: str = QUESTION) -> dict[str, object]:
    """A document that only `MAPPING` understands."""
    return {
        "time": NOON_S * 1000,
        "auth": {"account": "acct-7"},
        "request": {"id": f"req-{number}", "messages": messages(question), "model.temperature": 0.7},
        "response": {"status": "200", "took": 1.5, "usage": [21, 412]},
    }


def litellm(number: int = 1, question: str = QUESTION) -> dict[str, object]:
    """A payload of LiteLLM's logger."""
    return {
        "id": f"chatcmpl-{number}",
        "status": "success",
        "startTime": NOON_S,
        "endTime": NOON_S + 1.5,
        "model": "large-1",
        "prompt_tokens": 21,
        "completion_tokens": 412,
        "metadata": {"user_api_key_hash": "ab" * 32, "user_api_key_user_id": "acct-7"},
        "messages": messages(question),
        "model_parameters": {"temperature": 0.7},
        "response": {"choices": [{"finish_reason": "stop"}]},
    }


def cloudevent(number: int = 1, **more: object) -> dict[str, object]:
    """A structured CloudEvent whose data is a call without what the envelope says."""
    data = {name: value for name, value in call().items() if name not in {"id", "ts", "client"}}
    return {
        "specversion": "1.0",
        "id": f"req-{number}",
        "source": "/gateway",
        "type": "example.call",
        "time": "2026-01-05T00:00:00Z",
        "partitionkey": "acct-7",
        "data": data,
        **more,
    }


def _with_base64_ids(content: Any) -> Any:  # noqa: ANN401
    """Protobuf's own JSON has bytes in base64, where OTLP has them in hexadecimal."""
    if isinstance(content, list):
        return [_with_base64_ids(each) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        key: _base64(value) if key in {"traceId", "spanId"} else _with_base64_ids(value)
        for key, value in content.items()
    }


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()
