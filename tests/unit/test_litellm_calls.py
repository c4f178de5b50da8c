"""What LiteLLM reports about a call becomes our call."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall, Params
from stream_detector.domain.errors import MalformedCall
from stream_detector.wire import calls, litellm

KEY_HASH = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
MARKER = "zinnober-4711"
SKETCHER = Sketcher(b"salt of this test")

SUCCESS: dict[str, Any] = {
    "id": "chatcmpl-9f2c",
    "trace_id": "5f4c0d0e",
    "litellm_call_id": "b1b7e0c8-6f57-4d0c-9c0c-3f6f2a1f0d11",
    "call_type": "acompletion",
    "stream": True,
    "status": "success",
    "prompt_tokens": 31,
    "completion_tokens": 412,
    "total_tokens": 443,
    "startTime": 1767571200.25,
    "endTime": 1767571201.75,
    "completionStartTime": 1767571200.5,
    "model": "openai/gpt-4o",
    "model_group": "gpt-4o",
    "api_base": "https://api.example.com",
    "metadata": {
        "user_api_key_hash": KEY_HASH,
        "user_api_key_alias": "alice's key",
        "user_api_key_user_id": "alice",
        "user_api_key_team_id": "team-7",
        "user_api_key_org_id": None,
        "user_api_key_request_route": "/v1/chat/completions",
        "requester_ip_address": "192.0.2.17",
    },
    "cache_hit": False,
    "end_user": "somebody",
    "requester_ip_address": "192.0.2.17",
    "user_agent": "OpenAI/Python 1.52.0",
    "messages": [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": [{"type": "text", "text": f"Why is the sky {MARKER}?"}, {"type": "image_url"}]},
    ],
    "response": {"choices": [{"finish_reason": "length", "message": {"role": "assistant", "content": "Because"}}]},
    "error_information": {"error_code": "", "error_class": ""},
    "model_parameters": {"temperature": 0.7, "max_completion_tokens": 1024, "logit_bias": {50256: -100}, "tools": []},
}


def call_of(**changes: object) -> ApiCall:
    return litellm.call_of(copy.deepcopy(SUCCESS) | changes, SKETCHER.sketch)


def test_a_success_says_all_that_the_detectors_can_use() -> None:
    assert call_of() == ApiCall(
        id="chatcmpl-9f2c",
        ts=1767571200.25,
        client=KEY_HASH,
        org="team-7",
        user="somebody",
        ip="192.0.2.17",
        ua="OpenAI/Python 1.52.0",
        route="/v1/chat/completions",
        model="gpt-4o",
        status=200,
        latency_ms=1500.0,
        stream=True,
        input_tokens=31,
        output_tokens=412,
        finish="length",
        params=Params(temperature=0.7, max_tokens=1024, logit_bias={"50256": -100}),
        sketch=SKETCHER.sketch(f"Why is the sky {MARKER}?"),
    )


def test_the_text_goes_no_further_than_the_sketch() -> None:
    assert MARKER.encode() not in calls.encode(call_of())


@pytest.mark.parametrize(("code", "status"), [("429", 429), (403, 403), ("", 500), ("Timeout", 500), (None, 500)])
def test_a_failure_has_the_status_that_the_client_got(code: object, status: int) -> None:
    call = call_of(status="failure", error_information={"error_code": code}, completion_tokens=0, response={})
    assert (call.status, call.finish, call.output_tokens) == (status, "error", None)


@pytest.mark.parametrize(
    ("response", "finish"),
    [
        ({"choices": [{"finish_reason": "stop", "message": {"refusal": "I cannot"}}]}, "refusal"),
        (
            {"choices": [{"finish_reason": "stop", "message": {"provider_specific_fields": {"refusal": "No"}}}]},
            "refusal",
        ),
        ({"choices": [{"finish_reason": "stop", "message": {"provider_specific_fields": {"refusal": None}}}]}, "stop"),
        ({"choices": [{"finish_reason": "tool_calls", "message": {}}]}, "tool"),
        ({"choices": [{"finish_reason": "content_filter"}]}, "filter"),
        ({"stop_reason": "max_tokens", "type": "message"}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "completed", "incomplete_details": None}, "stop"),
        ({"choices": [{"finish_reason": "something new"}]}, None),
        ("redacted-by-litellm", None),
        (None, None),
    ],
)
def test_the_end_of_an_answer_is_told_in_our_words(response: object, finish: str | None) -> None:
    assert call_of(response=response).finish == finish


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ("Translate this", "Translate this"),
        (["first input", "second input"], "first input\nsecond input"),
        ({"role": "user", "content": "alone"}, "alone"),
        ([{"role": "user", "content": "asked"}, {"role": "tool", "content": "looked up"}], "asked"),
        ([{"role": "user", "content": "one input"}, {"role": "user", "content": "another"}], "one input\nanother"),
        (
            [
                {"role": "user", "content": "before"},
                {"role": "assistant", "content": None},
                {"role": "user", "content": "new"},
            ],
            "new",
        ),
        ([{"role": "system", "content": "only this"}], "only this"),
        ([{"role": "user", "content": "redacted-by-litellm"}], ""),
        ("redacted-by-litellm", ""),
        ([{"role": "user", "content": None}, 7], ""),
        (None, ""),
    ],
)
def test_the_prompt_is_what_is_new_in_the_call(messages: object, text: str) -> None:
    assert litellm.prompt_of(messages) == text
    assert (call_of(messages=messages).sketch is None) == (text == "")


def test_a_client_cannot_hide_behind_fields_that_do_not_fit() -> None:
    call = call_of(
        id="x" * 1000,
        litellm_call_id="bell \a",
        end_user="u" * 1000,
        user_agent="a" * 5000,
        requester_ip_address="nowhere",
        stream="perhaps",
        prompt_tokens=-5,
        model_parameters={"temperature": 1e9, "top_p": 0.5, "logit_bias": dict.fromkeys(range(5000), 1)},
    )
    assert calls.decode(calls.encode(call), max_bytes=1 << 20).calls == [call]
    assert (call.id, call.client) == ("litellm-1767571200.25", KEY_HASH)
    assert (len(call.user or ""), len(call.ua or ""), call.ip) == (256, 1024, None)
    assert call.params is not None
    assert (call.params.temperature, call.params.top_p, len(call.params.logit_bias or ())) == (None, 0.5, 1024)


@pytest.mark.parametrize("odd", ["0" * 33 + "7", "x" * 33, "\ud83d"])
def test_a_client_cannot_hide_its_biases_behind_an_odd_one(odd: str) -> None:
    params = call_of(model_parameters={"logit_bias": {odd: 1, 8: float("nan"), "9": 5, 10: -100}}).params
    assert params is not None
    assert (params.logit_bias or {}).items() >= {"9": 5, "10": -100}.items()
    assert all(len(token) <= 32 for token in params.logit_bias or ())


def test_half_a_character_is_a_question_mark_and_hides_no_call() -> None:
    half = "hi \ud83d"
    params = {"logit_bias": {half: 1}}
    call = call_of(id=half, end_user=half, user_agent=half, model_group=half, messages=half, model_parameters=params)
    assert calls.decode(calls.encode(call), max_bytes=1 << 20).calls == [call]
    assert (call.user, call.ua, call.model) == ("hi ?", "hi ?", "hi ?")
    assert call.params == Params(logit_bias={"hi ?": 1})
    assert call.id == "b1b7e0c8-6f57-4d0c-9c0c-3f6f2a1f0d11"


@pytest.mark.parametrize(
    ("key_hash", "user_id", "client"),
    [
        (KEY_HASH, "alice", KEY_HASH),
        (None, "alice", "alice"),
        ("sk-a-real-key", "alice", "alice"),
        ("sk-a-real-key", None, None),
        (None, "", None),
        (None, "x" * 257, None),
    ],
)
def test_a_client_is_the_hash_of_its_key_and_never_the_key(key_hash: object, user_id: object, client: object) -> None:
    assert litellm.client_of(key_hash, user_id) == client


def test_whoever_guesses_a_key_is_nobody() -> None:
    with pytest.raises(MalformedCall, match="401, so the call belongs to nobody"):
        call_of(status="failure", error_information={"error_code": "401"})


def test_a_call_is_its_callers_also_when_the_provider_does_not_know_the_gateways_key() -> None:
    call = call_of(status="failure", error_information={"error_code": "401", "llm_provider": "openai"})
    assert (call.client, call.status, call.finish) == (KEY_HASH, 401, "error")


def test_a_stream_that_failed_is_a_stream() -> None:
    call = call_of(status="failure", stream=None, model_parameters={"stream": True})
    assert call.stream is True


@pytest.mark.parametrize("changes", [{"metadata": None}, {"startTime": None}, {"startTime": "noon"}])
def test_a_call_without_client_or_time_is_refused_with_what_to_do(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedCall, match=r"metadata\.user_api_key_hash: missing|startTime: must be"):
        call_of(**changes)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(set(SUCCESS) - {"metadata", "startTime"})), _JSON))
def test_whatever_else_a_payload_holds_the_worker_can_read_the_call(changes: dict[str, object]) -> None:
    call = call_of(**changes)
    decoded = calls.decode(calls.encode(call), max_bytes=1 << 20)
    assert [each.client for each in decoded.calls] == [KEY_HASH]
