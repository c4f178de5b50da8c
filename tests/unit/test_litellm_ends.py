"""Where a call ends in LiteLLM, and with which tokens."""

from types import SimpleNamespace
from typing import Any

import pytest

from stream_detector.domain.limits import Use
from stream_detector.hook.litellm_ends import CallEnd, end_of_answered, end_of_failed, remember

ALICE = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


def request(field: str = "metadata", **fields: object) -> dict[str, Any]:
    """One that our guardrail has let pass."""
    data: dict[str, Any] = {"model": "m", field: {"tags": ["of LiteLLM"]}, **fields}
    remember(data, "call-7")
    return data


def success(litellm_params: dict[str, Any], **metadata: object) -> dict[str, Any]:
    payload = {"prompt_tokens": 7, "completion_tokens": 5, "metadata": metadata}
    return {"litellm_params": litellm_params, "standard_logging_object": payload}


@pytest.mark.parametrize("field", ["metadata", "litellm_metadata"])
def test_an_answered_call_has_used_what_litellm_counted(field: str) -> None:
    end = end_of_answered(success(request(field), user_api_key_hash=ALICE))
    assert end == CallEnd(ALICE, Use("call-7", 7, 5))


def test_an_answered_call_of_a_caller_without_a_key_is_that_of_the_user() -> None:
    end = end_of_answered(success(request(), user_api_key_hash=None, user_api_key_user_id="alice"))
    assert end == CallEnd("alice", Use("call-7", 7, 5))


@pytest.mark.parametrize("field", ["metadata", "litellm_metadata"])
def test_a_failed_call_has_used_nothing_though_litellm_guesses_its_prompt(field: str) -> None:
    guess = SimpleNamespace(prompt_tokens=8, completion_tokens=0)
    for data in (request(field), request(field, combined_usage_object=guess)):
        assert end_of_failed(data, ALICE) == CallEnd(ALICE, Use("call-7", 0, 0))


def test_a_stream_that_broke_has_used_what_had_come() -> None:
    recovered = SimpleNamespace(prompt_tokens=8, completion_tokens=300)
    end = end_of_failed(request(combined_usage_object=recovered), ALICE)
    assert end == CallEnd(ALICE, Use("call-7", 8, 300))


@pytest.mark.parametrize("written", [{"completion_tokens": 9}, "nine", None, 9])
def test_what_a_client_writes_itself_is_no_count(written: object) -> None:
    assert end_of_failed(request(combined_usage_object=written), ALICE) == CallEnd(ALICE, Use("call-7", 0, 0))


def test_nothing_ends_that_is_not_open() -> None:
    assert end_of_failed({"metadata": {}}, ALICE) is None
    assert end_of_failed({"metadata": {"stream_detector_call": 7}}, ALICE) is None
    assert end_of_failed(request(), None) is None
    assert end_of_answered(success({"metadata": None}, user_api_key_hash=ALICE)) is None
    assert end_of_answered(success(request())) is None
    assert end_of_answered({"litellm_params": request()}) is None
