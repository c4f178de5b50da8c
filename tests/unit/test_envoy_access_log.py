import math

import msgspec
import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from google.protobuf.json_format import ParseDict

from stream_detector.collector.envoy.entries import record_of
from stream_detector.domain.calls import ApiCall

ENTRY = {
    "common_properties": {
        "start_time": "2026-01-05T00:00:00.250Z",
        "duration": "1.5s",
        "downstream_remote_address": {"socket_address": {"address": "192.0.2.1", "port_value": 4711}},
        "stream_id": "stream-1",
        "metadata": {
            "filter_metadata": {
                "io.envoy.ai_gateway": {
                    "llm_input_token": 70,
                    "llm_output_token": 5,
                    "model_name_override": "large-2",
                }
            }
        },
    },
    "request": {
        "request_id": "request-1",
        "path": "/v1/chat/completions?api_key=secret",
        "user_agent": "curl/8",
        "request_headers": {"x-client-id": "alice"},
    },
    "response": {"response_code": 200},
}


def entry(**changes: object) -> HTTPAccessLogEntry:
    """The entry above; parts of it by a path such as `request__path`; None leaves it out."""
    content = msgspec.json.decode(msgspec.json.encode(ENTRY))
    for path, value in changes.items():
        *parents, name = path.split("__")
        part = content
        for each in parents:
            part = part[each]
        if value is None:
            del part[name]
        else:
            part[name] = value
    return ParseDict(content, HTTPAccessLogEntry())


def told(**changes: object) -> dict[str, object]:
    record = record_of(entry(**changes), "x-client-id")
    assert record is not None
    return record


def test_an_entry_is_a_call_with_tokens_and_without_the_query() -> None:
    assert told() == {
        "id": "request-1",
        "ts": 1767571200.25,
        "client": "alice",
        "ip": "192.0.2.1",
        "ua": "curl/8",
        "route": "/v1/chat/completions",
        "model": "large-2",
        "status": 200,
        "latency_ms": 1500.0,
        "input_tokens": 70,
        "output_tokens": 5,
    }


def test_the_record_is_what_the_calls_topic_takes() -> None:
    assert msgspec.convert(told(), ApiCall).output_tokens == 5


def test_what_envoy_does_not_say_is_not_in_the_record() -> None:
    record = told(
        common_properties__duration=None,
        common_properties__metadata=None,
        common_properties__downstream_remote_address=None,
        request__user_agent=None,
        request__path=None,
    )
    assert record.keys() == {"id", "ts", "client", "status"}


@pytest.mark.parametrize(
    "changes",
    [
        {"common_properties__start_time": None},
        {"request__request_headers": None},
        {"request__request_headers": {"x-client-id": ""}},
        {"request__request_id": None, "common_properties__stream_id": None},
        {"common_properties": {}},
    ],
)
def test_an_entry_without_client_time_or_id_is_no_call(changes: dict[str, object]) -> None:
    assert record_of(entry(**changes), "x-client-id") is None
    assert record_of(HTTPAccessLogEntry(), "x-client-id") is None


def test_an_entry_without_a_request_id_has_that_of_the_stream() -> None:
    assert told(request__request_id=None)["id"] == "stream-1"


def test_a_client_that_went_away_before_the_answer_is_a_499() -> None:
    assert told(response={})["status"] == 499


def test_without_a_duration_the_last_byte_ends_the_call() -> None:
    changes = {"common_properties__duration": None, "common_properties__time_to_last_downstream_tx_byte": "0.25s"}
    assert told(**changes)["latency_ms"] == 250.0


@pytest.mark.parametrize("number", [math.inf, math.nan, -math.inf, 1.5])
def test_tokens_that_are_no_whole_number_are_left_out(number: float) -> None:
    given = entry()
    given.common_properties.metadata.filter_metadata["io.envoy.ai_gateway"]["llm_input_token"] = number
    record = record_of(given, "x-client-id")
    assert record is not None
    assert "input_tokens" not in record
    assert record["output_tokens"] == 5


def test_a_path_that_was_rewritten_is_told_as_the_client_wrote_it() -> None:
    assert told(request__original_path="/v1/messages?x=1")["route"] == "/v1/messages"
