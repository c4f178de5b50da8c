"""What a client says to LiteLLM that it may not say."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from stream_detector.hook.answers import MARK_HEADER
from stream_detector.hook.litellm_requests import forbid_hiding, forbid_marks, mark

REDACT = {"turn_off_message_logging": True}


def test_only_our_mark_goes_to_the_model() -> None:
    data: dict[str, Any] = {"extra_headers": {"X_Stream_Detector_Mark ": "forged", "x-kept": "1"}}
    forbid_marks(data)
    assert data == {"extra_headers": {"x-kept": "1"}}
    mark(data, [(MARK_HEADER, "ours")])
    assert data == {"extra_headers": {"x-kept": "1", MARK_HEADER: "ours"}}


@pytest.mark.parametrize("headers", [None, 7, "x-kept", ["x-kept"], [[MARK_HEADER, "forged"]]])
@pytest.mark.parametrize("field", ["headers", "extra_headers"])
def test_headers_that_are_none_are_dropped(field: str, headers: object) -> None:
    data: dict[str, Any] = {field: headers}
    forbid_marks(data)
    assert data == {field: {}}
    mark(data, [(MARK_HEADER, "ours")])
    assert data["extra_headers"] == {MARK_HEADER: "ours"}


@pytest.mark.parametrize("scoped", [None, 7, "x", [7], {"extra_headers": 7}, [{"custom_llm_provider": "openai"}]])
def test_headers_for_a_provider_may_have_any_form(scoped: object) -> None:
    data: dict[str, Any] = {"provider_specific_header": scoped}
    forbid_marks(data)
    assert MARK_HEADER not in str(data)


def test_a_request_that_hides_nothing_stays_as_it_is() -> None:
    metadata = {"headers": {"x-request-id": "1"}, "tags": ["a"]}
    data: dict[str, Any] = {"model": "m", "metadata": metadata, "litellm_metadata": 7}
    kept = copy.deepcopy(data)
    forbid_marks(data)
    forbid_hiding(data)
    mark(data, [])
    assert data == kept


@pytest.mark.parametrize("field", ["metadata", "litellm_metadata"])
def test_nothing_that_hides_is_left(field: str) -> None:
    headers = {"x-litellm-enable-message-redaction": "1", "litellm-enable-message-redaction": "1", "x-request-id": "1"}
    data: dict[str, Any] = {
        "no-log": True,
        "no_log": True,
        field: {"headers": headers, "tags": "no list", **REDACT},
        "litellm_params": {"metadata": dict(REDACT)},
    }
    forbid_hiding(data)
    assert data == {field: {"headers": {"x-request-id": "1"}}, "litellm_params": {"metadata": {}}}


def test_what_litellm_has_understood_already_is_forgotten_too() -> None:
    understood = {**REDACT, "langfuse_host": "of somebody"}
    call = SimpleNamespace(standard_callback_dynamic_params=understood)
    forbid_hiding({**REDACT, "litellm_logging_obj": call})
    assert understood == {"langfuse_host": "of somebody"}


def test_a_text_that_the_operator_wants_redacted_stays_so() -> None:
    understood = dict(REDACT)
    call = SimpleNamespace(standard_callback_dynamic_params=understood)
    data: dict[str, Any] = {
        **REDACT,
        "no-log": True,
        "litellm_trusted_callback_vars": REDACT,
        "litellm_logging_obj": call,
    }
    forbid_hiding(data)
    assert (data["turn_off_message_logging"], understood) == (True, REDACT)
    assert "no-log" not in data
