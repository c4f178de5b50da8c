"""Header fields of a gateway's question -> what the call is expected to need, and later, what it has used.

The gateway sets them, and lets none through that the client has sent. They matter for clients whose limit has a part for
tokens or open calls; what cannot be read counts as unknown, never as a refusal.
"""

from collections.abc import Callable
from typing import Final

from stream_detector.domain.limits import MAX_UNITS, ONE_CALL, Ask, Use

INPUT_TOKENS: Final = "x-stream-detector-input-tokens"
OUTPUT_TOKENS: Final = "x-stream-detector-output-tokens"
_MAX_CALL_CHARS = 256
_MAX_DIGITS = len(str(MAX_UNITS))

Field = Callable[[str], str | None]
"""Name in lower case -> the value of the only such field; None where there is none, or several."""


def ask_of(field: Field, call_header: str) -> Ask:
    """What the call is expected to need."""
    call, given, expected = call_id(field(call_header)), _tokens(field(INPUT_TOKENS)), _tokens(field(OUTPUT_TOKENS))
    if not call and given is None and expected is None:
        return ONE_CALL
    return Ask(call=call, input_tokens=given, output_tokens=expected)


def use_of(field: Field, call_header: str) -> Use:
    """What it has used."""
    return Use(call_id(field(call_header)), _tokens(field(INPUT_TOKENS)), _tokens(field(OUTPUT_TOKENS)))


def call_id(value: str | None) -> str:
    """The id of a call; empty for none."""
    return value if value is not None and len(value) <= _MAX_CALL_CHARS else ""


def _tokens(value: str | None) -> int | None:
    if value is None or not (value.isascii() and value.isdigit()) or len(value) > _MAX_DIGITS:
        return None
    return min(int(value), MAX_UNITS)
