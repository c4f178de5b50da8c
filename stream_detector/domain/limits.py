"""What is asked of a limit, and what it answers: a call's need when it begins, its use when it has ended."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from stream_detector.domain.decisions import Limit, Subject

MAX_UNITS: Final = 1_000_000_000
"""Requests or tokens of one call."""
LEASE_S: Final = 600.0
"""Event time after which a call that was let through and not settled counts as ended."""


class Admission(Struct, frozen=True, gc=False):
    """The limiter's answer."""

    allowed: bool
    remaining: int
    """Calls that would pass right now, after this one."""
    retry_after_s: float
    """0 when allowed; else seconds until one call will pass."""
    reset_after_s: float
    """Seconds until the whole burst is there again."""


class Ask(Struct, frozen=True, gc=False):
    """What a call is expected to need."""

    requests: Annotated[int, Meta(ge=0, le=MAX_UNITS)] = 1
    call: Annotated[str, Meta(max_length=256)] = ""
    """Its id, the same when it is settled; empty for a call that will not be."""
    input_tokens: Annotated[int, Meta(ge=0, le=MAX_UNITS)] | None = None
    """None: as many as the subject's calls needed lately."""
    output_tokens: Annotated[int, Meta(ge=0, le=MAX_UNITS)] | None = None


ONE_CALL = Ask()


class Use(Struct, frozen=True, gc=False):
    """What a call has used, now that it ended."""

    call: Annotated[str, Meta(max_length=256)] = ""
    """Its id; empty for one that reserved nothing."""
    input_tokens: Annotated[int, Meta(ge=0, le=MAX_UNITS)] | None = None
    """None: nobody counted; what was reserved stays used."""
    output_tokens: Annotated[int, Meta(ge=0, le=MAX_UNITS)] | None = None


class Ended(Struct, frozen=True, gc=False):
    """A call that has ended, and the limit that its client has."""

    subject: Subject
    limit: Limit
    use: Use
