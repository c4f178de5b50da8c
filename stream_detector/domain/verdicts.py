"""Verdicts: the hook's answer to one question of a gateway."""

from enum import StrEnum

from msgspec import Struct

from stream_detector.domain.decisions import Action, Limit


class Cause(StrEnum):
    """Why the hook answered as it did. Bounded: a metric label."""

    NO_DECISION = "no_decision"
    DECISION = "decision"
    SHADOW = "shadow"
    """A decision stands but is not enforced."""
    WITHIN_LIMIT = "within_limit"
    OVER_LIMIT = "over_limit"
    LIMITER_DOWN = "limiter_down"
    """Redis could not be asked; the fail-open / fail-closed setting answered."""
    TABLE_STALE = "table_stale"
    """The table could not be refreshed for too long; the fail-open / fail-closed setting answered."""
    UNIDENTIFIED = "unidentified"
    """The request carries no client id."""


class Failure(StrEnum):
    """What the hook answers when it cannot know."""

    OPEN = "open"
    """Let the call pass."""
    CLOSED = "closed"
    """Refuse it with 503."""


class Settlement(StrEnum):
    """What became of the word that a call has ended. Bounded: a metric label."""

    COUNTED = "counted"
    NOT_OPEN = "not_open"
    """No such call: it was settled before, or too long ago, or let through under another id."""
    NOT_LIMITED = "not_limited"
    """Its client has no limit that stands."""
    FAILED = "failed"
    """Redis could not be asked; what was reserved stays used."""


class Verdict(Struct, frozen=True, gc=False):
    """The answer: `action` ALLOW or MARK lets the call pass."""

    action: Action
    cause: Cause
    limit: Limit | None = None
    remaining: int | None = None
    retry_after_s: float = 0.0
    mark: str = ""
    """What the model layer is told of the call, if it passes."""
