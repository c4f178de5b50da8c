"""Feedback: what an analyst says of a client. It travels among the calls, in order, so that replaying them repeats it."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from stream_detector.domain.decisions import Reason


class Judgement(StrEnum):
    """The analyst's word."""

    CONFIRM = "confirm"
    """The client extracts the model."""
    DISMISS = "dismiss"
    """The client is honest; what was held against it has an explanation."""


class Feedback(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One judgement of one client, version 1. A record of the calls topic like a call; it goes to every partition.

    It has no `id`, which a call must have: so the two cannot be mistaken for each other.
    """

    feedback: Judgement
    ref: Annotated[str, Meta(min_length=1, max_length=64)]
    """Its own id: whoever hears it twice heeds it once."""
    ts: Annotated[float, Meta(ge=0, le=32_503_680_000)]
    """Event time, seconds since 1970."""
    client: Annotated[str, Meta(min_length=1, max_length=256)]
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]
    reasons: tuple[Reason, ...] = ()
    """What was held against the client, from its standing decision; detectors learn from it in every partition."""
