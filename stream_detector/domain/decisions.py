"""Decisions: what the worker says about a subject, until when, and why. Version 1 on the wire."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from stream_detector.domain.signals import Family

_Ratio = Annotated[float, Meta(ge=0, le=1)]


class SubjectKind(StrEnum):
    """What a decision can be about."""

    CLIENT = "client"
    USER = "user"
    COHORT = "cohort"
    NETWORK = "network"


class Action(StrEnum):
    """What the hook does with a call of the subject."""

    ALLOW = "allow"
    MARK = "mark"
    """Let it pass and tell the model layer."""
    THROTTLE = "throttle"
    BLOCK = "block"


class Mode(StrEnum):
    """Whether a decision counts."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Origin(StrEnum):
    """Who decided. An operator's live `allow` outranks the engine."""

    ENGINE = "engine"
    OPERATOR = "operator"


class Subject(Struct, frozen=True):
    """Whom the decision is about."""

    kind: SubjectKind
    key: Annotated[str, Meta(min_length=1, max_length=256)]


MAX_STREAMS: Final = 256
"""Open calls of one client that are kept apart: each costs every check of a limit 0.5 us."""


class Limit(Struct, frozen=True):
    """A rate: `requests` per `window_s` seconds, in bursts of at most `burst`; perhaps of tokens, too."""

    requests: Annotated[int, Meta(ge=1)]
    window_s: Annotated[float, Meta(gt=0)]
    burst: Annotated[int, Meta(ge=1)] = 1
    input_tokens: Annotated[int, Meta(ge=1)] | None = None
    """Per window, whenever in it; None for any number."""
    output_tokens: Annotated[int, Meta(ge=1)] | None = None
    streams: Annotated[int, Meta(ge=1, le=MAX_STREAMS)] | None = None
    """Calls that are open at the same time; None for any number."""

    @property
    def is_settled(self) -> bool:
        """Whether it matters when a call ends, and what it has used."""
        return not (self.input_tokens is None and self.output_tokens is None and self.streams is None)


class Reason(Struct, frozen=True):
    """One detector's part in a decision."""

    detector: str
    family: Family
    suspicion: _Ratio
    weight: Annotated[float, Meta(ge=0)]
    """Evidence contributed after calibration: -log10 of the tail probability in the client's segment."""
    evidence: dict[str, float]


class Source(Struct, frozen=True):
    """The record that led to the decision. (subject, source) makes a decision idempotent."""

    partition: Annotated[int, Meta(ge=0)]
    offset: Annotated[int, Meta(ge=0)]


class Decision(Struct, frozen=True, kw_only=True):
    """A standing decision. The newest one for a subject counts, until `expires_at`."""

    v: Literal[1] = 1
    subject: Subject
    action: Action
    mode: Mode
    limit: Limit | None = None
    """Set for `throttle`."""
    mark: Annotated[str, Meta(pattern=r"^[!-~]{0,64}\Z")] = ""
    """What the model layer is told of calls that pass. Empty for a `mark`: no more than that the call is marked; for a
    `throttle`: nothing."""
    risk: _Ratio
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    """For an operator's decision: why. For the engine: what changed."""
    origin: Origin = Origin.ENGINE
    policy_version: str
    decided_at: float
    """Event time, seconds since 1970."""
    expires_at: float
    """Event time, seconds since 1970; after it the subject is allowed."""
    source: Source | None = None
    """None for an operator's decision."""
