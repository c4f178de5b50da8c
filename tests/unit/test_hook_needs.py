import pytest

from stream_detector.domain.limits import MAX_UNITS, ONE_CALL, Ask, Use
from stream_detector.hook.needs import INPUT_TOKENS, OUTPUT_TOKENS, ask_of, use_of


def test_a_question_without_needs_is_one_call() -> None:
    assert ask_of({}.get, "x-request-id") is ONE_CALL


def test_call_and_tokens_are_read() -> None:
    fields = {"x-request-id": "r-1", INPUT_TOKENS: "120", OUTPUT_TOKENS: "900"}
    assert ask_of(fields.get, "x-request-id") == Ask(1, "r-1", 120, 900)
    assert use_of(fields.get, "x-request-id") == Use("r-1", 120, 900)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e9", " 7", "x", "\u0664", "9" * 5000])
def test_tokens_that_cannot_be_read_are_unknown(text: str) -> None:
    assert ask_of({INPUT_TOKENS: text, OUTPUT_TOKENS: text}.get, "x-request-id") is ONE_CALL


def test_more_tokens_than_a_call_can_have_are_the_most_it_can_have() -> None:
    assert use_of({OUTPUT_TOKENS: str(2 * MAX_UNITS)}.get, "x-request-id").output_tokens == MAX_UNITS


def test_an_id_that_is_too_long_is_no_id() -> None:
    assert use_of({"x-request-id": "x" * 257}.get, "x-request-id").call == ""
