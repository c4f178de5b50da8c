"""Dead letters: calls that could not be used. JSON on the dead-letter topic, version 1."""

from typing import Literal

from msgspec import Struct

from stream_detector.domain.errors import RejectReason


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Where an unusable call lies and why it is one; never its text. The record itself stays in the calls topic."""

    v: Literal[1] = 1
    topic: str
    partition: int
    offset: int
    index: int
    """Position in a batch record, from 0; 0 for a record with one call."""
    reason: RejectReason
    detail: str
    """Names the field, the value and the allowed range."""
    payload_bytes: int
    fields: dict[str, str]
    """Known fields that could be read, as text of at most 200 characters; `prompt` never."""
